//! `ListApiKeys`: the keys of a tenant, newest first.

use contracts::gateway::v1::{ListApiKeysRequest, ListApiKeysResponse};
use kernel::{Violations, page};
use rpc::{Call, wire};

use crate::{App, Error, authority::reaches_staff, convert, position::Position, store::api_keys};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListApiKeysRequest,
) -> Result<ListApiKeysResponse, Error> {
    let query = page::Query::new(&app.tokens, call.tenant(), "ListApiKeys", "");
    let mut violations = Violations::new();
    let size = page::size(request.page_size, &mut violations);
    let start = query.start(&request.page_token, &mut violations);
    violations.finish(())?;
    if !reaches_staff(&call) {
        return Ok(ListApiKeysResponse::default());
    }

    let rows = api_keys::list(&app.db, call.tenant(), start, size + 1).await?;
    let (api_keys, last) = wire::page_of(&rows, size, convert::api_key);
    let next = last.map(|last| Position { at: last.created_at, id: last.id.uuid() });
    Ok(ListApiKeysResponse { api_keys, next_page_token: query.token(next) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::{
        Fixture, admin, fields, narrow_reaches, narrowed, operator, stranger,
    };

    fn request(page_size: i32, page_token: &str) -> ListApiKeysRequest {
        ListApiKeysRequest { page_size, page_token: page_token.to_owned() }
    }

    #[tokio::test]
    async fn pages_are_newest_first_and_of_one_tenant() {
        let fixture = Fixture::new().await;
        let mut made = Vec::new();
        for number in 0..5 {
            // Some at one instant.
            if number % 2 == 0 {
                fixture.later();
            }
            made.push(fixture.made_key(&["tickets.read"]).await.api_key.unwrap().name);
        }
        made.reverse();
        let mut seen = Vec::new();
        let mut token = String::new();
        loop {
            let page = handle(fixture.app.clone(), admin(), request(2, &token)).await.unwrap();
            seen.extend(page.api_keys.into_iter().map(|key| key.name));
            if page.next_page_token.is_empty() {
                break;
            }
            token = page.next_page_token;
        }
        assert_eq!(seen, made);
        let error = handle(fixture.app.clone(), stranger(), request(2, &token)).await.unwrap_err();
        assert_eq!(fields(&error), ["page_token"]);
        let mut calls = narrow_reaches().map(|reach| narrowed(admin(), reach)).to_vec();
        calls.extend([operator(), stranger()]);
        for call in calls {
            let page = handle(fixture.app.clone(), call, request(0, "")).await.unwrap();
            assert!(page.api_keys.is_empty());
        }
    }
}
