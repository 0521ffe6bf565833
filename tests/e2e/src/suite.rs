//! An installation: a folder with its configuration, seed, root key and data, and the processes
//! that run on it.

use std::{
    ffi::OsString,
    fmt::Write as _,
    fs,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        LazyLock,
        atomic::{AtomicU16, AtomicU32, Ordering},
    },
};

use kernel::{CallerKind, Clock, CustomerId, Role, TenantId, keys::RootKeys};
use rpc::issuer::{LocalIssuer, Principal};
use store::{Db, Settings, Tx};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tonic::transport::{Channel, Endpoint};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};
use uuid::Uuid;

use crate::{Backend, Client, Process, backend, client::Channels, until};

/// The variable that names the binary under test.
const BINARY: &str = "AFTERCARE_TEST_BINARY";
/// The root key of every suite under test.
const ROOT: &str = "5a17c0de5a17c0de5a17c0de5a17c0de5a17c0de5a17c0de5a17c0de5a17c0de";
/// Roles that are members of the staff, each with the member who holds it alone.
pub const STAFF: [(Role, &str); 10] = [
    (Role::Agent, "amy"),
    (Role::SeniorAgent, "erin"),
    (Role::Supervisor, "frank"),
    (Role::Admin, "grace"),
    (Role::Auditor, "hugo"),
    (Role::PrivacyOfficer, "pia"),
    (Role::Editor, "edna"),
    (Role::Approver, "otto"),
    (Role::Supplier, "sid"),
    (Role::Technician, "tom"),
];
/// A second agent, for whoever must not be the first.
pub const OTHER_AGENT: &str = "ben";
/// An agent without any capacity.
pub const BUSY_AGENT: &str = "max";
/// A queue that tickets come to only where a test names it.
pub const QUIET_QUEUE: &str = "quiet";

/// What runs in the first of two processes; customers has the second to itself.
pub const FRONT: [&str; 4] = ["gateway", "tickets", "knowledge", "surveys"];

/// A tenant of the seed. Both have the same queues and staff by the same names, so that nothing but
/// the tenant tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tenant {
    /// The first.
    North,
    /// The second.
    South,
}

impl Tenant {
    /// Its id.
    pub fn id(self) -> TenantId {
        TenantId::from(Uuid::from_u128(match self {
            Self::North => 0x019a_b000_0000_7000_8000_0000_0000_000a,
            Self::South => 0x019a_b000_0000_7000_8000_0000_0000_000b,
        }))
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::North => Self::South,
            Self::South => Self::North,
        }
    }

    /// Its name in commands.
    pub fn slug(self) -> &'static str {
        match self {
            Self::North => "north",
            Self::South => "south",
        }
    }
}

/// Where a process listens.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// For clients.
    pub public: SocketAddr,
    /// For the other processes.
    pub peer: SocketAddr,
    /// For operators.
    pub admin: SocketAddr,
}

impl At {
    /// Where nobody listens yet.
    pub fn free() -> Self {
        Self { public: free(), peer: free(), admin: free() }
    }
}

/// A setting that a process has of its own, which goes before the file: `("log.level", "debug")`.
pub type Setting = (&'static str, String);

/// An installation and where its processes listen.
#[derive(Debug)]
pub struct Suite {
    /// Its database.
    pub backend: Backend,
    home: PathBuf,
    url: String,
    tickets: At,
    customers: At,
    starts: AtomicU32,
    /// Gone with this; `None` where the supervisor removes the folder.
    _folder: Option<TempDir>,
}

/// What a command printed, and how it ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code.
    pub code: i32,
    /// Its standard output.
    pub out: String,
    /// Its standard error.
    pub err: String,
}

impl Suite {
    /// An installation for one process with all services, not yet started.
    pub async fn new(backend: Backend) -> Self {
        let folder = tempfile::tempdir().expect("a folder for the installation");
        let at = At::free();
        Self::install(backend, folder.path().to_owned(), Some(folder), at, at).await
    }

    /// An installation for two processes that share one PostgreSQL and one file, not yet started.
    pub async fn of_two_processes() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the installation");
        let home = folder.path().to_owned();
        Self::install(Backend::Postgres, home, Some(folder), At::free(), At::free()).await
    }

    /// The running suite that all tests of this program share, one on each database. Nothing stops
    /// it but the end of the program.
    pub async fn shared(backend: Backend) -> &'static Self {
        static SHARED: [OnceCell<(Suite, Process)>; 2] =
            [OnceCell::const_new(), OnceCell::const_new()];
        let cell = &SHARED[usize::from(backend == Backend::Postgres)];
        let (suite, _) = cell
            .get_or_init(async || {
                let home = tempfile::tempdir().expect("a folder for the installation").keep();
                let at = At::free();
                let suite = Self::install(backend, home.clone(), None, at, at).await;
                let process = suite.start(&[], at, &[], Some(&home)).await;
                (suite, process)
            })
            .await;
        suite
    }

    async fn install(
        backend: Backend,
        home: PathBuf,
        folder: Option<TempDir>,
        tickets: At,
        customers: At,
    ) -> Self {
        let url = backend.make(&home).await;
        let suite = Self {
            backend,
            home,
            url,
            tickets,
            customers,
            starts: AtomicU32::new(0),
            _folder: folder,
        };
        let key = suite.home.join("root.key");
        fs::write(&key, ROOT).expect("the root key is written");
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600))
            .expect("and kept to its owner");
        fs::write(suite.home.join("seed.toml"), seed()).expect("the seed is written");
        fs::write(suite.config(), suite.settings()).expect("the configuration is written");
        suite
    }

    /// The same installation as clients see it who come by another door.
    #[must_use]
    pub fn by(&self, door: At) -> Self {
        Self {
            backend: self.backend,
            home: self.home.clone(),
            url: self.url.clone(),
            tickets: door,
            customers: self.customers,
            starts: AtomicU32::new(0),
            _folder: None,
        }
    }

    /// The configuration file.
    pub fn config(&self) -> PathBuf {
        self.home.join("aftercare.toml")
    }

    /// Adds lines to the limits of the configuration, for processes that are not yet started.
    ///
    /// # Panics
    /// Where the configuration cannot be written.
    pub fn limit(&self, lines: &str) {
        // The limits are its last section.
        fs::write(self.config(), self.settings() + lines).expect("the configuration is written");
    }

    /// Where its data is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The folder of the installation.
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// The file of a service's data, on SQLite.
    pub fn file(&self, service: &str) -> PathBuf {
        self.home.join("data").join(format!("{service}.db"))
    }

    /// Where the process with this service listens.
    pub fn at(&self, service: &str) -> At {
        if service == "customers" { self.customers } else { self.tickets }
    }

    fn is_one_process(&self) -> bool {
        self.tickets.public == self.customers.public
    }

    fn settings(&self) -> String {
        let home = self.home.display();
        let mut text = format!(
            "[database]\nurl = \"{}\"\n[keys]\nfile = \"{home}/root.key\"\n\
             [seed]\nfile = \"{home}/seed.toml\"\n[clock]\nvirtual = true\n\
             [log]\nlevel = \"info\"\n[drain]\ndelay = \"0s\"\ngrace = \"10s\"\n",
            self.url
        );
        let mut section = |name: &str, at: At| {
            let At { public, peer, admin } = at;
            let addresses = format!(
                "[{name}]\npublic = \"{public}\"\npeer = \"{peer}\"\nadmin = \"{admin}\"\n"
            );
            text.push_str(&addresses);
            if name != "server" {
                let _ = writeln!(text, "link = \"http://{peer}\"");
            }
        };
        section("server", self.tickets);
        if !self.is_one_process() {
            section("services.customers", self.customers);
            for service in FRONT {
                let _ =
                    writeln!(text, "[services.{service}]\nlink = \"http://{}\"", self.tickets.peer);
            }
        }
        // What is tested here is not how much may be called, nor at what hour of the day.
        text.push_str(
            "[contact]\nquiet_hours = \"none\"\n[limits]\ntenant_rate = 100000\ntenant_burst = 100000\n\
             credential_rate = 100000\ncredential_burst = 100000\n\
             visitor_rate = 100000\nvisitor_burst = 100000\n",
        );
        text
    }

    /// Starts a process with these services (all where none is named) and waits until it is ready.
    pub async fn serve(&self, services: &[&str]) -> Process {
        self.serve_with(services, &[]).await
    }

    /// The same for a process with settings of its own.
    pub async fn serve_with(&self, services: &[&str], own: &[Setting]) -> Process {
        let at = self.at(services.first().copied().unwrap_or("tickets"));
        self.start(services, at, own, None).await
    }

    /// Starts a process with tickets alone, which listens here and not where the file says, and waits
    /// until it is ready.
    pub async fn serve_tickets_at(&self, at: At, own: &[Setting]) -> Process {
        self.serve_alone_at("tickets", at, own).await
    }

    /// The same with any service, at the address of the first process where the file names no other.
    pub async fn serve_alone_at(&self, service: &str, at: At, own: &[Setting]) -> Process {
        macro_rules! of {
            ($service:literal) => {
                [
                    concat!("services.", $service, ".public"),
                    concat!("services.", $service, ".peer"),
                    concat!("services.", $service, ".admin"),
                ]
            };
        }
        let [public, peer, admin] = match service {
            "gateway" => of!("gateway"),
            "tickets" => of!("tickets"),
            "customers" => of!("customers"),
            "knowledge" => of!("knowledge"),
            "surveys" => of!("surveys"),
            other => panic!("nobody serves {other} alone"),
        };
        let listens = [
            (public, at.public.to_string()),
            (peer, at.peer.to_string()),
            (admin, at.admin.to_string()),
        ];
        self.start(&[service], at, &[own, &listens].concat(), None).await
    }

    async fn start(
        &self,
        services: &[&str],
        at: At,
        own: &[Setting],
        rubbish: Option<&Path>,
    ) -> Process {
        let number = self.starts.fetch_add(1, Ordering::Relaxed);
        let log = self.home.join(format!("process-{number}"));
        let config = self.config();
        let config = config.to_str().expect("temporary folders have plain names");
        let args = [&["--config", config, "serve"], services].concat();
        let variables: Vec<_> =
            own.iter().map(|(key, value)| (variable(key), value.clone())).collect();
        let mut process = Process::start(&binary(), &args, &variables, &self.home, &log, rubbish);
        until("the process is ready", async || {
            if let Some(code) = process.ended() {
                panic!("the process ended with {code} instead of serving:\n{}", process.log());
            }
            let greeted = process.out().contains("Aftercare serves");
            (greeted && is_ready(at.admin).await).then_some(())
        })
        .await;
        process
    }

    /// What the first process printed when it was up.
    pub fn banner(&self) -> String {
        fs::read_to_string(self.home.join("process-0.out")).expect("a process was started")
    }

    /// Runs the binary with this configuration to its end.
    pub fn run(&self, args: &[&str]) -> Finished {
        let mut command = Command::new(binary());
        command.arg("--config").arg(self.config()).args(args).current_dir(&self.home);
        finish(&mut command)
    }

    /// A service's database, as an operator with the right password would open it.
    pub async fn db(&self, service: &str) -> Db {
        let url = match self.backend {
            Backend::Sqlite => format!("sqlite:{}", self.file(service).display()),
            Backend::Postgres => self.url.clone(),
        };
        let settings = Settings { url, schema: service.to_owned(), max_connections: 3 };
        Db::open(&settings).await.expect("the service's database opens")
    }

    /// Makes writes impossible until the answer is dropped: on SQLite somebody holds the lock, on
    /// PostgreSQL the database takes no connections and never will again.
    pub async fn cut_off(&self) -> Vec<Tx> {
        let mut held = Vec::new();
        match self.backend {
            Backend::Sqlite => {
                for service in ["tickets", "customers"] {
                    let lock = self.db(service).await.begin().await;
                    held.push(lock.expect("the lock is to be had"));
                }
            }
            Backend::Postgres => backend::cut_off(&self.url).await,
        }
        held
    }

    /// The keys of the installation.
    pub fn keys(&self) -> RootKeys {
        RootKeys::parse(ROOT, &[]).expect("the root key is one")
    }

    /// Channels to the public ports, connected when first used.
    pub fn channels(&self) -> Channels {
        Channels { tickets: channel(self.tickets.public), customers: channel(self.tickets.public) }
    }

    /// A bearer token of the local issuer.
    pub fn token(&self, principal: &Principal) -> String {
        let issuer = LocalIssuer::new(&self.keys(), Clock::system());
        issuer.issue(principal, std::time::Duration::from_hours(1)).expect("a token is issued")
    }

    /// A client without a credential.
    pub fn anonymous(&self) -> Client {
        Client::new(self.channels())
    }

    /// A client of a member of the staff.
    pub fn member(&self, tenant: Tenant, member: &str) -> Client {
        self.client_of(&member_of(tenant, member))
    }

    /// A client of a customer; `name` is `customers/{id}`.
    pub fn customer(&self, tenant: Tenant, name: &str) -> Client {
        self.client_of(&customer_of(tenant, name))
    }

    /// A client that is another system of the tenant.
    pub fn integration(&self, tenant: Tenant) -> Client {
        self.client_of(&integration_of(tenant))
    }

    /// A client of whoever runs the platform.
    pub fn operator(&self, tenant: Tenant) -> Client {
        self.client_of(&principal(tenant, CallerKind::Operator, "ops"))
    }

    fn client_of(&self, principal: &Principal) -> Client {
        self.anonymous().with("authorization", format!("Bearer {}", self.token(principal)))
    }
}

/// Runs a journey on the shared suite of each database.
pub async fn each_backend(journey: impl AsyncFn(&'static Suite)) {
    for backend in Backend::BOTH {
        let naming = NameOnPanic(backend);
        journey(Suite::shared(backend).await).await;
        drop(naming);
    }
}

/// Says on which database a test failed.
#[derive(Debug)]
pub struct NameOnPanic(pub Backend);

impl Drop for NameOnPanic {
    fn drop(&mut self) {
        use std::io::Write as _;
        if std::thread::panicking() {
            let _ = writeln!(std::io::stderr(), "the test failed on {:?}", self.0);
        }
    }
}

/// Runs a command to its end.
pub fn finish(command: &mut Command) -> Finished {
    let output = command.stdin(Stdio::null()).output().expect("the command starts");
    Finished {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// The search path for programs with one folder more, before the others.
#[expect(clippy::disallowed_methods, reason = "PATH is no setting of the suite")]
pub fn search_path(first: &Path) -> OsString {
    let others = std::env::var_os("PATH").unwrap_or_default();
    let all = [first.to_owned()].into_iter().chain(std::env::split_paths(&others));
    std::env::join_paths(all).expect("folders on the search path have plain names")
}

/// The binary under test.
///
/// # Panics
/// Where it was not built.
#[expect(clippy::disallowed_methods, reason = "the test's environment is no configuration")]
pub fn binary() -> PathBuf {
    static FOUND: LazyLock<PathBuf> = LazyLock::new(|| {
        let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/debug/aftercare");
        let path = std::env::var_os(BINARY).map_or_else(default, PathBuf::from);
        fs::canonicalize(&path).unwrap_or_else(|_| {
            panic!(
                "there is no {}: run `cargo build -p aftercare` first, name the binary in {BINARY}, \
                 or run `cargo xtask test`, which does both",
                path.display()
            )
        })
    });
    FOUND.clone()
}

/// A member of a tenant, to make a token for.
pub fn member_of(tenant: Tenant, member: &str) -> Principal {
    principal(tenant, CallerKind::Member, member)
}

/// A system of a tenant, to make a token for.
pub fn integration_of(tenant: Tenant) -> Principal {
    principal(tenant, CallerKind::Integration, "shop")
}

/// A customer of a tenant, `customers/{id}`, to make a token for.
pub fn customer_of(tenant: Tenant, name: &str) -> Principal {
    let customer = CustomerId::parse_name(name).expect("a customer's name");
    let subject = customer.uuid().to_string();
    let principal = principal(tenant, CallerKind::Customer, &subject);
    Principal { customer: Some(customer), ..principal }
}

fn principal(tenant: Tenant, kind: CallerKind, subject: &str) -> Principal {
    let (tenant, subject) = (tenant.id(), subject.to_owned());
    Principal { tenant, kind, subject, roles: Vec::new(), customer: None }
}

/// A channel to an address, connected when first used.
pub fn channel(at: SocketAddr) -> Channel {
    let endpoint = Endpoint::from_shared(format!("http://{at}")).expect("an address is a URI");
    endpoint.tcp_nodelay(true).connect_lazy()
}

/// The variable of the environment that a setting is read from.
fn variable(key: &str) -> String {
    format!("AFTERCARE__{}", key.to_uppercase().replace('.', "__"))
}

async fn is_ready(admin: SocketAddr) -> bool {
    let answer = HealthClient::new(channel(admin)).check(HealthCheckRequest::default()).await;
    answer.is_ok_and(|answer| answer.into_inner().status() == ServingStatus::Serving)
}

/// A port that nobody has. Below those that the system gives to outgoing connections, so that it is
/// still free when a killed process is started again.
pub fn free() -> SocketAddr {
    const FIRST: u16 = 20_000;
    const MANY: u16 = 12_000;
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        let spread = std::process::id().wrapping_mul(97) % u32::from(MANY);
        AtomicU16::new(u16::try_from(spread).unwrap_or(0))
    });
    loop {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % MANY;
        let at = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(at).is_ok() {
            return at;
        }
    }
}

fn seed() -> String {
    let mut text = String::new();
    for (tenant, locale) in [(Tenant::North, "en"), (Tenant::South, "zh")] {
        let (id, slug) = (tenant.id().uuid(), tenant.slug());
        let _ = write!(
            text,
            "[[tenants]]\nid = \"{id}\"\nslug = \"{slug}\"\ntitle = \"{slug}\"\n\
             locale = \"{locale}\"\nphone_region = \"CN\"\ntime_zone = \"Asia/Shanghai\"\n\
             [[tenants.teams]]\nid = \"front\"\ntitle = \"Front\"\n"
        );
        for (queue, rest) in [
            ("complaints", "kinds = [\"complaint\"]\n"),
            (QUIET_QUEUE, "kinds = [\"praise\"]\nchannels = [\"fax\"]\n"),
            ("general", "default = true\n"),
        ] {
            let _ = write!(
                text,
                "[[tenants.queues]]\nid = \"{queue}\"\ntitle = \"{queue}\"\nteam = \"front\"\n\
                 max_wait = \"4h\"\n{rest}"
            );
        }
        let staff =
            STAFF.into_iter().chain([(Role::Agent, OTHER_AGENT), (Role::Agent, BUSY_AGENT)]);
        for (role, member) in staff {
            let role = role.as_str();
            let _ = write!(
                text,
                "[[tenants.members]]\nid = \"{member}\"\ntitle = \"{member}\"\n\
                 roles = [\"{role}\"]\nteams = [\"front\"]\nlocale = \"{locale}\"\n"
            );
            if !matches!(role, "agent" | "senior_agent" | "supervisor") {
                continue;
            }
            let capacity = if member == BUSY_AGENT { 0 } else { 1_000 };
            let _ = writeln!(
                text,
                "routing = {{ queues = [\"complaints\", \"{QUIET_QUEUE}\", \"general\"], \
                 languages = [\"en\", \"zh\"], capacity = {capacity} }}"
            );
        }
    }
    text
}
