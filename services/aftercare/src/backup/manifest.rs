//! What a backup says of itself: which files it has, what is in them, and how to tell that they are as
//! they were.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs::{self, File},
    io::Read as _,
    path::Path,
};

use anyhow::{Context, Result, bail};
use config::Config;
use feed::Source;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::{Db, meta, migrate};

use crate::{serve::Databases, verify};

/// The file's name.
pub(super) const NAME: &str = "backup.json";
/// The form of the file that this program writes and reads.
const FORMAT: u32 = 1;

/// A backup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// The release that made it.
    aftercare: String,
    /// Whatever was acknowledged before is in it, by the machine's clock.
    pub(super) taken_at: String,
    /// By service.
    pub(super) services: BTreeMap<String, Part>,
}

/// What is there of one service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Part {
    /// The file's name.
    pub(super) file: String,
    bytes: u64,
    sha256: String,
    /// The migrations that were applied.
    migrations: Vec<i64>,
    /// The feed's incarnation, and the last and the last pruned position of each partition.
    incarnation: String,
    heads: Vec<i64>,
    tails: Vec<i64>,
    /// The name of the root key that the data is sealed by.
    pub(super) root_key: Option<String>,
}

impl Manifest {
    /// Describes the copies in a folder, of which `config` is the configuration. Each is looked at whole.
    pub(super) async fn of(config: &Config, folder: &Path, taken_at: String) -> Result<Self> {
        let databases = Databases::open(config, &config::SERVICES).await?;
        let mut facts = BTreeMap::new();
        for (service, db) in databases.iter() {
            facts.insert(service, Facts::of(db, service).await?);
        }
        databases.close().await;
        let mut services = BTreeMap::new();
        for (service, facts) in facts {
            let file = format!("{service}.db");
            let (bytes, sha256) = checksum(&folder.join(&file))?;
            let Facts { migrations, heads, root_key } = facts;
            let incarnation = heads.incarnation.to_string();
            let (heads, tails) = (heads.heads, heads.tails);
            let part =
                Part { file, bytes, sha256, migrations, incarnation, heads, tails, root_key };
            services.insert(service.to_owned(), part);
        }
        let aftercare = env!("CARGO_PKG_VERSION").to_owned();
        Ok(Self { format: FORMAT, aftercare, taken_at, services })
    }

    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(self)?;
        let path = folder.join(NAME);
        super::disk::write_private(&path, format!("{text}\n").as_bytes())
    }

    /// Reads the manifest of a backup that has all services.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let path = folder.join(NAME);
        let text = fs::read_to_string(&path)
            .with_context(|| format!("{} cannot be read: is this a backup?", path.display()))?;
        let manifest = Self::parse(&text);
        manifest.with_context(|| format!("{} is not to be used", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let manifest: Self = serde_json::from_str(text).context("it is no manifest")?;
        if manifest.format != FORMAT {
            bail!("it has the form {}, this release reads {FORMAT}", manifest.format);
        }
        for service in config::SERVICES {
            let part = manifest.services.get(service);
            let part = part.with_context(|| format!("it has nothing of {service}"))?;
            if part.file != format!("{service}.db") {
                bail!("it names another file for {service}");
            }
        }
        Ok(manifest)
    }

    /// Refuses files that are not as they were written.
    pub(super) fn check(&self, folder: &Path) -> Result<()> {
        for part in self.services.values() {
            let path = folder.join(&part.file);
            let (bytes, sha256) = checksum(&path)?;
            if bytes != part.bytes || sha256 != part.sha256 {
                bail!("{} is not as it was written: the backup is damaged", path.display());
            }
        }
        Ok(())
    }

    /// The names of the root keys that the data is sealed by.
    pub(super) fn root_keys(&self) -> Vec<&str> {
        let keys = self.services.values().filter_map(|part| part.root_key.as_deref());
        let mut keys: Vec<_> = keys.collect();
        keys.sort_unstable();
        keys.dedup();
        keys
    }
}

/// What a database tells of itself.
struct Facts {
    migrations: Vec<i64>,
    heads: feed::Heads,
    root_key: Option<String>,
}

impl Facts {
    async fn of(db: &Db, service: &str) -> Result<Self> {
        let file = verify::feeds::file(db, service).await?;
        if file.is_wrong() {
            bail!("the data of {service} is damaged: {}", file.example());
        }
        let heads = Source::new(service, db.clone()).heads().await;
        Ok(Self {
            migrations: migrate::applied(db).await?,
            heads: heads.with_context(|| format!("{service} has no feed; run `migrate` first"))?,
            root_key: meta::root_key(db).await?,
        })
    }
}

/// The length of a file and its SHA-256 in hexadecimal digits.
fn checksum(path: &Path) -> Result<(u64, String)> {
    let place = || format!("{} cannot be read", path.display());
    let mut file = File::open(path).with_context(place)?;
    let (mut hash, mut bytes, mut buffer) = (Sha256::new(), 0, vec![0; 1 << 20]);
    loop {
        let read = file.read(&mut buffer).with_context(place)?;
        if read == 0 {
            break;
        }
        hash.update(&buffer[..read]);
        bytes += read as u64;
    }
    let mut digits = String::new();
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(digits, "{byte:02x}");
    }
    Ok((bytes, digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(folder: &Path) -> Manifest {
        let parts = config::SERVICES.map(|service| {
            let file = format!("{service}.db");
            fs::write(folder.join(&file), service).unwrap();
            let (bytes, sha256) = checksum(&folder.join(&file)).unwrap();
            let part = Part {
                file,
                bytes,
                sha256,
                migrations: vec![1, 100],
                incarnation: "019ab000-0000-7000-8000-000000000001".to_owned(),
                heads: vec![7],
                tails: vec![0],
                root_key: Some("a1".to_owned()),
            };
            (service.to_owned(), part)
        });
        let taken_at = "2026-11-27T12:00:00Z".to_owned();
        Manifest { format: FORMAT, aftercare: "0.1.0".to_owned(), taken_at, services: parts.into() }
    }

    #[test]
    fn what_is_written_is_read_and_a_changed_byte_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let written = manifest(folder.path());
        written.write(folder.path()).unwrap();
        let read = Manifest::read(folder.path()).unwrap();
        assert_eq!(read, written);
        assert_eq!(read.root_keys(), ["a1"]);
        read.check(folder.path()).unwrap();
        fs::write(folder.path().join("tickets.db"), "tickeds").unwrap();
        assert!(read.check(folder.path()).unwrap_err().to_string().contains("tickets.db"));
    }

    #[test]
    fn what_this_release_does_not_know_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let good = manifest(folder.path());
        let refused = |change: &dyn Fn(&mut Manifest)| {
            let mut wrong = good.clone();
            change(&mut wrong);
            Manifest::parse(&serde_json::to_string(&wrong).unwrap()).unwrap_err().to_string()
        };
        assert!(refused(&|wrong| wrong.format = 2).contains("form 2"));
        assert!(refused(&|wrong| drop(wrong.services.remove("surveys"))).contains("surveys"));
        let elsewhere = |wrong: &mut Manifest| {
            wrong.services.get_mut("tickets").unwrap().file = "../tickets.db".to_owned();
        };
        assert!(refused(&elsewhere).contains("another file"));
        assert!(Manifest::parse("{}").is_err());
    }
}
