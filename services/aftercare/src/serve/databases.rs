//! The databases of the services in this process.

use std::{collections::BTreeMap, time::Duration};

use anyhow::{Context, Result, bail};
use config::Config;
use kernel::Ids;
use store::{
    Db, Migrations, Settings, Tx, meta,
    migrate::{Installation, State},
};

/// One database a service.
#[derive(Clone, Debug)]
pub(crate) struct Databases(BTreeMap<&'static str, Db>);

impl Databases {
    /// Connects to the databases of these services, making files that are not there.
    pub(crate) async fn open(config: &Config, services: &[&'static str]) -> Result<Self> {
        let mut databases = BTreeMap::new();
        for service in services {
            let settings = Settings {
                url: config.database_url(service),
                schema: (*service).to_owned(),
                max_connections: config.database.max_connections,
            };
            let url = &config.database.url;
            let db = Db::open(&settings).await;
            databases.insert(
                *service,
                db.with_context(|| {
                    format!("the database of {service} cannot be opened ({url:?})")
                })?,
            );
        }
        Ok(Self(databases))
    }

    /// The database of a service that runs here.
    pub(crate) fn of(&self, service: &str) -> Result<&Db> {
        self.0.get(service).with_context(|| format!("{service} does not run here"))
    }

    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'static str, &Db)> {
        self.0.iter().map(|(service, db)| (*service, db))
    }

    /// Brings all of them up to date, those apart that a later release has migrated.
    pub(crate) async fn migrate(&self, ids: &Ids) -> Result<()> {
        for (service, state) in self.states().await? {
            if state == State::Newer {
                continue;
            }
            let db = self.of(service)?;
            let installation = Installation::of(db.engine(), ids.next());
            store::migrate(db, &migrations(service), &installation).await.with_context(|| {
                format!("the database of {service} cannot be brought up to date")
            })?;
        }
        Ok(())
    }

    /// Refuses schemas that lack something; returns the services whose schema a later release has added
    /// to. This one may go on with them while its replicas are replaced.
    pub(crate) async fn must_be_usable(&self) -> Result<Vec<&'static str>> {
        let mut newer = Vec::new();
        for (service, state) in self.states().await? {
            match state {
                State::Ready => {}
                State::Pending => {
                    bail!("the database of {service} is behind; run `aftercare migrate`")
                }
                State::Newer => newer.push(service),
            }
        }
        Ok(newer)
    }

    /// Refuses schemas that are not those of this release.
    pub(crate) async fn must_be_ready(&self) -> Result<()> {
        if let Some(service) = self.must_be_usable().await?.first() {
            bail!("the database of {service} was migrated by a later release; run that one");
        }
        Ok(())
    }

    /// How each of them stands to this program.
    pub(crate) async fn states(&self) -> Result<Vec<(&'static str, State)>> {
        let mut states = Vec::new();
        for (service, db) in self.iter() {
            let state = store::check(db, &migrations(service)).await;
            states.push((
                service,
                state.with_context(|| format!("the database of {service} is not usable"))?,
            ));
        }
        Ok(states)
    }

    /// How far the trial that the data is from has moved its clock ahead; zero where it has not.
    pub(crate) async fn clock_offset(&self) -> Result<Duration> {
        let mut offset = 0;
        for (_, db) in self.iter() {
            offset = meta::clock_offset(db).await?.max(offset);
        }
        Ok(Duration::from_micros(offset.unsigned_abs()))
    }

    /// Opens a transaction on each, in the order of their names. They may take as long as they like.
    pub(crate) async fn begin(&self) -> Result<BTreeMap<&'static str, Tx>> {
        let mut open = BTreeMap::new();
        for (service, db) in self.iter() {
            let mut tx = db.begin().await?;
            tx.unhurried().await?;
            open.insert(service, tx);
        }
        Ok(open)
    }

    /// Closes the connections of all of them.
    pub(crate) async fn close(&self) {
        for (_, db) in self.iter() {
            db.close().await;
        }
    }
}

fn migrations(service: &str) -> Migrations {
    match service {
        "tickets" => Migrations::of(&tickets::migrations()),
        "customers" => customers::migrations(),
        "knowledge" => knowledge::migrations(),
        "surveys" => surveys::migrations(),
        gateway::NAME => gateway::migrations(),
        other => unreachable!("{other} is no service"),
    }
}
