//! The whole case, in the order of its days: what there is, what customers write, a day's work, what
//! was late, how customers found it, and what closes by their silence. Between two days the suite's
//! clock is moved. Where order does not matter, several steps are taken at once.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};

use anyhow::{Result, anyhow};
use config::seed::Tenant;
use contracts::{
    surveys::v1::Loop,
    tickets::v1::{Category, Ticket},
};
use futures::future::try_join_all;
use jiff::tz::TimeZone;
use kernel::Time;

use super::{
    AT_ONCE, TOO_MANY,
    asking::{Asking, until},
    hand::Crew,
    in_lanes,
    matter::{End, Matter, Scene, matters},
    people,
    set::Set,
    shelf::Shelf,
    staff::Staff,
    stopped,
    suite::Trouble,
    time::{Clocks, noon_after},
};
use crate::{print::told, progress::Progress};

/// What nobody got to on the first day is worked on so many hours later.
const LATE: i64 = 28;
/// By then everybody is asked how it was.
const ASKED: i64 = LATE + 4;
/// After so long a customer may be asked again; it is tried so many times, since other matters of the
/// customer's may come first.
const AGAIN: i64 = 9 * 24;
const TRIES: i64 = 4;
/// By then silence has closed what was resolved, long holidays in between.
const SETTLED: i64 = 20 * 24;

/// A set with the company that it is played at.
pub(crate) struct House<'a> {
    pub(crate) set: &'a Set,
    pub(crate) tenant: &'a Tenant,
    pub(crate) zone: TimeZone,
    pub(crate) staff: Staff,
    pub(crate) crew: Crew<'a>,
}

/// A house on the day, with what it has recorded.
pub(crate) struct Open<'a> {
    pub(crate) house: &'a House<'a>,
    customers: &'a BTreeMap<String, String>,
    pub(crate) shelf: Shelf<'a>,
    pub(crate) asking: Asking<'a>,
    pub(crate) matters: Vec<Matter<'a>>,
    /// Of each matter, in their order, as it was recorded.
    tickets: Vec<Ticket>,
    /// The rows that were not played to their end, and why.
    refused: Vec<(String, String)>,
}

/// What became of the case at one house.
pub(crate) struct Played<'a> {
    pub(crate) open: Open<'a>,
    /// The tickets as they stand at the end, each with its row.
    pub(crate) tickets: Vec<(String, Ticket)>,
    pub(crate) refused: Vec<(String, String)>,
}

impl House<'_> {
    /// Records what the company's own systems know of its customers.
    pub(crate) async fn customers(&self) -> Result<BTreeMap<String, String>> {
        people::record(&self.crew, self.set, &self.zone).await.map_err(stopped)
    }
}

/// Plays all houses through all days; `false` where the suite's clock cannot be moved, so that the case
/// ends with the first day.
pub(crate) async fn play<'a>(
    clocks: &Clocks,
    houses: &'a [House<'a>],
    customers: &'a [BTreeMap<String, String>],
) -> Result<(Vec<Played<'a>>, bool)> {
    let mut open = Vec::new();
    for (house, customers) in houses.iter().zip(customers) {
        open.push(Open::open(house, customers).await.map_err(stopped)?);
    }
    for one in &mut open {
        one.work(false).await.map_err(stopped)?;
    }
    let begun = open.iter().filter_map(Open::begun).min();
    let mut moved = false;
    if let Some(begun) = begun {
        hear(&open).await.map_err(stopped)?;
        moved = clocks.to(begun + hours(LATE)).await?;
        for one in &mut open {
            one.work(true).await.map_err(stopped)?;
        }
        if moved {
            hear(&open).await.map_err(stopped)?;
            ask(clocks, begun, &open).await?;
        }
    }
    let mut played = Vec::new();
    for mut one in open {
        let tickets = one.read().await.map_err(stopped)?;
        let refused = std::mem::take(&mut one.refused);
        let rows = one.matters.iter().map(|matter| matter.message.id.clone());
        let tickets = rows.zip(tickets).collect();
        played.push(Played { open: one, tickets, refused });
    }
    Ok((played, moved))
}

/// Waits until surveys knows what was done, so that what it does when the clock moves is always the same.
async fn hear(open: &[Open<'_>]) -> Result<(), Trouble> {
    for one in open {
        one.asking.hears(&one.read().await?).await?;
    }
    Ok(())
}

/// The days after the work: each house at its own noon, since nobody is asked at night.
async fn ask(clocks: &Clocks, begun: Time, open: &[Open<'_>]) -> Result<()> {
    let mut closed: Vec<Option<Loop>> = Vec::new();
    closed.resize_with(open.len(), || None);
    for (goal, at) in noons(begun, ASKED, open)? {
        clocks.to(goal).await?;
        let one = &open[at];
        let tickets = one.read().await.map_err(stopped)?;
        one.asking.answer(&tickets, goal).await.map_err(stopped)?;
        closed[at] = one.asking.follow_up().await.map_err(stopped)?;
    }
    for time in 1..=TRIES {
        for (goal, at) in noons(begun, ASKED + time * AGAIN, open)? {
            let Some(waiting) = &closed[at] else { continue };
            clocks.to(goal).await?;
            if open[at].asking.ask_again(waiting, goal).await.map_err(stopped)? {
                closed[at] = None;
            }
        }
    }
    clocks.to(begun + hours(SETTLED)).await?;
    for one in open {
        one.falls_silent().await.map_err(stopped)?;
    }
    Ok(())
}

/// The first noon of each house after so many hours, the earliest first.
fn noons(begun: Time, hours: i64, open: &[Open<'_>]) -> Result<Vec<(Time, usize)>> {
    let noon = |(at, one): (usize, &Open<'_>)| Ok((noon_after(begun, hours, &one.house.zone)?, at));
    let mut noons = open.iter().enumerate().map(noon).collect::<Result<Vec<_>>>()?;
    noons.sort_unstable();
    Ok(noons)
}

fn hours(hours: i64) -> std::time::Duration {
    std::time::Duration::from_hours(hours.unsigned_abs())
}

impl<'a> Open<'a> {
    /// Opens a house: its articles, its survey, and what its customers write.
    async fn open(
        house: &'a House<'a>,
        customers: &'a BTreeMap<String, String>,
    ) -> Result<Self, Trouble> {
        let shelf = Shelf::fill(&house.crew, house.set).await?;
        let asking = Asking::publish(&house.crew, house.set, customers).await?;
        let matters = matters(house.set, house.staff.agents.len());
        let mut open = Self {
            house,
            customers,
            shelf,
            asking,
            matters,
            tickets: Vec::new(),
            refused: Vec::new(),
        };
        let numbered: Vec<_> = open.matters.iter().enumerate().collect();
        let progress = Progress::start("messages", numbered.len());
        let scene = open.scene();
        let mut tickets = in_lanes(&numbered, AT_ONCE, async |(at, matter)| {
            let ticket = scene.record(matter.message).await?;
            progress.step();
            Ok((*at, ticket))
        })
        .await?;
        progress.end();
        tickets.sort_by_key(|(at, _)| *at);
        open.tickets = tickets.into_iter().map(|(_, ticket)| ticket).collect();
        Ok(open)
    }

    fn scene(&self) -> Scene<'_> {
        let House { set, zone, crew, .. } = self.house;
        Scene { crew, set, zone, customers: self.customers, shelf: &self.shelf }
    }

    /// When the first message was recorded.
    fn begun(&self) -> Option<Time> {
        let times = self.tickets.iter().filter_map(|ticket| ticket.create_time.as_ref());
        times.filter_map(rpc::wire::time).min()
    }

    /// A day's work: each agent at a few matters at a time, all agents at once.
    async fn work(&mut self, late: bool) -> Result<(), Trouble> {
        let cases: Vec<_> = self.matters.iter().zip(&self.tickets).collect();
        let cases: Vec<_> = cases.into_iter().filter(|(matter, _)| matter.late == late).collect();
        let progress = Progress::start(if late { "late work" } else { "work" }, cases.len());
        let (scene, refusals) = (self.scene(), AtomicUsize::new(0));
        let agents = self.house.staff.agents.iter().enumerate().map(|(number, agent)| {
            let own = cases.iter().filter(|(matter, _)| matter.agent == number).copied();
            let own: Vec<(&Matter<'_>, &Ticket)> = own.collect();
            let lanes = usize::try_from(agent.at_once).unwrap_or(1);
            let (scene, progress, refusals) = (&scene, &progress, &refusals);
            async move {
                in_lanes(&own, lanes, async |(matter, ticket)| {
                    let ended = end(scene, matter, ticket, refusals).await?;
                    progress.step();
                    Ok(ended)
                })
                .await
            }
        });
        let ended = try_join_all(agents).await?;
        progress.end();
        self.refused.extend(ended.into_iter().flatten().flatten());
        Ok(())
    }

    /// The tickets as the suite has them, in the order of the matters.
    async fn read(&self) -> Result<Vec<Ticket>, Trouble> {
        let numbered: Vec<_> = self.tickets.iter().enumerate().collect();
        let mut tickets = in_lanes(&numbered, AT_ONCE, async |(at, ticket)| {
            let scene = self.scene();
            Ok((*at, scene.ticket(&ticket.name).await?))
        })
        .await?;
        tickets.sort_by_key(|(at, _)| *at);
        Ok(tickets.into_iter().map(|(_, ticket)| ticket).collect())
    }

    /// Waits until what customers left silent has closed by itself.
    async fn falls_silent(&self) -> Result<(), Trouble> {
        until("closed what customers left silent", async || {
            let tickets = self.read().await?;
            let still = tickets.iter().zip(&self.matters).any(|(ticket, matter)| {
                matter.end == End::Silent && ticket.category() == Category::Resolved
            });
            Ok((!still).then_some(()))
        })
        .await
    }
}

/// The row and why it was not played to its end, where it was not.
async fn end(
    scene: &Scene<'_>,
    matter: &Matter<'_>,
    ticket: &Ticket,
    refusals: &AtomicUsize,
) -> Result<Option<(String, String)>, Trouble> {
    let row = matter.message.id.clone();
    match scene.work(matter, ticket).await {
        Ok(()) => Ok(None),
        Err(Trouble::Refused(status)) => {
            let why = told(&status).to_string();
            if refusals.fetch_add(1, Ordering::Relaxed) + 1 >= TOO_MANY {
                let error = anyhow!("{TOO_MANY} messages were refused; the last, {row}: {why}");
                return Err(Trouble::Over(error));
            }
            Ok(Some((row, why)))
        }
        Err(over) => Err(over),
    }
}
