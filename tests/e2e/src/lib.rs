//! What the end-to-end tests stand on: the real binary as a process, on SQLite and on PostgreSQL,
//! and clients that speak to it as an integrator would, by the descriptors alone.
//!
//! - [`suite`]: an installation in a folder of its own, and the processes that run on it.
//! - [`client`]: any method by its name, with JSON in and out.
//! - [`contract`]: what the descriptors must hold.
//! - [`scenario`]: for each RPC, a prepared tenant and a request that succeeds there.
//! - [`isolation`]: what another tenant gets to see of it, which is nothing.
//! - [`dice`]: chance that can be repeated.
//! - [`hostile`]: requests that nobody in their right mind would send, made from the descriptors.
//! - [`library`]: articles for every audience in every state, and what each reader must see of them.
//! - [`linked`]: a ticket about which its customer is asked, and the links that open both.
//! - [`golden`]: answers without what differs from run to run.
//! - [`json`]: any method over JSON and HTTP, by the HTTP rule of its contract.
//! - [`pages`]: pages as a visitor sees them.
//! - [`raw`]: requests that no library would send; [`metrics`]: what a process tells of itself.
//! - [`walk`]: one complaint, and what every client must see of it; [`python`] and [`node`] run
//!   clients that nobody here wrote.
//!
//! The suites that tests share end with the test program, however that ends.
//!
//! Deliberately absent: anything that reaches into the services. What is seen here is seen from
//! outside, the planted leaks apart, which are written into the database.

pub mod backend;
pub mod client;
mod codec;
pub mod contract;
pub mod desk;
pub mod dice;
pub mod golden;
pub mod hostile;
pub mod isolation;
pub mod json;
pub mod library;
pub mod linked;
pub mod metrics;
pub mod node;
pub mod pages;
mod process;
pub mod python;
pub mod raw;
pub mod scenario;
pub mod suite;
pub mod until;
pub mod walk;

pub use backend::Backend;
pub use client::{Client, Outcome};
pub use desk::Desk;
pub use process::Process;
pub use suite::{Suite, Tenant, each_backend};
pub use until::until;
