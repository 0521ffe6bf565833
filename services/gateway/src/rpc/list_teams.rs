//! `ListTeams`: the parts of the staff, by id.

use contracts::gateway::v1::{ListTeamsRequest, ListTeamsResponse};
use kernel::{Violations, page};
use rpc::{Call, wire};

use crate::{App, Error, authority::reaches_staff, convert, store::teams};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListTeamsRequest,
) -> Result<ListTeamsResponse, Error> {
    let query = page::Query::new(&app.tokens, call.tenant(), "ListTeams", "");
    let mut violations = Violations::new();
    let size = page::size(request.page_size, &mut violations);
    let start: String = query.start(&request.page_token, &mut violations);
    violations.finish(())?;
    if !reaches_staff(&call) {
        return Ok(ListTeamsResponse::default());
    }

    let rows = teams::list(&app.db, call.tenant(), &start, size + 1).await?;
    let (teams, last) = wire::page_of(&rows, size, convert::team);
    let next = last.map(|last| last.id.clone());
    Ok(ListTeamsResponse { teams, next_page_token: query.token(next) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::{
        Fixture, admin, agent, fields, narrow_reaches, narrowed, operator, stranger,
    };

    #[tokio::test]
    async fn pages_are_by_id_and_of_one_tenant() {
        let fixture = Fixture::new().await;
        let list = async |call, page_token: &str| {
            let request = ListTeamsRequest { page_size: 1, page_token: page_token.to_owned() };
            handle(fixture.app.clone(), call, request).await
        };
        let first = list(agent(), "").await.unwrap();
        let second = list(agent(), &first.next_page_token).await.unwrap();
        assert_eq!(second.next_page_token, "");
        let names: Vec<_> =
            first.teams.iter().chain(&second.teams).map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["teams/front-line", "teams/resolution"]);
        let error = list(stranger(), &first.next_page_token).await.unwrap_err();
        assert_eq!(fields(&error), ["page_token"]);
        let mut calls = narrow_reaches().map(|reach| narrowed(admin(), reach)).to_vec();
        calls.push(operator());
        for call in calls {
            assert!(list(call, "").await.unwrap().teams.is_empty());
        }
    }
}
