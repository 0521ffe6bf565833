//! What became of it, by what the suite itself says of the tickets.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use contracts::tickets::v1::{Category, ClockState, CloseReason, MissingFact, Ticket};
use serde::Serialize;

/// Where the tickets of the complaints stand. In JSON it names rows and states, no ids and no times,
/// so that two runs can be compared.
#[derive(Debug, Default, Serialize, PartialEq, Eq)]
pub(crate) struct Summary {
    /// How many tickets there are.
    pub(crate) tickets: u64,
    /// By category; closed ones with the reason.
    states: BTreeMap<String, u64>,
    /// By queue.
    queues: BTreeMap<String, u64>,
    /// By severity.
    severities: BTreeMap<i32, u64>,
    /// How many distinct customers they are of.
    customers: u64,
    /// How many resolutions were objected to.
    objections: u64,
    /// By metric. The one part of this that depends on how fast the suite was.
    clocks: BTreeMap<String, Clocks>,
    /// Each complaint by its id in the file.
    rows: BTreeMap<String, Row>,
}

/// What became of the clocks of one metric.
#[derive(Clone, Copy, Debug, Default, Serialize, PartialEq, Eq)]
struct Clocks {
    kept: u64,
    broken: u64,
    running: u64,
    paused: u64,
    cancelled: u64,
}

/// Where one ticket stands.
#[derive(Debug, Serialize, PartialEq, Eq)]
struct Row {
    category: &'static str,
    close_reason: &'static str,
    queue: String,
    assignee: String,
    nature: &'static str,
    severity: i32,
    resolutions: i32,
    reopen_count: i32,
    entry_count: i32,
    missing_facts: Vec<&'static str>,
}

impl Summary {
    /// Counts the tickets, each with the id of its row.
    pub(crate) fn of(tickets: &[(String, Ticket)]) -> Self {
        let mut summary = Self::default();
        let mut customers = BTreeSet::new();
        for (row, ticket) in tickets {
            summary.add(row, ticket);
            customers.insert(ticket.customer.as_str());
        }
        summary.customers = customers.len() as u64;
        summary
    }

    fn add(&mut self, row: &str, ticket: &Ticket) {
        self.tickets += 1;
        *self.states.entry(state(ticket)).or_default() += 1;
        *self.queues.entry(slug(&ticket.queue)).or_default() += 1;
        self.objections += u64::from(ticket.reopen_count.unsigned_abs());
        for clock in &ticket.clocks {
            let metric = short(clock.metric().as_str_name(), "METRIC_");
            let clocks = self.clocks.entry(metric).or_default();
            *match (clock.breached, clock.state()) {
                (true, _) => &mut clocks.broken,
                (false, ClockState::Fulfilled) => &mut clocks.kept,
                (false, ClockState::Running | ClockState::Unspecified) => &mut clocks.running,
                (false, ClockState::Paused) => &mut clocks.paused,
                (false, ClockState::Cancelled) => &mut clocks.cancelled,
            } += 1;
        }
        let triage = ticket.triage.clone().unwrap_or_default();
        *self.severities.entry(triage.severity).or_default() += 1;
        let row_ = Row {
            category: ticket.category().as_str_name(),
            close_reason: ticket.close_reason().as_str_name(),
            queue: slug(&ticket.queue),
            assignee: slug(&ticket.assignee),
            nature: triage.nature().as_str_name(),
            severity: triage.severity,
            resolutions: ticket.resolution.as_ref().map_or(0, |resolution| resolution.instance),
            reopen_count: ticket.reopen_count,
            entry_count: ticket.entry_count,
            missing_facts: ticket
                .missing_facts()
                .map(|fact: MissingFact| fact.as_str_name())
                .collect(),
        };
        self.rows.insert(row.to_owned(), row_);
    }

    /// The summary for people.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        table(&mut text, "tickets by state", &self.states);
        table(&mut text, "tickets by queue", &self.queues);
        let severities: BTreeMap<_, _> = self
            .severities
            .iter()
            .map(|(severity, n)| (format!("severity {severity}"), *n))
            .collect();
        table(&mut text, "tickets by severity", &severities);
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{:32}{:>8}", "customers", self.customers);
        let _ = writeln!(text, "{:32}{:>8}\n", "objections", self.objections);
        let heads = ["kept", "broken", "running", "paused", "cancelled"];
        let [kept, broken, running, paused, cancelled] = heads;
        let _ = writeln!(
            text,
            "{:22}{kept:>9}{broken:>9}{running:>9}{paused:>9}{cancelled:>11}",
            "clocks"
        );
        for (metric, clocks) in &self.clocks {
            let Clocks { kept, broken, running, paused, cancelled } = clocks;
            let _ = writeln!(
                text,
                "  {metric:20}{kept:>9}{broken:>9}{running:>9}{paused:>9}{cancelled:>11}"
            );
        }
        text
    }
}

pub(super) fn table(text: &mut String, head: &str, lines: &BTreeMap<String, u64>) {
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{head}");
    for (name, count) in lines {
        let _ = writeln!(text, "  {name:30}{count:>8}");
    }
    text.push('\n');
}

fn state(ticket: &Ticket) -> String {
    let category = short(ticket.category().as_str_name(), "CATEGORY_");
    match (ticket.category(), ticket.close_reason()) {
        (Category::Closed, reason) if reason != CloseReason::Unspecified => {
            format!("{category}, {}", short(reason.as_str_name(), "CLOSE_REASON_"))
        }
        _ => category,
    }
}

/// The name of an enum's value for people.
pub(super) fn short(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase().replace('_', " ")
}

/// `complaints` of `queues/complaints`.
fn slug(name: &str) -> String {
    name.rsplit('/').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use contracts::tickets::v1::{Clock, Metric};

    use super::*;

    fn ticket(category: Category, reason: CloseReason, clocks: &[(ClockState, bool)]) -> Ticket {
        let clock = |(state, breached): &(ClockState, bool)| Clock {
            metric: Metric::Resolution.into(),
            state: (*state).into(),
            breached: *breached,
            ..Clock::default()
        };
        Ticket {
            name: "tickets/1".to_owned(),
            queue: "queues/complaints".to_owned(),
            category: category.into(),
            close_reason: reason.into(),
            clocks: clocks.iter().map(clock).collect(),
            ..Ticket::default()
        }
    }

    #[test]
    fn tickets_are_counted_by_state_and_clocks_by_what_became_of_them() {
        let tickets = [
            ticket(
                Category::Closed,
                CloseReason::Confirmed,
                &[(ClockState::Fulfilled, false), (ClockState::Fulfilled, true)],
            ),
            ticket(
                Category::WaitingCustomer,
                CloseReason::Unspecified,
                &[(ClockState::Paused, false)],
            ),
            ticket(Category::Open, CloseReason::Unspecified, &[(ClockState::Running, true)]),
        ];
        let tickets: Vec<_> = tickets
            .into_iter()
            .enumerate()
            .map(|(row, ticket)| (row.to_string(), ticket))
            .collect();
        let summary = Summary::of(&tickets);
        let states: Vec<_> = summary.states.keys().map(String::as_str).collect();
        assert_eq!(states, ["closed, confirmed", "open", "waiting customer"]);
        assert_eq!(summary.queues["complaints"], 3);
        let clocks = summary.clocks["resolution"];
        assert_eq!((clocks.kept, clocks.broken, clocks.paused, clocks.running), (1, 2, 1, 0));
        assert!(summary.text().contains("  closed, confirmed                    1\n"));
        let json = serde_json::to_string(&summary).unwrap();
        assert!(
            json.contains(r#""1":{"category":"CATEGORY_WAITING_CUSTOMER""#)
                && !json.contains("tickets/")
        );
    }
}
