//! `UpdateMember`: writes what is known of a person of the staff, and what they may do.

use contracts::gateway::v1::{Member as Answer, UpdateMemberRequest, gateway_event::Change};
use kernel::{Violations, etag::Demand, mask::Mask};
use rpc::{Call, wire};

use crate::{
    App, Error,
    command::{self, Command},
    convert,
    domain::member::{Profile, WRITABLE, name},
    events,
};

const METHOD: &str = "aftercare.gateway.v1.MemberService/UpdateMember";

/// What is to be written.
#[derive(Debug)]
struct Update {
    id: String,
    etag: Demand,
    mask: Mask,
    profile: Profile,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: UpdateMemberRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let Update { id, etag, mask, profile } = parse(&request, &request_id)?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag, once };
    let updated = command::on_member(&app, &call, &command, |member, own, at| {
        let updated = member.update(&profile, &mask, own, at);
        let updated = updated.map_err(|refusal| Error::refused(&name(&command.id), refusal))?;
        Ok(updated.map(|member| {
            let change = Change::MemberUpdated(events::member(&member));
            (member, change)
        }))
    });
    Ok(convert::member(&updated.await?, &call))
}

fn parse(request: &UpdateMemberRequest, request_id: &str) -> Result<Update, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let given = request.member.clone().unwrap_or_default();
    let id = convert::id_in(&given.name, "members", "member.name", &mut violations);
    let paths = request.update_mask.as_ref().map(|mask| mask.paths.as_slice());
    let populated = |path: &str| match path {
        "display_name" => !given.display_name.is_empty(),
        "login" => given.login.is_some(),
        "roles" => !given.roles.is_empty(),
        "teams" => !given.teams.is_empty(),
        "locale" => !given.locale.is_empty(),
        _ => false,
    };
    let mask = Mask::parse(paths, WRITABLE, populated, &mut violations);
    violations.check(!mask.is_empty() || !violations.is_empty(), "update_mask", "names no field");
    let profile = convert::member_profile(&given, |path| mask.has(path), &mut violations);
    // Roles that are none are told one by one; that the rest is too few need not be.
    let listed = given.roles.len() == profile.roles.len();
    profile.check(|path| mask.has(path) && (path != "roles" || listed), &mut violations);
    let etag = Demand::parse(&given.etag);
    violations.finish(Update { id, etag, mask, profile })
}

#[cfg(test)]
mod tests {
    use prost_types::FieldMask;

    use super::*;
    use crate::{
        error::Kind,
        rpc::fixture::{
            Fixture, admin, admin_called, beyond, blocker, fields, login, narrow_reaches, narrowed,
            operator, request_id, stranger, supervisor, tenant,
        },
    };

    fn request(
        id: &str,
        paths: Option<&[&str]>,
        change: impl FnOnce(&mut Answer),
    ) -> UpdateMemberRequest {
        let mut member = Answer { name: format!("members/{id}"), ..Answer::default() };
        change(&mut member);
        let update_mask = paths.map(|paths| FieldMask {
            paths: paths.iter().map(|path| (*path).to_owned()).collect(),
        });
        UpdateMemberRequest { member: Some(member), update_mask, request_id: String::new() }
    }

    fn roles(id: &str, roles: &[&str]) -> UpdateMemberRequest {
        request(id, Some(&["roles"]), |member| {
            member.roles = roles.iter().map(|role| (*role).to_owned()).collect();
        })
    }

    #[tokio::test]
    async fn what_is_populated_is_written_and_told() {
        let fixture = Fixture::new().await;
        let before = fixture.read("amy").await;
        fixture.later();
        let asked = request("amy", None, |member| {
            member.teams = vec!["teams/front-line".to_owned()];
            member.login = Some(login("https://id.example", "amy"));
        });
        let updated = handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap();
        assert_eq!((updated.etag.as_str(), updated.teams.len()), ("v2", 1));
        assert_eq!(updated.display_name, before.display_name);
        assert_ne!(updated.update_time, before.update_time);
        assert_eq!(fixture.read("amy").await, updated);
        let events = fixture.events_of("amy").await;
        let kinds: Vec<_> = events.iter().map(|(kind, n, _)| (kind.as_str(), *n)).collect();
        assert_eq!(kinds, [("member.created", 1), ("member.updated", 2)]);
        let facts = fixture.app.directory().member(tenant(1), "amy").await.unwrap().unwrap();
        assert_eq!(facts.teams, ["front-line"]);

        // The same values again change nothing and tell nothing.
        let same = handle(fixture.app.clone(), admin(), asked).await.unwrap();
        assert_eq!(same.etag, "v2");
        assert_eq!(fixture.events_of("amy").await.len(), 2);
        // A mask that names what is not set clears it.
        let asked = request("amy", Some(&["login", "teams"]), |_| {});
        let cleared = handle(fixture.app.clone(), admin(), asked).await.unwrap();
        assert_eq!((cleared.login, cleared.teams.len()), (None, 0));
    }

    #[tokio::test]
    async fn the_last_active_admin_keeps_the_role() {
        let fixture = Fixture::new().await;
        fixture.member("boss", &["admin"]).await;
        // Another one is left.
        handle(fixture.app.clone(), admin(), roles("boss", &["agent"])).await.unwrap();
        handle(fixture.app.clone(), admin(), roles("boss", &["admin"])).await.unwrap();
        let boss = admin_called("boss");
        handle(fixture.app.clone(), boss.clone(), roles("grace", &["agent"])).await.unwrap();
        // Now `boss` is the last: neither the one nor anybody who was quicker takes it from them.
        let error = handle(fixture.app.clone(), admin(), roles("boss", &["agent"])).await;
        assert_eq!(blocker(&error.unwrap_err()), "LAST_ADMIN");
        let error = handle(fixture.app.clone(), boss, roles("boss", &["agent"])).await;
        assert_eq!(blocker(&error.unwrap_err()), "SELF");
        assert_eq!(fixture.read("boss").await.roles, ["admin"]);
    }

    #[tokio::test]
    async fn nobody_gives_or_writes_more_than_they_have() {
        let fixture = Fixture::new().await;
        let write = async |call, request| handle(fixture.app.clone(), call, request).await;
        assert!(write(supervisor(), roles("amy", &["agent", "supervisor"])).await.is_ok());
        let error = write(supervisor(), roles("amy", &["agent", "admin"])).await.unwrap_err();
        assert_eq!(beyond(&error), "admin");
        // To be signed in as somebody is to be them: neither the login nor the roles of a person
        // who holds more.
        let takes_over = request("grace", None, |member| {
            member.login = Some(login("https://id.example", "frank"));
        });
        for asked in [takes_over, roles("grace", &["agent"])] {
            let error = write(supervisor(), asked).await.unwrap_err();
            assert_eq!(beyond(&error), "admin");
        }
    }

    #[tokio::test]
    async fn a_login_of_somebody_else_and_a_team_that_is_none_are_refused() {
        let fixture = Fixture::new().await;
        let write = async |request| handle(fixture.app.clone(), admin(), request).await;
        let signs_in = |id: &str| {
            request(id, None, |member| member.login = Some(login("https://id.example", "7")))
        };
        write(signs_in("amy")).await.unwrap();
        let error = write(signs_in("grace")).await.unwrap_err();
        assert!(matches!(&error, Error::LoginTaken { member } if member == "members/amy"));
        let nights = request("amy", None, |member| member.teams = vec!["teams/nights".to_owned()]);
        let error = write(nights).await.unwrap_err();
        assert!(matches!(error, Error::Missing { kind: Kind::Team, .. }), "{error:?}");
    }

    #[tokio::test]
    async fn a_stale_etag_is_refused_and_the_same_request_is_not() {
        let fixture = Fixture::new().await;
        let mut asked = request("amy", None, |member| {
            member.etag = "v1".to_owned();
            member.display_name = "Amy Lee".to_owned();
        });
        asked.request_id = request_id(1);
        let first = handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap();
        assert_eq!(handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap(), first);
        asked.request_id.clear();
        let error = handle(fixture.app.clone(), admin(), asked).await.unwrap_err();
        assert!(matches!(error, Error::StaleEtag { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn missing_foreign_and_out_of_reach_are_the_same() {
        let fixture = Fixture::new().await;
        fixture.member("lin", &["agent"]).await;
        let mut calls = narrow_reaches().map(|reach| narrowed(admin(), reach)).to_vec();
        calls.extend([operator(), stranger()]);
        for call in calls {
            let asked = request("lin", None, |member| member.display_name = "x".to_owned());
            let error = handle(fixture.app.clone(), call, asked).await.unwrap_err();
            assert_eq!(error.to_string(), "there is no member `members/lin`");
        }
    }

    #[tokio::test]
    async fn masks_name_fields_that_may_be_written() {
        let fixture = Fixture::new().await;
        for paths in [Some(["active"].as_slice()), Some(&["name"]), Some(&[]), None] {
            let asked = request("amy", paths, |_| {});
            let error = handle(fixture.app.clone(), admin(), asked).await.unwrap_err();
            assert_eq!(fields(&error), ["update_mask"]);
        }
        let asked = request("amy", Some(&["*"]), |member| member.roles = vec!["x".to_owned()]);
        let error = handle(fixture.app.clone(), admin(), asked).await.unwrap_err();
        assert_eq!(fields(&error), ["member.roles[0]", "member.display_name"]);
        // What the mask does not name is not looked at.
        let asked = request("amy", Some(&["locale"]), |member| {
            (member.roles, member.teams) = (vec!["x".to_owned()], vec!["x".to_owned()]);
        });
        assert!(handle(fixture.app.clone(), admin(), asked).await.is_ok());
        let asked = request("amy", Some(&["roles"]), |_| {});
        let error = handle(fixture.app.clone(), admin(), asked).await.unwrap_err();
        assert_eq!(fields(&error), ["member.roles"]);
    }
}
