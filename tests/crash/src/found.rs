//! What is there: everything read back through the public API, and what no API shows (the tables of
//! events and feeds, the ledger of capacity) from the databases.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use contracts::{
    customers::v1::{self as customers, timeline_service_client::TimelineServiceClient},
    tickets::v1::{
        self as pb, conversation_service_client::ConversationServiceClient,
        ticket_service_client::TicketServiceClient,
    },
};
use kernel::Clock;
use store::{Db, Error, Sql, args, meta};
use tokio::task::JoinSet;
use tonic::Status;
use uuid::Uuid;

use crate::{
    door::{Door, SYSTEM, TENANT},
    trace,
};

const EVENTS: Sql = Sql::both(
    "SELECT aggregate, sequence, at, kind FROM events WHERE tenant = $1 ORDER BY aggregate, sequence",
);
const FEED: Sql = Sql::both(
    "SELECT partition, position, at, aggregate, sequence FROM feed WHERE tenant = $1 \
     ORDER BY partition, position",
);
const HEADS: Sql = Sql::both("SELECT partition, head FROM partitions ORDER BY partition");
const WAITING: Sql = Sql::both("SELECT COUNT(*) FROM outbox");
const LEDGER: Sql = Sql::both("SELECT member, used, capacity FROM agents WHERE tenant = $1");
const TIMELINE: Sql = Sql::both(
    "SELECT aggregate, sequence FROM timeline WHERE tenant = $1 AND collection = 'tickets'",
);
/// Timers that are due and not yet done.
const DUE: Sql = Sql::both(
    "SELECT COUNT(*) FROM tickets WHERE tenant = $1 AND wake_at IS NOT NULL AND wake_at <= $2",
);
const DEAD: Sql = Sql::both("SELECT COUNT(*) FROM dead_letters");
const CURSORS: Sql =
    Sql::both("SELECT partition, position FROM cursors WHERE consumer = 'customers.timeline'");

/// How long the timeline may take to catch up with the tickets on a slow machine.
const PATIENCE: Duration = Duration::from_mins(2);
const LOOK: Duration = Duration::from_millis(50);
const PAGE: i32 = 1_000;
/// How many tickets are read at once.
const AT_ONCE: usize = 8;

/// A ticket with all that belongs to it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The ticket.
    pub ticket: pb::Ticket,
    /// What happened to it.
    pub history: Vec<pb::HistoryItem>,
    /// What was said.
    pub entries: Vec<pb::Entry>,
}

/// A row of the table of events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// Which ticket.
    pub ticket: Uuid,
    /// Its place in the ticket's history.
    pub sequence: i64,
    /// When, in microseconds.
    pub at: i64,
    /// What happened.
    pub kind: String,
}

/// A row of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedRow {
    /// Which partition.
    pub partition: i64,
    /// Its place there.
    pub position: i64,
    /// When, in microseconds.
    pub at: i64,
    /// Which ticket.
    pub ticket: Uuid,
    /// Its place in the ticket's history.
    pub sequence: i64,
}

/// All that is there.
#[derive(Clone, Debug)]
pub struct House {
    /// The tickets.
    pub tickets: Vec<Found>,
    /// Their events.
    pub events: Vec<EventRow>,
    /// Their feed.
    pub feed: Vec<FeedRow>,
    /// The last position of each partition.
    pub heads: BTreeMap<i64, i64>,
    /// What each agent's capacity is said to be used by, and how much there is.
    pub ledger: BTreeMap<String, (i64, i64)>,
    /// The timeline of each customer.
    pub timelines: BTreeMap<String, Vec<customers::TimelineItem>>,
    /// The rows that timelines are made of: ticket and sequence.
    pub timeline: Vec<(Uuid, i64)>,
    /// Each time that an event was put there: ticket and sequence, in order.
    pub trace: Vec<(Uuid, i64)>,
    /// How many events the timeline could not take.
    pub dead: i64,
}

/// The databases of the two services.
#[derive(Clone, Debug)]
pub struct Tables {
    /// Of tickets.
    pub tickets: Db,
    /// Of customers.
    pub customers: Db,
}

impl Tables {
    /// Waits until nothing is under way: no timer is due, and every event has its place in the feed
    /// and on the timeline.
    ///
    /// # Panics
    /// Where that never comes.
    pub async fn settle(&self) {
        let start = Instant::now();
        loop {
            let lag = self.lag().await;
            if matches!(lag, Ok([0, 0, 0])) {
                return;
            }
            assert!(start.elapsed() < PATIENCE, "[due, outbox, behind] stay at {lag:?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// How many timers are due, and how many events wait for their place in the feed and on the
    /// timeline.
    async fn lag(&self) -> Result<[i64; 3], Error> {
        let clock = Clock::system();
        clock.raise_offset_micros(meta::clock_offset(&self.tickets).await?);
        let due = args![TENANT.id(), clock.now()];
        let (due,): (i64,) = self.tickets.one(DUE, due).await?;
        let (waiting,): (i64,) = self.tickets.one(WAITING, args![]).await?;
        let heads: Vec<(i64, i64)> = self.tickets.all(HEADS, args![]).await?;
        let placed: i64 = heads.iter().map(|(_, head)| head).sum();
        Ok([due, waiting, placed - self.read().await?])
    }

    /// How many events the timeline has read.
    pub async fn read(&self) -> Result<i64, Error> {
        let cursors: Vec<(i64, i64)> = self.customers.all(CURSORS, args![]).await?;
        Ok(cursors.iter().map(|(_, position)| position).sum())
    }
}

impl House {
    /// Reads everything, once nothing is under way.
    ///
    /// # Panics
    /// Where something cannot be read.
    pub async fn read(door: &Door, tables: &Tables) -> Self {
        linked(door).await;
        loop {
            tables.settle().await;
            let before = Self::rows(tables).await.expect("the tables can be read");
            let tickets = tickets(door).await.expect("the tickets can be read");
            let timelines = timelines(door, &tickets).await.expect("the timelines can be read");
            let after = Self::rows(tables).await.expect("the tables can be read");
            // A timer may have come due meanwhile: then this is a picture of two moments.
            if before.events == after.events {
                return Self { tickets, timelines, ..after };
            }
        }
    }

    async fn rows(tables: &Tables) -> Result<Self, Error> {
        let tenant = TENANT.id();
        let Tables { tickets, customers } = tables;
        let events: Vec<(Uuid, i64, i64, String)> = tickets.all(EVENTS, args![tenant]).await?;
        let feed: Vec<(i64, i64, i64, Uuid, i64)> = tickets.all(FEED, args![tenant]).await?;
        let heads: Vec<(i64, i64)> = tickets.all(HEADS, args![]).await?;
        let ledger: Vec<(String, i64, i64)> = tickets.all(LEDGER, args![tenant]).await?;
        let (dead,): (i64,) = customers.one(DEAD, args![]).await?;
        let event = |(ticket, sequence, at, kind)| EventRow { ticket, sequence, at, kind };
        let place = |(partition, position, at, ticket, sequence)| FeedRow {
            partition,
            position,
            at,
            ticket,
            sequence,
        };
        Ok(Self {
            tickets: Vec::new(),
            events: events.into_iter().map(event).collect(),
            feed: feed.into_iter().map(place).collect(),
            heads: heads.into_iter().collect(),
            ledger: ledger.into_iter().map(|(who, used, of)| (who, (used, of))).collect(),
            timelines: BTreeMap::new(),
            timeline: customers.all(TIMELINE, args![tenant]).await?,
            trace: trace::read(customers).await?,
            dead,
        })
    }
}

/// Waits until every ticket has its customer: those who are known by phone alone may be linked late.
async fn linked(door: &Door) {
    let start = Instant::now();
    loop {
        let listed = list(door).await;
        let open = listed.as_ref().map(|all| all.iter().filter(|t| t.customer.is_empty()).count());
        if matches!(open, Ok(0)) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "tickets are still without customer: {open:?}");
        tokio::time::sleep(LOOK).await;
    }
}

async fn list(door: &Door) -> Result<Vec<pb::Ticket>, Status> {
    let mut client = TicketServiceClient::new(door.tickets.clone());
    let (mut all, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListTicketsRequest {
            page_size: PAGE,
            page_token,
            ..pb::ListTicketsRequest::default()
        };
        let page = client.list_tickets(door.request(SYSTEM, request)).await?.into_inner();
        all.extend(page.tickets);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(all);
        }
    }
}

async fn tickets(door: &Door) -> Result<Vec<Found>, Status> {
    let (mut found, mut reading) = (Vec::new(), JoinSet::new());
    for ticket in list(door).await? {
        if reading.len() >= AT_ONCE
            && let Some(read) = reading.join_next().await
        {
            found.push(joined(read)?);
        }
        let door = door.clone();
        reading.spawn(async move { whole(&door, ticket).await });
    }
    while let Some(read) = reading.join_next().await {
        found.push(joined(read)?);
    }
    found.sort_by(|a, b| a.ticket.name.cmp(&b.ticket.name));
    Ok(found)
}

fn joined(read: Result<Result<Found, Status>, tokio::task::JoinError>) -> Result<Found, Status> {
    read.expect("reading does not panic")
}

async fn whole(door: &Door, ticket: pb::Ticket) -> Result<Found, Status> {
    let mut client = TicketServiceClient::new(door.tickets.clone());
    let mut conversation = ConversationServiceClient::new(door.tickets.clone());
    let parent = ticket.name.clone();
    let (mut history, mut page_token) = (Vec::new(), String::new());
    loop {
        let request =
            pb::ListTicketHistoryRequest { parent: parent.clone(), page_size: PAGE, page_token };
        let page = client.list_ticket_history(door.request(SYSTEM, request)).await?.into_inner();
        history.extend(page.items);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    let (mut entries, mut page_token) = (Vec::new(), String::new());
    loop {
        let request = pb::ListEntriesRequest {
            parent: parent.clone(),
            page_size: PAGE,
            page_token,
            order: 0,
        };
        let page = conversation.list_entries(door.request(SYSTEM, request)).await?.into_inner();
        entries.extend(page.entries);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    Ok(Found { ticket, history, entries })
}

async fn timelines(
    door: &Door,
    tickets: &[Found],
) -> Result<BTreeMap<String, Vec<customers::TimelineItem>>, Status> {
    let customers: BTreeSet<&str> =
        tickets.iter().map(|found| found.ticket.customer.as_str()).collect();
    let mut timelines = BTreeMap::new();
    for customer in customers {
        timelines.insert(customer.to_owned(), timeline(door, customer).await?);
    }
    Ok(timelines)
}

async fn timeline(door: &Door, customer: &str) -> Result<Vec<customers::TimelineItem>, Status> {
    let mut client = TimelineServiceClient::new(door.customers.clone());
    let (mut items, mut page_token) = (Vec::new(), String::new());
    loop {
        let parent = customer.to_owned();
        let request = customers::ListTimelineRequest { parent, page_size: PAGE, page_token };
        let page = client.list_timeline(door.request(SYSTEM, request)).await?.into_inner();
        items.extend(page.items);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return Ok(items);
        }
    }
}
