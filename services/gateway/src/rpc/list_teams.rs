//! `ListTeams`: the parts of the staff, by id.

use contracts::gateway::v1::{ListTeamsRequest, ListTeamsResponse};
use kernel::{Violations, page};
use rpc::Call;

use crate::{
    App, Error,
    authority::reaches_staff,
    convert,
    position::{Query, cut},
    store::teams,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListTeamsRequest,
) -> Result<ListTeamsResponse, Error> {
    let query = Query::new(call.tenant(), "ListTeams", "");
    let mut violations = Violations::new();
    let size = page::size(request.page_size, &mut violations);
    let start = query.start_text(&app, &request.page_token, &mut violations);
    violations.finish(())?;
    if !reaches_staff(&call) {
        return Ok(ListTeamsResponse::default());
    }

    let mut rows = teams::list(&app.db, call.tenant(), &start, size + 1).await?;
    let next = cut(&mut rows, size).map(|last| query.token_text(&app, &last.id));
    Ok(ListTeamsResponse {
        teams: rows.iter().map(convert::team).collect(),
        next_page_token: next.unwrap_or_default(),
    })
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
