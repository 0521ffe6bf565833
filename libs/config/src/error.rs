//! Why there is no configuration.

use std::path::PathBuf;

use kernel::Violations;

/// Why the configuration, the root key or the seed cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{}: {what}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was tried.
        what: &'static str,
        /// What the system said.
        #[source]
        cause: std::io::Error,
    },
    /// The file or the environment does not have the form of a configuration.
    #[error("the configuration cannot be read")]
    Form(#[source] config_rs::ConfigError),
    /// The seed does not have the form of one.
    #[error("the seed cannot be read")]
    Seed(#[source] toml::de::Error),
    /// The configuration or the seed is wrong in these places.
    #[error("{}", lines(.0))]
    Invalid(Violations),
    /// The root key must not be used.
    #[error("{}: {why}", path.display())]
    RootKey {
        /// Where it is, or would be.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: &'static str,
    },
}

/// One problem a line.
fn lines(violations: &Violations) -> String {
    let line = |found: &kernel::Violation| format!("{} {}", found.field, found.description);
    violations.as_slice().iter().map(line).collect::<Vec<_>>().join("\n")
}
