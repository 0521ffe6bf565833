//! From a contact to its customer: at intake, or later when customers was away.

use std::time::Duration;

use ::rpc::Call;
use contracts::{
    customers::v1::{self as customers, IdentifierKind},
    tickets::v1 as pb,
};
use kernel::{CustomerId, TenantId};
use tonic::Code;

use crate::{app::App, error::Error};

/// How long an intake waits for customers before it goes on without.
const PATIENCE: Duration = Duration::from_secs(2);

/// What became of a contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It is this customer's.
    Customer(CustomerId),
    /// It names nobody: nothing to recognise a customer by, or nothing that customers accepts.
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

/// Refuses a customer that does not exist; one that cannot be asked for is believed.
pub(crate) async fn check(app: &App, call: &Call, customer: CustomerId) -> Result<(), Error> {
    if app.knows_customer(call.tenant(), customer) {
        return Ok(());
    }
    let link = app.customers().as_service("tickets", call.tenant());
    let mut client = customers::customer_service_client::CustomerServiceClient::new(link);
    let mut request = tonic::Request::new(customers::GetCustomerRequest { name: customer.name() });
    request.set_timeout(patience(call));
    match client.get_customer(request).await {
        Ok(_) => app.note_customer(call.tenant(), customer),
        Err(status) if status.code() == Code::NotFound => {
            return Err(Error::CustomerNotFound(customer.name()));
        }
        Err(status) => {
            tracing::warn!(code = ?status.code(), "customer could not be checked, and is believed");
        }
    }
    Ok(())
}
