//! `migrate copy`: from the SQLite files of all services to one PostgreSQL.
//!
//! Nobody writes meanwhile: the write locks of all files are held, so that nothing is acknowledged that
//! would not come along. What was copied is read back and compared before anything is committed.

use std::{collections::BTreeMap, process::ExitCode, time::Duration};

use anyhow::{Context, Result, bail};
use config::{Config, SERVICES};
use kernel::{Clock, Ids};
use store::{
    Engine,
    copy::{self, Places},
    meta,
    migrate::Installation,
};

use crate::{progress::Progress, serve::Databases, verify};

/// Arguments of `migrate copy`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The folder of the files, such as `sqlite:./data`.
    #[arg(long, value_name = "URL")]
    from: String,
    /// The database, such as `postgres://USER:PASSWORD@HOST/DATABASE`; the configuration's where it is
    /// left out.
    #[arg(long, value_name = "URL")]
    to: Option<String>,
}

/// Copies and then verifies; the exit code is 1 where the copy is not whole.
pub(super) async fn run(config: &Config, args: &Args) -> Result<ExitCode> {
    let from = config.at_database(&args.from);
    let to = args.to.as_ref().map_or_else(|| config.clone(), |to| config.at_database(to));
    if from.database.url.sqlite_folder().is_none() {
        bail!("`--from` is to be the folder of SQLite files, such as sqlite:./data");
    }
    if to.database.url.sqlite_folder().is_some() {
        bail!("`--to` is to be a PostgreSQL, such as postgres://me@db/aftercare");
    }
    verify::must_be_there(&from)?;
    let sources = Databases::open(&from, &SERVICES).await?;
    sources.must_be_ready().await?;
    tell_clock(&to, sources.clock_offset().await?)?;
    let ids = Ids::random(Clock::system());
    let targets = Databases::open(&to, &SERVICES).await?;
    targets.migrate(&ids).await?;
    let keys = keys(&sources).await?;
    copy_all(&sources, &targets, &ids).await?;
    sources.close().await;
    targets.close().await;
    let code = verify::report(&to).await?;
    if code == ExitCode::SUCCESS {
        println!(
            "copied; serve it with `database.url` and the same root key ({})",
            keys.join(", ")
        );
    }
    Ok(code)
}

/// Says what becomes of data whose clock was moved ahead, and keeps it out of production.
fn tell_clock(to: &Config, offset: Duration) -> Result<()> {
    if offset.is_zero() {
        return Ok(());
    }
    let ahead = config::duration::format(offset);
    let told = format!("this data is from a trial whose clock was moved ahead by {ahead}");
    if to.environment.production {
        bail!("{told}; production goes by real time");
    }
    if !to.virtual_clock() {
        eprintln!("aftercare: {told}; once copied it is served with `clock.virtual` alone");
    }
    Ok(())
}

/// The names of the root keys that the data is sealed by.
async fn keys(sources: &Databases) -> Result<Vec<String>> {
    let mut keys = Vec::new();
    for (_, db) in sources.iter() {
        keys.extend(meta::root_key(db).await?);
    }
    keys.sort_unstable();
    keys.dedup();
    Ok(keys)
}

async fn copy_all(sources: &Databases, targets: &Databases, ids: &Ids) -> Result<()> {
    let mut from =
        sources.begin().await.context("the files cannot be held: stop the suite first")?;
    let mut to = targets.begin().await?;
    let (mut places, mut rows) = (BTreeMap::new(), 0);
    for (service, source) in &mut from {
        let target = to.get_mut(service).with_context(|| format!("{service} is not open"))?;
        let place = || format!("{service} cannot be copied");
        rows += copy::rows(source, target).await.with_context(place)?;
        let installed = Installation::of(Engine::Postgres, ids.next());
        let of = Places::of(source, installed.partitions, installed.incarnation).await;
        places.insert(*service, of.with_context(place)?);
    }
    let progress = Progress::start("rows", usize::try_from(rows).unwrap_or(usize::MAX));
    let mut copied = Vec::new();
    for (service, source) in &mut from {
        let target = to.get_mut(service).with_context(|| format!("{service} is not open"))?;
        let tables = copy::service(source, target, service, &places, |more| progress.add(more));
        let tables = tables.await.with_context(|| format!("{service} was not copied"))?;
        copied.push((*service, tables));
    }
    progress.end();
    for (service, target) in to {
        target.commit().await.with_context(|| {
            format!("{service} was not copied; drop the schemas of all services and copy again")
        })?;
    }
    for (service, tables) in copied {
        let rows: u64 = tables.iter().map(|(_, digest)| digest.rows).sum();
        println!("{service}: {rows} rows in {} tables, read back alike", tables.len());
    }
    for (_, source) in from {
        source.rollback().await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use store::transact;

    use super::*;

    #[tokio::test]
    async fn data_whose_clock_was_moved_does_not_come_into_production() {
        let folder = tempfile::tempdir().unwrap();
        let key = kernel::keys::RootKeys::generate();
        let env = [
            ("ENVIRONMENT__PRODUCTION", "true"),
            ("IDENTITY__LOCAL_ISSUER", "false"),
            ("KEYS__ROOT", key.as_str()),
            ("DATABASE__URL", "postgres://nobody@127.0.0.1:1/nowhere"),
        ];
        let env: HashMap<_, _> =
            env.map(|(key, value)| (format!("AFTERCARE__{key}"), value.to_owned())).into();
        let config = Config::load(None, env).unwrap();
        let from = verify::url(folder.path());
        let sources = Databases::open(&config.at_database(&from), &SERVICES).await.unwrap();
        sources.migrate(&Ids::random(Clock::system())).await.unwrap();
        let tickets = sources.of("tickets").unwrap();
        transact!(tickets, "test", |tx| meta::raise_clock_offset(tx, 7_200_000_000).await).unwrap();
        sources.close().await;
        let refused = run(&config, &Args { from, to: None }).await.unwrap_err().to_string();
        assert!(refused.contains("moved ahead by 2h"), "{refused}");
    }
}
