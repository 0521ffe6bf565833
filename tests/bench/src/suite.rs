//! A suite to measure: the real binary, all services in one process, on a database of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{
    database,
    load::{Target, Voice, voice},
    program::Program,
};

const SEED: &str = include_str!("../seed.toml");
/// The agents of the seed.
pub(crate) const AGENTS: usize = 8;

/// What is measured, and where its data goes.
#[derive(Clone, Debug)]
pub(crate) struct Site {
    /// The binary.
    pub(crate) aftercare: PathBuf,
    /// Where PostgreSQL's superuser connects.
    pub(crate) postgres: String,
}

/// A running suite.
#[derive(Debug)]
pub(crate) struct Suite {
    program: Program,
    /// Its database.
    pub(crate) database: String,
    /// The connections to its public port.
    pub(crate) target: Target,
    /// Somebody who may do everything in the tenant.
    pub(crate) admin: Voice,
    /// The agents.
    pub(crate) agents: Vec<Voice>,
    folder: TempDir,
}

impl Suite {
    /// Starts a suite on a new database of this name.
    pub(crate) async fn start(site: &Site, name: &str) -> Result<Self> {
        let database = database::create(&site.postgres, name).await?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("seed.toml"), SEED)?;
        let config = format!(
            "[server]\npublic = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
             [database]\nurl = \"{database}\"\n\
             [keys]\nfile = \"root.key\"\n\
             [seed]\nfile = \"seed.toml\"\n\
             [limits]\ntenant_rate = 100000\ntenant_burst = 100000\n\
             credential_rate = 100000\ncredential_burst = 100000\n\
             [log]\nlevel = \"warn\"\n"
        );
        std::fs::write(folder.path().join("aftercare.toml"), config)?;

        let mut program = Program::start(&site.aftercare, &["serve"], folder.path())?;
        let address = loop {
            let line = program.line().await.context("the suite does not start")?;
            let mut words = line.split_whitespace();
            if let (Some("public"), Some(address)) = (words.next(), words.next()) {
                break address.to_owned();
            }
        };
        let admin = token(site, folder.path(), &["--role", "admin"]).await?;
        let mut agents = Vec::new();
        for n in 1..=AGENTS {
            let member = format!("agent-{n}");
            agents.push(token(site, folder.path(), &["--member", &member]).await?);
        }
        let target = Target::connect(&address).await?;
        Ok(Self { program, database, target, admin, agents, folder })
    }

    /// The process.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.program.pid()
    }

    /// A folder of its own.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

async fn token(site: &Site, folder: &Path, who: &[&str]) -> Result<Voice> {
    let args = [&["token"], who].concat();
    voice(&Program::ask(&site.aftercare, &args, folder).await?)
}
