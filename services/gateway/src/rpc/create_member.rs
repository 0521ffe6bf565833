//! `CreateMember`: records a person of the staff under the company's own id.

use contracts::gateway::v1::{CreateMemberRequest, Member as Answer, gateway_event::Change};
use kernel::{TenantId, Violations};
use rpc::{Call, wire};
use store::{Tx, transact};

use crate::{
    App, Error, authority, convert,
    domain::member::{self, Member, check_id, team_name},
    error::Kind,
    events::{self, Place},
    rpc::get_member,
    store::{
        members::{self, Conflict},
        teams, tenants,
    },
};

const METHOD: &str = "aftercare.gateway.v1.MemberService/CreateMember";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: CreateMemberRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let member = parse(&app, &request, &request_id)?;
    authority::check_records(&call)?;
    authority::check_roles(&app, &call, &member.profile.roles)?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let name = member.name();
    let earlier = transact!(app.db, "member.create", |tx| {
        let earlier = once.claim(tx, &name, 1).await?;
        if earlier.is_none() {
            record(&app, &call, tx, call.tenant(), &member).await?;
        }
        Ok::<_, Error>(earlier)
    })?;
    match earlier {
        None => Ok(convert::member(&member, &call)),
        Some(_) => get_member::by_id(&app, &call, &member.id).await,
    }
}

/// Writes a new person of a tenant, the teams that they belong to, and their first event.
pub(crate) async fn record(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    tenant: TenantId,
    member: &Member,
) -> Result<(), Error> {
    if !tenants::exists(tx, tenant).await? {
        return Err(Error::missing(Kind::Tenant, &tenant.name()));
    }
    if let Some(missing) = teams::first_missing(tx, tenant, &member.profile.teams).await? {
        return Err(Error::missing(Kind::Team, &team_name(missing)));
    }
    match members::insert(tx, tenant, &app.secrets(tenant), member).await? {
        None => {}
        Some(Conflict::Id) => {
            return Err(Error::Exists { kind: Kind::Member, name: member.name() });
        }
        Some(Conflict::Login { member }) => {
            return Err(Error::LoginTaken { member: member::name(&member) });
        }
    }
    tenants::count_admins(tx, tenant, i64::from(member.runs_tenant())).await?;
    let created = Change::MemberCreated(events::member(member));
    events::append(app, call, tx, Place::of_member(tenant, member), created).await
}

fn parse(app: &App, request: &CreateMemberRequest, request_id: &str) -> Result<Member, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let id = &request.member_id;
    check_id("member_id", id, &mut violations);
    let given = request.member.clone().unwrap_or_default();
    let mut profile = member::Profile::default();
    if request.member.is_some() {
        let agrees = given.name.is_empty() || given.name == member::name(id);
        violations.check(agrees, "member.name", "must be left out or agree with `member_id`");
        profile = convert::member_profile(&given, |_| true, &mut violations);
        // Roles that are none are told one by one; that the rest is too few need not be.
        let listed = given.roles.len() == profile.roles.len();
        profile.check(|path| path != "roles" || listed, &mut violations);
    } else {
        violations.add("member", "must be given");
    }
    violations.finish(Member::new(id.clone(), app.ids.next(), profile, app.clock.now()))
}

#[cfg(test)]
mod tests {
    use contracts::gateway::v1::{CreateMemberRequest, MemberWritten};

    use super::*;
    use crate::rpc::fixture::{
        Fixture, START, admin, beyond, create_member, fields, login, narrow_reaches, narrowed,
        operator, request_id, stranger, supervisor, system, tenant,
    };

    fn with_login(id: &str, subject: &str) -> CreateMemberRequest {
        let mut request = create_member(id, &["agent"]);
        request.member.as_mut().unwrap().login = Some(login("https://id.example", subject));
        request
    }

    #[tokio::test]
    async fn a_person_is_recorded_with_one_event_that_tells_no_name() {
        let fixture = Fixture::new().await;
        let mut request = with_login("lin", "lin@example.com");
        let given = request.member.as_mut().unwrap();
        given.teams = vec!["teams/resolution".to_owned()];
        given.locale = "zh".to_owned();
        let made = handle(fixture.app.clone(), admin(), request).await.unwrap();
        assert_eq!((made.name.as_str(), made.etag.as_str()), ("members/lin", "v1"));
        assert_eq!((made.active, made.create_time), (true, Some(wire::timestamp(START))));
        assert_eq!(made.login, Some(login("https://id.example", "lin@example.com")));
        assert_eq!(fixture.read("lin").await, made);

        let events = fixture.events_of("lin").await;
        assert_eq!((events.len(), events[0].0.as_str(), events[0].1), (1, "member.created", 1));
        let Change::MemberCreated(told) = &events[0].2 else { panic!("{events:?}") };
        let expected = MemberWritten {
            member: "members/lin".to_owned(),
            roles: vec!["agent".to_owned()],
            teams: vec!["teams/resolution".to_owned()],
            locale: "zh".to_owned(),
            active: true,
        };
        assert_eq!(*told, expected);
    }

    #[tokio::test]
    async fn ids_and_logins_are_given_once_in_each_tenant() {
        let fixture = Fixture::new().await;
        let app = &fixture.app;
        handle(app.clone(), admin(), with_login("lin", "7")).await.unwrap();
        let error = handle(app.clone(), admin(), with_login("lin", "7")).await.unwrap_err();
        assert!(matches!(error, Error::Exists { kind: Kind::Member, .. }), "{error:?}");
        let error = handle(app.clone(), admin(), with_login("wu", "7")).await.unwrap_err();
        let Error::LoginTaken { member } = &error else { panic!("{error:?}") };
        assert_eq!(member, "members/lin");
        // The same subject of another issuer, or in another tenant, is somebody else.
        let mut other = with_login("wu", "7");
        other.member.as_mut().unwrap().login = Some(login("https://other.example", "7"));
        handle(app.clone(), admin(), other).await.unwrap();
        handle(app.clone(), stranger(), with_login("lin", "7")).await.unwrap();
        let directory = app.directory();
        let found = async |number, issuer: &str| {
            let found = directory.member_by_login(tenant(number), issuer, "7").await.unwrap();
            found.map(|facts| facts.id)
        };
        assert_eq!(found(1, "https://id.example").await.as_deref(), Some("lin"));
        assert_eq!(found(1, "https://other.example").await.as_deref(), Some("wu"));
        assert_eq!(found(2, "https://id.example").await.as_deref(), Some("lin"));
        assert_eq!(found(2, "https://other.example").await, None);
    }

    #[tokio::test]
    async fn teams_must_be_there() {
        let fixture = Fixture::new().await;
        let mut request = create_member("lin", &["agent"]);
        request.member.as_mut().unwrap().teams =
            vec!["teams/resolution".to_owned(), "teams/nights".to_owned()];
        let error = handle(fixture.app.clone(), admin(), request).await.unwrap_err();
        let Error::Missing { kind: Kind::Team, name } = &error else { panic!("{error:?}") };
        assert_eq!(name, "teams/nights");
    }

    #[tokio::test]
    async fn nobody_gives_more_than_they_have() {
        let fixture = Fixture::new().await;
        let app = &fixture.app;
        let make = async |call, id: &str, roles: &[&str]| {
            handle(app.clone(), call, create_member(id, roles)).await
        };
        // The supervisor covers agents, and roles without permissions.
        make(supervisor(), "a", &["agent", "supplier"]).await.unwrap();
        let error = make(supervisor(), "b", &["agent", "admin"]).await.unwrap_err();
        assert_eq!(beyond(&error), "admin");
        let error = make(supervisor(), "b", &["auditor"]).await.unwrap_err();
        assert_eq!(beyond(&error), "auditor");
        // An admin gives what they do not hold themselves; a key made by one does not.
        make(admin(), "c", &["auditor", "admin"]).await.unwrap();
        let error = make(system(&["members.*"]), "d", &["agent"]).await.unwrap_err();
        assert_eq!(beyond(&error), "agent");
    }

    #[tokio::test]
    async fn the_same_request_twice_records_one_person() {
        let fixture = Fixture::new().await;
        let mut asked = create_member("lin", &["agent"]);
        asked.request_id = request_id(1);
        let first = handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap();
        assert_eq!(handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap(), first);
        asked.member_id = "wu".to_owned();
        let error = handle(fixture.app.clone(), admin(), asked).await.unwrap_err();
        assert!(matches!(error, Error::RequestIdReused { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn who_has_no_tenant_or_reaches_less_than_one_records_nobody() {
        let fixture = Fixture::new().await;
        let mut calls = narrow_reaches().map(|reach| narrowed(admin(), reach)).to_vec();
        calls.push(operator());
        for call in calls {
            let request = create_member("lin", &["supplier"]);
            let error = handle(fixture.app.clone(), call, request).await.unwrap_err();
            assert!(matches!(error, Error::Missing { kind: Kind::Tenant, .. }), "{error:?}");
        }
    }

    #[tokio::test]
    async fn every_fault_is_told_at_once() {
        let fixture = Fixture::new().await;
        let mut wrong = create_member("-x", &["agent", "service", "agent"]);
        wrong.request_id = "x".to_owned();
        let given = wrong.member.as_mut().unwrap();
        given.name = "members/y".to_owned();
        given.display_name.clear();
        given.login = Some(login("", ""));
        given.teams = vec!["resolution".to_owned()];
        given.locale = "fr".to_owned();
        let error = handle(fixture.app.clone(), admin(), wrong).await.unwrap_err();
        assert_eq!(
            fields(&error),
            [
                "request_id",
                "member_id",
                "member.name",
                "member.roles[1]",
                "member.teams[0]",
                "member.display_name",
                "member.login.issuer",
                "member.login.subject",
                "member.locale",
            ]
        );
        let without = create_member("x", &[]);
        let error = handle(fixture.app.clone(), admin(), without).await.unwrap_err();
        assert_eq!(fields(&error), ["member.roles"]);
        let nothing = CreateMemberRequest { member_id: "x".to_owned(), ..Default::default() };
        let error = handle(fixture.app.clone(), admin(), nothing).await.unwrap_err();
        assert_eq!(fields(&error), ["member"]);
    }
}
