//! The pods of a set as processes on this machine, with what the chart gives them.
//!
//! Each has an address of its own below 127/8, so that all take the chart's ports as in a cluster;
//! names of services and places in the container are put into the settings as they are here.

use std::{
    fs,
    net::Ipv4Addr,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::{
    SERVICES,
    chart::{Set, list, name, text},
    finish, prepared,
    settings::BINARY,
};

/// The variable that names the cluster of the tests.
const POSTGRES: &str = "AFTERCARE_TEST_POSTGRES";
/// Any root key.
const ROOT: &str = "5a17c0de5a17c0de5a17c0de5a17c0de5a17c0de5a17c0de5a17c0de5a17c0de";
/// How long a process may take to be ready, on a machine that does much else.
const PATIENCE: Duration = Duration::from_mins(1);

/// A release of the chart, on a database of its own.
#[derive(Debug)]
pub struct Release<'a> {
    set: &'a Set,
    home: TempDir,
    cluster: String,
    database: String,
    processes: Vec<(&'static str, Child)>,
}

impl<'a> Release<'a> {
    /// An empty database, and nothing that runs.
    ///
    /// # Panics
    /// Where there is no cluster.
    #[expect(clippy::disallowed_methods, reason = "the test's environment is no configuration")]
    pub fn new(set: &'a Set) -> Self {
        let cluster = std::env::var(POSTGRES).unwrap_or_else(|_| {
            panic!("{POSTGRES} is not set: run `cargo xtask test`, which starts a cluster")
        });
        let database = format!("deploy_{}", std::process::id());
        let home = tempfile::tempdir().expect("a folder for the release");
        let release = Self { set, home, cluster, database, processes: Vec::new() };
        release.sql(&format!("DROP DATABASE IF EXISTS {}", release.database));
        release.sql(&format!("CREATE DATABASE {}", release.database));
        release
    }

    fn sql(&self, statement: &str) {
        let output = finish(Command::new("psql").arg(&self.cluster).args(["-qc", statement]));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The binary with these arguments and the container's own variables; secrets are made up.
    fn container(&self, pod: &str) -> Command {
        let mut pods = self.set.pods();
        let (_, template) = pods.find(|(name, _)| name.ends_with(pod)).expect("the pod is there");
        let container = &template["spec"]["containers"][0];
        let mut command = Command::new(prepared(BINARY, "debug/aftercare"));
        command.env_clear().current_dir(self.home.path());
        let (server, _) = self.cluster.rsplit_once('/').expect("the URL ends in a database");
        for variable in list(&container["env"]) {
            let value = match text(&variable["name"]) {
                "AFTERCARE__DATABASE__URL" => format!("{server}/{}", self.database),
                "AFTERCARE__KEYS__ROOT" => ROOT.to_owned(),
                // There need not be one.
                "AFTERCARE__KEYS__CHANGING" | "AFTERCARE__KEYS__RETIRED" => continue,
                "AFTERCARE_CONFIG" => self.file(pod).display().to_string(),
                _ => text(&variable["value"]).to_owned(),
            };
            command.env(text(&variable["name"]), value);
        }
        command
    }

    fn file(&self, pod: &str) -> PathBuf {
        self.home.path().join(format!("{}.toml", pod.trim_start_matches('-')))
    }

    /// Runs the job to its end.
    ///
    /// # Panics
    /// Where it fails.
    pub fn migrate(&self) {
        let output = finish(self.container("-migrate").arg("migrate"));
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// Starts every service; they are ready when this returns.
    ///
    /// # Panics
    /// Where one is not in time.
    pub fn serve(&mut self) {
        let seed = self.home.path().join("seed.toml");
        let map = self.set.one("ConfigMap", "-seed");
        fs::write(&seed, text(&map["data"]["seed.toml"])).expect("the seed is written");
        for service in SERVICES {
            let mut settings = self.set.settings().replace("0.0.0.0", &address(service));
            for peer in SERVICES {
                let host = name(self.set.one("Service", &format!("-{peer}-peers")));
                settings =
                    settings.replace(&format!("//{host}:"), &format!("//{}:", address(peer)));
            }
            let folder = self.home.path().join("search");
            let settings = settings
                .replace("/var/lib/aftercare/search", &folder.display().to_string())
                .replace("/etc/aftercare/seed/seed.toml", &seed.display().to_string());
            let pod = format!("-{service}");
            fs::write(self.file(&pod), settings).expect("the settings are written");
            let mut command = self.container(&pod);
            let log = fs::File::create(self.home.path().join(format!("{service}.log")));
            command.args(["serve", service]).stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(log.expect("a log is made"));
            let process = command.spawn().expect("the service starts");
            self.processes.push((service, process));
        }
        for service in SERVICES {
            self.wait_for(service);
        }
    }

    fn wait_for(&self, service: &str) {
        let since = Instant::now();
        // Each look takes its own time: a process starts, and asks the admin port.
        while !self.run(service, &["doctor"]).contains("`serve`: runs and is ready") {
            let log = fs::read_to_string(self.home.path().join(format!("{service}.log")));
            assert!(since.elapsed() < PATIENCE, "{service} is not ready:\n{log:?}");
        }
    }

    /// What a command prints in a service's pod, as by `kubectl exec`.
    pub fn run(&self, service: &str, args: &[&str]) -> String {
        let output = finish(self.container(&format!("-{service}")).args(args));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Tells every process to end as Kubernetes does; how each did, and how long it took.
    pub fn end(mut self) -> Vec<(&'static str, ExitStatus, Duration)> {
        let since = Instant::now();
        for (_, process) in &self.processes {
            let _ = finish(Command::new("kill").args(["-TERM", &process.id().to_string()]));
        }
        let processes = std::mem::take(&mut self.processes);
        let ended = |(service, mut process): (&'static str, Child)| {
            (service, process.wait().expect("it was started"), since.elapsed())
        };
        processes.into_iter().map(ended).collect()
    }
}

impl Drop for Release<'_> {
    fn drop(&mut self) {
        for (_, process) in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.database);
        let _ = finish(Command::new("psql").arg(&self.cluster).args(["-qc", &drop]));
    }
}

/// Where a service of this test program listens.
pub fn address(service: &str) -> String {
    let number = SERVICES.iter().position(|one| *one == service).expect("a service");
    let number = u8::try_from(number).expect("there are few");
    let [.., high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, high, low, 10 + number).to_string()
}
