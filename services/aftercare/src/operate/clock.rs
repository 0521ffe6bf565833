//! `clock`: the time of a running suite.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use config::Config;
use contracts::r#type::v1::{
    AdvanceClockRequest, ClockReading, GetClockRequest, clock_service_client::ClockServiceClient,
};
use kernel::Time;
use rpc::Link;

use super::reach;
use crate::print::told;

/// Arguments of `clock`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The admin port, such as `127.0.0.1:9090`; the configured ones where it is left out.
    #[arg(long, global = true, value_name = "HOST:PORT")]
    address: Option<String>,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Show what time it is for the suite.
    Show,
    /// Move it forward; it never goes back.
    #[command(group = clap::ArgGroup::new("goal").required(true))]
    Advance {
        /// How far, such as `2h` or `3d`.
        #[arg(long, group = "goal", value_parser = config::duration::parse)]
        by: Option<Duration>,
        /// To when, as RFC 3339, such as `2026-11-25T09:00:00Z`.
        #[arg(long, group = "goal", value_parser = instant)]
        to: Option<Time>,
    },
}

/// Runs one of them, on every process that answers: each keeps its own clock.
pub(crate) async fn run(config: &Config, args: Args) -> Result<()> {
    let addresses = args.address.map_or_else(|| reach::admins(config), |address| vec![address]);
    let mut clients = Vec::new();
    for address in &addresses {
        if let Some(link) = reach::open(address).await? {
            clients.push((address, ClockServiceClient::new(link)));
        }
    }
    if clients.is_empty() {
        bail!("nothing answers at {}", addresses.join(" or "));
    }
    let mut readings = Vec::new();
    for (address, client) in &mut clients {
        let reading = client.get_clock(GetClockRequest {}).await.map_err(|status| told(&status))?;
        readings.push((*address, reading.into_inner()));
    }
    if let Command::Advance { by, to } = args.command {
        let latest = readings.iter().filter_map(|(_, reading)| shown(reading)).max();
        let goal = match (to, by, latest) {
            (Some(to), _, _) => to,
            (None, Some(by), Some(latest)) => latest + by,
            _ => bail!("the suite does not say what time it is"),
        };
        readings = advance(&mut clients, goal).await?;
    }
    for (address, reading) in &readings {
        let time = shown(reading).context("the suite does not say what time it is")?;
        let ahead = config::duration::format(rounded(reading.offset.unwrap_or_default()));
        println!("{time}  {ahead} ahead  {address}");
    }
    Ok(())
}

async fn advance<'a>(
    clients: &mut [(&'a String, ClockServiceClient<Link>)],
    goal: Time,
) -> Result<Vec<(&'a String, ClockReading)>> {
    let mut readings = Vec::new();
    for (address, client) in clients {
        let request = AdvanceClockRequest { to_time: Some(rpc::wire::timestamp(goal)) };
        let reading = client.advance_clock(request).await.map_err(|status| told(&status))?;
        readings.push((*address, reading.into_inner()));
    }
    Ok(readings)
}

/// The offset to the second: the goal was named a moment before it was reached.
fn rounded(offset: prost_types::Duration) -> Duration {
    let up = u64::from(offset.nanos >= 500_000_000);
    Duration::from_secs(offset.seconds.unsigned_abs() + up)
}

fn shown(reading: &ClockReading) -> Option<Time> {
    reading.time.as_ref().and_then(rpc::wire::time)
}

fn instant(text: &str) -> Result<Time, jiff::Error> {
    text.parse::<jiff::Timestamp>().map(Time::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_read_with_their_zone() {
        let time = instant("2026-11-22T11:00:00+08:00").unwrap();
        assert_eq!(time.to_string(), "2026-11-22T03:00:00Z");
        assert!(instant("2026-11-22 11:00").is_err());
    }
}
