//! A service's feed, read from its own database.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use kernel::{CallerKind, TenantId, Time};
use store::{Db, Error, Sql, args};
use tokio::sync::watch;
use uuid::Uuid;

use crate::Event;

/// The most events that one read returns.
pub(crate) const MAX_EVENTS: u32 = 500;
/// A page of events is at most this long on the wire; an event that is longer is a page of its own.
/// What a consumer takes in one message is far beyond it.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// How old the heads may be that an idle reader looks at. All readers of a process share them, so
/// that any number of idle ones costs four small queries a second.
const HEADS_AGE: Duration = Duration::from_millis(250);

const HEADS: Sql = Sql::both(
    "SELECT p.head, p.tail, m.value FROM partitions p CROSS JOIN meta m \
     WHERE m.key = 'incarnation' ORDER BY p.partition",
);
const READ: Sql = Sql::both(
    "SELECT f.position, e.tenant, e.aggregate, e.sequence, e.at, e.kind, e.payload, \
     e.actor_kind, e.actor, e.trace FROM feed f \
     JOIN events e ON e.tenant = f.tenant AND e.aggregate = f.aggregate \
     AND e.sequence = f.sequence \
     WHERE f.partition = $1 AND f.position > $2 AND f.position <= $3 \
     ORDER BY f.position LIMIT $4",
);
const READ_TENANT: Sql = Sql::both(
    "SELECT f.position, e.tenant, e.aggregate, e.sequence, e.at, e.kind, e.payload, \
     e.actor_kind, e.actor, e.trace FROM feed f \
     JOIN events e ON e.tenant = f.tenant AND e.aggregate = f.aggregate \
     AND e.sequence = f.sequence \
     WHERE f.partition = $1 AND f.position > $2 AND f.position <= $3 AND f.tenant = $5 \
     ORDER BY f.position LIMIT $4",
);

pub(crate) const STATEMENTS: &[Sql] = &[HEADS, READ, READ_TENANT];

/// A service's feed. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct Source {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    db: Db,
    /// For the joins, whose plans must not be those of an empty feed.
    queue: Db,
    /// Rises when this process's sequencer has put events into the feed.
    news: watch::Sender<u64>,
    heads: Mutex<Option<(Instant, u64, Heads)>>,
    heads_age: Duration,
}

/// How far a feed has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads {
    /// The incarnation of the source's database.
    pub incarnation: Uuid,
    /// The last position of each partition.
    pub heads: Vec<i64>,
    /// The last position of each partition that was pruned; 0 where none was.
    pub tails: Vec<i64>,
}

/// A part of one partition.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// By position.
    pub events: Vec<Event>,
    /// The partition's last position when the page was read.
    pub head: i64,
    /// The first position that is still kept.
    pub first: i64,
    /// The page holds everything asked for up to this position: the last event's where a limit
    /// ended the page, else the head.
    pub through: i64,
    /// The incarnation of the source's database.
    pub incarnation: Uuid,
}

#[derive(sqlx::FromRow)]
struct Row {
    position: i64,
    tenant: Uuid,
    aggregate: Uuid,
    sequence: i64,
    #[sqlx(try_from = "i64")]
    at: Time,
    kind: String,
    payload: Vec<u8>,
    actor_kind: String,
    actor: String,
    trace: String,
}

impl Source {
    /// The feed of the service `name` in its database.
    pub fn new(name: &str, db: Db) -> Self {
        Self::with_heads_age(name, db, HEADS_AGE)
    }

    /// The same with another age of the heads that an idle reader looks at.
    pub(crate) fn with_heads_age(name: &str, db: Db, heads_age: Duration) -> Self {
        let (news, heads, queue) = (watch::Sender::new(0), Mutex::default(), db.queue());
        let shared = Shared { name: name.into(), db, queue, news, heads, heads_age };
        Self { shared: Arc::new(shared) }
    }

    /// The service's name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// The service's database.
    pub fn db(&self) -> &Db {
        &self.shared.db
    }

    /// How far the feed has come now.
    pub async fn heads(&self) -> Result<Heads, Error> {
        let rows: Vec<(i64, i64, String)> = self.shared.db.all(HEADS, args![]).await?;
        let Some((_, _, incarnation)) = rows.first() else {
            return Err(Error::Corrupt("the feed has no partitions".to_owned()));
        };
        let incarnation = Uuid::try_parse(incarnation)
            .map_err(|_| Error::Corrupt(format!("incarnation `{incarnation}`")))?;
        let (heads, tails) = rows.iter().map(|(head, tail, _)| (*head, *tail)).unzip();
        Ok(Heads { incarnation, heads, tails })
    }

    /// Waits until the feed has come further than `seen`, or is another one; says how far. For who
    /// derives something from the feed in this process, such as an index.
    pub async fn moved(&self, seen: &Heads) -> Result<Heads, Error> {
        let mut news = self.news();
        loop {
            let heads = self.recent_heads().await?;
            if heads != *seen {
                return Ok(heads);
            }
            tokio::select! {
                _ = news.changed() => {}
                () = tokio::time::sleep(self.shared.heads_age) => {}
            }
        }
    }

    /// How far the feed had come a moment ago, or at the last announcement if that was later.
    ///
    /// Nothing is held while the database is asked: a reader that its client stops to poll in the
    /// middle of this would hold up all others. Who finds the heads too old marks them as read, so
    /// that the others make do with them meanwhile.
    pub(crate) async fn recent_heads(&self) -> Result<Heads, Error> {
        let news = *self.shared.news.borrow();
        if let Some((read, at_news, heads)) = &mut *self.kept_heads()
            && *at_news == news
        {
            if read.elapsed() < self.shared.heads_age {
                return Ok(heads.clone());
            }
            *read = Instant::now();
        }
        let heads = self.heads().await?;
        self.keep(news, &heads);
        Ok(heads)
    }

    /// Keeps heads that were read after `news` and perhaps before what was announced since.
    pub(crate) fn keep(&self, news: u64, heads: &Heads) {
        *self.kept_heads() = Some((Instant::now(), news, heads.clone()));
    }

    fn kept_heads(&self) -> MutexGuard<'_, Option<(Instant, u64, Heads)>> {
        self.shared.heads.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads one partition after a position: at most `limit` events, all of them or one tenant's.
    /// `None` where there is no such partition.
    pub async fn read(
        &self,
        heads: &Heads,
        partition: u32,
        after: i64,
        limit: u32,
        tenant: Option<TenantId>,
    ) -> Result<Option<Page>, Error> {
        let index = partition as usize;
        let (Some(head), Some(tail)) = (heads.heads.get(index), heads.tails.get(index)) else {
            return Ok(None);
        };
        let mut page = Page {
            events: Vec::new(),
            head: *head,
            first: tail + 1,
            through: *head,
            incarnation: heads.incarnation,
        };
        if after >= *head {
            return Ok(Some(page));
        }
        let limit = limit.clamp(1, MAX_EVENTS);
        let rows: Vec<Row> = match tenant {
            None => self.shared.queue.all(READ, args![partition, after, *head, limit]).await?,
            Some(tenant) => {
                let values = args![partition, after, *head, limit, tenant];
                self.shared.queue.all(READ_TENANT, values).await?
            }
        };
        let (mut full, mut bytes) = (rows.len() == limit as usize, 0);
        for row in rows {
            let event = self.event(partition, row)?;
            bytes += event.wire_len();
            if bytes > MAX_BYTES && !page.events.is_empty() {
                full = true;
                break;
            }
            page.events.push(event);
        }
        if let Some(last) = page.events.last().filter(|_| full) {
            page.through = last.position;
        }
        Ok(Some(page))
    }

    /// Tells readers in this process that a partition has come to `head`. Heads that are kept are
    /// brought up to it, so that none of the readers needs to ask the database.
    pub(crate) fn announce(&self, partition: i64, head: i64) {
        let mut kept = self.kept_heads();
        self.shared.news.send_modify(|count| {
            let before = *count;
            *count = before.wrapping_add(1);
            let Some((_, at_news, heads)) = &mut *kept else { return };
            let known = usize::try_from(partition).ok().and_then(|p| heads.heads.get_mut(p));
            // Heads that lack an earlier announcement are left to be read anew.
            if let Some(known) = known.filter(|_| *at_news == before) {
                *known = head.max(*known);
                *at_news = *count;
            }
        });
    }

    /// Sees each announcement from now on.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.shared.news.subscribe()
    }

    fn event(&self, partition: u32, row: Row) -> Result<Event, Error> {
        let actor_kind = CallerKind::parse(&row.actor_kind)
            .ok_or_else(|| Error::Corrupt(format!("actor kind `{}`", row.actor_kind)))?;
        Ok(Event {
            source: Arc::clone(&self.shared.name),
            partition,
            position: row.position,
            tenant: row.tenant.into(),
            aggregate: row.aggregate,
            sequence: row.sequence,
            kind: row.kind,
            payload: row.payload,
            actor_kind,
            actor: row.actor,
            at: row.at,
            trace: row.trace,
        })
    }
}
