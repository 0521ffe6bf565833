//! What the tests share with the chores: where PostgreSQL's server programs are.

use std::{
    ffi::OsStr,
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

/// The newest folder with all the server's programs: of `PATH`, of Debian, of `pg_config`.
pub fn postgres_programs() -> Option<PathBuf> {
    let mut folders: Vec<PathBuf> = search_path();
    let mut debian: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    debian.sort_by_key(|path| {
        path.file_name().and_then(OsStr::to_str).and_then(|name| name.parse::<u32>().ok())
    });
    folders.extend(debian.iter().rev().map(|path| path.join("bin")));
    let config = Command::new("pg_config").arg("--bindir").stdin(Stdio::null()).output();
    if let Ok(output) = config {
        folders.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    let complete = |folder: &PathBuf| {
        ["initdb", "postgres", "pg_ctl"].iter().all(|program| folder.join(program).is_file())
    };
    folders.into_iter().find(complete)
}

#[expect(clippy::disallowed_methods, reason = "PATH is no setting of the suite")]
fn search_path() -> Vec<PathBuf> {
    std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default()
}
