//! A PostgreSQL of a test's own, which may be killed: nobody else's data is in it.

use std::{
    fs::File,
    net::{Ipv4Addr, TcpListener},
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::LazyLock,
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{crash::kill, dice::Dice};

const PATIENCE: Duration = Duration::from_mins(1);
const LOOK: Duration = Duration::from_millis(20);
/// Below the ports that the kernel gives to clients.
const PORTS: [u64; 2] = [16_000, 20_000];

/// A cluster; it ends with this.
#[derive(Debug)]
pub struct Cluster {
    programs: PathBuf,
    /// Whom PostgreSQL runs as, where we are root, whom it refuses.
    account: Option<(u32, u32)>,
    folder: TempDir,
    port: u16,
    server: Option<Child>,
}

impl Cluster {
    /// Makes a cluster and starts it.
    ///
    /// # Panics
    /// Where PostgreSQL's server programs are missing or do not work.
    pub fn start(dice: &mut Dice) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the cluster");
        let account = account();
        if let Some((uid, gid)) = account {
            chown(folder.path(), Some(uid), Some(gid)).expect("the folder is given away");
        }
        let free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
        let draw = || PORTS[0] + dice.below(PORTS[1] - PORTS[0]);
        let mut ports = std::iter::repeat_with(draw).filter_map(|port| u16::try_from(port).ok());
        let port = ports.find(free).expect("a port is free");
        let mut cluster = Self { programs: programs(), account, folder, port, server: None };
        let mut initdb = cluster.program("initdb");
        initdb.args(["-U", "postgres", "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8"]);
        let made = initdb.status().is_ok_and(|status| status.success());
        assert!(made, "initdb failed\n{}", cluster.log());
        cluster.rise();
        cluster
    }

    /// Where its superuser connects.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// SIGKILL to the server. Its children end when they notice, so that for a moment nothing is
    /// answered that was not committed.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            kill(&mut server);
        }
    }

    /// SIGKILL to one of the server's children: the server ends the others, recovers and goes on by
    /// itself.
    pub fn kill_child(&self, dice: &mut Dice) {
        let Some(server) = &self.server else { return };
        let children = format!("/proc/{0}/task/{0}/children", server.id());
        let children = std::fs::read_to_string(children).unwrap_or_default();
        let children: Vec<&str> = children.split_whitespace().collect();
        if !children.is_empty() {
            let child = children[dice.index(children.len())];
            let mut kill = Command::new("kill");
            // It may have ended a moment ago.
            let _ = kill.args(["-KILL", child]).stderr(Stdio::null()).status();
        }
    }

    /// Starts the server and waits until it accepts connections.
    ///
    /// # Panics
    /// Where it does not within a minute.
    pub fn rise(&mut self) {
        let start = Instant::now();
        loop {
            // Until the last child of a killed server has ended, a new one refuses to start.
            let mut server = self.serve();
            while matches!(server.try_wait(), Ok(None)) {
                if self.is_ready(&server) {
                    self.server = Some(server);
                    return;
                }
                assert!(start.elapsed() < PATIENCE, "PostgreSQL is not ready\n{}", self.log());
                std::thread::sleep(LOOK);
            }
            assert!(start.elapsed() < PATIENCE, "PostgreSQL does not start\n{}", self.log());
            std::thread::sleep(LOOK);
        }
    }

    fn serve(&self) -> Child {
        let mut postgres = self.program("postgres");
        postgres.args(["-p", &self.port.to_string()]);
        for setting in
            ["listen_addresses=127.0.0.1", "unix_socket_directories=", "fsync=on", "timezone=UTC"]
        {
            postgres.args(["-c", setting]);
        }
        postgres.spawn().expect("PostgreSQL starts")
    }

    /// Its pid file says so, and is not the one of the server before.
    fn is_ready(&self, server: &Child) -> bool {
        let text = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let mut lines = text.lines();
        let is_ours = lines.next().is_some_and(|pid| pid.trim() == server.id().to_string());
        is_ours && lines.nth(6).is_some_and(|state| state.trim() == "ready")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn program(&self, name: &str) -> Command {
        // Where there is setpriv, a kill -9 of the test ends the server, too.
        let program = self.programs.join(name);
        let mut command = Command::new(if has_setpriv() { Path::new("setpriv") } else { &program });
        if has_setpriv() {
            command.args(["--pdeathsig", "KILL"]).arg(&program);
        }
        if let Some((uid, gid)) = self.account {
            command.uid(uid).gid(gid);
        }
        let log = File::options().create(true).append(true).open(self.folder.path().join("log"));
        let log = log.expect("a log can be written");
        command.arg("-D").arg(self.data()).current_dir(self.folder.path());
        command.env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null());
        for name in ["PGDATA", "PGPORT", "PGHOST", "PGUSER", "PGOPTIONS"] {
            command.env_remove(name);
        }
        command.stdout(log.try_clone().expect("a log can be shared")).stderr(log);
        command
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}

fn programs() -> PathBuf {
    let found = xtask::postgres_programs();
    found.expect("PostgreSQL's server programs are installed: `cargo xtask test` sees to that")
}

fn has_setpriv() -> bool {
    static HAS: LazyLock<bool> = LazyLock::new(|| {
        let mut probe = Command::new("setpriv");
        probe.args(["--pdeathsig", "KILL", "true"]).stdout(Stdio::null()).stderr(Stdio::null());
        probe.status().is_ok_and(|status| status.success())
    });
    *HAS
}

/// An account without rights, where we are root.
fn account() -> Option<(u32, u32)> {
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|us| us.uid() == 0);
    if !is_root {
        return None;
    }
    let number = |flag: &str, name: &str| -> Option<u32> {
        let output = Command::new("id").args([flag, name]).output().ok()?;
        String::from_utf8_lossy(&output.stdout).trim().parse().ok()
    };
    let of = |name: &str| Some((number("-u", name)?, number("-g", name)?));
    let found = ["postgres", "nobody"].into_iter().find_map(of);
    Some(found.expect("PostgreSQL does not run as root, and there is nobody else"))
}
