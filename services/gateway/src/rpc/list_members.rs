//! `ListMembers`: the staff by id, all of it or one team.

use contracts::gateway::v1::{ListMembersRequest, ListMembersResponse};
use kernel::{Violations, page};
use rpc::{Call, wire};

use crate::{App, Error, authority::reaches_staff, convert, store::members};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListMembersRequest,
) -> Result<ListMembersResponse, Error> {
    let tenant = call.tenant();
    let query = page::Query::new(&app.tokens, tenant, "ListMembers", &request.team);
    let mut violations = Violations::new();
    let team = (!request.team.is_empty())
        .then(|| convert::id_in(&request.team, "teams", "team", &mut violations));
    let size = page::size(request.page_size, &mut violations);
    let start: String = query.start(&request.page_token, &mut violations);
    violations.finish(())?;
    if !reaches_staff(&call) {
        return Ok(ListMembersResponse::default());
    }

    let (sealer, team) = (app.sealer(tenant), team.as_deref());
    let rows = members::list(&app.db, tenant, &sealer, team, &start, size + 1).await?;
    let (members, last) = wire::page_of(&rows, size, |member| convert::member(member, &call));
    let next = last.map(|last| last.id.clone());
    Ok(ListMembersResponse { members, next_page_token: query.token(next) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::{
        create_member,
        fixture::{
            self, Fixture, admin, agent, fields, narrow_reaches, narrowed, operator, stranger,
        },
    };

    fn request(team: &str, page_size: i32, page_token: &str) -> ListMembersRequest {
        let (team, page_token) = (team.to_owned(), page_token.to_owned());
        ListMembersRequest { team, page_size, page_token }
    }

    /// The ids of all pages of a list, each of two at most.
    async fn ids(fixture: &Fixture, team: &str) -> Vec<String> {
        let mut seen = Vec::new();
        let mut token = String::new();
        loop {
            let asked = request(team, 2, &token);
            let page = handle(fixture.app.clone(), agent(), asked).await.unwrap();
            assert!(page.members.len() <= 2);
            seen.extend(page.members.into_iter().map(|member| member.name));
            token = page.next_page_token;
            if token.is_empty() {
                return seen;
            }
        }
    }

    #[tokio::test]
    async fn pages_are_by_id_of_all_and_of_one_team() {
        let fixture = Fixture::new().await;
        for (id, teams) in [
            ("wu", ["resolution", "front-line"].as_slice()),
            ("bo", &["front-line"]),
            ("lin", &["resolution"]),
        ] {
            let mut asked = fixture::create_member(id, &["agent"]);
            asked.member.as_mut().unwrap().teams =
                teams.iter().map(|team| format!("teams/{team}")).collect();
            create_member::handle(fixture.app.clone(), admin(), asked).await.unwrap();
        }
        let names = |ids: &[&str]| ids.iter().map(|id| format!("members/{id}")).collect::<Vec<_>>();
        assert_eq!(ids(&fixture, "").await, names(&["amy", "bo", "grace", "lin", "wu"]));
        assert_eq!(ids(&fixture, "teams/resolution").await, names(&["amy", "lin", "wu"]));
        assert_eq!(ids(&fixture, "teams/front-line").await, names(&["bo", "wu"]));
        assert!(ids(&fixture, "teams/nights").await.is_empty());
        let theirs = handle(fixture.app.clone(), stranger(), request("", 0, "")).await.unwrap();
        assert_eq!(theirs.members.len(), 2);
    }

    #[tokio::test]
    async fn a_token_of_another_tenant_or_team_is_refused() {
        let fixture = Fixture::new().await;
        let page = handle(fixture.app.clone(), admin(), request("", 1, "")).await.unwrap();
        let token = page.next_page_token;
        for (call, team) in [(stranger(), ""), (admin(), "teams/resolution")] {
            let asked = request(team, 1, &token);
            let error = handle(fixture.app.clone(), call, asked).await.unwrap_err();
            assert_eq!(fields(&error), ["page_token"]);
        }
        let error = handle(fixture.app.clone(), admin(), request("x", -1, "")).await.unwrap_err();
        assert_eq!(fields(&error), ["team", "page_size"]);
    }

    #[tokio::test]
    async fn who_reaches_less_than_the_tenant_lists_nobody() {
        let fixture = Fixture::new().await;
        let mut calls = narrow_reaches().map(|reach| narrowed(admin(), reach)).to_vec();
        calls.push(operator());
        for call in calls {
            let page = handle(fixture.app.clone(), call, request("", 0, "")).await.unwrap();
            assert!(page.members.is_empty());
        }
    }
}
