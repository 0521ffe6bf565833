//! What stands between a connection and a service.
//!
//! Who is calling: [`Credentials`] makes a caller out of a credential, which is one of four things:
//! - `local`: a token of the local issuer, for a first run; off in production;
//! - `oidc`: a JWT of a configured OIDC provider, checked strictly (`jwt`) by keys that are
//!   fetched in the background (`jwks`);
//! - `keys`: an API key, `ak_<id>_<secret>`;
//! - `links`: a sealed link, which is nobody's in particular.
//!
//! What a credential does not say (roles, teams, whether the tenant is served at all) comes from the
//! [`Directory`].

mod callers;
mod fetch;
mod jwks;
mod jwt;
mod keeper;
mod keys;
mod links;
mod local;
mod oidc;

pub(crate) use callers::quota;
pub use callers::{Away, Credentials, Directory, Look};
pub use fetch::{Fetch, FetchError, Fetched, Https};
pub use keeper::Keeper;
pub use oidc::{Kind, Oidc, Provider, TenantBy, algorithm};

#[cfg(test)]
mod tests;
