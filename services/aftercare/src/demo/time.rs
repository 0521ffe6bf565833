//! The suite's virtual clock, which the demo moves so that what takes days is seen at once. It names
//! goals and never distances, each counted from the first message that was recorded, so that a second
//! run moves nothing.

use anyhow::Result;
use config::Config;
use contracts::r#type::v1::{AdvanceClockRequest, clock_service_client::ClockServiceClient};
use jiff::{Timestamp, ToSpan, civil, tz::TimeZone};
use kernel::Time;
use rpc::Link;
use tokio::time::Instant;
use tonic::Code;

use super::suite::PATIENCE;
use crate::{operate::reach, print::told};

/// Between two tries while a process is away.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(500);

/// The clocks of the suite's processes.
pub(crate) struct Clocks(Vec<ClockServiceClient<Link>>);

impl Clocks {
    /// Those at `address`, or where the configuration says that the admin ports are.
    pub(crate) async fn find(config: &Config, address: Option<&str>) -> Result<Self> {
        let addresses = address.map_or_else(|| reach::admins(config), |one| vec![one.to_owned()]);
        let mut clocks = Vec::new();
        for address in addresses {
            if let Some(link) = reach::open(&address).await? {
                clocks.push(ClockServiceClient::new(link));
            }
        }
        Ok(Self(clocks))
    }

    /// Moves all of them to `goal` where they are not past it already; `false` where the suite's time
    /// cannot be moved.
    pub(crate) async fn to(&self, goal: Time) -> Result<bool> {
        for clock in &self.0 {
            let request = AdvanceClockRequest { to_time: Some(rpc::wire::timestamp(goal)) };
            let start = Instant::now();
            loop {
                let Err(status) = clock.clone().advance_clock(request).await else { break };
                match status.code() {
                    Code::FailedPrecondition | Code::Unimplemented => return Ok(false),
                    _ if start.elapsed() < PATIENCE => tokio::time::sleep(PAUSE).await,
                    _ => anyhow::bail!("the clock does not move: {}", told(&status)),
                }
            }
        }
        Ok(!self.0.is_empty())
    }
}

/// The first noon in a time zone that is `hours` or more after an instant.
pub(crate) fn noon_after(from: Time, hours: i64, zone: &TimeZone) -> Result<Time> {
    let from = Timestamp::from_microsecond(from.micros())? + hours.hours();
    let day = from.to_zoned(zone.clone());
    let noon = civil::time(12, 0, 0, 0);
    let mut noon = day.date().to_datetime(noon).to_zoned(zone.clone())?;
    if noon.timestamp() < from {
        noon = noon.checked_add(1.day())?;
    }
    Ok(Time::from(noon.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noon_is_that_of_the_place_and_never_before() {
        let at = |text: &str| Time::from(text.parse::<Timestamp>().unwrap());
        let noon = |from, hours| {
            let zone = TimeZone::get("Asia/Shanghai").unwrap();
            noon_after(at(from), hours, &zone).unwrap().to_string()
        };
        assert_eq!(noon("2026-05-01T03:59:00Z", 0), "2026-05-01T04:00:00Z");
        assert_eq!(noon("2026-05-01T04:00:00Z", 0), "2026-05-01T04:00:00Z");
        assert_eq!(noon("2026-05-01T04:01:00Z", 0), "2026-05-02T04:00:00Z");
        assert_eq!(noon("2026-05-01T04:01:00Z", 48), "2026-05-04T04:00:00Z");
    }
}
