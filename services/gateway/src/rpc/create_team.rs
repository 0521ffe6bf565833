//! `CreateTeam`: records a team under the company's own id.

use contracts::gateway::v1::{CreateTeamRequest, Team as Answer, gateway_event::Change};
use kernel::Violations;
use rpc::{Call, wire};
use store::transact;

use crate::{
    App, Error, authority, convert,
    domain::member::{Team, check_id, team_name},
    error::Kind,
    events::{self, Place},
    rpc::get_team,
    store::{teams, tenants},
};

const METHOD: &str = "aftercare.gateway.v1.TeamService/CreateTeam";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: CreateTeamRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let team = parse(&app, &request, &request_id)?;
    authority::check_records(&call)?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let (tenant, name) = (call.tenant(), team.name());
    let earlier = transact!(app.db, "team.create", |tx| {
        let earlier = once.claim(tx, &name, 1).await?;
        if earlier.is_some() {
            return Ok(earlier);
        }
        if !tenants::exists(tx, tenant).await? {
            return Err(Error::missing(Kind::Tenant, &tenant.name()));
        }
        if !teams::insert(tx, tenant, &team).await? {
            return Err(Error::Exists { kind: Kind::Team, name: name.clone() });
        }
        let created = Change::TeamCreated(events::team(&team));
        events::append(&app, &call, tx, Place::of_team(tenant, &team), created).await?;
        Ok::<_, Error>(None)
    })?;
    match earlier {
        None => Ok(convert::team(&team)),
        Some(_) => get_team::by_id(&app, &call, &team.id).await,
    }
}

fn parse(app: &App, request: &CreateTeamRequest, request_id: &str) -> Result<Team, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let id = &request.team_id;
    check_id("team_id", id, &mut violations);
    let given = request.team.clone().unwrap_or_default();
    if request.team.is_some() {
        let agrees = given.name.is_empty() || given.name == team_name(id);
        violations.check(agrees, "team.name", "must be left out or agree with `team_id`");
        Team::check_title(&given.title, &mut violations);
    } else {
        violations.add("team", "must be given");
    }
    violations.finish(Team::new(id.clone(), app.ids.next(), given.title, app.clock.now()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::{
        Fixture, admin, fields, narrow_reaches, narrowed, operator, request_id, stranger, tenant,
    };

    fn request(id: &str, title: &str) -> CreateTeamRequest {
        let team = Answer { title: title.to_owned(), ..Answer::default() };
        CreateTeamRequest { team: Some(team), team_id: id.to_owned(), request_id: String::new() }
    }

    #[tokio::test]
    async fn a_team_is_recorded_under_its_id_with_one_event() {
        let fixture = Fixture::new().await;
        let made = handle(fixture.app.clone(), admin(), request("nights", "夜班")).await.unwrap();
        assert_eq!((made.name.as_str(), made.title.as_str()), ("teams/nights", "夜班"));
        assert_eq!(get_team::by_id(&fixture.app, &admin(), "nights").await.unwrap(), made);
        let stored = teams::get(&fixture.app.db, tenant(1), "nights").await.unwrap().unwrap();
        let events = fixture.events(tenant(1), stored.aggregate).await;
        assert_eq!((events.len(), events[0].0.as_str()), (1, "team.created"));
    }

    #[tokio::test]
    async fn an_id_is_given_once_in_each_tenant() {
        let fixture = Fixture::new().await;
        handle(fixture.app.clone(), admin(), request("a", "A")).await.unwrap();
        let error = handle(fixture.app.clone(), admin(), request("a", "B")).await.unwrap_err();
        assert!(matches!(error, Error::Exists { kind: Kind::Team, .. }), "{error:?}");
        assert!(handle(fixture.app.clone(), stranger(), request("a", "B")).await.is_ok());
    }

    #[tokio::test]
    async fn the_same_request_twice_makes_one_team() {
        let fixture = Fixture::new().await;
        let mut asked = request("a", "A");
        asked.request_id = request_id(1);
        let first = handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap();
        assert_eq!(handle(fixture.app.clone(), admin(), asked.clone()).await.unwrap(), first);
        asked.team_id = "b".to_owned();
        let error = handle(fixture.app.clone(), admin(), asked).await.unwrap_err();
        assert!(matches!(error, Error::RequestIdReused { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn who_has_no_tenant_or_reaches_less_than_one_makes_none() {
        let fixture = Fixture::new().await;
        let mut calls = narrow_reaches().map(|reach| narrowed(admin(), reach)).to_vec();
        calls.push(operator());
        for call in calls {
            let error = handle(fixture.app.clone(), call, request("a", "A")).await.unwrap_err();
            assert!(matches!(error, Error::Missing { kind: Kind::Tenant, .. }), "{error:?}");
        }
    }

    #[tokio::test]
    async fn every_fault_is_told_at_once() {
        let fixture = Fixture::new().await;
        let mut wrong = request("A b", "");
        wrong.team.as_mut().unwrap().name = "teams/y".to_owned();
        let error = handle(fixture.app.clone(), admin(), wrong).await.unwrap_err();
        assert_eq!(fields(&error), ["team_id", "team.name", "team.title"]);
        let nothing = CreateTeamRequest { team_id: "a".to_owned(), ..Default::default() };
        let error = handle(fixture.app.clone(), admin(), nothing).await.unwrap_err();
        assert_eq!(fields(&error), ["team"]);
    }
}
