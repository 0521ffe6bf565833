//! The sections of the configuration. What each key means is said once, in `aftercare.toml`.
#![expect(missing_docs, reason = "every key is documented in aftercare.toml, the shipped file")]

use std::{
    collections::BTreeMap,
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use calendar::Hours;
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{SeqAccess, Visitor},
};

use crate::{DatabaseUrl, Oidc, Secret};

/// The services that the binary can run.
pub const SERVICES: [&str; 5] = [GATEWAY, "tickets", "customers", "knowledge", "surveys"];
/// The one that clients come in by.
const GATEWAY: &str = "gateway";

/// Everything that an operator sets.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub environment: Environment,
    pub server: Server,
    /// By service; see [`SERVICES`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub services: BTreeMap<String, Service>,
    pub database: Database,
    pub keys: Keys,
    pub clock: Clock,
    pub log: Log,
    pub telemetry: Telemetry,
    pub identity: Identity,
    /// By role.
    #[serde(default)]
    pub roles: BTreeMap<String, List>,
    pub seed: SeedFile,
    pub audit: Audit,
    pub search: Search,
    pub contact: Contact,
    pub limits: Limits,
    pub drain: Drain,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    pub production: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    pub public: SocketAddr,
    pub peer: Option<SocketAddr>,
    pub admin: SocketAddr,
    pub proxies: u8,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub public: Option<SocketAddr>,
    pub peer: Option<SocketAddr>,
    pub admin: Option<SocketAddr>,
    pub link: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    pub url: DatabaseUrl,
    pub max_connections: u32,
    pub migrate: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Keys {
    pub root: Option<Secret>,
    pub file: PathBuf,
    #[serde(default)]
    pub retired: List<Secret>,
    #[serde(default)]
    pub changing: List<Secret>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Clock {
    #[serde(rename = "virtual")]
    pub is_virtual: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    pub format: LogFormat,
    pub level: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LogFormat {
    Text,
    Json,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    pub otlp: Option<String>,
    pub sampling_ratio: f64,
    pub trust_client_sampling: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    pub local_issuer: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub oidc: Vec<Oidc>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SeedFile {
    pub file: Option<PathBuf>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    #[serde(with = "crate::duration")]
    pub retention: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Audit {
    #[serde(with = "crate::duration")]
    pub retention: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Contact {
    pub cap: u16,
    #[serde(with = "crate::duration")]
    pub cap_period: Duration,
    pub quiet_hours: String,
    #[serde(with = "crate::duration")]
    pub grant: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    #[serde(with = "crate::duration")]
    pub connection_age: Duration,
    pub tenant_rate: u32,
    pub tenant_burst: u32,
    pub credential_rate: u32,
    pub credential_burst: u32,
    pub visitor_rate: u32,
    pub visitor_burst: u32,
    pub calls_at_once: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Drain {
    #[serde(with = "crate::duration")]
    pub delay: Duration,
    #[serde(with = "crate::duration")]
    pub grace: Duration,
}

/// A list: one of the file, or a text of the environment with commas in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct List<T = String>(pub Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de> + for<'a> From<&'a str>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Either<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de> + for<'a> From<&'a str>> Visitor<'de> for Either<T> {
            type Value = List<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list, or a text with commas")
            }

            fn visit_str<E>(self, text: &str) -> Result<List<T>, E> {
                let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
                Ok(List(parts.map(T::from).collect()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<T>, A::Error> {
                let mut list = Vec::new();
                while let Some(part) = seq.next_element()? {
                    list.push(part);
                }
                Ok(List(list))
            }
        }

        from.deserialize_any(Either(std::marker::PhantomData))
    }
}

/// Where a process listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Addresses {
    /// For clients; `None` where they come by way of a gateway in another process.
    pub public: Option<SocketAddr>,
    /// For the other processes of the suite.
    pub peer: Option<SocketAddr>,
    /// For operators.
    pub admin: SocketAddr,
}

impl Contact {
    /// The quiet hours; `None` where there are none.
    pub fn quiet_hours(&self) -> Option<Hours> {
        (self.quiet_hours != "none").then(|| Hours::from(self.quiet_hours.clone()))
    }
}

impl Config {
    /// Where a process that runs these services listens: a single one goes by its own section first.
    pub fn addresses(&self, running: &[&str]) -> Addresses {
        let own = match running {
            [one] => self.services.get(*one).cloned().unwrap_or_default(),
            _ => Service::default(),
        };
        let is_door = running.contains(&GATEWAY) || self.link(GATEWAY).is_none();
        Addresses {
            public: is_door.then(|| own.public.unwrap_or(self.server.public)),
            peer: own.peer.or(self.server.peer),
            admin: own.admin.unwrap_or(self.server.admin),
        }
    }

    /// Where a service that runs in another process is reached.
    pub fn link(&self, service: &str) -> Option<&str> {
        self.services.get(service)?.link.as_deref()
    }

    /// Every address that any process of this file listens on, with its path.
    pub(crate) fn binds(&self) -> Vec<(String, SocketAddr)> {
        let mut binds = vec![
            ("server.public".to_owned(), self.server.public),
            ("server.admin".to_owned(), self.server.admin),
        ];
        binds.extend(self.server.peer.map(|address| ("server.peer".to_owned(), address)));
        for (name, service) in &self.services {
            let public = self.addresses(&[name.as_str()]).public.and(service.public);
            let parts = [("public", public), ("peer", service.peer), ("admin", service.admin)];
            for (key, address) in parts {
                binds.extend(address.map(|address| (format!("services.{name}.{key}"), address)));
            }
        }
        binds
    }

    /// Whether this is a trial on one machine: SQLite, loopback addresses, not production.
    pub fn embedded(&self) -> bool {
        let loopback = self.binds().iter().all(|(_, address)| address.ip().is_loopback());
        let sqlite = self.database.url.sqlite_folder().is_some();
        sqlite && loopback && !self.environment.production
    }

    /// Whether the suite's time may be moved.
    pub fn virtual_clock(&self) -> bool {
        self.clock.is_virtual.unwrap_or_else(|| self.embedded())
    }

    /// The folder of this process's indexes.
    pub fn search_folder(&self) -> PathBuf {
        let beside = self.database.url.sqlite_folder().unwrap_or("data");
        self.search.folder.clone().unwrap_or_else(|| Path::new(beside).join("search"))
    }

    /// The same configuration with another database.
    #[must_use]
    pub fn at_database(&self, url: &str) -> Self {
        let database = Database { url: url.into(), ..self.database.clone() };
        Self { database, ..self.clone() }
    }

    /// Where one service's database is: a file in the folder, or the database that has its schema.
    pub fn database_url(&self, service: &str) -> String {
        match self.database.url.sqlite_folder() {
            Some(folder) => {
                format!("sqlite:{}", Path::new(folder).join(format!("{service}.db")).display())
            }
            None => self.database.url.reveal().to_owned(),
        }
    }
}
