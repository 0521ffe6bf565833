//! Running other programs: steps with a name and a time, and a clean end on Ctrl-C
//!
//! Every program runs in a process group of its own and without stdin, so that Ctrl-C reaches only
//! this process, which then ends the group and tidies up on the ordinary way out.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

/// How long a program may take to end by itself after it was asked to.
const PATIENCE: Duration = Duration::from_secs(10);
/// What cargo told this program about itself. Build scripts that look at it (ring's does) would take
/// it for a change, and they and all that stands on them would be built anew at each turn between
/// `cargo` and `cargo xtask`.
const OURS: [&str; 7] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// Where programs run, and whether somebody asked us to stop.
pub(crate) struct Shell {
    root: PathBuf,
    signal: Arc<AtomicUsize>,
}

impl Shell {
    /// The shell of this workspace; from here on signals are remembered instead of killing us.
    pub(crate) fn new() -> Result<Self> {
        let signal = Arc::new(AtomicUsize::new(0));
        for number in [SIGINT, SIGTERM, SIGHUP] {
            let value = usize::try_from(number).context("signal number")?;
            signal_hook::flag::register_usize(number, Arc::clone(&signal), value)
                .context("cannot listen for signals")?;
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"))
            .parent()
            .context("xtask stands in the workspace's folder")?;
        Ok(Self { root: root.to_owned(), signal })
    }

    /// The workspace's folder.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether a signal asked us to stop.
    pub(crate) fn interrupted(&self) -> bool {
        self.signal.load(Ordering::Relaxed) != 0
    }

    /// A program that will run in the workspace's folder.
    pub(crate) fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new(program.as_ref());
        command.current_dir(&self.root);
        for variable in OURS {
            command.env_remove(variable);
        }
        command
    }

    /// Does one named step, and says how long it took.
    pub(crate) fn step<T>(&self, name: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
        eprintln!("==> {name}");
        let start = Instant::now();
        let done = work();
        let seconds = start.elapsed().as_secs_f64();
        if self.interrupted() {
            bail!("{name}: interrupted after {seconds:.1} s");
        }
        match done {
            Ok(value) => {
                eprintln!("    {name}: ok, {seconds:.1} s");
                Ok(value)
            }
            Err(error) => Err(error.context(format!("{name} failed after {seconds:.1} s"))),
        }
    }

    /// Runs a program that must succeed; its output goes to ours.
    pub(crate) fn must(&self, command: &mut Command) -> Result<()> {
        let status = self.run(command)?;
        if !status.success() {
            bail!("`{}`: {status}", words(command));
        }
        Ok(())
    }

    /// Runs a program to its end, or ends it when we are asked to stop.
    pub(crate) fn run(&self, command: &mut Command) -> Result<ExitStatus> {
        let mut child = start(command)?;
        while !self.interrupted() {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        stop(&mut child)?;
        bail!("interrupted")
    }

    /// What a program prints, or nothing when it is missing or fails.
    pub(crate) fn output(&self, program: &str, args: &[&str]) -> Option<String> {
        let mut command = self.command(program);
        let output = command.args(args).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }
}

/// Starts a program as [`Shell::run`] does, for a caller that watches it by itself.
pub(crate) fn start(command: &mut Command) -> Result<Child> {
    command
        .stdin(Stdio::null())
        .process_group(0)
        .spawn()
        .with_context(|| format!("cannot start `{}`", words(command)))
}

/// Asks a program's whole group to end, and insists after a while.
fn stop(child: &mut Child) -> Result<()> {
    signal_group(child, "TERM");
    let asked = Instant::now();
    while child.try_wait()?.is_none() {
        if asked.elapsed() > PATIENCE {
            signal_group(child, "KILL");
            child.kill()?;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn signal_group(child: &Child, signal: &str) {
    // `kill` is a builtin of every sh; a group that is gone already is what we want.
    let script = format!("kill -s {signal} -- -{}", child.id());
    let _ = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status();
}

/// A command as somebody would type it, for messages.
fn words(command: &Command) -> String {
    let mut line = command.get_program().to_string_lossy().into_owned();
    for arg in command.get_args() {
        line.push(' ');
        line.push_str(&arg.to_string_lossy());
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell() -> Shell {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        Shell { root: here.to_owned(), signal: Arc::new(AtomicUsize::new(0)) }
    }

    #[test]
    fn a_failed_step_says_its_name_and_the_command() {
        let shell = shell();
        let failed = shell.step("probe", || shell.must(shell.command("false").arg("x")));
        let message = format!("{:#}", failed.unwrap_err());
        assert!(message.starts_with("probe failed after "), "{message}");
        assert!(message.contains("`false x`: exit status: 1"), "{message}");
    }

    #[test]
    fn a_missing_program_is_named() {
        let message =
            format!("{:#}", shell().must(&mut Command::new("no-such-program")).unwrap_err());
        assert!(message.contains("cannot start `no-such-program`"), "{message}");
    }

    #[test]
    fn an_interrupt_ends_the_whole_group() {
        let shell = shell();
        let pid = tempfile();
        let script = format!("sleep 60 & echo $! > {}; wait", pid.display());
        let signal = Arc::clone(&shell.signal);
        let file = pid.clone();
        let watcher = std::thread::spawn(move || {
            while std::fs::read_to_string(&file).unwrap_or_default().trim().is_empty() {
                std::thread::yield_now();
            }
            signal.store(2, Ordering::Relaxed);
        });
        let ended = shell.run(shell.command("sh").args(["-c", &script]));
        watcher.join().unwrap();
        assert!(ended.unwrap_err().to_string().contains("interrupted"));
        let sleeper = std::fs::read_to_string(&pid).unwrap();
        // The shell is waited for; its child got the same signal and may need a moment more.
        let stat = format!("/proc/{}/stat", sleeper.trim());
        let lives = || std::fs::read_to_string(&stat).is_ok_and(|state| !state.contains(") Z "));
        let since = Instant::now();
        while lives() {
            assert!(since.elapsed() < PATIENCE, "the group's child lives on");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::fs::remove_file(&pid).unwrap();
    }

    fn tempfile() -> PathBuf {
        std::env::temp_dir().join(format!("aftercare-xtask-{}", std::process::id()))
    }
}
