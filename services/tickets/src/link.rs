//! From a contact to its customer, and from a customer's name to whether there is one: at intake, or
//! later when customers was away.

use std::time::Duration;

use ::rpc::Call;
use contracts::{
    customers::v1::{self as customers, IdentifierKind},
    tickets::v1 as pb,
};
use kernel::{CustomerId, TenantId};
use tonic::Code;

use crate::app::App;

/// How long an intake waits for customers before it goes on without.
const PATIENCE: Duration = Duration::from_secs(2);

/// What became of a contact, or of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is this customer's.
    Customer(CustomerId),
    /// It is nobody's: nothing that a customer is recognised by, or a name that nobody has.
    Nobody,
    /// Customers could not be asked.
    Away,
}

/// Asks customers whose contact this is; a new customer is made where it is nobody's yet.
pub(crate) async fn resolve(
    app: &App,
    tenant: TenantId,
    contact: &pb::Contact,
    call: Option<&Call>,
) -> Outcome {
    let region = if contact.phone_region.is_empty() {
        app.settings(tenant).map(|settings| settings.phone_region.clone()).unwrap_or_default()
    } else {
        contact.phone_region.clone()
    };
    let identifiers: Vec<_> = [
        (IdentifierKind::Phone, &contact.phone, region),
        (IdentifierKind::Email, &contact.email, String::new()),
    ]
    .into_iter()
    .filter(|(_, value, _)| !value.is_empty())
    .map(|(kind, value, region)| customers::Identifier {
        kind: kind.into(),
        value: value.clone(),
        region,
        ..customers::Identifier::default()
    })
    .collect();
    if identifiers.is_empty() {
        return Outcome::Nobody;
    }
    let mut request = tonic::Request::new(customers::ResolveCustomerRequest {
        identifiers,
        create: true,
        display_name: contact.display_name.clone(),
        request_id: String::new(),
    });
    request.set_timeout(call.map_or(PATIENCE, patience));
    let link = app.customers().as_service("tickets", tenant);
    let mut client = customers::customer_service_client::CustomerServiceClient::new(link);
    match client.resolve_customer(request).await {
        Ok(response) => {
            let customer = response.into_inner().customer.unwrap_or_default();
            match CustomerId::parse_name(&customer.name) {
                Some(customer) => {
                    app.note_customer(tenant, customer);
                    Outcome::Customer(customer)
                }
                None => Outcome::Nobody,
            }
        }
        Err(status) if status.code() == Code::InvalidArgument => Outcome::Nobody,
        Err(status) => {
            tracing::warn!(code = ?status.code(), "customer could not be resolved, and is linked later");
            Outcome::Away
        }
    }
}

/// How long to wait within a call: at most half of what is left of it.
fn patience(call: &Call) -> Duration {
    let left = call.deadline.saturating_duration_since(tokio::time::Instant::now());
    left.mul_f64(0.5).min(PATIENCE)
}

/// Asks customers whether there is this customer. Who cannot be asked for now is asked for later.
pub(crate) async fn check(
    app: &App,
    tenant: TenantId,
    customer: CustomerId,
    call: Option<&Call>,
) -> Outcome {
    if app.knows_customer(tenant, customer) {
        return Outcome::Customer(customer);
    }
    let link = app.customers().as_service("tickets", tenant);
    let mut client = customers::customer_service_client::CustomerServiceClient::new(link);
    let mut request = tonic::Request::new(customers::GetCustomerRequest { name: customer.name() });
    request.set_timeout(call.map_or(PATIENCE, patience));
    match client.get_customer(request).await {
        Ok(_) => {
            app.note_customer(tenant, customer);
            Outcome::Customer(customer)
        }
        Err(status) if status.code() == Code::NotFound => Outcome::Nobody,
        Err(status) => {
            tracing::warn!(code = ?status.code(), "customer could not be checked, and is checked later");
            Outcome::Away
        }
    }
}
