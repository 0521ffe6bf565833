//! `GetCustomer`: one customer, as the caller may see it.

use contracts::customers::v1::{Customer as Answer, GetCustomerRequest};
use kernel::{CustomerId, Violations};
use rpc::Call;

use crate::{App, Error, convert, domain::customer::reaches, store::customers};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: GetCustomerRequest,
) -> Result<Answer, Error> {
    let mut violations = Violations::new();
    convert::customer_id(&request.name, "name", &mut violations);
    violations.finish(())?;
    by_name(&app, &call, &request.name).await
}

/// The customer of this name, if the caller reaches it.
pub(crate) async fn by_name(app: &App, call: &Call, name: &str) -> Result<Answer, Error> {
    let missing = || Error::CustomerNotFound { name: name.to_owned() };
    let id = CustomerId::parse_name(name).ok_or_else(missing)?;
    if !reaches(&call.scope, id) {
        return Err(missing());
    }
    let sealer = app.sealer(call.tenant());
    let found = customers::get(&app.db, call.tenant(), &sealer, id).await?;
    found.map(|customer| convert::customer(&customer, call)).ok_or_else(missing)
}

/// Refuses unless there is this customer and the caller reaches it.
pub(crate) async fn check(app: &App, call: &Call, id: CustomerId) -> Result<(), Error> {
    if reaches(&call.scope, id) && customers::exists(&app.db, call.tenant(), id).await? {
        Ok(())
    } else {
        Err(Error::CustomerNotFound { name: id.name() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::{Fixture, agent, fields, id_of, own, stranger, system};

    #[tokio::test]
    async fn names_and_numbers_are_masked_without_permission() {
        let fixture = Fixture::new().await;
        let made = fixture.customer("王小明", &["13800138023"]).await;
        let get = |call| {
            handle(fixture.app.clone(), call, GetCustomerRequest { name: made.name.clone() })
        };
        let open = get(system()).await.unwrap();
        assert_eq!(open.display_name, "王小明");
        assert_eq!(open.identifiers[0].normalised, "+8613800138023");
        let masked = get(agent()).await.unwrap();
        assert_eq!(masked.display_name, "王**");
        assert_eq!(masked.identifiers[0].normalised, "****23");
        assert_eq!((masked.name, masked.etag), (open.name, open.etag));
    }

    #[tokio::test]
    async fn missing_foreign_and_out_of_reach_are_the_same() {
        let fixture = Fixture::new().await;
        let (one, other) = (fixture.customer("甲", &[]).await, fixture.customer("乙", &[]).await);
        let missing = "customers/0198b2a0-0000-7000-8000-000000000001";
        let get = async |call, name: &str| {
            handle(fixture.app.clone(), call, GetCustomerRequest { name: name.to_owned() }).await
        };
        assert!(get(own(id_of(&one.name)), &one.name).await.is_ok());
        for (call, name) in [
            (system(), missing),
            (stranger(), one.name.as_str()),
            (own(id_of(&one.name)), other.name.as_str()),
        ] {
            let error = get(call, name).await.unwrap_err();
            assert_eq!(error.to_string(), format!("there is no customer `{name}`"));
        }
    }

    #[tokio::test]
    async fn a_name_of_another_form_is_wrong() {
        let fixture = Fixture::new().await;
        for name in
            ["", "customers/", "customers/X", "tickets/0198b2a0-0000-7000-8000-000000000001"]
        {
            let request = GetCustomerRequest { name: name.to_owned() };
            let error = handle(fixture.app.clone(), system(), request).await.unwrap_err();
            assert_eq!(fields(&error), ["name"]);
        }
    }
}
