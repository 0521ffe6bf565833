//! What an event adds to the figures of its day.

use contracts::tickets::v1::{
    ClockState, CloseReason, Kind, Metric, TicketEvent, ticket_event::Change,
};
use jiff::{civil::Date, tz::TimeZone};
use kernel::{TenantId, Time};

/// 1970-01-01, from which days are counted.
const FIRST_DAY: Date = jiff::civil::date(1970, 1, 1);

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// Tickets recorded.
    Created,
    /// Those of them that were complaints.
    Complaints,
    /// Resolutions proposed.
    Resolved,
    /// Resolutions that the customer objected to.
    Rejected,
    /// Tickets opened again.
    Reopened,
    /// Tickets closed.
    Closed,
    /// Those of them that the customer confirmed.
    Confirmed,
    /// First responses that were promised.
    FirstResponses,
    /// Those of them that came in time.
    FirstResponsesKept,
    /// Resolutions that were promised.
    Resolutions,
    /// Those of them that came in time.
    ResolutionsKept,
}

impl Measure {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::Created,
        Self::Complaints,
        Self::Resolved,
        Self::Rejected,
        Self::Reopened,
        Self::Closed,
        Self::Confirmed,
        Self::FirstResponses,
        Self::FirstResponsesKept,
        Self::Resolutions,
        Self::ResolutionsKept,
    ];

    /// Its name, as it is stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Complaints => "complaints",
            Self::Resolved => "resolved",
            Self::Rejected => "rejected",
            Self::Reopened => "reopened",
            Self::Closed => "closed",
            Self::Confirmed => "confirmed",
            Self::FirstResponses => "first_responses",
            Self::FirstResponsesKept => "first_responses_kept",
            Self::Resolutions => "resolutions",
            Self::ResolutionsKept => "resolutions_kept",
        }
    }

    /// The measure of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.as_str() == name)
    }

    /// What an event counts as; at most two.
    pub fn of(event: &TicketEvent) -> Vec<Self> {
        let Some(change) = &event.change else { return Vec::new() };
        match change {
            Change::Created(_) if event.kind() == Kind::Complaint => {
                vec![Self::Created, Self::Complaints]
            }
            Change::Created(_) => vec![Self::Created],
            Change::Resolved(_) => vec![Self::Resolved],
            Change::Rejected(_) => vec![Self::Rejected],
            Change::Reopened(_) => vec![Self::Reopened],
            Change::Closed(closed) if closed.reason() == CloseReason::Confirmed => {
                vec![Self::Closed, Self::Confirmed]
            }
            Change::Closed(_) => vec![Self::Closed],
            Change::ClockChanged(clock) if clock.state() == ClockState::Fulfilled => {
                let (all, kept) = match clock.metric() {
                    Metric::FirstResponse => (Self::FirstResponses, Self::FirstResponsesKept),
                    Metric::Resolution => (Self::Resolutions, Self::ResolutionsKept),
                    Metric::Unspecified => return Vec::new(),
                };
                if clock.breached { vec![all] } else { vec![all, kept] }
            }
            Change::ClockChanged(_)
            | Change::Updated(_)
            | Change::Triaged(_)
            | Change::Confirmed(_)
            | Change::EntryAdded(_)
            | Change::AssignmentChanged(_)
            | Change::WorkSessionEnded(_)
            | Change::StatusChanged(_) => Vec::new(),
        }
    }
}

/// One figure of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// Whose it is.
    pub tenant: TenantId,
    /// The day, in days since 1970.
    pub day: i64,
    /// What is counted.
    pub measure: Measure,
}

/// The day of an instant in a time zone, in days since 1970.
pub fn day_at(at: Time, zone: &TimeZone) -> i64 {
    let days = at.timestamp().to_zoned(zone.clone()).date() - FIRST_DAY;
    days.get_days().into()
}

/// A day as a date; `None` beyond the year 9999.
pub fn date_of(day: i64) -> Option<Date> {
    let days = jiff::Span::new().try_days(day).ok()?;
    FIRST_DAY.checked_add(days).ok()
}

/// The day that a text names, such as `2026-11-01`.
pub fn parse_day(text: &str) -> Option<i64> {
    let date: Date = text.parse().ok().filter(|date: &Date| date.to_string() == text)?;
    Some((date - FIRST_DAY).get_days().into())
}

#[cfg(test)]
mod tests {
    use contracts::tickets::v1 as pb;

    use super::*;

    fn event(change: Change) -> TicketEvent {
        TicketEvent { kind: Kind::Complaint.into(), change: Some(change), ..<_>::default() }
    }

    fn clock(metric: Metric, state: ClockState, breached: bool) -> TicketEvent {
        event(Change::ClockChanged(pb::ClockChanged {
            metric: metric.into(),
            state: state.into(),
            breached,
            ..<_>::default()
        }))
    }

    #[test]
    fn an_event_counts_as_what_happened() {
        let closed = |reason: CloseReason| {
            event(Change::Closed(pb::TicketClosed { reason: reason.into(), ..<_>::default() }))
        };
        for (event, measures) in [
            (event(Change::Created(<_>::default())), vec!["created", "complaints"]),
            (event(Change::Resolved(<_>::default())), vec!["resolved"]),
            (closed(CloseReason::Confirmed), vec!["closed", "confirmed"]),
            (closed(CloseReason::Silent), vec!["closed"]),
            (
                clock(Metric::Resolution, ClockState::Fulfilled, false),
                vec!["resolutions", "resolutions_kept"],
            ),
            (clock(Metric::Resolution, ClockState::Fulfilled, true), vec!["resolutions"]),
            (clock(Metric::FirstResponse, ClockState::Cancelled, false), vec![]),
            (event(Change::Triaged(<_>::default())), vec![]),
        ] {
            let names: Vec<_> = Measure::of(&event).into_iter().map(Measure::as_str).collect();
            assert_eq!(names, measures, "{event:?}");
        }
        let inquiry =
            TicketEvent { kind: Kind::Inquiry.into(), ..event(Change::Created(<_>::default())) };
        assert_eq!(Measure::of(&inquiry), [Measure::Created]);
    }

    #[test]
    fn a_measure_is_found_by_its_name() {
        for measure in Measure::ALL {
            assert_eq!(Measure::parse(measure.as_str()), Some(measure));
        }
        assert_eq!(Measure::parse("thanked"), None);
    }

    #[test]
    fn a_day_begins_where_the_tenant_is() {
        let zone = TimeZone::get("Asia/Shanghai").unwrap();
        let at = |text: &str| Time::from(text.parse::<jiff::Timestamp>().unwrap());
        let day = day_at(at("2026-03-01T16:00:00Z"), &zone);
        assert_eq!(date_of(day).unwrap().to_string(), "2026-03-02");
        assert_eq!(day_at(at("2026-03-01T15:59:59Z"), &zone), day - 1);
        assert_eq!(parse_day("2026-03-02"), Some(day));
        for odd in ["", "2026-3-2", "2026-02-30", "20260302", "2026-03-02T00:00"] {
            assert_eq!(parse_day(odd), None, "{odd}");
        }
    }
}
