//! `GetTeam`: one team.

use contracts::gateway::v1::{GetTeamRequest, Team as Answer};
use kernel::Violations;
use rpc::Call;

use crate::{
    App, Error, authority::reaches_staff, convert, domain::member::team_name, error::Kind,
    store::teams,
};

pub(crate) async fn handle(app: App, call: Call, request: GetTeamRequest) -> Result<Answer, Error> {
    let mut violations = Violations::new();
    let id = convert::id_in(&request.name, "teams", "name", &mut violations);
    violations.finish(())?;
    by_id(&app, &call, &id).await
}

/// The team of this id, if the caller reaches it.
pub(crate) async fn by_id(app: &App, call: &Call, id: &str) -> Result<Answer, Error> {
    let found =
        if reaches_staff(call) { teams::get(&app.db, call.tenant(), id).await? } else { None };
    found.map(|team| convert::team(&team)).ok_or_else(|| Error::missing(Kind::Team, &team_name(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::{
        Fixture, admin, agent, fields, narrow_reaches, narrowed, operator, stranger,
    };

    #[tokio::test]
    async fn missing_and_out_of_reach_are_the_same() {
        let fixture = Fixture::new().await;
        let get = async |call, name: &str| {
            handle(fixture.app.clone(), call, GetTeamRequest { name: name.to_owned() }).await
        };
        let team = get(agent(), "teams/resolution").await.unwrap();
        assert_eq!((team.title.as_str(), team.etag.as_str()), ("Team resolution", "v1"));
        let mut calls = narrow_reaches().map(|reach| narrowed(admin(), reach)).to_vec();
        calls.push(operator());
        let mut refused = vec![get(stranger(), "teams/nights").await.unwrap_err()];
        for call in calls {
            refused.push(get(call, "teams/resolution").await.unwrap_err());
        }
        for error in refused {
            let Error::Missing { kind: Kind::Team, name } = &error else { panic!("{error:?}") };
            assert_eq!(error.to_string(), format!("there is no team `{name}`"));
        }
        let error = get(admin(), "resolution").await.unwrap_err();
        assert_eq!(fields(&error), ["name"]);
    }
}
