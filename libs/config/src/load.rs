//! Brings file and environment together.

use std::{collections::HashMap, path::Path};

use config_rs::{Environment, File, FileFormat};

use crate::{Config, Error, Seed};

const DOCUMENTED: &str = include_str!("../aftercare.toml");

/// The environment of this process, without what is not Unicode.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn environment() -> HashMap<String, String> {
    std::env::vars_os()
        .filter_map(|(key, value)| Some((key.into_string().ok()?, value.into_string().ok()?)))
        .collect()
}

impl Config {
    /// The shipped file: every key with what it means and its default.
    pub const fn documented() -> &'static str {
        DOCUMENTED
    }

    /// The configuration: the shipped defaults, over them the file, over that the environment
    /// (`AFTERCARE__SECTION__KEY`; empty means unset). It is valid, or all that is wrong is told.
    pub fn load(file: Option<&Path>, env: HashMap<String, String>) -> Result<Self, Error> {
        let mut layers =
            config_rs::Config::builder().add_source(File::from_str(DOCUMENTED, FileFormat::Toml));
        if let Some(path) = file {
            let text = std::fs::read_to_string(path).map_err(|cause| Error::File {
                path: path.to_owned(),
                what: "the configuration cannot be read",
                cause,
            })?;
            layers = layers.add_source(File::from_str(&text, FileFormat::Toml));
        }
        let variables = Environment::with_prefix("AFTERCARE")
            .prefix_separator("__")
            .separator("__")
            .ignore_empty(true)
            .source(Some(env));
        let config: Self = layers
            .add_source(variables)
            .build()
            .and_then(config_rs::Config::try_deserialize)
            .map_err(Error::Form)?;
        config.validate().map_err(Error::Invalid)?;
        Ok(config)
    }

    /// The tenants and their staff: those of the seed file, or the shipped ones.
    pub fn seed(&self) -> Result<Seed, Error> {
        let Some(path) = &self.seed.file else { return Ok(Seed::shipped()) };
        let text = std::fs::read_to_string(path).map_err(|cause| Error::File {
            path: path.clone(),
            what: "the seed cannot be read",
            cause,
        })?;
        Seed::parse(&text)
    }

    /// What holds, as TOML, with secrets hidden.
    #[expect(
        clippy::expect_used,
        reason = "the sections hold nothing that TOML cannot, a test says"
    )]
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(self).expect("the configuration is plain tables, texts and numbers")
    }
}
