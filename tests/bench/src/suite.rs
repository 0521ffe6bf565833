//! A suite to measure: the real binary, all services in one process or the gateway apart, on a database
//! of its own.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::{
    database,
    load::{Target, Voice, voice},
    program::Program,
};

const SEED: &str = include_str!("../seed.toml");
const KEY: &str = "root.key";
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
    behind: Option<Behind>,
    /// Its database.
    pub(crate) database: String,
    /// Its public port.
    pub(crate) address: String,
    /// The connections to its public port.
    pub(crate) target: Target,
    /// Somebody who may do everything in the tenant.
    pub(crate) admin: Voice,
    /// The agents.
    pub(crate) agents: Vec<Voice>,
    folder: TempDir,
}

/// The services of a suite whose gateway is apart.
#[derive(Debug)]
pub(crate) struct Behind {
    program: Program,
    /// Where they take call tokens.
    pub(crate) peer: String,
}

impl Behind {
    /// The process.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.program.pid()
    }
}

impl Suite {
    /// Starts a suite on a new database of this name.
    pub(crate) async fn start(site: &Site, name: &str) -> Result<Self> {
        let home = Home::new(site, name).await?;
        home.configure("")?;
        let (program, address) = home.serve(&[], "public").await?;
        home.open(program, address, None).await
    }

    /// The same, with the gateway in one process and all other services in another.
    pub(crate) async fn apart(site: &Site, name: &str) -> Result<Self> {
        let home = Home::new(site, name).await?;
        home.configure("")?;
        let services = ["tickets", "customers", "knowledge"];
        let (program, peer) = home.serve(&services, "peers").await?;
        let link = |service| format!("[services.{service}]\nlink = \"http://{peer}\"\n");
        home.configure(&services.map(link).concat())?;
        let (gateway, address) = home.serve(&["gateway"], "public").await?;
        home.open(gateway, address, Some(Behind { program, peer })).await
    }

    /// The process of the public port.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.program.pid()
    }

    /// What is behind the gateway, where that is apart.
    pub(crate) fn behind(&self) -> Result<&Behind> {
        self.behind.as_ref().context("the gateway is not apart")
    }

    /// A folder of its own.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The file of its root key.
    pub(crate) fn key(&self) -> PathBuf {
        self.folder.path().join(KEY)
    }
}

/// Where a suite is installed.
struct Home<'a> {
    site: &'a Site,
    database: String,
    folder: TempDir,
}

impl<'a> Home<'a> {
    async fn new(site: &'a Site, name: &str) -> Result<Self> {
        let database = database::create(&site.postgres, name).await?;
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("seed.toml"), SEED)?;
        Ok(Self { site, database, folder })
    }

    /// Writes the configuration, with `more` at its end.
    fn configure(&self, more: &str) -> Result<()> {
        let database = &self.database;
        let config = format!(
            "[server]\npublic = \"127.0.0.1:0\"\npeer = \"127.0.0.1:0\"\nadmin = \"127.0.0.1:0\"\n\
             [database]\nurl = \"{database}\"\n\
             [keys]\nfile = \"{KEY}\"\n\
             [seed]\nfile = \"seed.toml\"\n\
             [limits]\ntenant_rate = 100000\ntenant_burst = 100000\n\
             credential_rate = 100000\ncredential_burst = 100000\n\
             [log]\nlevel = \"warn\"\n{more}"
        );
        Ok(std::fs::write(self.folder.path().join("aftercare.toml"), config)?)
    }

    /// Starts a process with these services, all where none is named, and gives the address of one of
    /// its ports.
    async fn serve(&self, services: &[&str], port: &str) -> Result<(Program, String)> {
        let args = [&["serve"], services].concat();
        let mut program = Program::start(&self.site.aftercare, &args, self.folder.path())?;
        loop {
            let line = program.line().await.context("the suite does not start")?;
            let mut words = line.split_whitespace();
            if let (Some(name), Some(address)) = (words.next(), words.next())
                && name == port
            {
                return Ok((program, address.to_owned()));
            }
        }
    }

    /// Connects to a suite that runs here.
    async fn open(
        self,
        program: Program,
        address: String,
        behind: Option<Behind>,
    ) -> Result<Suite> {
        let Self { site, database, folder } = self;
        let admin = token(site, folder.path(), &["--role", "admin"]).await?;
        let mut agents = Vec::new();
        for n in 1..=AGENTS {
            let member = format!("agent-{n}");
            agents.push(token(site, folder.path(), &["--member", &member]).await?);
        }
        let target = Target::connect(&address).await?;
        Ok(Suite { program, behind, database, address, target, admin, agents, folder })
    }
}

async fn token(site: &Site, folder: &Path, who: &[&str]) -> Result<Voice> {
    let args = [&["token"], who].concat();
    voice(&Program::ask(&site.aftercare, &args, folder).await?)
}
