//! The workspace's files, and the rule about migrations that needs no text

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One file: its path from the workspace's folder, and its text.
#[derive(Clone, Debug)]
pub struct Source {
    /// With `/` between the parts.
    pub path: String,
    /// The whole file.
    pub text: String,
}

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every Rust file of the workspace, in the order of the paths.
pub fn rust_sources(root: &Path) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in ["libs", "services", "tests", "xtask"] {
        visit(root, &root.join(folder), &mut |path| {
            if Path::new(path).extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(root.join(path)).unwrap_or_default();
                found.push(Source { path: path.to_owned(), text });
            }
        });
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    found
}

/// Migrations that one of the two databases lacks, below `root`.
pub fn twins(root: &Path) -> Vec<String> {
    let mut sqlite = BTreeSet::new();
    let mut postgres = BTreeSet::new();
    for folder in ["libs", "services"] {
        visit(root, &root.join(folder), &mut |path| {
            if let Some((owner, name)) = path.split_once("/migrations/sqlite/") {
                sqlite.insert((owner.to_owned(), name.to_owned()));
            } else if let Some((owner, name)) = path.split_once("/migrations/postgres/") {
                postgres.insert((owner.to_owned(), name.to_owned()));
            }
        });
    }
    let lacks = |(owner, name): &(String, String), database: &str| {
        format!(
            "{owner}/migrations/{database}/{name} is missing: each migration exists for both databases"
        )
    };
    let mut found: Vec<String> =
        postgres.difference(&sqlite).map(|key| lacks(key, "sqlite")).collect();
    found.extend(sqlite.difference(&postgres).map(|key| lacks(key, "postgres")));
    found
}

fn visit(root: &Path, folder: &Path, file: &mut impl FnMut(&str)) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            if name != "target" && name != "node_modules" {
                visit(root, &path, file);
            }
        } else if let Some(path) = path.strip_prefix(root).ok().and_then(Path::to_str) {
            file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_migration_without_its_twin_is_found() {
        let root = std::env::temp_dir().join(format!("aftercare-tidy-{}", std::process::id()));
        for path in ["sqlite/0001_a.sql", "postgres/0001_a.sql", "sqlite/0002_b.sql"] {
            let file = root.join("services/x/migrations").join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, "").unwrap();
        }
        let found = twins(&root);
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].starts_with("services/x/migrations/postgres/0002_b.sql is missing"));
    }
}
