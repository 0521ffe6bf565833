//! The root key: from the environment or from a file that only its owner may read.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use kernel::keys::RootKeys;

use crate::{Config, Error, List, SERVICES, Secret};

/// The longest that a file with a root key is; anything longer is another file.
const LONGEST: u64 = 1_024;

impl Config {
    /// The root keys, read.
    pub fn root_keys(&self) -> Result<RootKeys, Error> {
        let root = match &self.keys.root {
            Some(root) => root.reveal().to_owned(),
            None => read(&self.keys.file)?,
        };
        let all = |keys: &List<Secret>| -> Vec<String> {
            keys.0.iter().map(|key| key.reveal().to_owned()).collect()
        };
        let keys = RootKeys::parse(&root, &all(&self.keys.retired))
            .and_then(|keys| keys.and_changing(&all(&self.keys.changing)));
        keys.map_err(|_| Error::RootKey {
            path: self.keys.file.clone(),
            why: "the root key must be 64 hexadecimal digits",
        })
    }

    /// The root keys; a first run makes the file. Not in production, where a key that is missing is
    /// a mistake, and not beside data that another key has sealed.
    pub fn root_keys_or_new(&self) -> Result<RootKeys, Error> {
        let path = &self.keys.file;
        if self.keys.root.is_none() && !path.exists() {
            let refuse = |why| Err(Error::RootKey { path: path.clone(), why });
            if self.environment.production {
                return refuse("there is no root key; in production it is never made by itself");
            }
            if self.has_sqlite_data() {
                return refuse(
                    "there is no root key, but data that one has sealed; bring the key back from \
                     its backup, or remove the data",
                );
            }
            create(path)?;
        }
        self.root_keys()
    }

    fn has_sqlite_data(&self) -> bool {
        let file = |name: &str| self.database_url(name).strip_prefix("sqlite:").map(PathBuf::from);
        SERVICES.iter().filter_map(|name| file(name)).any(|path| path.exists())
    }
}

fn read(path: &Path) -> Result<String, Error> {
    let failed =
        |cause| Error::File { path: path.to_owned(), what: "the root key cannot be read", cause };
    let facts = fs::metadata(path).map_err(failed)?;
    let refuse = |why| Err(Error::RootKey { path: path.to_owned(), why });
    if facts.permissions().mode() & 0o077 != 0 {
        return refuse("others than its owner may read the root key; run `chmod 600` on it");
    }
    if facts.len() > LONGEST {
        return refuse("this is no root key: the file is too long");
    }
    fs::read_to_string(path).map_err(failed)
}

/// Writes a fresh root key so that it is there whole or not at all, even if two processes start at
/// once: the first link wins, and the other process reads that one.
fn create(path: &Path) -> Result<(), Error> {
    let failed =
        |cause| Error::File { path: path.to_owned(), what: "the root key cannot be made", cause };
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let mut draft = path.as_os_str().to_owned();
    let root = RootKeys::generate();
    // A name that no other process has: one that starts at the same time must not write into ours.
    draft.push(format!(".{}", &RootKeys::generate()[..12]));
    let draft = PathBuf::from(draft);
    let written = write(&draft, &root).and_then(|()| match fs::hard_link(&draft, path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    });
    // A draft that stays behind does no harm: it is not a key that anything was sealed with.
    let _ = fs::remove_file(&draft);
    written.and_then(|()| File::open(folder)?.sync_all()).map_err(failed)
}

fn write(path: &Path, root: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{root}")?;
    file.sync_all()
}
