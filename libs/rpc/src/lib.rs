//! Serving and calling: what stands between a connection and a handler, and between a handler and
//! another service.
//!
//! - [`server`]: our own accept loop, with connection age, GOAWAY, grace and a hard end.
//! - [`ending`]: streams that end in order when their connection is told to go away.
//! - [`edge`]: the outer wall of a public port: credential → caller → call token.
//! - [`inbound`]: the inner wall of every service, the same in process and over the network: panic,
//!   deadline, call token, permission, metrics.
//! - [`link`]: how a service is called: the in-process router or a channel, the same types.
//! - [`balance`]: a way to all replicas of a service, as its name resolves now.
//! - [`retry`]: calls that failed because something was away, tried again within a budget.
//! - [`status`]: the one place that builds a `tonic::Status`.
//!
//! Deliberately absent: retries of writes, a service mesh, identity headers.

pub mod access;
pub mod balance;
pub mod call;
pub mod deadline;
pub mod edge;
pub mod ending;
pub mod inbound;
pub mod issuer;
pub mod link;
mod observed;
pub mod retry;
pub mod server;
pub mod status;
pub mod task;
pub mod token;
mod unread;
pub mod wire;

pub use access::{Grants, Methods};
pub use call::Call;
pub use edge::{Directory, DirectoryCallers, Edge, Member};
pub use inbound::Inbound;
pub use link::{Link, Outbound};
pub use task::{read, stream, write};
