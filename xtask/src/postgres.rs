//! A private PostgreSQL for the tests: made, started, stopped and removed by us
//!
//! It listens on a free port of 127.0.0.1 only and trusts whoever reaches it there; C collation
//! and fsync as in production. Its folder is `postgres-<pid>` under the target directory, or under
//! the temporary directory where its account cannot reach that. A locked file beside the folder
//! says that its owner lives; a folder whose lock can be taken is stale, and is stopped and removed
//! at the next start.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::account::Account;
use crate::shell::{self, Shell};

/// How a cluster's folder starts, under the target and under the temporary directory.
const PREFIX: &str = "postgres-";
const PREFIX_OUTSIDE: &str = "aftercare-postgres-";
/// How long PostgreSQL may take to accept connections.
const START: Duration = Duration::from_mins(1);

/// A running cluster; dropping it stops and removes it.
pub(crate) struct Cluster {
    files: Files,
    server: Child,
    port: u16,
}

/// A cluster's folder and the programs that work on it.
struct Files {
    programs: PathBuf,
    account: Option<Account>,
    home: PathBuf,
    /// Held while we live.
    _lock: File,
}

/// Runs a cluster until Ctrl-C.
pub(crate) fn foreground(shell: &Shell, target: &Path) -> Result<()> {
    let mut cluster = Cluster::start(shell, target)?;
    println!("{}", cluster.url());
    eprintln!("Ctrl-C stops and removes it.");
    while !shell.interrupted() {
        if let Some(status) = cluster.server.try_wait()? {
            bail!("PostgreSQL ended: {status}\n{}", cluster.files.log());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

impl Cluster {
    /// Removes what dead runs left, then makes and starts a new cluster.
    pub(crate) fn start(shell: &Shell, target: &Path) -> Result<Self> {
        Self::start_with(shell, target, &[])
    }

    /// The same with further settings, `name=value`.
    pub(crate) fn start_with(shell: &Shell, target: &Path, settings: &[&str]) -> Result<Self> {
        let programs =
            xtask::postgres_programs().context("PostgreSQL's programs are not installed")?;
        let account = Account::unprivileged(shell)?;
        let outside = std::env::temp_dir();
        sweep(&programs, account, target, PREFIX);
        sweep(&programs, account, &outside, PREFIX_OUTSIDE);

        let mut files = Files::create(&programs, account, target, PREFIX)?;
        if account.is_some_and(|account| !account.reaches(&files.home)) {
            files.remove();
            files = Files::create(&programs, account, &outside, PREFIX_OUTSIDE)?;
        }
        match files.initialise().and_then(|()| files.serve(shell, settings)) {
            Ok((server, port)) => Ok(Self { files, server, port }),
            Err(error) => {
                files.stop();
                files.remove();
                Err(error)
            }
        }
    }

    /// Where its superuser connects.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.files.stop();
        let _ = self.server.kill();
        let _ = self.server.wait();
        self.files.remove();
    }
}

impl Files {
    /// Takes the lock first and then makes the folder, so that a folder without one is stale.
    fn create(
        programs: &Path,
        account: Option<Account>,
        parent: &Path,
        prefix: &str,
    ) -> Result<Self> {
        let home = parent.join(format!("{prefix}{}", std::process::id()));
        let lock = File::create_new(lock_of(&home))
            .with_context(|| format!("cannot make {}", lock_of(&home).display()))?;
        lock.lock().with_context(|| format!("cannot lock {}", lock_of(&home).display()))?;
        fs::create_dir(&home).with_context(|| format!("cannot make {}", home.display()))?;
        if let Some(Account { uid, gid }) = account {
            std::os::unix::fs::chown(&home, Some(uid), Some(gid))?;
        }
        Ok(Self { programs: programs.to_owned(), account, home, _lock: lock })
    }

    fn data(&self) -> PathBuf {
        self.home.join("data")
    }

    /// One of PostgreSQL's programs, under its account and undisturbed by our environment.
    fn program(&self, name: &str) -> Result<Command> {
        let program = self.programs.join(name);
        // Where there is setpriv, a kill -9 of ours ends PostgreSQL, too.
        let mut command = if name == "postgres" && has_setpriv() {
            let mut setpriv = Command::new("setpriv");
            setpriv.args(["--pdeathsig", "INT"]).arg(program);
            setpriv
        } else {
            Command::new(program)
        };
        let log = File::options().create(true).append(true).open(self.home.join("log"))?;
        command.current_dir(&self.home).env("LC_ALL", "C").env("TZ", "UTC");
        command.stdout(log.try_clone()?).stderr(log);
        for name in ["PGDATA", "PGPORT", "PGHOST", "PGUSER", "PGOPTIONS"] {
            command.env_remove(name);
        }
        if let Some(account) = self.account {
            account.apply(&mut command);
        }
        Ok(command)
    }

    fn initialise(&self) -> Result<()> {
        let mut initdb = self.program("initdb")?;
        initdb.arg("-D").arg(self.data()).args(["-U", "postgres", "-A", "trust", "--no-sync"]);
        let status = shell::start(initdb.args(["--locale=C", "-E", "UTF8"]))?.wait()?;
        if !status.success() {
            bail!("initdb: {status}\n{}", self.log());
        }
        Ok(())
    }

    /// Starts the server on a free port; another process may take the port in between, so it
    /// tries a few.
    fn serve(&self, shell: &Shell, settings: &[&str]) -> Result<(Child, u16)> {
        for _ in 0..5 {
            let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
            let mut postgres = self.program("postgres")?;
            postgres.arg("-D").arg(self.data()).args(["-p", &port.to_string()]);
            let always = [
                "listen_addresses=127.0.0.1",
                "unix_socket_directories=",
                "max_connections=300",
                "fsync=on",
                "timezone=UTC",
            ];
            for setting in always.iter().chain(settings) {
                postgres.args(["-c", setting]);
            }
            let mut server = shell::start(&mut postgres)?;
            if self.is_ready(shell, &mut server)? {
                return Ok((server, port));
            }
            if !self.log().contains("Address already in use") {
                break;
            }
        }
        bail!("PostgreSQL does not start\n{}", self.log())
    }

    /// Waits until the server accepts connections (its pid file says so); false when it ended.
    fn is_ready(&self, shell: &Shell, server: &mut Child) -> Result<bool> {
        let began = Instant::now();
        while began.elapsed() < START && !shell.interrupted() {
            if server.try_wait()?.is_some() {
                return Ok(false);
            }
            let pid_file = fs::read_to_string(self.data().join("postmaster.pid"));
            if pid_file.is_ok_and(|text| text.lines().nth(7).is_some_and(|l| l.trim() == "ready")) {
                return Ok(true);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("PostgreSQL was not ready after {:?}", began.elapsed())
    }

    /// The end of what PostgreSQL said.
    fn log(&self) -> String {
        let text = fs::read_to_string(self.home.join("log")).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Ends the server without a last checkpoint, since its files go next. A cluster that does
    /// not run is fine, so the answer does not matter.
    fn stop(&self) {
        if !self.data().join("postmaster.pid").exists() {
            return;
        }
        let stop = self.program("pg_ctl").and_then(|mut pg_ctl| {
            let pg_ctl = pg_ctl.args(["stop", "-m", "immediate", "-w", "-t", "30", "-D"]);
            shell::start(pg_ctl.arg(self.data()).stdout(Stdio::null()).stderr(Stdio::null()))
        });
        let _ = stop.map(|mut child| child.wait());
    }

    /// Removes the folder, and then the lock that guards it.
    fn remove(&self) {
        let folder = match fs::remove_dir_all(&self.home) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            other => other,
        };
        if let Err(error) = folder.and_then(|()| fs::remove_file(lock_of(&self.home))) {
            eprintln!("cannot remove {}: {error}", self.home.display());
        }
    }
}

/// Stops and removes the clusters of runs that are dead: those whose lock can be taken.
fn sweep(programs: &Path, account: Option<Account>, parent: &Path, prefix: &str) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let Some(pid) = name.strip_prefix(prefix).and_then(|n| n.strip_suffix(".lock")) else {
            continue;
        };
        let ours = !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
        let Ok(lock) = File::options().append(true).open(&path) else { continue };
        if !ours || lock.try_lock().is_err() {
            continue;
        }
        let home = path.with_extension("");
        // PostgreSQL's programs work only for the folder's owner, whoever that was then.
        let owner = fs::metadata(home.join("data"));
        let account = account.and(owner.ok()).map(|o| Account { uid: o.uid(), gid: o.gid() });
        let files = Files { programs: programs.to_owned(), account, home, _lock: lock };
        files.stop();
        files.remove();
    }
}

fn lock_of(home: &Path) -> PathBuf {
    home.with_extension("lock")
}

fn has_setpriv() -> bool {
    let mut probe = Command::new("setpriv");
    probe.args(["--pdeathsig", "INT", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
    probe.status().is_ok_and(|status| status.success())
}
