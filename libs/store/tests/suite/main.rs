//! The store on both databases.
#![cfg(test)]

// The rest of the workspace calls the crate by this name.
extern crate aftercare_store as store;

mod conditions;
mod copied;
mod events;
mod facade;
mod idempotency;
mod lease;
mod meta;
mod migrations;
mod once;

use kernel::{TenantId, Time};
use store::{Migration, Sql};
use uuid::Uuid;

/// A table for the tests of the facade.
const THINGS: &[Migration] = &[Migration {
    version: 100,
    name: "0100_things",
    sql: Sql::split(
        "CREATE TABLE things (tenant BLOB NOT NULL, number BIGINT NOT NULL, id BLOB, amount BIGINT, \
         flag BOOLEAN, label TEXT, bytes BLOB, facts TEXT, \
         CONSTRAINT things_key PRIMARY KEY (tenant, number));",
        "CREATE TABLE things (tenant UUID NOT NULL, number BIGINT NOT NULL, id UUID, amount BIGINT, \
         flag BOOLEAN, label TEXT, bytes BYTEA, facts JSONB, \
         CONSTRAINT things_key PRIMARY KEY (tenant, number));",
    ),
}];

fn tenant(number: u128) -> TenantId {
    TenantId::from(Uuid::from_u128(number))
}

fn at(micros: i64) -> Time {
    Time::from_micros(micros)
}
