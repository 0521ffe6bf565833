//! Folders that are there whole or not at all.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};

/// A folder that is being filled, beside the place that it is for. Dropped before it is finished, it is
/// removed.
#[derive(Debug)]
pub(super) struct Draft {
    folder: PathBuf,
    parent: PathBuf,
    place: PathBuf,
    finished: bool,
}

impl Draft {
    /// An empty one for a place where nothing is yet.
    pub(super) fn of(place: &Path) -> Result<Self> {
        let place = std::path::absolute(place)?;
        let (Some(parent), Some(name)) = (place.parent(), place.file_name()) else {
            bail!("{} is no place for a folder", place.display());
        };
        let name = format!(".{}.{}", name.to_string_lossy(), std::process::id());
        let (parent, folder) = (parent.to_owned(), parent.join(name));
        let failed = || format!("{} cannot be made", folder.display());
        let mut private = DirBuilder::new();
        private.mode(0o700).recursive(true).create(&parent).with_context(failed)?;
        private.recursive(false).create(&folder).with_context(failed)?;
        Ok(Self { folder, parent, place, finished: false })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Brings everything to the disk for good and puts the folder into its place.
    pub(super) fn finish(mut self) -> Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            let synced = File::open(&path).and_then(|file| file.sync_all());
            synced.with_context(|| format!("{} is not on the disk", path.display()))?;
        }
        sync(&self.folder)?;
        let failed = || format!("{} cannot be put into its place", self.place.display());
        fs::rename(&self.folder, &self.place).with_context(failed)?;
        self.finished = true;
        sync(&self.parent)
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if !self.finished {
            // What stays behind is hidden beside the place, and nothing goes by it.
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

/// Refuses a place where anything is; an empty folder is nothing.
pub(super) fn must_be_empty(place: &Path) -> Result<()> {
    let failed = || format!("{} cannot be used", place.display());
    let found = match fs::read_dir(place) {
        Ok(mut entries) => entries.next().transpose().with_context(failed)?,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(error).with_context(failed),
    };
    if found.is_some() {
        bail!("{} is not empty: name a place where nothing is", place.display());
    }
    Ok(())
}

/// Writes a file that its owner alone reads.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> Result<()> {
    let failed = || format!("{} cannot be written", path.display());
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(bytes)).with_context(failed)
}

fn sync(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("{} is not on the disk", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_there_whole_or_not_at_all() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("a/b");
        let draft = Draft::of(&place).unwrap();
        write_private(&draft.folder().join("x"), b"1").unwrap();
        drop(draft);
        assert_eq!(fs::read_dir(home.path().join("a")).unwrap().count(), 0);

        let draft = Draft::of(&place).unwrap();
        write_private(&draft.folder().join("x"), b"1").unwrap();
        assert!(!place.exists());
        draft.finish().unwrap();
        assert_eq!(fs::read(place.join("x")).unwrap(), b"1");
        assert!(must_be_empty(&place).unwrap_err().to_string().contains("not empty"));
    }

    #[test]
    fn an_empty_folder_is_nothing() {
        let home = tempfile::tempdir().unwrap();
        let place = home.path().join("data");
        must_be_empty(&place).unwrap();
        fs::create_dir(&place).unwrap();
        must_be_empty(&place).unwrap();
        let draft = Draft::of(&place).unwrap();
        write_private(&draft.folder().join("x"), b"1").unwrap();
        draft.finish().unwrap();
        assert!(place.join("x").is_file());
    }
}
