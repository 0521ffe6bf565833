//! Between the contract's messages and the domain: what comes in is parsed with all its faults at
//! once, what goes out is masked for who may not see it.

use contracts::gateway::v1 as pb;
use kernel::{ApiKeyId, CallerKind, Role, TenantId, Violations, etag, hide, id::slug_in};
use rpc::{Call, wire};
use uuid::Uuid;

use crate::{
    domain::{
        api_key::{ApiKey, Secret},
        member::{self, Login, Member, Team, staff_role},
        tenant::{self, Quota, Tenant},
    },
    store::access::Record,
};

/// The permission without which names and logins are masked.
const UNMASKED: &str = "pii.read";
/// Who writes the staff sees what is written.
const WRITES: &str = "members.write";

/// A tenant on the wire.
pub(crate) fn tenant(tenant: &Tenant) -> pb::Tenant {
    let profile = &tenant.profile;
    pb::Tenant {
        name: tenant.id.name(),
        etag: etag::of(tenant.version),
        slug: tenant.slug.clone(),
        title: profile.title.clone(),
        locale: profile.locale.clone(),
        phone_region: profile.phone_region.clone(),
        time_zone: profile.time_zone.clone(),
        hosts: profile.hosts.clone(),
        origins: profile.origins.clone(),
        quota: profile.quota.map(|quota| pb::Quota {
            calls_per_second: quota.calls_per_second,
            burst: quota.burst,
        }),
        state: tenant.state.into(),
        create_time: Some(wire::timestamp(tenant.created_at)),
        update_time: Some(wire::timestamp(tenant.updated_at)),
    }
}

/// The fields of a tenant that may be written, as given.
pub(crate) fn tenant_profile(given: &pb::Tenant) -> tenant::Profile {
    tenant::Profile {
        title: given.title.clone(),
        locale: given.locale.clone(),
        phone_region: given.phone_region.clone(),
        time_zone: given.time_zone.clone(),
        hosts: given.hosts.clone(),
        origins: given.origins.clone(),
        quota: given
            .quota
            .map(|quota| Quota { calls_per_second: quota.calls_per_second, burst: quota.burst }),
    }
}

/// The id in a tenant's name; another form is a violation of `field`, and the nil id.
pub(crate) fn tenant_id(name: &str, field: &str, violations: &mut Violations) -> TenantId {
    let id = TenantId::parse_name(name);
    violations.check(id.is_some(), field, "must be of the form `tenants/{id}`");
    id.unwrap_or_else(|| TenantId::from(Uuid::nil()))
}

/// A person of the staff as this caller may see them: colleagues and whoever writes the staff see the
/// name, whoever writes it also the login.
pub(crate) fn member(member: &Member, call: &Call) -> pb::Member {
    let open = call.may(UNMASKED) || call.may(WRITES);
    let named = open || call.caller.kind == CallerKind::Member;
    let profile = &member.profile;
    let shown = |text: &str| if named { text.to_owned() } else { hide::name(text) };
    let roles = profile.roles.iter().copied().map(Role::as_str);
    pb::Member {
        name: member.name(),
        etag: etag::of(member.version),
        display_name: shown(&profile.display_name),
        login: profile.login.as_ref().map(|login| pb::Login {
            issuer: login.issuer.clone(),
            subject: if open { login.subject.clone() } else { hide::address(&login.subject) },
        }),
        roles: roles.map(str::to_owned).collect(),
        teams: profile.teams.iter().map(|team| member::team_name(team)).collect(),
        locale: profile.locale.clone(),
        active: member.active,
        create_time: Some(wire::timestamp(member.created_at)),
        update_time: Some(wire::timestamp(member.updated_at)),
    }
}

/// The fields of a member that are `wanted`, as given; roles and teams that are none are noted.
pub(crate) fn member_profile(
    given: &pb::Member,
    wanted: impl Fn(&str) -> bool,
    violations: &mut Violations,
) -> member::Profile {
    let listed =
        |path: &str, names: &[String]| if wanted(path) { names.to_vec() } else { Vec::new() };
    let mut roles = Vec::new();
    for (index, name) in listed("roles", &given.roles).iter().enumerate() {
        match staff_role(name) {
            Some(role) => roles.push(role),
            None => violations.add(
                format!("member.roles[{index}]"),
                format!("must be a role of the staff: {}", staff_roles()),
            ),
        }
    }
    let mut teams = Vec::new();
    for (index, name) in listed("teams", &given.teams).iter().enumerate() {
        let field = format!("member.teams[{index}]");
        teams.push(id_in(name, "teams", &field, violations));
    }
    member::Profile {
        display_name: given.display_name.clone(),
        login: given
            .login
            .as_ref()
            .map(|login| Login { issuer: login.issuer.clone(), subject: login.subject.clone() }),
        roles,
        teams,
        locale: given.locale.clone(),
    }
}

fn staff_roles() -> String {
    let names: Vec<_> = member::STAFF.iter().map(|role| role.as_str()).collect();
    names.join(", ")
}

/// The id in a name of this collection; another form is a violation of `field`, and no id.
pub(crate) fn id_in(
    name: &str,
    collection: &str,
    field: &str,
    violations: &mut Violations,
) -> String {
    let id = slug_in(name, collection);
    violations.check(id.is_some(), field, &format!("must be of the form `{collection}/{{id}}`"));
    id.unwrap_or_default().to_owned()
}

/// A team on the wire.
pub(crate) fn team(team: &Team) -> pb::Team {
    pb::Team {
        name: team.name(),
        etag: etag::of(team.version),
        title: team.title.clone(),
        create_time: Some(wire::timestamp(team.created_at)),
    }
}

/// A key on the wire: nothing in it lets anybody in.
pub(crate) fn api_key(key: &ApiKey) -> pb::ApiKey {
    pb::ApiKey {
        name: key.id.name(),
        etag: etag::of(key.version),
        title: key.title.clone(),
        scopes: key.scopes.clone(),
        expire_time: key.expires_at.map(wire::timestamp),
        secrets: key.secrets.iter().map(secret).collect(),
        revoke_time: key.revoked_at.map(wire::timestamp),
        create_time: Some(wire::timestamp(key.created_at)),
        last_use_time: key.last_used_at.map(wire::timestamp),
    }
}

fn secret(secret: &Secret) -> pb::ApiKeySecret {
    pb::ApiKeySecret {
        hint: secret.hint.clone(),
        create_time: Some(wire::timestamp(secret.created_at)),
        expire_time: secret.expires_at.map(wire::timestamp),
    }
}

/// The id in a key's name; another form is a violation of `field`, and the nil id.
pub(crate) fn key_id(name: &str, field: &str, violations: &mut Violations) -> ApiKeyId {
    let id = ApiKeyId::parse_name(name);
    violations.check(id.is_some(), field, "must be of the form `apiKeys/{id}`");
    id.unwrap_or_else(|| ApiKeyId::from(Uuid::nil()))
}

/// A record of the access audit on the wire.
pub(crate) fn access_record(record: &Record) -> pb::AccessRecord {
    pb::AccessRecord {
        name: format!("accessRecords/{}", record.id),
        kind: i32::try_from(record.kind).unwrap_or_default(),
        actor: Some(wire::actor(&record.actor_kind, &record.subject)),
        method: record.method.clone(),
        credential: record.credential.clone(),
        count: record.count,
        time: Some(wire::timestamp(record.at)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_forms_are_violations() {
        let mut violations = Violations::new();
        assert_eq!(id_in("teams/first-line", "teams", "team", &mut violations), "first-line");
        let id = "0198b2a0-0000-7000-8000-000000000001";
        assert_eq!(tenant_id(&format!("tenants/{id}"), "name", &mut violations).to_string(), id);
        assert_eq!(key_id(&format!("apiKeys/{id}"), "name", &mut violations).to_string(), id);
        assert!(violations.is_empty());
        for name in ["first-line", "teams/", "teams/First", "members/lin", "teams/a/b"] {
            id_in(name, "teams", "team", &mut violations);
        }
        tenant_id("tenants/harbor", "name", &mut violations);
        key_id(&format!("apiKeys/{}", id.to_uppercase()), "name", &mut violations);
        assert_eq!(violations.as_slice().len(), 7);
    }

    #[test]
    fn roles_and_teams_that_are_none_are_violations_each() {
        let given = pb::Member {
            roles: vec!["agent".to_owned(), "service".to_owned(), "boss".to_owned()],
            teams: vec!["teams/a".to_owned(), "b".to_owned()],
            ..pb::Member::default()
        };
        let mut violations = Violations::new();
        let read = member_profile(&given, |_| true, &mut violations);
        assert_eq!(read.roles, [Role::Agent]);
        let fields: Vec<_> = violations.as_slice().iter().map(|one| one.field.as_str()).collect();
        assert_eq!(fields, ["member.roles[1]", "member.roles[2]", "member.teams[1]"]);
    }
}
