//! `BatchGetCustomers`: up to a hundred customers, in the order asked for.

use contracts::customers::v1::{BatchGetCustomersRequest, BatchGetCustomersResponse};
use kernel::Violations;
use rpc::Call;

use crate::{App, Error, convert, domain::customer::reaches, store::customers};

const MOST: usize = 100;

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: BatchGetCustomersRequest,
) -> Result<BatchGetCustomersResponse, Error> {
    let mut violations = Violations::new();
    let count = request.names.len();
    violations.check((1..=MOST).contains(&count), "names", "must be 1 to 100");
    let mut ids = Vec::new();
    for (index, name) in request.names.iter().take(MOST).enumerate() {
        ids.extend(convert::customer_id(name, &format!("names[{index}]"), &mut violations));
    }
    violations.finish(())?;

    let sealer = app.sealer(call.tenant());
    let found = customers::get_many(&app.db, call.tenant(), &sealer, &ids).await?;
    let mut answer = BatchGetCustomersResponse::default();
    for id in ids {
        let customer = found.get(&id).filter(|_| reaches(&call.scope, id));
        let customer = customer.ok_or_else(|| Error::CustomerNotFound { name: id.name() })?;
        answer.customers.push(convert::customer(customer, &call));
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::{Fixture, fields, id_of, own, stranger, system};

    fn request(names: &[&str]) -> BatchGetCustomersRequest {
        BatchGetCustomersRequest { names: names.iter().map(|name| (*name).to_owned()).collect() }
    }

    #[tokio::test]
    async fn customers_come_in_the_order_asked_for() {
        let fixture = Fixture::new().await;
        let a = fixture.customer("甲", &["13800138001", "13800138002"]).await;
        let b = fixture.customer("乙", &["13800138003"]).await;
        let asked = request(&[&b.name, &a.name, &b.name]);
        let answer = handle(fixture.app.clone(), system(), asked).await.unwrap();
        assert_eq!(answer.customers, [b.clone(), a, b]);
    }

    #[tokio::test]
    async fn one_missing_makes_the_whole_call_not_found() {
        let fixture = Fixture::new().await;
        let a = fixture.customer("甲", &[]).await;
        let b = fixture.customer("乙", &[]).await;
        let missing = "customers/0198b2a0-0000-7000-8000-000000000001";
        for (call, names, named) in [
            (system(), [a.name.as_str(), missing], missing),
            (stranger(), [&a.name, &b.name], &a.name),
            (own(id_of(&a.name)), [&a.name, &b.name], &b.name),
        ] {
            let error = handle(fixture.app.clone(), call, request(&names)).await.unwrap_err();
            let Error::CustomerNotFound { name } = error else { panic!("{error:?}") };
            assert_eq!(name, named);
        }
    }

    #[tokio::test]
    async fn one_to_a_hundred_names_of_the_right_form() {
        let fixture = Fixture::new().await;
        let error = handle(fixture.app.clone(), system(), request(&[])).await.unwrap_err();
        assert_eq!(fields(&error), ["names"]);
        let good = "customers/0198b2a0-0000-7000-8000-000000000001";
        let error = handle(fixture.app.clone(), system(), request(&[good; 101])).await.unwrap_err();
        assert_eq!(fields(&error), ["names"]);
        let error = handle(fixture.app.clone(), system(), request(&[good, "x"])).await.unwrap_err();
        assert_eq!(fields(&error), ["names[1]"]);
    }
}
