//! Folders that are there whole or not at all.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use kernel::{Clock, Ids};

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
    /// An empty one for a place where nothing is yet. An empty folder that is there is taken away, which
    /// tells at once whether the draft can come into its place; where a link leads to it, it is the
    /// folder's.
    pub(super) fn of(place: &Path) -> Result<Self> {
        let used = || format!("{} cannot be used", place.display());
        let there = fs::symlink_metadata(place).is_ok();
        let place = if there { fs::canonicalize(place) } else { std::path::absolute(place) };
        let place = place.with_context(used)?;
        let (Some(parent), Some(name)) = (place.parent(), place.file_name()) else {
            bail!("{} is no place for a folder", place.display());
        };
        // In a container every process has the same number, and one that was killed leaves its draft.
        let random = Ids::random(Clock::system()).next();
        let name = format!(".{}.{random}", name.to_string_lossy());
        let (parent, folder) = (parent.to_owned(), parent.join(name));
        let failed = || format!("{} cannot be made", folder.display());
        let mut private = DirBuilder::new();
        private.mode(0o700).recursive(true).create(&parent).with_context(failed)?;
        private.recursive(false).create(&folder).with_context(failed)?;
        let draft = Self { folder, parent, place, finished: false };
        if there {
            fs::remove_dir(&draft.place).with_context(|| {
                let place = draft.place.display();
                format!("{place} cannot be replaced: name a place in it that is not there yet")
            })?;
        }
        Ok(draft)
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
    fn a_link_to_an_empty_folder_stays_and_one_to_nothing_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let (data, link) = (home.path().join("data"), home.path().join("link"));
        std::os::unix::fs::symlink(&data, &link).unwrap();
        Draft::of(&link).unwrap_err();
        fs::create_dir(&data).unwrap();
        let draft = Draft::of(&link).unwrap();
        write_private(&draft.folder().join("x"), b"1").unwrap();
        draft.finish().unwrap();
        assert!(link.is_symlink() && data.join("x").is_file() && link.join("x").is_file());
    }

    #[test]
    fn what_a_killed_process_of_the_same_number_has_left_is_in_nobodys_way() {
        let home = tempfile::tempdir().unwrap();
        let left = Draft::of(&home.path().join("b")).unwrap();
        let draft = Draft::of(&home.path().join("b")).unwrap();
        assert_ne!(left.folder(), draft.folder());
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
