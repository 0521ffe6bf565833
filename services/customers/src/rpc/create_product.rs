//! `CreateProduct`: records a product under the company's own id.

use contracts::customers::v1::{
    CreateProductRequest, Product as Answer, ProductCreated, customer_event::Change,
};
use kernel::{Violations, id::is_product_id};
use rpc::{Call, wire};
use store::transact;

use crate::{
    App, Error, convert,
    domain::purchase::{Product, product_name},
    events::{self, Place},
    rpc::get_product,
    store::products,
};

const METHOD: &str = "aftercare.customers.v1.ProductService/CreateProduct";
const MAX_TEXT: usize = 200;

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: CreateProductRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let product = parse(&app, &request, &request_id)?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let name = product_name(&product.id);
    let earlier = transact!(app.db, "product.create", |tx| {
        let earlier = once.claim(tx, &name, 1).await?;
        if earlier.is_some() {
            return Ok(earlier);
        }
        if !products::insert(tx, call.tenant(), &product).await? {
            return Err(Error::ProductExists { name: name.clone() });
        }
        let place = Place { aggregate: product.aggregate, sequence: 1, at: product.created_at };
        let created = ProductCreated { product: name.clone() };
        events::append(&app, &call, tx, place, Change::ProductCreated(created)).await?;
        Ok::<_, Error>(None)
    })?;
    match earlier {
        None => Ok(convert::product(&product)),
        Some(earlier) => get_product::by_name(&app, &call, &earlier.resource).await,
    }
}

fn parse(
    app: &App,
    request: &CreateProductRequest,
    request_id: &str,
) -> Result<Product, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let id = &request.product_id;
    violations.check(
        is_product_id(id),
        "product_id",
        "must be a letter or digit, then letters, digits and `. _ -`, at most 64 characters",
    );
    violations.check(request.product.is_some(), "product", "must be given");
    if let Some(given) = &request.product {
        let agrees = given.name.is_empty() || given.name == product_name(id);
        violations.check(agrees, "product.name", "must be left out or agree with `product_id`");
        violations.text("product.title", &given.title, 1, MAX_TEXT);
        violations.text("product.model", &given.model, 0, MAX_TEXT);
        violations.text("product.brand", &given.brand, 0, MAX_TEXT);
    }
    let given = request.product.clone().unwrap_or_default();
    violations.finish(Product {
        id: id.clone(),
        aggregate: app.ids.next(),
        version: 1,
        title: given.title,
        model: given.model,
        brand: given.brand,
        created_at: app.clock.now(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::{Fixture, fields, request_id, stranger, system};

    fn request(id: &str, title: &str) -> CreateProductRequest {
        let product = Answer { title: title.to_owned(), ..Answer::default() };
        CreateProductRequest {
            product: Some(product),
            product_id: id.to_owned(),
            request_id: String::new(),
        }
    }

    #[tokio::test]
    async fn a_product_is_recorded_under_its_id_with_one_event() {
        let fixture = Fixture::new().await;
        let made = handle(fixture.app.clone(), system(), request("X-1", "洗衣机")).await.unwrap();
        assert_eq!((made.name.as_str(), made.title.as_str()), ("products/X-1", "洗衣机"));
        assert_eq!(get_product::by_name(&fixture.app, &system(), &made.name).await.unwrap(), made);
        let tenant = system().tenant();
        let stored = products::get(&fixture.app.db, tenant, "X-1").await.unwrap().unwrap();
        let events = fixture.events(stored.aggregate).await;
        assert_eq!((events[0].0.as_str(), events[0].1), ("product.created", 1));
    }

    #[tokio::test]
    async fn an_id_is_given_once_in_each_tenant() {
        let fixture = Fixture::new().await;
        fixture.product("X-1").await;
        let error = handle(fixture.app.clone(), system(), request("X-1", "b")).await.unwrap_err();
        assert!(matches!(error, Error::ProductExists { .. }), "{error:?}");
        assert!(handle(fixture.app.clone(), stranger(), request("X-1", "b")).await.is_ok());
    }

    #[tokio::test]
    async fn the_same_request_twice_makes_one_product() {
        let fixture = Fixture::new().await;
        let mut asked = request("X-1", "a");
        asked.request_id = request_id(1);
        let first = handle(fixture.app.clone(), system(), asked.clone()).await.unwrap();
        assert_eq!(handle(fixture.app.clone(), system(), asked.clone()).await.unwrap(), first);
        asked.product_id = "X-2".to_owned();
        let error = handle(fixture.app.clone(), system(), asked).await.unwrap_err();
        assert!(matches!(error, Error::RequestIdReused { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn every_fault_is_told_at_once() {
        let fixture = Fixture::new().await;
        let mut wrong = request("-x", "");
        wrong.product.as_mut().unwrap().name = "products/y".to_owned();
        wrong.product.as_mut().unwrap().brand = "b".repeat(201);
        let error = handle(fixture.app.clone(), system(), wrong).await.unwrap_err();
        assert_eq!(
            fields(&error),
            ["product_id", "product.name", "product.title", "product.brand"]
        );
        let error = handle(fixture.app.clone(), system(), CreateProductRequest::default()).await;
        assert_eq!(fields(&error.unwrap_err()), ["product_id", "product"]);
    }
}
