//! `restore`: a backup comes back into an empty place.
//!
//! Every feed gets a new incarnation: it goes on from an earlier place than somebody outside may have
//! read to, and gives positions again. The consumers inside are of the same instant as their sources and
//! go on where they are, so that nothing is left out and nothing applies twice. Indexes are built anew
//! by themselves.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use config::Config;

use super::{
    KEY,
    disk::{Draft, must_be_empty, write_private},
    manifest::Manifest,
    unless_told,
};
use crate::{operate::feed::renew_all, progress::Progress, verify};

/// Arguments of `restore`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder of the backup.
    #[arg(long, value_name = "DIR")]
    from: PathBuf,
    /// Where to; the folder of the configuration's database where it is left out. Nothing may be there;
    /// where a volume is mounted, name a folder in it.
    #[arg(long, value_name = "DIR")]
    to: Option<PathBuf>,
}

/// Restores all services, or nothing.
pub(crate) async fn run(config: &Config, args: &Args) -> Result<()> {
    let configured = config.database.url.sqlite_folder().map(PathBuf::from);
    let Some(place) = args.to.clone().or(configured) else {
        bail!("the configuration has no folder of SQLite files: name one with `--to`");
    };
    must_be_empty(&place)?;
    let manifest = Manifest::read(&args.from)?;
    manifest.check(&args.from)?;
    unless_told(bring(config, args, &place, &manifest)).await
}

async fn bring(config: &Config, args: &Args, place: &Path, manifest: &Manifest) -> Result<()> {
    let draft = Draft::of(place)?;
    let progress = Progress::start("files", manifest.services.len());
    for part in manifest.services.values() {
        let (from, to) = (args.from.join(&part.file), draft.folder().join(&part.file));
        let copied = tokio::fs::copy(&from, &to).await;
        copied.with_context(|| format!("{} cannot be copied", from.display()))?;
        progress.step();
    }
    progress.end();
    // What was copied is what was checked.
    manifest.check(draft.folder())?;
    renew_all(&config.at_database(&verify::url(draft.folder()))).await?;
    let key = args.from.join(KEY);
    let has_key = key.is_file();
    if has_key {
        write_private(&draft.folder().join(KEY), &fs::read(&key)?)?;
    }
    draft.finish()?;
    println!("{} is as of {}", place.display(), manifest.taken_at);
    tell_key(config, has_key, &place.join(KEY), manifest);
    Ok(())
}

/// Says where the root key is to be, where it is not there.
fn tell_key(config: &Config, has_key: bool, restored: &Path, manifest: &Manifest) {
    if has_key {
        println!("the root key came with it: {}", restored.display());
        return;
    }
    let keys = manifest.root_keys();
    let known = config.root_keys().is_ok_and(|own| keys.iter().all(|key| own.has(key)));
    if !known {
        let file = config.keys.file.display();
        println!("before `serve`, bring the root key {} to {file}", keys.join(", "));
    }
}
