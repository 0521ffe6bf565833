//! A suite to measure: the real binary, all services in one process or the gateway apart, on a database
//! of its own.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

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
    /// The operators' port of the process with the public one.
    pub(crate) operators: String,
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
        let (program, ports) = home.serve(&[]).await?;
        home.open(program, &ports, None).await
    }

    /// The same on SQLite, in files of its own.
    pub(crate) async fn on_files(site: &Site) -> Result<Self> {
        let home = Home::at(site, "sqlite:data".to_owned())?;
        home.configure("")?;
        let (program, ports) = home.serve(&[]).await?;
        home.open(program, &ports, None).await
    }

    /// The same, with the gateway in one process and all other services in another.
    pub(crate) async fn apart(site: &Site, name: &str) -> Result<Self> {
        let home = Home::new(site, name).await?;
        home.configure("")?;
        let services = ["tickets", "customers", "knowledge", "surveys"];
        let (program, ports) = home.serve(&services).await?;
        let peer = ports.at("peers")?;
        let link = |service| format!("[services.{service}]\nlink = \"http://{peer}\"\n");
        home.configure(&services.map(link).concat())?;
        let (gateway, ports) = home.serve(&["gateway"]).await?;
        home.open(gateway, &ports, Some(Behind { program, peer })).await
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

/// Two processes with knowledge alone on one database, each with indexes of its own.
#[derive(Debug)]
pub(crate) struct Replicas {
    /// The connections to each of them.
    pub(crate) targets: [Target; 2],
    /// Their public ports.
    pub(crate) addresses: [String; 2],
    /// Their database.
    pub(crate) database: String,
    /// Somebody who may do everything in the tenant.
    pub(crate) admin: Voice,
    _programs: [Program; 2],
    _folder: TempDir,
}

impl Replicas {
    /// Starts both on a new database of this name. There is no gateway: each guards its own port.
    pub(crate) async fn start(site: &Site, name: &str) -> Result<Self> {
        let home = Home::new(site, name).await?;
        home.configure("[search]\nfolder = \"one\"\n")?;
        let (one, at_one) = home.serve(&["knowledge"]).await?;
        home.configure("[search]\nfolder = \"other\"\n")?;
        let (other, at_other) = home.serve(&["knowledge"]).await?;
        let addresses = [at_one.at("public")?, at_other.at("public")?];
        let targets =
            [Target::connect(&addresses[0]).await?, Target::connect(&addresses[1]).await?];
        let Home { site, database, folder } = home;
        let admin = token(site, folder.path(), &["--role", "admin"]).await?;
        Ok(Self { targets, addresses, database, admin, _programs: [one, other], _folder: folder })
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
        Self::at(site, database::create(&site.postgres, name).await?)
    }

    /// On this database.
    fn at(site: &'a Site, database: String) -> Result<Self> {
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

    /// Starts a process with these services, all where none is named, and says where it listens.
    async fn serve(&self, services: &[&str]) -> Result<(Program, Ports)> {
        let args = [&["serve"], services].concat();
        let mut program = Program::start(&self.site.aftercare, &args, self.folder.path())?;
        let mut ports = Ports::default();
        // It tells the operators' port last.
        while !ports.0.contains_key("admin") {
            let line = program.line().await.context("the suite does not start")?;
            let mut words = line.split_whitespace();
            if let (Some(name), Some(address)) = (words.next(), words.next()) {
                ports.0.insert(name.to_owned(), address.to_owned());
            }
        }
        Ok((program, ports))
    }

    /// Connects to a suite that runs here.
    async fn open(self, program: Program, ports: &Ports, behind: Option<Behind>) -> Result<Suite> {
        let (address, operators) = (ports.at("public")?, ports.at("admin")?);
        let Self { site, database, folder } = self;
        let admin = token(site, folder.path(), &["--role", "admin"]).await?;
        let mut agents = Vec::new();
        for n in 1..=AGENTS {
            let member = format!("agent-{n}");
            agents.push(token(site, folder.path(), &["--member", &member]).await?);
        }
        let target = Target::connect(&address).await?;
        Ok(Suite { program, behind, database, address, operators, target, admin, agents, folder })
    }
}

/// Where a process listens, by the names that it tells.
#[derive(Debug, Default)]
struct Ports(HashMap<String, String>);

impl Ports {
    fn at(&self, name: &str) -> Result<String> {
        self.0.get(name).cloned().with_context(|| format!("there is no port for {name}"))
    }
}

async fn token(site: &Site, folder: &Path, who: &[&str]) -> Result<Voice> {
    let args = [&["token"], who].concat();
    voice(&Program::ask(&site.aftercare, &args, folder).await?)
}
