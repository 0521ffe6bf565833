//! `ListProducts`: the catalogue, by id.

use contracts::customers::v1::{ListProductsRequest, ListProductsResponse};
use kernel::{Violations, page};
use rpc::{Call, wire};

use crate::{App, Error, convert, store::products};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListProductsRequest,
) -> Result<ListProductsResponse, Error> {
    let query = page::Query::new(&app.tokens, call.tenant(), "ListProducts", "");
    let mut violations = Violations::new();
    let size = page::size(request.page_size, &mut violations);
    let start: String = query.start(&request.page_token, &mut violations);
    violations.finish(())?;

    let rows = products::list(&app.db, call.tenant(), &start, size + 1).await?;
    let (shown, last) = wire::page_of(&rows, size, convert::product);
    let next = last.map(|last| last.id.clone());
    Ok(ListProductsResponse { products: shown, next_page_token: query.token(next) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::{Fixture, fields, stranger, system};

    #[tokio::test]
    async fn pages_are_by_id() {
        let fixture = Fixture::new().await;
        for id in ["b", "A", "a-2", "a", "9"] {
            fixture.product(id).await;
        }
        let list = async |call, page_token: &str| {
            let page_token = page_token.to_owned();
            let request = ListProductsRequest { page_size: 3, page_token };
            handle(fixture.app.clone(), call, request).await
        };
        let first = list(system(), "").await.unwrap();
        let second = list(system(), &first.next_page_token).await.unwrap();
        assert_eq!(second.next_page_token, "");
        let names: Vec<_> =
            first.products.iter().chain(&second.products).map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["products/9", "products/A", "products/a", "products/a-2", "products/b"]);
        assert!(list(stranger(), "").await.unwrap().products.is_empty());
        let error = list(stranger(), &first.next_page_token).await.unwrap_err();
        assert_eq!(fields(&error), ["page_token"]);
    }
}
