//! `doctor`: looks at everything that a suite needs, and says what to do where it is missing. It
//! changes nothing, and makes no file that is not there.

use std::{fmt::Display, net::SocketAddr, path::Path, process::ExitCode};

use anyhow::{Context, Result, bail};
use config::{Addresses, Config, SERVICES};
use kernel::{Clock, Time};
use store::{Db, meta, migrate::State};
use tokio::{net::TcpListener, process::Command};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

use crate::{
    operate::reach,
    print::causes,
    serve::{Databases, keys},
};

/// A clock that shows less than this, the beginning of 2026, was never set.
const EARLIEST: Time = Time::from_micros(1_767_225_600_000_000);
/// Less free space than this is soon full: 512 MiB.
const LEAST_KIB: u64 = 512 * 1_024;

/// How much was found to be wrong, while it is told line by line.
#[derive(Debug, Default)]
struct Findings {
    wrong: u32,
}

fn right(what: impl Display) {
    println!("✓ {what}");
}

/// Neither right nor wrong: not there yet.
fn later(what: impl Display) {
    println!("· {what}");
}

impl Findings {
    fn wrong(&mut self, what: impl Display, error: &anyhow::Error) {
        self.wrong += 1;
        println!("✗ {what}: {error}");
        for cause in causes(error) {
            println!("    because: {cause}");
        }
    }

    fn tell(&mut self, what: &str, found: Result<String>) {
        match found {
            Ok(found) => right(format_args!("{what}: {found}")),
            Err(error) => self.wrong(what, &error),
        }
    }
}

/// Prints a line for each part; the exit code is 1 where one is wrong.
pub(crate) async fn run(config: Result<Config>) -> ExitCode {
    let mut findings = Findings::default();
    match config {
        Ok(config) => examine(&config, &mut findings).await,
        Err(error) => findings.wrong("configuration", &error),
    }
    if findings.wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

async fn examine(config: &Config, findings: &mut Findings) {
    right("configuration");
    let grants = crate::settings::grants(config).map(|_| "well-formed".to_owned());
    findings.tell("roles", grants);
    let seed = crate::seed::load(config).map(|seed| {
        let slugs: Vec<_> = seed.tenants.iter().map(|tenant| tenant.slug.clone()).collect();
        format!("tenants {}", slugs.join(", "))
    });
    findings.tell("seed", seed);
    root_key(config, findings);
    for (what, at) in processes(config) {
        process(&what, at, findings).await;
    }
    for service in SERVICES {
        database(config, service, findings).await;
    }
    findings.tell("machine's clock", machine_clock(&Clock::system()));
    if let Some(folder) = config.database.url.sqlite_folder() {
        disk(Path::new(folder), findings).await;
    }
}

fn root_key(config: &Config, findings: &mut Findings) {
    let path = &config.keys.file;
    if config.keys.root.is_none() && !path.exists() && !config.environment.production {
        later(format_args!("root key: the first `serve` makes {}", path.display()));
        return;
    }
    let kept = match config.keys.root {
        Some(_) => "from the configuration".to_owned(),
        None => format!("{}, for its owner alone", path.display()),
    };
    findings.tell("root key", config.root_keys().map(|_| kept).context("it cannot be used"));
}

/// The processes that this configuration is for: one for each service where they have addresses of
/// their own, else one for all.
fn processes(config: &Config) -> Vec<(String, Addresses)> {
    if config.services.values().any(|own| own.public.is_some() || own.admin.is_some()) {
        SERVICES.map(|name| (format!("`serve {name}`"), config.addresses(&[name]))).into()
    } else {
        vec![("`serve`".to_owned(), config.addresses(&SERVICES))]
    }
}

/// A process that runs is to be ready; one that does not needs its ports.
async fn process(what: &str, at: Addresses, findings: &mut Findings) {
    if let Ok(Some(link)) = reach::open(&at.admin.to_string()).await {
        findings.tell(what, health(link).await);
        return;
    }
    let mut free = Ok(());
    for address in [at.public, at.peer, Some(at.admin)].into_iter().flatten() {
        free = free.and(is_free(address).await);
    }
    match free {
        Ok(()) => later(format_args!("{what} does not run; its addresses are free")),
        Err(error) => findings.wrong(what, &error),
    }
}

async fn health(link: rpc::Link) -> Result<String> {
    let answer = HealthClient::new(link).check(HealthCheckRequest::default()).await;
    match answer.map(|answer| answer.into_inner().status()) {
        Ok(ServingStatus::Serving) => Ok("runs and is ready".to_owned()),
        Ok(_) => bail!("runs but is not ready: it is starting or going down"),
        Err(status) => bail!("something else answers on its admin address: {}", status.message()),
    }
}

async fn is_free(address: SocketAddr) -> Result<()> {
    let bound = TcpListener::bind(address).await.map(drop);
    bound.with_context(|| {
        format!("{address} cannot be taken; stop what has it, or set another (`[server]`)")
    })
}

async fn database(config: &Config, service: &'static str, findings: &mut Findings) {
    let what = format!("database of {service}");
    let url = config.database_url(service);
    let file = url.strip_prefix("sqlite:").map(Path::new);
    if let Some(file) = file.filter(|file| !file.exists()) {
        later(format_args!("{what}: the first `serve` makes {}", file.display()));
        return;
    }
    findings.tell(&what, examine_database(config, service).await);
}

async fn examine_database(config: &Config, service: &'static str) -> Result<String> {
    let databases = Databases::open(config, &[service]).await?;
    let db = databases.of(service)?;
    let found = state(config, &databases, service, db).await;
    databases.close().await;
    found
}

async fn state(config: &Config, databases: &Databases, service: &str, db: &Db) -> Result<String> {
    let id = meta::root_key(db).await?;
    if let Some(id) = id.filter(|id| !config.root_keys().is_ok_and(|keys| keys.has(id))) {
        bail!(keys::lost(service, &id));
    }
    for (_, state) in databases.states().await? {
        match state {
            State::Ready => {}
            State::Pending if config.database.migrate => {
                return Ok("reached; the next `serve` brings it up to date".to_owned());
            }
            State::Pending => bail!("it is behind; run `aftercare migrate`"),
            State::Newer => bail!("a later release has migrated it; run that one"),
        }
    }
    // Changes nothing, but takes the lock that every write takes.
    let mut tx = db.begin().await.context("it cannot be written")?;
    meta::raise_clock_offset(&mut tx, 0).await.context("it cannot be written")?;
    tx.rollback().await?;
    let offset = meta::clock_offset(db).await?;
    if offset > 0 && !config.virtual_clock() {
        bail!("its clock was moved ahead in a trial; it cannot be served without `clock.virtual`");
    }
    let clock = if offset > 0 { ", its clock is ahead of the machine's" } else { "" };
    Ok(format!("up to date and writable{clock}"))
}

fn machine_clock(clock: &Clock) -> Result<String> {
    let now = clock.real_now();
    if now < EARLIEST {
        bail!("it shows {now}; set it, for instance by NTP");
    }
    Ok(now.to_string())
}

/// Asks `df`, since the standard library does not know; where there is none, nothing is said.
async fn disk(folder: &Path, findings: &mut Findings) {
    let there = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let Ok(output) = Command::new("df").arg("-Pk").arg(there).output().await else { return };
    let text = String::from_utf8_lossy(&output.stdout);
    let free = text.lines().nth(1).and_then(|line| line.split_whitespace().nth(3)?.parse().ok());
    if let Some(kib) = free {
        findings.tell("disk", enough(kib));
    }
}

fn enough(kib: u64) -> Result<String> {
    let mib = kib / 1_024;
    if kib < LEAST_KIB {
        bail!("only {mib} MiB are free; make room before the database is full");
    }
    Ok(format!("{mib} MiB free"))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn a_clock_that_was_never_set_and_a_full_disk_are_seen() {
        assert!(machine_clock(&Clock::manual(Time::EPOCH)).is_err());
        assert!(machine_clock(&Clock::manual(EARLIEST)).is_ok());
        assert_eq!(enough(1 << 20).unwrap(), "1024 MiB free");
        assert!(enough(1_024).unwrap_err().to_string().contains("only 1 MiB"));
    }

    #[test]
    fn one_process_for_all_unless_services_have_addresses() {
        let of = |env: &[(&str, &str)]| {
            let env = env.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
            processes(&Config::load(None, env.collect::<HashMap<_, _>>()).unwrap())
        };
        assert_eq!(of(&[]).len(), 1);
        let own = of(&[("AFTERCARE__SERVICES__CUSTOMERS__PUBLIC", "127.0.0.1:8081")]);
        assert_eq!(own.len(), 5);
        assert_eq!(own[2].1.public.unwrap().port(), 8081);
        let behind = of(&[
            ("AFTERCARE__SERVICES__GATEWAY__LINK", "http://127.0.0.1:8181"),
            ("AFTERCARE__SERVICES__CUSTOMERS__ADMIN", "127.0.0.1:9091"),
        ]);
        let doors: Vec<_> = behind.iter().map(|(_, at)| at.public.is_some()).collect();
        assert_eq!(doors, [true, false, false, false, false], "clients come by way of the gateway");
    }

    #[tokio::test]
    async fn a_port_that_is_taken_is_seen() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap();
        assert!(is_free(address).await.unwrap_err().to_string().contains(&address.to_string()));
    }
}
