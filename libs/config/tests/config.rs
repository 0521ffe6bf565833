//! The configuration as its users meet it: defaults, layers, problems, the root key.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use aftercare_config::{Config, DatabaseUrl, Error, OidcKind};
use tempfile::TempDir;

fn env(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(key, value)| (format!("AFTERCARE__{key}"), (*value).to_owned())).collect()
}

fn load(file: &str, pairs: &[(&str, &str)]) -> Result<Config, Error> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("aftercare.toml");
    fs::write(&path, file).unwrap();
    Config::load(Some(&path), env(pairs))
}

fn problems(file: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    load(file, pairs).unwrap_err().to_string().lines().map(str::to_owned).collect()
}

fn form_problem(file: &str, pairs: &[(&str, &str)]) -> String {
    match load(file, pairs) {
        Err(Error::Form(cause)) => cause.to_string(),
        other => panic!("{other:?}"),
    }
}

/// What `config print` shows on a first run.
const DEFAULTS: &str = r#"[environment]
production = false

[server]
public = "127.0.0.1:8080"
admin = "127.0.0.1:9090"
proxies = 0

[database]
url = "sqlite:./data"
max_connections = 12
migrate = true

[keys]
file = "./data/root.key"
retired = []
changing = []

[clock]

[log]
format = "text"
level = "info,sqlx=warn"

[telemetry]
sampling_ratio = 1.0
trust_client_sampling = false

[identity]
local_issuer = true

[roles]

[seed]

[audit]
retention = "400d"

[search]
retention = "400d"

[contact]
cap = 1
cap_period = "7d"
quiet_hours = "21:00-08:00"
grant = "1h"

[limits]
connection_age = "10m"
tenant_rate = 2000
tenant_burst = 4000
credential_rate = 1000
credential_burst = 2000
visitor_rate = 20
visitor_burst = 100
calls_at_once = 1024

[drain]
delay = "0s"
grace = "10s"
"#;

#[test]
fn the_shipped_file_alone_is_the_default() {
    let config = Config::load(None, HashMap::new()).unwrap();
    assert_eq!(config.to_toml(), DEFAULTS);
    assert!(config.virtual_clock());
    assert_eq!(config.database_url("tickets"), "sqlite:./data/tickets.db");
    assert_eq!(config.seed().unwrap().tenants.len(), 4);
}

/// Keys of a table with those of its tables, as paths.
fn keys(table: &toml::Table, prefix: &str, into: &mut BTreeSet<String>) {
    for (key, value) in table {
        let path = format!("{prefix}{key}");
        match value {
            toml::Value::Table(inner) => keys(inner, &format!("{path}."), into),
            toml::Value::Array(list) if list.iter().any(toml::Value::is_table) => {
                let tables = list.iter().filter_map(toml::Value::as_table);
                tables.for_each(|inner| keys(inner, &format!("{path}."), into));
            }
            _ => {
                into.insert(path);
            }
        }
    }
}

#[test]
fn the_shipped_file_documents_every_key_there_is() {
    // With the commented examples in force, nothing is unset, so what is read is every key.
    let example = |line: &str| {
        let text = line.strip_prefix("# ")?;
        let is_key = text
            .split_once(" = ")
            .is_some_and(|(key, _)| key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'));
        let is_table = text.starts_with("[services.") || text.starts_with("[[");
        (is_key || is_table).then(|| text.to_owned())
    };
    let mut whole = String::new();
    for line in Config::documented().lines() {
        let line = example(line).unwrap_or_else(|| line.to_owned());
        whole.push_str(&line.replace("root = \"\"", &format!("root = \"{}\"", "0".repeat(64))));
        whole.push('\n');
    }
    let config = load(&whole, &[]).unwrap();
    let (mut written, mut read) = (BTreeSet::new(), BTreeSet::new());
    keys(&whole.parse().unwrap(), "", &mut written);
    keys(&config.to_toml().parse().unwrap(), "", &mut read);
    assert_eq!(written, read);
    let Config { services, keys, clock, seed, server, identity, telemetry, .. } = config;
    let provider = &identity.oidc[0];
    assert!(provider.jwks_uri.is_some() && provider.tenant.is_some());
    assert!(telemetry.otlp.is_some());
    assert!(server.peer.is_some() && keys.root.is_some() && clock.is_virtual.is_some());
    let service = &services["tickets"];
    assert!(service.public.is_some() && service.peer.is_some() && service.admin.is_some());
    assert!(seed.file.is_some() && service.link.is_some());
}

#[test]
fn the_environment_goes_before_the_file_and_the_file_before_the_defaults() {
    let file = "[server]\npublic = \"127.0.0.1:1\"\nadmin = \"127.0.0.1:2\"\n";
    let root = "7".repeat(64);
    let config = load(
        file,
        &[
            ("SERVER__PUBLIC", "127.0.0.1:3"),
            ("SERVER__PEER", ""),
            ("DATABASE__MAX_CONNECTIONS", "20"),
            ("DATABASE__MIGRATE", "false"),
            ("SERVICES__TICKETS__LINK", "http://tickets:8181"),
            ("KEYS__ROOT", &root),
            ("ROLES__SENIOR_AGENT", "tickets.*@teams, entries.*"),
            ("DRAIN__DELAY", "5s"),
            ("TELEMETRY__OTLP", "http://collector:4317"),
            ("TELEMETRY__SAMPLING_RATIO", "0.01"),
        ],
    )
    .unwrap();
    let at = config.addresses(&["tickets", "customers"]);
    assert_eq!((at.public.unwrap().port(), at.peer, at.admin.port()), (3, None, 2));
    assert_eq!((config.database.max_connections, config.database.migrate), (20, false));
    assert_eq!(config.link("tickets"), Some("http://tickets:8181"));
    assert_eq!(config.keys.root.as_ref().unwrap().reveal(), root);
    assert_eq!(config.roles["senior_agent"].0, ["tickets.*@teams", "entries.*"]);
    assert_eq!(config.drain.delay.as_secs(), 5);
    assert_eq!(config.telemetry.otlp.as_deref(), Some("http://collector:4317"));
    assert!((config.telemetry.sampling_ratio - 0.01).abs() < f64::EPSILON);
    assert!(!config.to_toml().contains(&root) && !format!("{config:?}").contains(&root));
}

#[test]
fn one_service_alone_listens_where_its_own_section_says() {
    let file = "[services.customers]\npublic = \"127.0.0.1:5\"\npeer = \"127.0.0.1:6\"\n";
    let config = load(file, &[("DATABASE__URL", "postgres://me:secret@db/x")]).unwrap();
    let alone = config.addresses(&["customers"]);
    assert_eq!((alone.public.unwrap().port(), alone.admin.port()), (5, 9090));
    assert_eq!(alone.peer.unwrap().port(), 6);
    assert_eq!(config.addresses(&["tickets"]).public.unwrap().port(), 8080);
    assert_eq!(config.addresses(&["tickets", "customers"]).peer, None);
    assert!(!config.virtual_clock(), "PostgreSQL is no trial");
    assert_eq!(config.database_url("customers"), "postgres://me:secret@db/x");
    assert_eq!(config.database.url.redacted(), "postgres://me:(hidden)@db/x");
}

#[test]
fn the_example_of_two_processes_holds() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/examples/two-processes.toml");
    let config = Config::load(Some(&path), HashMap::new()).unwrap();
    let mut ports = BTreeSet::new();
    for running in [["gateway", "tickets", "knowledge", "surveys"].as_slice(), &["customers"]] {
        let at = config.addresses(running);
        let link = format!("http://{}", at.peer.unwrap());
        assert!(running.iter().all(|service| config.link(service) == Some(link.as_str())));
        assert_eq!(at.public.is_some(), running.contains(&"gateway"));
        ports.extend([at.public, at.peer, Some(at.admin)].into_iter().flatten());
    }
    assert_eq!(ports.len(), 5, "every port is another one");
}

#[test]
fn where_the_gateway_is_elsewhere_clients_come_by_it_alone() {
    let file = r#"
        [services.gateway]
        link = "http://127.0.0.1:8181"
        [services.customers]
        public = "0.0.0.0:8081"
    "#;
    let config = load(file, &[]).unwrap();
    for running in [["customers"].as_slice(), &["tickets", "customers"]] {
        assert_eq!(config.addresses(running).public, None);
    }
    for running in [["gateway"].as_slice(), &["gateway", "customers"]] {
        assert_eq!(config.addresses(running).public.unwrap().port(), 8080);
    }
    assert!(config.embedded(), "a port that is never opened does not count");
}

#[test]
fn all_problems_are_told_at_once_each_with_its_path() {
    let file = r#"
        [environment]
        production = true
        [server]
        public = "0.0.0.0:8080"
        admin = "0.0.0.0:8080"
        [services.nothing]
        [services.tickets]
        link = "tickets:8181"
        [database]
        url = "mysql://db"
        max_connections = 1
        [keys]
        root = "00"
        retired = ["11"]
        changing = ["22"]
        [clock]
        virtual = true
        [telemetry]
        otlp = "https://collector:4317"
        sampling_ratio = 1.5
        [roles]
        janitor = ["*"]
        [audit]
        retention = "23h"
        [search]
        retention = "0s"
        [contact]
        cap = 0
        cap_period = "366d"
        quiet_hours = "00:00-24:00"
        grant = "59s"
        [limits]
        connection_age = "0s"
        tenant_rate = 0
        calls_at_once = 100001
    "#;
    assert_eq!(
        problems(file, &[]),
        [
            "services.nothing is no service: there are gateway, tickets, customers, knowledge, surveys",
            "services.tickets.link must be `http://HOST:PORT`, or several of them with commas between",
            "server gives a process with gateway 0.0.0.0:8080 twice",
            "server gives a process with tickets 0.0.0.0:8080 twice",
            "server gives a process with customers 0.0.0.0:8080 twice",
            "server gives a process with knowledge 0.0.0.0:8080 twice",
            "server gives a process with surveys 0.0.0.0:8080 twice",
            "server gives a process with all services 0.0.0.0:8080 twice",
            "clock.virtual must not be set in production",
            "clock.virtual must not be set while server.public is 0.0.0.0:8080, not loopback",
            "identity.local_issuer must be false in production",
            "identity.local_issuer must be false while server.public is 0.0.0.0:8080, not loopback",
            "database.url must be `sqlite:FOLDER` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`",
            "database.max_connections must be 3 to 100",
            "keys.root must be 64 hexadecimal digits",
            "keys.retired[0] must be 64 hexadecimal digits",
            "keys.changing[0] must be 64 hexadecimal digits",
            "telemetry.otlp must be `http://HOST:PORT`",
            "telemetry.sampling_ratio must be 0 to 1",
            "roles.janitor is no role of the suite",
            "audit.retention must be a day or more",
            "search.retention must be a day or more",
            "contact.cap must be 1 to 1000",
            "contact.cap_period must be an hour to 365d",
            "contact.quiet_hours must be two times that differ, such as `21:00-08:00`, or `none`",
            "contact.grant must be a minute to a day",
            "limits.connection_age must be more than nothing",
            "limits.tenant_rate must be 1 to 100000",
            "limits.calls_at_once must be 1 to 100000",
        ]
    );
}

#[test]
fn quiet_hours_are_two_times_or_none() {
    let quiet = |hours: &str| load("", &[("CONTACT__QUIET_HOURS", hours)]);
    assert!(quiet("none").unwrap().contact.quiet_hours().is_none());
    let night = quiet("22:00-24:00").unwrap().contact.quiet_hours().unwrap();
    assert_eq!((night.from.as_str(), night.to.as_str()), ("22:00", "24:00"));
    for wrong in ["22:00", "9-10", "08:00-08:00", "24:00-08:00", "21:00-25:00"] {
        assert!(quiet(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn identity_providers_have_defaults_and_are_checked() {
    let short = r#"
        [[identity.oidc]]
        issuer = "https://id.example.com"
        audience = "aftercare"
        kind = "member"
        [[identity.oidc]]
        issuer = "http://localhost:7000/portal"
        audience = "help"
        kind = "customer"
        tenant = "019ab000-0000-7000-8000-000000000001"
        algorithms = "ES256"
    "#;
    let [staff, portal] = load(short, &[]).unwrap().identity.oidc.try_into().unwrap();
    assert_eq!((staff.kind, staff.leeway.as_secs()), (OidcKind::Member, 30));
    assert_eq!(staff.algorithms.0, ["RS256", "ES256", "EdDSA"]);
    assert_eq!((staff.subject_claim.as_str(), staff.tenant_claim.as_str()), ("sub", "tenant"));
    assert_eq!((portal.kind, portal.customer_claim.as_str()), (OidcKind::Customer, "customer"));
    assert_eq!(portal.algorithms.0, ["ES256"]);

    let wrong = r#"
        [[identity.oidc]]
        issuer = "http://id.example.com"
        audience = "a"
        kind = "member"
        jwks_uri = "file:///etc/passwd"
        algorithms = ["RS256", "HS256"]
        tenant = "Harbor"
        subject_claim = ""
        leeway = "1h"
        [[identity.oidc]]
        issuer = "http://id.example.com"
        audience = "a"
        kind = "member"
        algorithms = ["none"]
    "#;
    let secure = "must be `https://…`, or `http://…` on this machine";
    let some = "must be some of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA";
    assert_eq!(
        problems(wrong, &[]),
        [
            format!("identity.oidc[0].issuer {secure}"),
            format!("identity.oidc[0].jwks_uri {secure}"),
            "identity.oidc[0].subject_claim must not be empty".to_owned(),
            format!("identity.oidc[0].algorithms {some}"),
            "identity.oidc[0].tenant must be the slug or the id of a tenant".to_owned(),
            "identity.oidc[0].leeway must be at most 5m".to_owned(),
            format!("identity.oidc[1].issuer {secure}"),
            format!("identity.oidc[1].algorithms {some}"),
            "identity.oidc[1].audience must be another one for the same issuer".to_owned(),
        ]
    );
    let unknown = form_problem("[[identity.oidc]]\nkind = \"robot\"\n", &[]);
    assert!(unknown.contains("identity.oidc"), "{unknown}");
}

#[test]
fn what_is_no_configuration_is_refused_with_the_place() {
    let unknown = form_problem("[server]\npubic = \"127.0.0.1:1\"\n", &[]);
    assert!(unknown.contains("pubic") && unknown.contains("public"), "{unknown}");
    let unknown = form_problem("", &[("SERVR__PUBLIC", "127.0.0.1:1")]);
    assert!(unknown.contains("servr"), "{unknown}");
    let address = form_problem("", &[("SERVER__PUBLIC", "localhost")]);
    assert!(address.contains("server.public"), "{address}");
    let duration = form_problem("[drain]\ngrace = \"soon\"\n", &[]);
    assert!(duration.contains("`soon` is not a length of time"), "{duration}");
    assert!(duration.contains("drain.grace"), "{duration}");
    form_problem("[server\n", &[]);
    let missing = Config::load(Some(Path::new("/nowhere/aftercare.toml")), HashMap::new());
    assert!(matches!(missing, Err(Error::File { .. })));
}

fn with_keys_in(folder: &Path, pairs: &[(&str, &str)]) -> Config {
    let (url, file) = (format!("sqlite:{}", folder.display()), folder.join("root.key"));
    let own = [("DATABASE__URL", url.as_str()), ("KEYS__FILE", file.to_str().unwrap())];
    Config::load(None, env(&[own.as_slice(), pairs].concat())).unwrap()
}

fn why(result: Result<kernel::keys::RootKeys, Error>) -> &'static str {
    match result {
        Err(Error::RootKey { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_first_run_makes_a_root_key_that_later_runs_read() {
    let folder = TempDir::new().unwrap();
    let config = with_keys_in(&folder.path().join("data"), &[]);
    assert!(matches!(config.root_keys(), Err(Error::File { .. })), "reading makes none");
    let first = config.root_keys_or_new().unwrap().derive("test", &[]);
    assert_eq!(config.root_keys_or_new().unwrap().derive("test", &[]), first);
    assert_eq!(config.root_keys().unwrap().derive("test", &[]), first);
    let mode = fs::metadata(&config.keys.file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let files: Vec<PathBuf> = fs::read_dir(folder.path().join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(files, std::slice::from_ref(&config.keys.file), "no draft stays behind");
}

#[test]
fn a_root_key_is_refused_where_it_could_do_harm() {
    let folder = TempDir::new().unwrap();
    let config = with_keys_in(folder.path(), &[]);
    fs::write(folder.path().join("tickets.db"), "").unwrap();
    assert!(why(config.root_keys_or_new()).contains("data that one has sealed"));
    fs::remove_file(folder.path().join("tickets.db")).unwrap();

    config.root_keys_or_new().unwrap();
    fs::set_permissions(&config.keys.file, PermissionsExt::from_mode(0o640)).unwrap();
    assert!(why(config.root_keys()).contains("chmod 600"));
    fs::set_permissions(&config.keys.file, PermissionsExt::from_mode(0o600)).unwrap();
    fs::write(&config.keys.file, "not a key").unwrap();
    assert!(why(config.root_keys()).contains("64 hexadecimal digits"));

    let empty = TempDir::new().unwrap();
    let production = [("ENVIRONMENT__PRODUCTION", "true"), ("IDENTITY__LOCAL_ISSUER", "false")];
    let config = with_keys_in(empty.path(), &production);
    assert!(why(config.root_keys_or_new()).contains("in production"));
}

#[test]
fn two_processes_that_start_at_once_get_one_key() {
    let folder = TempDir::new().unwrap();
    let config = with_keys_in(folder.path(), &[]);
    let keys: BTreeSet<_> = std::thread::scope(|scope| {
        let start = || scope.spawn(|| config.root_keys_or_new().unwrap().derive("test", &[]));
        let all: Vec<_> = (0..8).map(|_| start()).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(keys.len(), 1);
    assert_eq!(DatabaseUrl::from("sqlite://x").sqlite_folder(), Some("x"));
}
