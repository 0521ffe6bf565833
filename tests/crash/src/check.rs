//! The comparison: what was acknowledged with what is there. Pure, so that it can be shown to find
//! what is planted.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    hash::Hash,
};

use contracts::tickets::v1::{
    self as pb, AssignmentReason, Category, Channel, ticket_event::Change,
};
use kernel::{TicketId, etag::Demand};
use uuid::Uuid;

use crate::{
    found::{Found, House},
    record::{Answer, Ask, Outcome, Record, Write},
};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Something is not there that was acknowledged, or that something else tells of.
    Lost,
    /// Something took effect twice, or although it was refused.
    Doubled,
    /// Something stands at the wrong place.
    Disordered,
    /// Two accounts of one thing differ.
    Differing,
}

/// Something that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// In what way.
    pub kind: Kind,
    /// What.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.kind, self.what)
    }
}

#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, kind: Kind, what: impl Into<String>) {
        self.0.push(Finding { kind, what: what.into() });
    }

    fn check(&mut self, holds: bool, kind: Kind, what: impl FnOnce() -> String) {
        if !holds {
            self.add(kind, what());
        }
    }

    /// Something is to be there `least` to `most` times.
    fn count(&mut self, what: &str, found: usize, least: usize, most: usize) {
        let told = || format!("{what}: {found} times instead of {least}");
        self.check(found >= least, Kind::Lost, told);
        self.check(found <= most, Kind::Doubled, told);
    }

    /// `found` is to have exactly what `expected` has, each once.
    fn same<T: Ord + Hash + fmt::Debug>(&mut self, what: &str, expected: &[T], found: &[T]) {
        let (mut wanted, mut there) = (tally(expected), tally(found));
        for (one, count) in &mut wanted {
            let has = there.remove(one).unwrap_or(0);
            self.count(&format!("{what} {one:?}"), has, *count, *count);
        }
        for (one, count) in there {
            self.count(&format!("{what} {one:?}"), count, 0, 0);
        }
    }
}

fn tally<T: Ord>(all: &[T]) -> BTreeMap<&T, usize> {
    let mut tally = BTreeMap::new();
    for one in all {
        *tally.entry(one).or_default() += 1;
    }
    tally
}

/// Compares what clients were told with what is there.
pub fn check(record: &Record, house: &House) -> Vec<Finding> {
    let mut findings = Findings::default();
    for write in &record.writes {
        acknowledged(write, house, &mut findings);
    }
    effects(record, house, &mut findings);
    for found in &house.tickets {
        ticket(found, house, &mut findings);
    }
    numbers(house, &mut findings);
    ledger(house, &mut findings);
    feed(house, &mut findings);
    timelines(house, &mut findings);
    findings.0
}

/// A write that was acknowledged is there as its answer said.
fn acknowledged(write: &Write, house: &House, findings: &mut Findings) {
    let Outcome::Acknowledged(answer) = &write.outcome else { return };
    match answer {
        Answer::Nothing => {}
        Answer::Ticket(told) => {
            let Some(found) = house.ticket(&told.name) else {
                return findings.add(Kind::Lost, format!("{} is not there", told.name));
            };
            let (then, now) = (version(told), version(&found.ticket));
            findings.check(now >= then, Kind::Lost, || {
                format!("{} was at version {then} once and is at {now}", told.name)
            });
            let (number, title) = (&found.ticket.number, &found.ticket.title);
            findings.check((number, title) == (&told.number, &told.title), Kind::Differing, || {
                format!("{} was called {} once and is called {number}", told.name, told.number)
            });
        }
        Answer::Entry(told) => {
            let parent = told.name.split("/entries/").next().unwrap_or_default();
            let entries = house.ticket(parent).map_or(&[][..], |found| &found.entries);
            let Some(found) = entries.iter().find(|entry| entry.name == told.name) else {
                return findings.add(Kind::Lost, format!("{} is not there", told.name));
            };
            findings.check(found == &**told, Kind::Differing, || {
                format!("{} was {told:?} once and is {found:?}", told.name)
            });
        }
    }
}

fn version(ticket: &pb::Ticket) -> i64 {
    match Demand::parse(&ticket.etag) {
        Demand::Version(version) => version,
        Demand::Any | Demand::Never => -1,
    }
}

/// What a write does: on which ticket, what, by whom or in what words.
type Effect = (String, &'static str, String);

/// Every write took effect as often as its client knows: once, or not at all.
fn effects(record: &Record, house: &House, findings: &mut Findings) {
    let mut expected: BTreeMap<Effect, (usize, usize)> = BTreeMap::new();
    for write in &record.writes {
        let (least, most) = match &write.outcome {
            Outcome::Acknowledged(_) => (1, 1),
            Outcome::Refused(_) => (0, 0),
            Outcome::Abandoned => (0, 1),
        };
        for effect in of_write(write) {
            let counts = expected.entry(effect).or_default();
            *counts = (counts.0 + least, counts.1 + most);
        }
    }
    let mut found: BTreeMap<Effect, usize> = BTreeMap::new();
    for effect in house.tickets.iter().flat_map(of_ticket) {
        *found.entry(effect).or_default() += 1;
    }
    let all: BTreeSet<Effect> = expected.keys().chain(found.keys()).cloned().collect();
    for effect in all {
        let (least, most) = expected.get(&effect).copied().unwrap_or_default();
        let (ticket, kind, by) = &effect;
        let count = found.get(&effect).copied().unwrap_or(0);
        findings.count(&format!("{kind} of {ticket} by {by}"), count, least, most);
    }
}

fn of_write(write: &Write) -> Vec<Effect> {
    let by = |ticket: &str, kind| vec![(ticket.to_owned(), kind, write.voice.to_owned())];
    match &write.ask {
        Ask::Create(ask) => {
            let title = ask.ticket.as_ref().map(|ticket| ticket.title.clone());
            vec![(String::new(), "title", title.unwrap_or_default())]
        }
        Ask::Say(ask) => {
            let words = ask.entry.as_ref().map(|entry| entry.body.clone());
            vec![(ask.parent.clone(), "entry", words.unwrap_or_default())]
        }
        Ask::Triage(ask) => by(&ask.name, "ticket.triaged"),
        Ask::Claim(ask) => by(&ask.name, "claimed"),
        Ask::Assign(ask) => by(&ask.name, "assigned"),
        Ask::Release(ask) => by(&ask.name, "released"),
        Ask::Resolve(ask) => by(&ask.name, "ticket.resolved"),
        Ask::Confirm(ask) => by(&ask.name, "ticket.confirmed"),
        Ask::ClaimNext(_) => match &write.outcome {
            Outcome::Acknowledged(Answer::Ticket(ticket)) => by(&ticket.name, "taken"),
            _ => Vec::new(),
        },
        Ask::Reject(ask) => {
            let mut effects = by(&ask.name, "ticket.rejected");
            if !ask.objection.is_empty() {
                effects.push((ask.name.clone(), "entry", ask.objection.clone()));
            }
            effects
        }
    }
}

fn of_ticket(found: &Found) -> Vec<Effect> {
    let name = &found.ticket.name;
    let mut effects = vec![(String::new(), "title", found.ticket.title.clone())];
    effects.extend(found.entries.iter().map(|entry| (name.clone(), "entry", entry.body.clone())));
    for item in &found.history {
        let change = item.event.as_ref().and_then(|event| event.change.as_ref());
        let kind = match change {
            Some(Change::Triaged(_)) => "ticket.triaged",
            Some(Change::Resolved(_)) => "ticket.resolved",
            Some(Change::Confirmed(_)) => "ticket.confirmed",
            Some(Change::Rejected(_)) => "ticket.rejected",
            Some(Change::AssignmentChanged(change)) => match change.reason() {
                AssignmentReason::Assigned => "assigned",
                AssignmentReason::Claimed => "claimed",
                AssignmentReason::Released => "released",
                AssignmentReason::EarliestDue | AssignmentReason::WaitedTooLong => "taken",
                AssignmentReason::Unspecified | AssignmentReason::Reopened => continue,
            },
            _ => continue,
        };
        effects.push((name.clone(), kind, actor(item)));
    }
    effects
}

fn actor(item: &pb::HistoryItem) -> String {
    let name = item.actor.as_ref().map(|actor| actor.subject.clone()).unwrap_or_default();
    name.rsplit('/').next().unwrap_or_default().to_owned()
}

/// A ticket, its history, its conversation and its events tell the same.
fn ticket(found: &Found, house: &House, findings: &mut Findings) {
    let name = &found.ticket.name;
    let sequences: Vec<i64> = found.history.iter().map(|item| item.sequence).collect();
    gapless(&format!("history of {name}"), &sequences, findings);
    let positions: Vec<i64> = found.entries.iter().map(|entry| entry.position.into()).collect();
    gapless(&format!("conversation of {name}"), &positions, findings);
    let times: Vec<_> = found.history.iter().map(|item| item.time.unwrap_or_default()).collect();
    let falls =
        times.windows(2).any(|two| (two[0].seconds, two[0].nanos) > (two[1].seconds, two[1].nanos));
    findings.check(!falls, Kind::Disordered, || format!("time falls in the history of {name}"));

    let kinds: Vec<&str> = found.history.iter().map(|item| item.r#type.as_str()).collect();
    let created = kinds.iter().filter(|kind| **kind == "ticket.created").count();
    findings.count(&format!("ticket.created of {name}"), created, 1, 1);
    let id = id(name);
    let rows: Vec<&str> = house.events_of(id).map(|row| row.kind.as_str()).collect();
    findings.check(kinds == rows, Kind::Differing, || {
        format!("the history of {name} is {kinds:?}, its events are {rows:?}")
    });

    let told: Vec<String> = found.history.iter().filter_map(entry_of).collect();
    let there: Vec<String> = found.entries.iter().map(|entry| entry.name.clone()).collect();
    findings.same("entry", &told, &there);
    let count = usize::try_from(found.ticket.entry_count).unwrap_or(0);
    findings.check(count == there.len(), Kind::Differing, || {
        format!("{name} counts {count} entries and has {}", there.len())
    });

    // A clock starts once, ends once at most, and gives each of its notices once at most.
    let mut clocks: BTreeMap<(&str, i32, i32), usize> = BTreeMap::new();
    for item in &found.history {
        if let Some(Change::ClockChanged(clock)) = change(item)
            && !matches!(item.r#type.as_str(), "clock.paused" | "clock.resumed")
        {
            *clocks.entry((&item.r#type, clock.metric, clock.instance)).or_default() += 1;
        }
    }
    for ((kind, metric, instance), count) in clocks {
        findings.count(&format!("{kind} {metric}/{instance} of {name}"), count, 0, 1);
    }
}

fn change(item: &pb::HistoryItem) -> Option<&Change> {
    item.event.as_ref()?.change.as_ref()
}

fn entry_of(item: &pb::HistoryItem) -> Option<String> {
    match change(item)? {
        Change::EntryAdded(added) => Some(added.entry.clone()),
        _ => None,
    }
}

fn id(name: &str) -> Uuid {
    TicketId::parse_name(name).map(TicketId::uuid).unwrap_or_default()
}

/// These count from 1 without a gap, in order.
fn gapless(what: &str, numbers: &[i64], findings: &mut Findings) {
    let last = numbers.iter().copied().max().unwrap_or(0);
    findings.same(what, &(1..=last).collect::<Vec<_>>(), numbers);
    findings.check(numbers.is_sorted(), Kind::Disordered, || format!("{what}: {numbers:?}"));
}

/// No two tickets have one number.
fn numbers(house: &House, findings: &mut Findings) {
    let numbers: Vec<&str> =
        house.tickets.iter().map(|found| found.ticket.number.as_str()).collect();
    for (number, count) in tally(&numbers) {
        findings.count(&format!("number {number}"), count, 1, 1);
    }
}

/// Each agent's capacity is used by the tickets that the agent has and that are not settled.
fn ledger(house: &House, findings: &mut Findings) {
    let mut used: BTreeMap<&str, i64> = BTreeMap::new();
    for Found { ticket, .. } in &house.tickets {
        let settled = matches!(ticket.category(), Category::Resolved | Category::Closed);
        if let Some(member) = ticket.assignee.strip_prefix("members/").filter(|_| !settled) {
            *used.entry(member).or_default() += weight(ticket.channel());
        }
    }
    for (member, (said, capacity)) in &house.ledger {
        let used = used.remove(member.as_str()).unwrap_or(0);
        findings.check(*said == used, Kind::Differing, || {
            format!("{member} has tickets of {used} units, and the ledger says {said}")
        });
        findings.check(said <= capacity, Kind::Differing, || {
            format!("{member} has {said} units and room for {capacity}")
        });
    }
    findings.check(used.is_empty(), Kind::Lost, || format!("not in the ledger: {used:?}"));
}

/// What a ticket takes of an agent's capacity, by the shipped policy.
fn weight(channel: Channel) -> i64 {
    if channel == Channel::Phone { 5 } else { 1 }
}

/// The feed has every event once, densely, and each ticket's in their order.
fn feed(house: &House, findings: &mut Findings) {
    let key = |ticket: Uuid, sequence: i64| (ticket, sequence);
    let events: Vec<_> = house.events.iter().map(|row| key(row.ticket, row.sequence)).collect();
    let placed: Vec<_> = house.feed.iter().map(|row| key(row.ticket, row.sequence)).collect();
    findings.same("place in the feed of", &events, &placed);
    for (partition, head) in &house.heads {
        let rows = house.feed.iter().filter(|row| row.partition == *partition);
        let positions: Vec<i64> = rows.map(|row| row.position).collect();
        gapless(&format!("partition {partition}"), &positions, findings);
        let last = positions.iter().max().copied().unwrap_or(0);
        findings.check(last == *head, Kind::Differing, || {
            format!("partition {partition} ends at {last}, and its head is {head}")
        });
    }
    let mut last: BTreeMap<Uuid, (i64, i64, i64)> = BTreeMap::new();
    for row in &house.feed {
        let now = (row.partition, row.sequence, row.at);
        if let Some(before) = last.insert(row.ticket, now) {
            let ordered = before.0 == now.0 && before.1 < now.1 && before.2 <= now.2;
            findings.check(ordered, Kind::Disordered, || {
                format!(
                    "in the feed, event {} of ticket {} comes after {}",
                    now.1, row.ticket, before.1
                )
            });
        }
    }
    for two in house.events.windows(2).filter(|two| two[0].ticket == two[1].ticket) {
        findings.check(two[0].at <= two[1].at, Kind::Disordered, || {
            format!("time falls at event {} of ticket {}", two[1].sequence, two[1].ticket)
        });
    }
}

/// Every event took effect once, in order: on the timeline of its ticket's customer.
fn timelines(house: &House, findings: &mut Findings) {
    let events: Vec<_> = house.events.iter().map(|row| (row.ticket, row.sequence)).collect();
    findings.same("effect on the timeline of", &events, &house.timeline);
    findings.same("application of", &events, &house.trace);
    let mut last: BTreeMap<Uuid, i64> = BTreeMap::new();
    for (ticket, sequence) in &house.trace {
        let before = last.insert(*ticket, *sequence).unwrap_or(0);
        findings.check(before < *sequence, Kind::Disordered, || {
            format!("event {sequence} of ticket {ticket} took effect after {before}")
        });
    }
    findings.check(house.dead == 0, Kind::Lost, || {
        format!("the timeline could not take {} events", house.dead)
    });
    for (customer, items) in &house.timelines {
        let mut expected = Vec::new();
        let of_customer = house.tickets.iter().filter(|found| found.ticket.customer == *customer);
        for Found { ticket, .. } in of_customer {
            let rows = house.events_of(id(&ticket.name));
            expected.extend(rows.map(|row| (ticket.name.clone(), row.sequence, row.kind.clone())));
        }
        let item = |item: &contracts::customers::v1::TimelineItem| {
            (item.resource.clone(), item.sequence, item.r#type.clone())
        };
        let shown: Vec<_> = items.iter().map(item).collect();
        findings.same(&format!("on the timeline of {customer}"), &expected, &shown);
    }
}

impl House {
    fn ticket(&self, name: &str) -> Option<&Found> {
        self.tickets.iter().find(|found| found.ticket.name == name)
    }

    fn events_of(&self, ticket: Uuid) -> impl Iterator<Item = &crate::found::EventRow> {
        // The rows stand in the order of the tickets' ids.
        let start = self.events.partition_point(|row| row.ticket < ticket);
        self.events[start..].iter().take_while(move |row| row.ticket == ticket)
    }
}
