//! `CreateTenant`: records a tenant with its first admin, for whoever runs the platform.

use contracts::gateway::v1::{CreateTenantRequest, Tenant as Answer, gateway_event::Change};
use kernel::{Role, TenantId, Violations, id::is_slug};
use rpc::{Call, wire};
use store::transact;

use crate::{
    App, Error, authority, convert,
    domain::{
        member::{self, Member, check_id},
        tenant::Tenant,
    },
    events::{self, Place},
    rpc::{create_member, get_tenant},
    store::{
        names::{self, NameKind},
        tenants,
    },
};

/// What is to be recorded.
struct Draft {
    tenant: Tenant,
    admin: Option<Member>,
}

const METHOD: &str = "aftercare.gateway.v1.TenantService/CreateTenant";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: CreateTenantRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let Draft { tenant, admin } = parse(&app, &request, &request_id)?;
    if !authority::runs_platform(&call) {
        return Err(Error::BeyondAuthority { what: "tenants".to_owned() });
    }
    let once = app.once(&call, METHOD, &request_id, &request);
    let name = tenant.id.name();
    let earlier = transact!(app.db, "tenant.create", |tx| {
        let earlier = once.claim(tx, &name, 1).await?;
        if earlier.is_some() {
            return Ok(earlier);
        }
        if !tenants::insert(tx, &tenant).await? {
            return Err(Error::Corrupt("id"));
        }
        names::take(tx, tenant.id, NameKind::Slug, std::slice::from_ref(&tenant.slug)).await?;
        names::take(tx, tenant.id, NameKind::Host, &tenant.profile.hosts).await?;
        let created = Change::TenantCreated(events::tenant(&tenant));
        events::append(&app, &call, tx, Place::of_tenant(&tenant), created).await?;
        if let Some(admin) = &admin {
            create_member::record(&app, &call, tx, tenant.id, admin).await?;
        }
        Ok::<_, Error>(None)
    })?;
    match earlier {
        None => Ok(convert::tenant(&tenant)),
        Some(earlier) => get_tenant::by_name(&app, &call, &earlier.resource).await,
    }
}

fn parse(app: &App, request: &CreateTenantRequest, request_id: &str) -> Result<Draft, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let given = request.tenant.clone().unwrap_or_default();
    let profile = convert::tenant_profile(&given);
    if request.tenant.is_some() {
        violations.check(given.name.is_empty(), "tenant.name", "must be left out");
        let form =
            "must be a letter, then letters, digits and `-`, in lower case, at most 63 characters";
        violations.check(is_slug(&given.slug), "tenant.slug", form);
        profile.check(|_| true, &mut violations);
    } else {
        violations.add("tenant", "must be given");
    }
    let admin = admin(app, request, &mut violations);
    let id = TenantId::from(app.ids.next());
    let tenant = Tenant::new(id, given.slug, profile, app.clock.now());
    violations.finish(Draft { tenant, admin })
}

/// The first person of the staff, who runs the tenant.
fn admin(app: &App, request: &CreateTenantRequest, violations: &mut Violations) -> Option<Member> {
    let Some(given) = &request.admin else {
        let left_out = request.admin_id.is_empty();
        violations.check(left_out, "admin_id", "must be left out without `admin`");
        return None;
    };
    check_id("admin_id", &request.admin_id, violations);
    for (field, empty) in [
        ("admin.name", given.name.is_empty()),
        ("admin.roles", given.roles.is_empty()),
        ("admin.teams", given.teams.is_empty()),
    ] {
        violations.check(empty, field, "must be left out");
    }
    let mut wrong = Violations::new();
    let profile = member::Profile {
        roles: vec![Role::Admin],
        ..convert::member_profile(given, |_| false, &mut wrong)
    };
    profile.check(|path| !matches!(path, "roles" | "teams"), &mut wrong);
    for one in wrong.as_slice() {
        let field = one.field.replacen("member.", "admin.", 1);
        violations.add(field, one.description.clone());
    }
    Some(Member::new(request.admin_id.clone(), app.ids.next(), profile, app.clock.now()))
}

#[cfg(test)]
mod tests {
    use contracts::gateway::v1::{Member, Quota, TenantState};

    use super::*;
    use crate::rpc::fixture::{
        Fixture, START, admin, beyond, create_tenant, fields, login, operator, request_id,
    };

    #[tokio::test]
    async fn a_tenant_is_recorded_under_its_own_id_with_one_event() {
        let fixture = Fixture::new().await;
        let mut request = create_tenant("qingfeng");
        let given = request.tenant.as_mut().unwrap();
        given.hosts = vec!["help.example.com".to_owned()];
        given.origins = vec!["https://desk.example.com".to_owned()];
        given.quota = Some(Quota { calls_per_second: 5, burst: 9 });
        let made = handle(fixture.app.clone(), operator(), request).await.unwrap();
        assert_eq!((made.slug.as_str(), made.locale.as_str()), ("qingfeng", "en"));
        assert_eq!(made.state(), TenantState::Active);
        assert_eq!((made.etag.as_str(), made.create_time), ("v1", Some(wire::timestamp(START))));
        assert_eq!(made.quota, Some(Quota { calls_per_second: 5, burst: 9 }));

        let read = get_tenant::by_name(&fixture.app, &operator(), &made.name).await.unwrap();
        assert_eq!(read, made);
        let id = TenantId::parse_name(&made.name).unwrap();
        let events = fixture.events(id, id.uuid()).await;
        assert_eq!((events.len(), events[0].0.as_str()), (1, "tenant.created"));
        let directory = fixture.app.directory();
        let by_host = directory.tenant_by_host("help.example.com").await.unwrap().unwrap();
        assert_eq!(Some(by_host), directory.tenant_by_slug("qingfeng").await.unwrap());
        assert_eq!(directory.all_origins().await.unwrap(), ["https://desk.example.com"]);
    }

    #[tokio::test]
    async fn whoever_runs_a_tenant_first_is_recorded_with_it() {
        let fixture = Fixture::new().await;
        let mut request = create_tenant("qingfeng");
        request.admin = Some(Member {
            display_name: "Grace".to_owned(),
            login: Some(login("https://id.example", "grace@example.com")),
            ..Member::default()
        });
        request.admin_id = "grace".to_owned();
        let made = handle(fixture.app.clone(), operator(), request).await.unwrap();
        let id = TenantId::parse_name(&made.name).unwrap();
        let grace = fixture.app.directory().member(id, "grace").await.unwrap().unwrap();
        assert_eq!((grace.roles, grace.active), (vec![Role::Admin], true));
        assert_eq!(fixture.event_kinds(id).await, ["member.created", "tenant.created"]);
    }

    #[tokio::test]
    async fn what_is_wrong_with_the_first_admin_is_told_and_nothing_is_recorded() {
        let fixture = Fixture::new().await;
        let mut request = create_tenant("qingfeng");
        request.admin = Some(Member {
            name: "members/grace".to_owned(),
            roles: vec!["agent".to_owned()],
            teams: vec!["teams/resolution".to_owned()],
            locale: "fr".to_owned(),
            login: Some(login("", "grace")),
            ..Member::default()
        });
        let error = handle(fixture.app.clone(), operator(), request).await.unwrap_err();
        assert_eq!(
            fields(&error),
            [
                "admin_id",
                "admin.name",
                "admin.roles",
                "admin.teams",
                "admin.display_name",
                "admin.login.issuer",
                "admin.locale",
            ]
        );
        let mut request = create_tenant("qingfeng");
        request.admin_id = "grace".to_owned();
        let error = handle(fixture.app.clone(), operator(), request).await.unwrap_err();
        assert_eq!(fields(&error), ["admin_id"]);
        let directory = fixture.app.directory();
        assert_eq!(directory.tenant_by_slug("qingfeng").await.unwrap(), None);
    }

    #[tokio::test]
    async fn slugs_and_hosts_are_given_once() {
        let fixture = Fixture::new().await;
        let mut request = create_tenant("one");
        request.tenant.as_mut().unwrap().hosts = vec!["a.example".to_owned()];
        handle(fixture.app.clone(), operator(), request.clone()).await.unwrap();
        let again = handle(fixture.app.clone(), operator(), request.clone()).await.unwrap_err();
        assert!(matches!(again, Error::NameTaken { what: "slug", .. }), "{again:?}");
        let given = request.tenant.as_mut().unwrap();
        given.slug = "two".to_owned();
        given.hosts.insert(0, "b.example".to_owned());
        let error = handle(fixture.app.clone(), operator(), request.clone()).await.unwrap_err();
        let Error::NameTaken { what, value } = &error else { panic!("{error:?}") };
        assert_eq!((*what, value.as_str()), ("host", "a.example"));
        // Nothing of the refused one stayed.
        let directory = fixture.app.directory();
        assert_eq!(directory.tenant_by_slug("two").await.unwrap(), None);
        request.tenant.as_mut().unwrap().hosts = vec!["b.example".to_owned()];
        assert!(handle(fixture.app.clone(), operator(), request).await.is_ok());
        // A slug is no host.
        assert_eq!(directory.tenant_by_host("two").await.unwrap(), None);
    }

    #[tokio::test]
    async fn the_same_request_twice_makes_one_tenant() {
        let fixture = Fixture::new().await;
        let mut request = create_tenant("one");
        request.request_id = request_id(7);
        let first = handle(fixture.app.clone(), operator(), request.clone()).await.unwrap();
        let again = handle(fixture.app.clone(), operator(), request.clone()).await.unwrap();
        assert_eq!(again, first);
        request.tenant.as_mut().unwrap().title = "Other".to_owned();
        let error = handle(fixture.app.clone(), operator(), request).await.unwrap_err();
        assert!(matches!(error, Error::RequestIdReused { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn only_the_platform_makes_tenants() {
        let fixture = Fixture::new().await;
        let error = handle(fixture.app.clone(), admin(), create_tenant("one")).await.unwrap_err();
        assert_eq!(beyond(&error), "tenants");
    }

    #[tokio::test]
    async fn every_fault_is_told_at_once() {
        let fixture = Fixture::new().await;
        let mut request = create_tenant("One");
        request.request_id = "x".to_owned();
        let given = request.tenant.as_mut().unwrap();
        given.name = "tenants/x".to_owned();
        given.title.clear();
        given.time_zone = "Mars/Olympus".to_owned();
        given.origins = vec!["desk.example.com".to_owned()];
        let error = handle(fixture.app.clone(), operator(), request).await.unwrap_err();
        assert_eq!(
            fields(&error),
            [
                "request_id",
                "tenant.name",
                "tenant.slug",
                "tenant.title",
                "tenant.time_zone",
                "tenant.origins[0]",
            ]
        );
        let nothing = CreateTenantRequest::default();
        let error = handle(fixture.app.clone(), operator(), nothing).await.unwrap_err();
        assert_eq!(fields(&error), ["tenant"]);
    }
}
