//! The one door to the suite: who is calling, for which tenant, and the way to each service.
//!
//! - `rpc`, `domain`, `store`: tenants, members, teams, keys and the access audit, built like every
//!   other service; `directory` looks them up for the door, `access` writes what the door saw,
//!   `retention` deletes it in time.
//! - `door`: what stands between a connection and a service: credentials, limits, CORS, gRPC-Web.
//! - `json`: every public RPC over HTTP and JSON, by the descriptors.
//! - `openapi`: the same as an OpenAPI 3.1 document, and a page to read and try it.
//! - `help`: the help centre of each tenant, pages for everybody.
//! - `links`: the pages that sealed links open, to confirm a result and answer a survey; `overview`:
//!   how the suite stands, for members; `pages` is what all kinds of pages share.
//! - `workspace`: the answers that need several services at once.
//!
//! # Invariants
//! - A tenant's rows are its own: the tenant column of its own row is its id. Slugs and host names
//!   are unique across tenants, held by one table.
//! - Nobody gives a role or a scope, or writes a person who holds one, beyond what they have; nobody
//!   locks themselves out, and of a tenant that has an active admin one is left.
//! - Names and logins of the staff are sealed at rest and never in an event, a log or an error; of a
//!   key's secrets only the SHA-256 is kept.
//! - A change, its event and its `request_id` commit together.
//! - Members, teams, keys and the audit belong to the tenant as a whole: a permission that reaches
//!   less than the tenant reaches none of them.
//!
//! # Deliberately absent
//! Rules of the trade. The gateway decides who comes in, never what becomes of a ticket.

pub mod access;
pub mod directory;
pub mod domain;
pub mod door;
pub mod help;
pub mod json;
pub mod limits;
pub mod links;
pub mod openapi;
pub mod overview;
pub mod port;
pub mod retention;
pub mod seed;
pub mod web;
pub mod workspace;

mod app;
mod authority;
mod command;
mod convert;
mod error;
mod events;
mod pages;
mod position;
mod rpc;
mod service;
mod store;
mod uses;

pub use self::store::{MIGRATIONS, STATEMENTS, migrations};
pub use access::AccessLog;
pub use app::{App, Parts};
pub use directory::Directory;
pub use error::{Error, Kind};
pub use service::{add_to, routes};

/// The name of this service: in links, tokens, feeds and schemas.
pub const NAME: &str = "gateway";
