//! The chores that link the suite itself
//!
//! `cargo xtask` is built without the suite. It runs such a chore by building itself again with
//! the feature `suite`, on the same features as the tests.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;

use crate::shell::Shell;

/// Which tables are run.
#[derive(clap::Args)]
pub(crate) struct Vectors {
    /// Folder with the tables, or with folders of them
    dir: PathBuf,
    /// Of surveys: only these years
    #[arg(long = "year")]
    years: Vec<u16>,
    /// Of surveys: the binary that they are recorded by; built for development where it is not named
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

/// Runs the tables of a folder; fails when an answer is wrong.
#[cfg(feature = "suite")]
pub(crate) fn vectors(shell: &Shell, asked: Vectors) -> Result<ExitCode> {
    let Vectors { dir, years, binary } = asked;
    let binary = binary.map(std::path::absolute).transpose()?;
    let mut options = crate::vectors::Options { years, binary };
    let right = crate::vectors::run(&dir, &mut options, || {
        let target = crate::metadata::Metadata::read(shell)?.target;
        shell.step("build", || {
            shell.must(shell.command("cargo").args(["build", "--package", "aftercare"]))
        })?;
        Ok(target.join("debug/aftercare"))
    })?;
    Ok(if right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs the tables of a folder, by the build that can.
#[cfg(not(feature = "suite"))]
pub(crate) fn vectors(shell: &Shell, asked: Vectors) -> Result<ExitCode> {
    let again = ["run", "--quiet", "--package", "xtask", "--", "vectors"];
    let mut command = shell.command("cargo");
    command.args(again).arg(std::path::absolute(asked.dir)?);
    for year in asked.years {
        command.arg("--year").arg(year.to_string());
    }
    if let Some(binary) = asked.binary {
        command.arg("--binary").arg(std::path::absolute(binary)?);
    }
    let status = shell.run(&mut command)?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
