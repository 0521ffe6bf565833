//! The operations, one file each.

pub(crate) mod batch_get_customers;
pub(crate) mod can_contact;
pub(crate) mod complete_contact;
pub(crate) mod create_customer;
pub(crate) mod create_product;
pub(crate) mod get_consent;
pub(crate) mod get_customer;
pub(crate) mod get_product;
pub(crate) mod list_consents;
pub(crate) mod list_contacts;
pub(crate) mod list_customers;
pub(crate) mod list_products;
pub(crate) mod list_purchases;
pub(crate) mod list_timeline;
pub(crate) mod record_consent;
pub(crate) mod reserve_contact;
pub(crate) mod resolve_customer;
pub(crate) mod update_customer;
pub(crate) mod upsert_purchase;

#[cfg(test)]
pub(crate) mod fixture;
