//! The chores that link the suite itself
//!
//! `cargo xtask` is built without the suite. It runs such a chore by building itself again with
//! the feature `suite`, on the same features as the tests.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;

use crate::shell::Shell;

/// Runs the tables of a folder; fails when an answer is wrong.
#[cfg(feature = "suite")]
pub(crate) fn vectors(_: &Shell, dir: &Path) -> Result<ExitCode> {
    let right = crate::vectors::run(dir)?;
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the tables of a folder, by the build that can.
#[cfg(not(feature = "suite"))]
pub(crate) fn vectors(shell: &Shell, dir: &Path) -> Result<ExitCode> {
    let dir = std::path::absolute(dir)?;
    let again = ["run", "--quiet", "--package", "xtask", "--", "vectors"];
    let status = shell.run(shell.command("cargo").args(again).arg(dir))?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
