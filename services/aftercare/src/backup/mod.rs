//! `backup`: the SQLite files of all services as they all are at one instant, while the suite runs.
//!
//! # Invariants
//! - Whatever was acknowledged before it began is in it, and no consumer in it is ahead of its source
//!   ([`store::snapshot`]). Writers wait a moment, none is refused.
//! - The folder is there whole, checked and on the disk, or not at all.
//! - The root key is in it only where that was asked for: a backup without it cannot be read by who
//!   finds it.

mod disk;
mod manifest;
pub(crate) mod restore;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use config::{Config, SERVICES};
use kernel::Clock;
use store::snapshot::{self, Original};

use crate::{progress::Progress, serve::Signals, verify};
use disk::{Draft, write_private};
use manifest::Manifest;

/// The root key in a backup.
const KEY: &str = "root.key";

/// Arguments of `backup`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder that is made; nothing may be there yet.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Put the root key into it, too: who has the backup can then read everything.
    #[arg(long)]
    with_key: bool,
}

/// Makes a backup beside the running suite.
pub(crate) async fn run(config: &Config, args: &Args) -> Result<()> {
    let Some(data) = config.database.url.sqlite_folder() else {
        bail!("PostgreSQL has backups of its own; the README says how (\"Backups\")");
    };
    if args.to.exists() {
        bail!("{} is there already: name a folder that is not", args.to.display());
    }
    verify::must_be_there(config)?;
    unless_told(make(config, args, Path::new(data))).await
}

/// Does the work unless the process is told to stop: it is then dropped, and with it what was begun.
async fn unless_told(work: impl Future<Output = Result<()>>) -> Result<()> {
    let mut signals = Signals::catch()?;
    tokio::select! {
        done = work => done,
        () = signals.next() => bail!("it was told to stop, and has left nothing behind"),
    }
}

async fn make(config: &Config, args: &Args, data: &Path) -> Result<()> {
    let draft = Draft::of(&args.to)?;
    let taken_at = Clock::system().real_now().to_string();
    copy(data, draft.folder()).await?;
    let copies = config.at_database(&verify::url(draft.folder()));
    let manifest = Manifest::of(&copies, draft.folder(), taken_at).await?;
    if args.with_key {
        write_private(&draft.folder().join(KEY), format!("{}\n", root(config)?).as_bytes())?;
    }
    manifest.write(draft.folder())?;
    draft.finish()?;
    println!("{} is as of {}", args.to.display(), manifest.taken_at);
    tell_keys(config, args.with_key, &manifest);
    Ok(())
}

/// Copies the files of all services, in the order of their names, into a folder.
async fn copy(data: &Path, folder: &Path) -> Result<()> {
    let mut services = SERVICES;
    services.sort_unstable();
    let originals = services.map(|service| {
        let name = format!("{service}.db");
        Original { file: data.join(&name), copy: folder.join(&name) }
    });
    let failed = || format!("{} cannot be copied", data.display());
    let mut snapshots = snapshot::take(&originals).await.with_context(failed)?;
    let mut rows = 0;
    for snapshot in &mut snapshots {
        rows += snapshot.rows().await.with_context(failed)?;
    }
    let progress = Progress::start("rows", usize::try_from(rows).unwrap_or(usize::MAX));
    for snapshot in snapshots {
        snapshot.copy(|more| progress.add(more)).await.with_context(failed)?;
    }
    progress.end();
    Ok(())
}

/// The current root key, as its file has it.
fn root(config: &Config) -> Result<String> {
    // Read once as keys, so that what is no key is refused.
    config.root_keys().context("the root key cannot be put into the backup")?;
    match &config.keys.root {
        Some(root) => Ok(root.reveal().to_owned()),
        None => Ok(std::fs::read_to_string(&config.keys.file)?.trim().to_owned()),
    }
}

/// Says which keys are to be kept elsewhere.
fn tell_keys(config: &Config, with_key: bool, manifest: &Manifest) {
    let keys = manifest.root_keys().join(", ");
    if !with_key {
        println!(
            "it cannot be read without the root key ({keys}), which is to be kept apart from it"
        );
    }
    let more = config.keys.retired.0.len() + config.keys.changing.0.len();
    if more > 0 {
        println!("{more} more keys of the configuration are to be kept with the root key");
    }
}
