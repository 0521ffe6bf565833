//! Policies: what is promised, and in which calendar. Versioned; a ticket's clocks name the version
//! that they go by.

use std::collections::BTreeMap;

use calendar::{Calendar, CalendarError, CalendarSpec, Hours, Problem};
use contracts::tickets::v1::{Channel, ClockState, Kind, Metric};
use jiff::SignedDuration;
use kernel::Time;
use serde::Deserialize;

use super::clock::{Clock, Target, after};

/// A policy as it is written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// Its name and version, for instance `shipped@1`.
    pub version: String,
    /// After how many working days of silence a resolved ticket closes.
    pub silent_close_working_days: u32,
    /// For how many days a closed ticket may be opened again.
    pub reopen_within_days: i64,
    /// How long a stretch of work lasts after the agent's last action.
    pub work_session_minutes: i64,
    /// The rules for clocks; for each metric the first that fits holds.
    pub clocks: Vec<Rule>,
    /// What one ticket of a channel takes of an agent's capacity.
    pub weights: BTreeMap<String, i32>,
}

/// A rule for one metric.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Its name, for history.
    pub name: String,
    /// What it measures.
    pub metric: String,
    /// The kinds that it is for; empty for all.
    #[serde(default)]
    pub kinds: Vec<String>,
    /// The channels that it is for; empty for all.
    #[serde(default)]
    pub channels: Vec<String>,
    /// What we aim at.
    pub goal: SignedDuration,
    /// What we promise.
    pub due: SignedDuration,
    /// `always` or `standard`.
    pub calendar: String,
}

const SHIPPED: &str = include_str!("../../policy.toml");

impl Policy {
    /// The policy that ships with the suite.
    #[expect(clippy::expect_used, reason = "the shipped policy is well-formed, which a test holds")]
    pub fn shipped() -> Self {
        toml::from_str(SHIPPED).expect("the shipped policy is well-formed")
    }

    /// What a ticket of this channel takes of an agent's capacity.
    pub fn weight(&self, channel: Channel) -> i32 {
        self.weights.get(short(channel.as_str_name(), "CHANNEL_")).copied().unwrap_or(1)
    }

    /// How long a stretch of work lasts after the agent's last action, in microseconds.
    pub fn work_session_micros(&self) -> i64 {
        self.work_session_minutes * 60_000_000
    }

    /// A clock for `metric`, started at `at`; `None` where no rule fits.
    pub fn start(
        &self,
        metric: Metric,
        instance: i32,
        kind: Kind,
        channel: Channel,
        at: Time,
        calendars: &Calendars,
    ) -> Result<Option<Clock>, CalendarError> {
        let Some(rule) = self.clocks.iter().find(|rule| rule.fits(metric, kind, channel)) else {
            return Ok(None);
        };
        let calendar = calendars.named(&rule.calendar);
        let micros = |length: SignedDuration| i64::try_from(length.as_micros()).unwrap_or(i64::MAX);
        Ok(Some(Clock {
            metric,
            instance,
            state: ClockState::Running,
            started: at,
            target: Some(Target {
                goal: after(calendar, at, micros(rule.goal))?,
                due: after(calendar, at, micros(rule.due))?,
            }),
            left: None,
            ended: None,
            warned: false,
            breached: false,
            policy: format!("{}/{}", self.version, rule.name),
            calendar: rule.calendar.clone(),
        }))
    }
}

impl Rule {
    fn fits(&self, metric: Metric, kind: Kind, channel: Channel) -> bool {
        let among = |list: &[String], name: &str| list.is_empty() || list.iter().any(|n| n == name);
        self.metric == short(metric.as_str_name(), "METRIC_")
            && among(&self.kinds, short(kind.as_str_name(), "KIND_"))
            && among(&self.channels, short(channel.as_str_name(), "CHANNEL_"))
    }
}

fn short<'a>(name: &'a str, prefix: &str) -> &'a str {
    name.strip_prefix(prefix).unwrap_or(name)
}

/// The calendars of one tenant.
#[derive(Clone, Debug)]
pub struct Calendars {
    always: Calendar,
    standard: Calendar,
}

impl Calendars {
    /// Elapsed time, and the usual office hours of a time zone: Monday to Friday, 09:00 to 18:00; in
    /// China with its days off and make-up working days.
    pub fn of_zone(zone: &str) -> Result<Self, Vec<Problem>> {
        let standard = if calendar::china::is_zone(zone) {
            CalendarSpec { zone: zone.to_owned(), ..CalendarSpec::cn_standard() }
        } else {
            let hours = [Hours::new("09:00", "18:00")];
            CalendarSpec {
                zone: zone.to_owned(),
                weekly: calendar::Weekly::weekdays(&hours),
                overrides: BTreeMap::new(),
            }
        };
        Ok(Self { always: Calendar::always(zone)?, standard: Calendar::parse(&standard)? })
    }

    /// The calendar of this name; `always` where it is not `standard`.
    pub fn named(&self, name: &str) -> &Calendar {
        if name == "standard" { &self.standard } else { &self.always }
    }

    /// When a period of so many working days ends that `at` sets off.
    pub fn after_working_days(&self, at: Time, days: u32) -> Result<Time, CalendarError> {
        self.standard.add_working_days(at.timestamp(), days).map(Time::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Time {
        Time::from(text.parse::<jiff::Timestamp>().unwrap())
    }

    fn start(metric: Metric, kind: Kind, channel: Channel) -> Option<Clock> {
        let calendars = Calendars::of_zone("Asia/Shanghai").unwrap();
        Policy::shipped()
            .start(metric, 1, kind, channel, at("2026-09-18T09:30:00Z"), &calendars)
            .unwrap()
    }

    #[test]
    fn the_shipped_promises() {
        let chat = start(Metric::FirstResponse, Kind::Inquiry, Channel::WebChat).unwrap();
        assert_eq!(chat.policy, "shipped@1/chat");
        let target = chat.target.unwrap();
        assert_eq!(target.goal.since(chat.started), 30_000_000);
        assert_eq!(target.due.since(chat.started), 120_000_000);

        let complaint = start(Metric::Resolution, Kind::Complaint, Channel::Email).unwrap();
        assert_eq!(complaint.target.unwrap().due.since(complaint.started), 72 * 3_600_000_000);
        assert_eq!(start(Metric::Resolution, Kind::Praise, Channel::Email), None);
    }

    #[test]
    fn a_make_up_working_day_counts() {
        // Friday 18 September 2026, 17:30 in Shanghai; Sunday the 20th is worked to make up for the
        // National Day holiday, so eight working hours end on that Sunday.
        let mail = start(Metric::FirstResponse, Kind::Inquiry, Channel::Email).unwrap();
        assert_eq!(mail.target.unwrap().due, at("2026-09-20T08:30:00Z"));
    }

    #[test]
    fn china_has_its_calendar_by_every_name_of_its_zone() {
        for zone in ["Asia/Shanghai", "PRC", "Asia/Chongqing", "asia/shanghai"] {
            let calendars = Calendars::of_zone(zone).unwrap();
            let friday = at("2026-09-18T09:30:00Z");
            assert_eq!(
                calendars.after_working_days(friday, 1).unwrap(),
                Calendars::of_zone("Asia/Shanghai").unwrap().after_working_days(friday, 1).unwrap(),
                "{zone}"
            );
            let clock = Policy::shipped()
                .start(Metric::FirstResponse, 1, Kind::Inquiry, Channel::Email, friday, &calendars)
                .unwrap()
                .unwrap();
            assert_eq!(clock.target.unwrap().due, at("2026-09-20T08:30:00Z"), "{zone}");
        }
    }

    #[test]
    fn voices_weigh_more_than_letters() {
        let policy = Policy::shipped();
        assert_eq!(policy.weight(Channel::Phone), 5);
        assert_eq!(policy.weight(Channel::Email), 1);
    }
}
