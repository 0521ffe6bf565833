//! The processes that are measured: started by us, spoken to by lines, killed with us.

use std::{ffi::OsStr, path::Path, process::Stdio};

use anyhow::{Context, Result};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// A running process; dropping it kills it.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Program {
    /// Starts a program whose standard output is ours to read.
    pub(crate) fn start(path: &Path, args: &[impl AsRef<OsStr>], folder: &Path) -> Result<Self> {
        let mut command = Command::new(path);
        command.args(args).current_dir(folder).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child =
            command.spawn().with_context(|| format!("cannot start {}", path.display()))?;
        let input = child.stdin.take().context("no standard input")?;
        let output = child.stdout.take().context("no standard output")?;
        Ok(Self { child, input, output: BufReader::new(output).lines() })
    }

    /// Starts this very program in another part.
    pub(crate) fn of_ours(args: &[impl AsRef<OsStr>]) -> Result<Self> {
        let here = std::env::current_dir()?;
        Self::start(&std::env::current_exe()?, args, &here)
    }

    /// The first line that a program prints which says more than we need on standard error.
    pub(crate) async fn ask(
        path: &Path,
        args: &[impl AsRef<OsStr>],
        folder: &Path,
    ) -> Result<String> {
        let output = Command::new(path).args(args).current_dir(folder).output().await?;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        anyhow::ensure!(output.status.success(), "{}: {said}", path.display());
        let text = String::from_utf8(output.stdout)?;
        Ok(text.lines().next().unwrap_or_default().trim().to_owned())
    }

    /// The next line that it prints.
    pub(crate) async fn line(&mut self) -> Result<String> {
        self.output.next_line().await?.context("it ended")
    }

    /// Gives it a line.
    pub(crate) async fn tell(&mut self, line: &str) -> Result<()> {
        self.input.write_all(format!("{line}\n").as_bytes()).await?;
        self.input.flush().await?;
        Ok(())
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.child.id().context("it ended")
    }
}
