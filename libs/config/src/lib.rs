//! One documented file and the environment, in sections that validate, and the seed: the tenants
//! and their staff until the gateway owns them.
//!
//! A setting is looked for in the environment (`AFTERCARE__SECTION__KEY`), then in the file, then in
//! [`Config::documented`], the shipped file that is at once the documentation and the defaults. A key
//! that nobody knows is refused; all problems are told at once, each with its path.
//!
//! Deliberately absent: settings that change while a process runs, and anything read from the
//! environment elsewhere.

mod error;
mod keys;
mod load;
mod oidc;
mod settings;
mod validate;

pub mod duration;
pub mod secret;
pub mod seed;

pub use error::Error;
pub use load::environment;
pub use oidc::{ALGORITHMS, Oidc, OidcKind};
pub use secret::{DatabaseUrl, Secret};
pub use seed::Seed;
pub use settings::{
    Addresses, Audit, Clock, Config, Contact, Database, Drain, Environment, Identity, Keys, Limits,
    List, Log, LogFormat, SERVICES, Search, SeedFile, Server, Service, Telemetry,
};
