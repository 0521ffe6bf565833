//! Generations of an index in its folder, and the pointer to the one that serves.
//!
//! `current` names a generation, `generation-N` is its folder. The pointer is replaced by a rename,
//! after everything that it points to is on disk; folders that it does not name are what a rebuild
//! that died has left.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tantivy::directory::MmapDirectory;
use tantivy::{IndexReader, ReloadPolicy};

use crate::analysis::{Analyzer, register};
use crate::error::{Damage, OpenError, SearchError};
use crate::schema::{Fields, VERSION, schema};

const POINTER: &str = "current";
const PREFIX: &str = "generation-";
/// Blocks of stored entries that a segment keeps decompressed.
const CACHED_BLOCKS: usize = 8;

/// Which generation serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pointer {
    pub(crate) version: u32,
    pub(crate) generation: u64,
}

impl Pointer {
    /// Reads the pointer of a folder.
    pub(crate) fn read(dir: &Path) -> Result<Self, OpenError> {
        let bytes = match fs::read(dir.join(POINTER)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(OpenError::Missing);
            }
            Err(error) => return Err(OpenError::Io(error)),
        };
        let pointer: Self =
            serde_json::from_slice(&bytes).map_err(|_| OpenError::Damaged(Damage::Pointer))?;
        if pointer.version != VERSION {
            return Err(OpenError::Version { found: pointer.version, wanted: VERSION });
        }
        Ok(pointer)
    }

    /// Makes a generation serve, for good.
    pub(crate) fn write(self, dir: &Path) -> std::io::Result<()> {
        let next = dir.join("current.next");
        let mut file = File::create(&next)?;
        file.write_all(&serde_json::to_vec(&self)?)?;
        file.sync_all()?;
        fs::rename(&next, dir.join(POINTER))?;
        sync(dir)
    }

    pub(crate) fn folder(self, dir: &Path) -> PathBuf {
        dir.join(format!("{PREFIX}{}", self.generation))
    }
}

/// Makes what a folder lists last.
pub(crate) fn sync(dir: &Path) -> std::io::Result<()> {
    File::open(dir)?.sync_all()
}

/// Removes every generation but one.
pub(crate) fn sweep(dir: &Path, keep: Option<Pointer>) -> std::io::Result<()> {
    let keep = keep.map(|pointer| pointer.folder(dir));
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let ours = path.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with(PREFIX));
        if ours && Some(&path) != keep.as_ref() {
            fs::remove_dir_all(&path)?;
        }
    }
    Ok(())
}

/// The number after every one that the folder has.
pub(crate) fn next_number(dir: &Path) -> std::io::Result<u64> {
    let mut highest = 0;
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
        highest = highest.max(number.unwrap_or(0));
    }
    Ok(highest + 1)
}

/// One generation, open.
pub(crate) struct Generation {
    pub(crate) pointer: Pointer,
    pub(crate) index: tantivy::Index,
    pub(crate) reader: IndexReader,
    pub(crate) fields: Fields,
}

impl Generation {
    /// Makes an empty one.
    pub(crate) fn create(
        dir: &Path,
        generation: u64,
        analyzer: &Analyzer,
    ) -> Result<Self, SearchError> {
        let pointer = Pointer { version: VERSION, generation };
        let folder = pointer.folder(dir);
        fs::create_dir_all(&folder)?;
        let (schema, fields) = schema();
        let index = tantivy::Index::create_in_dir(&folder, schema)?;
        Ok(Self::of(pointer, index, fields, analyzer)?)
    }

    /// Opens the one that serves.
    pub(crate) fn open(
        dir: &Path,
        pointer: Pointer,
        analyzer: &Analyzer,
    ) -> Result<Self, OpenError> {
        let damaged = |error| OpenError::Damaged(Damage::Engine(error));
        let folder =
            MmapDirectory::open(pointer.folder(dir)).map_err(|error| damaged(error.into()))?;
        let index = tantivy::Index::open(folder).map_err(damaged)?;
        let (schema, fields) = schema();
        if index.schema() != schema {
            return Err(OpenError::Damaged(Damage::Pointer));
        }
        Self::of(pointer, index, fields, analyzer).map_err(damaged)
    }

    fn of(
        pointer: Pointer,
        index: tantivy::Index,
        fields: Fields,
        analyzer: &Analyzer,
    ) -> tantivy::Result<Self> {
        register(index.tokenizers(), analyzer);
        let reader = index
            .reader_builder()
            .reload_policy(ReloadPolicy::Manual)
            .doc_store_cache_num_blocks(CACHED_BLOCKS)
            .try_into()?;
        Ok(Self { pointer, index, reader, fields })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pointer_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Pointer::read(dir.path()), Err(OpenError::Missing)));
        let pointer = Pointer { version: VERSION, generation: 7 };
        pointer.write(dir.path()).unwrap();
        assert_eq!(Pointer::read(dir.path()).unwrap(), pointer);
        fs::write(dir.path().join(POINTER), b"{").unwrap();
        assert!(matches!(Pointer::read(dir.path()), Err(OpenError::Damaged(Damage::Pointer))));
        Pointer { version: 999, generation: 1 }.write(dir.path()).unwrap();
        assert!(matches!(Pointer::read(dir.path()), Err(OpenError::Version { found: 999, .. })));
    }

    #[test]
    fn sweeping_keeps_one() {
        let dir = tempfile::tempdir().unwrap();
        for number in [1, 2, 10] {
            fs::create_dir(dir.path().join(format!("{PREFIX}{number}"))).unwrap();
        }
        assert_eq!(next_number(dir.path()).unwrap(), 11);
        let keep = Pointer { version: VERSION, generation: 2 };
        sweep(dir.path(), Some(keep)).unwrap();
        assert!(keep.folder(dir.path()).exists());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
