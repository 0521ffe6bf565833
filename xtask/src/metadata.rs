//! What `cargo metadata` says about this workspace

use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::shell::Shell;

/// The target directory and every package that is built or may be.
pub(crate) struct Metadata {
    pub(crate) target: PathBuf,
    pub(crate) packages: Vec<Package>,
}

/// One package of the lockfile.
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The SPDX expression; none when the manifest has only a licence file, or nothing.
    pub(crate) license: Option<String>,
}

impl Metadata {
    /// Asks cargo.
    pub(crate) fn read(shell: &Shell) -> Result<Self> {
        let output = shell
            .command("cargo")
            .args(["metadata", "--format-version", "1", "--quiet"])
            .output()
            .context("cannot start cargo")?;
        anyhow::ensure!(
            output.status.success(),
            "cargo metadata: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Self::parse(&serde_json::from_slice(&output.stdout)?)
    }

    fn parse(value: &Value) -> Result<Self> {
        let text = |v: &Value, key: &str| v[key].as_str().map(str::to_owned);
        let mut packages = Vec::new();
        for package in value["packages"].as_array().context("no packages in cargo metadata")? {
            packages.push(Package {
                name: text(package, "name").context("a package without a name")?,
                version: text(package, "version").context("a package without a version")?,
                license: text(package, "license"),
            });
        }
        let target = text(value, "target_directory").context("no target directory")?;
        Ok(Self { target: PathBuf::from(target), packages })
    }
}
