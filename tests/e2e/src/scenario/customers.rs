//! The scenarios of customers.

use std::time::Duration;

use kernel::{Clock, Role};
use serde_json::{Value, json};

use super::{Abroad, Prepared, Scenario};
use crate::{
    Desk,
    desk::{canary, name, new_id, phone},
};

/// One for each RPC.
pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        method: "aftercare.customers.v1.CustomerService.CreateCustomer",
        role: Role::Agent,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(create(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.CustomerService.GetCustomer",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(get(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.CustomerService.BatchGetCustomers",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(batch_get(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.CustomerService.ResolveCustomer",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(resolve(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.CustomerService.ListCustomers",
        role: Role::Agent,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(list(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.CustomerService.UpdateCustomer",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(update(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.ProductService.CreateProduct",
        role: Role::Integration,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(create_product(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.ProductService.GetProduct",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(get_product(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.ProductService.ListProducts",
        role: Role::Agent,
        abroad: Abroad::Own,
        prepare: |desk| Box::pin(list_products(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.PurchaseService.UpsertPurchase",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(upsert_purchase(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.PurchaseService.ListPurchases",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(list_purchases(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.TimelineService.ListTimeline",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(list_timeline(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.ConsentService.RecordConsent",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(record_consent(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.ConsentService.GetConsent",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(get_consent(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.ConsentService.ListConsents",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(list_consents(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.ConsentService.ReserveContact",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(reserve_contact(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.ConsentService.CompleteContact",
        role: Role::Integration,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(complete_contact(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.ConsentService.CanContact",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(can_contact(desk)),
    },
    Scenario {
        method: "aftercare.customers.v1.ConsentService.ListContacts",
        role: Role::Agent,
        abroad: Abroad::Missing,
        prepare: |desk| Box::pin(list_contacts(desk)),
    },
];

async fn create(desk: &Desk<'_>) -> Prepared {
    // Somebody else of this tenant, who must not shine through.
    let other = desk.customer().await;
    let customer = json!({
        "displayName": canary(),
        "identifiers": [{ "kind": "IDENTIFIER_KIND_PHONE", "value": phone() }],
    });
    Prepared::new(json!({ "customer": customer, "requestId": new_id() }), &[], &[&other])
}

async fn get(desk: &Desk<'_>) -> Prepared {
    let customer = desk.customer().await;
    let name = name(&customer);
    Prepared::new(json!({ "name": name }), &[&name], &[&customer])
}

async fn batch_get(desk: &Desk<'_>) -> Prepared {
    let customer = desk.customer().await;
    let name = name(&customer);
    Prepared::new(json!({ "names": [name] }), &[&name], &[&customer])
}

async fn resolve(desk: &Desk<'_>) -> Prepared {
    let customer = desk.customer().await;
    let known = &customer["identifiers"][0];
    let identifier = json!({ "kind": known["kind"], "value": known["value"] });
    let request = json!({ "identifiers": [identifier], "requestId": new_id() });
    Prepared::new(request, &[], &[&customer])
}

async fn list(desk: &Desk<'_>) -> Prepared {
    let customer = desk.customer().await;
    Prepared::new(json!({ "pageSize": 1000 }), &[], &[&customer])
}

async fn update(desk: &Desk<'_>) -> Prepared {
    let customer = desk.customer().await;
    let name = name(&customer);
    let changed = json!({ "name": name, "etag": customer["etag"], "displayName": canary() });
    let request =
        json!({ "customer": changed, "updateMask": "displayName", "requestId": new_id() });
    Prepared::new(request, &[&name], &[&customer])
}

async fn create_product(desk: &Desk<'_>) -> Prepared {
    let other = desk.product().await;
    let product = json!({ "title": canary() });
    let request = json!({ "product": product, "productId": canary(), "requestId": new_id() });
    Prepared::new(request, &[], &[&other])
}

async fn get_product(desk: &Desk<'_>) -> Prepared {
    let product = desk.product().await;
    let name = name(&product);
    Prepared::new(json!({ "name": name }), &[&name], &[&product])
}

async fn list_products(desk: &Desk<'_>) -> Prepared {
    let product = desk.product().await;
    Prepared::new(json!({ "pageSize": 1000 }), &[], &[&product])
}

/// A purchase of this customer.
fn purchase(customer: &str, product: &str) -> Value {
    json!({
        "customer": customer,
        "orderNumber": canary(),
        "items": [{ "product": product, "quantity": 1 }],
        "purchaseTime": "2025-02-01T08:00:00Z",
        "state": "PURCHASE_STATE_PAID",
    })
}

async fn upsert_purchase(desk: &Desk<'_>) -> Prepared {
    let (customer, product) = (desk.customer().await, desk.product().await);
    let bought = purchase(&name(&customer), &name(&product));
    let request = json!({ "purchase": bought, "requestId": new_id() });
    Prepared::new(request, &[&name(&customer)], &[&customer, &product])
}

async fn list_purchases(desk: &Desk<'_>) -> Prepared {
    let (customer, product) = (desk.customer().await, desk.product().await);
    let bought = purchase(&name(&customer), &name(&product));
    let bought = desk.system().call("UpsertPurchase", json!({ "purchase": bought })).await;
    let name = name(&customer);
    Prepared::new(json!({ "parent": name }), &[&name], &[&customer, &bought])
}

async fn list_timeline(desk: &Desk<'_>) -> Prepared {
    let ticket = desk.ticket().await;
    let customer = ticket["customer"].as_str().unwrap_or_default();
    desk.timeline(customer, 1).await;
    Prepared::new(json!({ "parent": customer }), &[customer], &[&ticket])
}

/// What a customer said of this purpose by e-mail.
fn consent(purpose: &str) -> Value {
    json!({
        "purpose": purpose,
        "channel": "CONTACT_CHANNEL_EMAIL",
        "state": "CONSENT_STATE_GRANTED",
        "policyVersion": "2026-11",
        "evidence": format!("form:{}", canary()),
    })
}

/// A customer who agreed to surveys by e-mail, and the entry that says so.
async fn agreed(desk: &Desk<'_>) -> (Value, Value) {
    let customer = desk.customer().await;
    let request =
        json!({ "parent": name(&customer), "consent": consent("CONTACT_PURPOSE_SURVEY") });
    let entry = desk.agent().call("RecordConsent", request).await;
    (customer, entry)
}

/// A request for a contact about an open matter, which waits neither for a place nor for the morning.
fn contact(customer: &str) -> Value {
    json!({
        "customer": customer,
        "purpose": "CONTACT_PURPOSE_SERVICE",
        "channel": "CONTACT_CHANNEL_EMAIL",
        "key": format!("tickets/{}", canary()),
    })
}

/// A customer for whom a contact was granted, and that contact.
async fn granted(desk: &Desk<'_>) -> (Value, Value) {
    let customer = desk.customer().await;
    let granted = desk.system().call("ReserveContact", contact(&name(&customer))).await;
    (customer, granted)
}

async fn record_consent(desk: &Desk<'_>) -> Prepared {
    let (customer, entry) = agreed(desk).await;
    let said = consent("CONTACT_PURPOSE_PROMOTION");
    let request = json!({ "parent": name(&customer), "consent": said, "requestId": new_id() });
    Prepared::new(request, &[&name(&customer)], &[&customer, &entry])
}

async fn get_consent(desk: &Desk<'_>) -> Prepared {
    let (customer, entry) = agreed(desk).await;
    let request = json!({
        "customer": name(&customer),
        "purpose": entry["purpose"],
        "channel": entry["channel"],
    });
    Prepared::new(request, &[&name(&customer)], &[&customer, &entry])
}

async fn list_consents(desk: &Desk<'_>) -> Prepared {
    let (customer, entry) = agreed(desk).await;
    let name = name(&customer);
    Prepared::new(json!({ "parent": name }), &[&name], &[&customer, &entry])
}

async fn reserve_contact(desk: &Desk<'_>) -> Prepared {
    let (customer, other) = granted(desk).await;
    let name = name(&customer);
    Prepared::new(contact(&name), &[&name], &[&customer, &other])
}

async fn complete_contact(desk: &Desk<'_>) -> Prepared {
    let (customer, granted) = granted(desk).await;
    let name = name(&granted);
    let request = json!({ "name": name, "outcome": "CONTACT_OUTCOME_SENT", "requestId": new_id() });
    Prepared::new(request, &[&name], &[&customer, &granted])
}

async fn can_contact(desk: &Desk<'_>) -> Prepared {
    let customer = desk.customer().await;
    let name = name(&customer);
    // A fixed instant, so that the same is answered twice.
    let later = Clock::system().now() + Duration::from_hours(20 * 24);
    let request = json!({
        "customer": name,
        "purpose": "CONTACT_PURPOSE_SURVEY",
        "channel": "CONTACT_CHANNEL_EMAIL",
        "earliestTime": later.to_string(),
    });
    Prepared::new(request, &[&name], &[&customer])
}

async fn list_contacts(desk: &Desk<'_>) -> Prepared {
    let (customer, granted) = granted(desk).await;
    let name = name(&customer);
    Prepared::new(json!({ "parent": name }), &[&name], &[&customer, &granted])
}
