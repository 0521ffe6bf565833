//! A running suite of its own, on SQLite in a folder that is gone afterwards

use std::collections::HashMap;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, service::Interceptor, service::interceptor::InterceptedService};

const CONFIG: &str = r#"
[server]
public = "127.0.0.1:0"
peer = "127.0.0.1:0"
admin = "127.0.0.1:0"
[database]
url = "sqlite:data"
[keys]
file = "root.key"
[seed]
file = "seed.toml"
[limits]
tenant_rate = 100000
tenant_burst = 100000
credential_rate = 100000
credential_burst = 100000
[log]
level = "warn"
"#;

const SEED: &str = r#"
[[tenants]]
id = "019ab000-0000-7000-8000-00000000a127"
slug = "airport"
title = "Airport"
locale = "en"
phone_region = "US"
time_zone = "America/Los_Angeles"

[[tenants.teams]]
id = "first-line"
title = "First line"

[[tenants.queues]]
id = "general"
title = "General"
team = "first-line"
default = true
max_wait = "4h"

[[tenants.members]]
id = "grace"
title = "Grace"
roles = ["admin"]
locale = "en"
"#;

/// The time zone of the seed.
pub(super) const ZONE: &str = "America/Los_Angeles";

/// A channel whose calls are the administrator's.
pub(super) type Line = InterceptedService<Channel, Voice>;

/// Puts the administrator's token into each call.
#[derive(Clone)]
pub(super) struct Voice(MetadataValue<Ascii>);

impl Interceptor for Voice {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// A running suite; it ends with this.
pub(super) struct Site {
    channel: Channel,
    voice: Voice,
    _program: Child,
    _folder: TempDir,
}

impl Site {
    /// Starts the suite and waits until it serves.
    pub(super) async fn start(binary: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        std::fs::write(folder.path().join("aftercare.toml"), CONFIG)?;
        std::fs::write(folder.path().join("seed.toml"), SEED)?;
        let mut command = Command::new(binary);
        command.arg("serve").current_dir(folder.path()).kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut program =
            command.spawn().with_context(|| format!("cannot start {}", binary.display()))?;
        let output = program.stdout.take().context("no standard output")?;
        let mut lines = BufReader::new(output).lines();
        let mut ports = HashMap::new();
        // It tells the operators' port last.
        while !ports.contains_key("admin") {
            let line = lines.next_line().await?.context("the suite does not start")?;
            let mut words = line.split_whitespace().map(str::to_owned);
            if let (Some(name), Some(address)) = (words.next(), words.next()) {
                ports.insert(name, address);
            }
        }
        let token = token(binary, folder.path()).await?;
        let voice = format!("Bearer {token}").parse().context("a token is no header")?;
        let address = ports.get("public").context("there is no public port")?;
        let channel = Endpoint::from_shared(format!("http://{address}"))?.connect().await?;
        Ok(Self { channel, voice: Voice(voice), _program: program, _folder: folder })
    }

    /// The way to it.
    pub(super) fn line(&self) -> Line {
        InterceptedService::new(self.channel.clone(), self.voice.clone())
    }
}

async fn token(binary: &Path, folder: &Path) -> Result<String> {
    let mut command = Command::new(binary);
    let output = command.args(["token", "--role", "admin"]).current_dir(folder).output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "no token: {said}");
    let text = String::from_utf8(output.stdout)?;
    Ok(text.lines().next().unwrap_or_default().trim().to_owned())
}
