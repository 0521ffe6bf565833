//! Serving and calling: what stands between a connection and a handler, and between a handler and
//! another service.
//!
//! - [`server`]: our own accept loop, with connection age, GOAWAY, grace and a hard end.
//! - [`edge`]: the outer wall of a public port: credential → caller → call token.
//! - [`inbound`]: the inner wall of every service, the same in process and over the network: panic,
//!   deadline, call token, permission, metrics.
//! - [`link`]: how a service is called: the in-process router or a channel, the same types.
//! - [`status`]: the one place that builds a `tonic::Status`.
//!
//! Deliberately absent: retries of writes, a service mesh, identity headers.

pub mod access;
pub mod call;
pub mod deadline;
pub mod edge;
pub mod inbound;
pub mod issuer;
pub mod link;
pub mod server;
pub mod status;
pub mod task;
pub mod token;
pub mod wire;

pub use access::{Grants, Methods};
pub use call::Call;
pub use edge::{Directory, Edge, Member};
pub use inbound::Inbound;
pub use link::{Link, Outbound};
pub use task::{read, stream, write};
