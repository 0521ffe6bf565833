//! `GetProduct`: one product of the catalogue.

use contracts::customers::v1::{GetProductRequest, Product as Answer};
use kernel::Violations;
use rpc::Call;

use crate::{App, Error, convert, domain::purchase::parse_product_name, store::products};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: GetProductRequest,
) -> Result<Answer, Error> {
    let mut violations = Violations::new();
    let named = parse_product_name(&request.name).is_some();
    violations.check(named, "name", "must be of the form `products/{id}`");
    violations.finish(())?;
    by_name(&app, &call, &request.name).await
}

/// The product of this name.
pub(crate) async fn by_name(app: &App, call: &Call, name: &str) -> Result<Answer, Error> {
    let missing = || Error::ProductNotFound { name: name.to_owned() };
    let id = parse_product_name(name).ok_or_else(missing)?;
    let found = products::get(&app.db, call.tenant(), id).await?;
    found.map(|product| convert::product(&product)).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::{Fixture, agent, fields, stranger, system};

    #[tokio::test]
    async fn a_product_is_read_by_its_name_in_its_tenant() {
        let fixture = Fixture::new().await;
        let made = fixture.product("X.1").await;
        let get = async |call, name: &str| {
            handle(fixture.app.clone(), call, GetProductRequest { name: name.to_owned() }).await
        };
        assert_eq!(get(agent(), "products/X.1").await.unwrap(), made);
        for (call, name) in [(system(), "products/x.1"), (stranger(), "products/X.1")] {
            let error = get(call, name).await.unwrap_err();
            assert_eq!(error.to_string(), format!("there is no product `{name}`"));
        }
        assert_eq!(fields(&get(system(), "products/").await.unwrap_err()), ["name"]);
    }
}
