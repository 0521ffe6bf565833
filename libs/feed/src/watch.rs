//! Streams one tenant's events from a service's own feed to a client, with tokens to go on from.

use std::{collections::VecDeque, time::Duration};

use futures::{Stream, stream};
use kernel::{TenantId, page::PageTokens};
use tokio::{
    sync::watch as channel,
    time::{Instant, timeout_at},
};
use uuid::Uuid;

use crate::{Event, Heads, Source};

/// How many events of one partition are read at once.
const BATCH: u32 = 100;
/// How often the heads are looked at, for events that another replica has sequenced.
const RECHECK: Duration = Duration::from_millis(300);

/// Where a stream goes on: a position in each partition of one incarnation of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resume {
    pub(crate) incarnation: Uuid,
    pub(crate) positions: Vec<i64>,
}

impl Resume {
    /// The token for a client: sealed, good for this tenant and this query only.
    pub fn seal(&self, tokens: &PageTokens, tenant: TenantId, query: &[u8]) -> String {
        let mut bytes = self.incarnation.as_bytes().to_vec();
        for position in &self.positions {
            bytes.extend(position.to_be_bytes());
        }
        tokens.seal(tenant, query, &bytes)
    }

    /// What [`seal`](Self::seal) made for the same tenant and query; `None` for anything else.
    pub fn open(tokens: &PageTokens, tenant: TenantId, query: &[u8], token: &str) -> Option<Self> {
        let bytes = tokens.open(tenant, query, token)?;
        let (incarnation, rest) = bytes.split_first_chunk::<16>()?;
        let (positions, []) = rest.as_chunks::<8>() else { return None };
        Some(Self {
            incarnation: Uuid::from_bytes(*incarnation),
            positions: positions.iter().map(|bytes| i64::from_be_bytes(*bytes)).collect(),
        })
    }
}

/// One item of a stream, with where to go on after it.
#[derive(Clone, Debug, PartialEq)]
pub enum Item {
    /// Something that happened.
    Event(Box<Event>, Resume),
    /// Nothing happened for a while; also the first item of each stream.
    Heartbeat(Resume),
}

/// Why a stream cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WatchFault {
    /// The token is older than what is kept: read the present state, then watch from now.
    #[error("the events after this token are no longer kept")]
    NoLongerKept,
    /// The token is of another incarnation of the feed: read the present state, then watch from now.
    #[error("the token is of a feed that was replaced")]
    Replaced,
    /// The database failed.
    #[error("the database failed")]
    Store(#[from] store::Error),
}

/// Streams the events of `tenant` that `accept` takes, from `from` on, or from now. An aggregate's
/// events come in order and without gaps. A sign of life comes at the start and whenever nothing
/// else came for `heartbeat`. The stream ends after an error.
pub async fn watch<A>(
    source: &Source,
    tenant: TenantId,
    from: Option<Resume>,
    heartbeat: Duration,
    accept: A,
) -> Result<impl Stream<Item = Result<Item, WatchFault>> + Send + use<A>, WatchFault>
where
    A: FnMut(&Event) -> bool + Send + 'static,
{
    let news = source.news();
    let heads = source.heads().await?;
    let resume = match from {
        Some(resume) => resume,
        None => Resume { incarnation: heads.incarnation, positions: heads.heads.clone() },
    };
    resume.check(&heads)?;
    let watcher = Watcher {
        source: source.clone(),
        tenant,
        resume,
        heartbeat,
        due: Instant::now(),
        accept,
        news,
        waiting: VecDeque::new(),
    };
    Ok(stream::unfold(Some(watcher), |watcher| async {
        let mut watcher = watcher?;
        match watcher.next().await {
            Ok(item) => Some((Ok(item), Some(watcher))),
            Err(fault) => Some((Err(fault), None)),
        }
    }))
}

impl Resume {
    /// Whether a position is past the head of its partition.
    fn is_ahead(&self, heads: &Heads) -> bool {
        self.positions.iter().zip(&heads.heads).any(|(position, head)| position > head)
    }

    /// Whether a stream may go on from here. The heads must not be older than the positions.
    fn check(&self, heads: &Heads) -> Result<(), WatchFault> {
        if self.incarnation != heads.incarnation
            || self.positions.len() != heads.heads.len()
            || self.is_ahead(heads)
        {
            return Err(WatchFault::Replaced);
        }
        let mut places = self.positions.iter().zip(&heads.tails);
        if places.any(|(position, tail)| position < tail) {
            return Err(WatchFault::NoLongerKept);
        }
        Ok(())
    }
}

struct Watcher<A> {
    source: Source,
    tenant: TenantId,
    resume: Resume,
    heartbeat: Duration,
    /// When a sign of life is due.
    due: Instant,
    accept: A,
    news: channel::Receiver<u64>,
    waiting: VecDeque<Waiting>,
}

/// What was read and not yet handed on.
enum Waiting {
    Event(Box<Event>),
    /// There is nothing more of this tenant up to a position of a partition.
    Through(u32, i64),
}

impl<A: FnMut(&Event) -> bool> Watcher<A> {
    async fn next(&mut self) -> Result<Item, WatchFault> {
        loop {
            while let Some(waiting) = self.waiting.pop_front() {
                if let Some(event) = self.pass(waiting) {
                    self.due = Instant::now() + self.heartbeat;
                    return Ok(Item::Event(event, self.resume.clone()));
                }
            }
            if Instant::now() >= self.due {
                self.due = Instant::now() + self.heartbeat;
                return Ok(Item::Heartbeat(self.resume.clone()));
            }
            self.read().await?;
            if self.waiting.is_empty() {
                let recheck = self.due.min(Instant::now() + RECHECK);
                // Woken or not, the heads are looked at again.
                drop(timeout_at(recheck, self.news.changed()).await);
            }
        }
    }

    /// Moves the position past `waiting`; returns the event where it is one to hand on.
    fn pass(&mut self, waiting: Waiting) -> Option<Box<Event>> {
        let (partition, position) = match &waiting {
            Waiting::Event(event) => (event.partition, event.position),
            Waiting::Through(partition, position) => (*partition, *position),
        };
        if let Some(place) = self.resume.positions.get_mut(partition as usize) {
            *place = position;
        }
        match waiting {
            Waiting::Event(event) => (self.accept)(&event).then_some(event),
            Waiting::Through(..) => None,
        }
    }

    /// Reads a page of each partition that has grown.
    async fn read(&mut self) -> Result<(), WatchFault> {
        let mut heads = self.source.recent_heads().await?;
        if self.resume.is_ahead(&heads) {
            // They are of a moment before the last page, or the feed was restored under us.
            heads = self.source.heads().await?;
        }
        self.resume.check(&heads)?;
        let grown = self.resume.positions.iter().zip(&heads.heads).zip(0_u32..);
        let grown: Vec<(u32, i64)> = grown
            .filter(|((position, head), _)| head > position)
            .map(|((position, _), partition)| (partition, *position))
            .collect();
        if grown.is_empty() {
            return Ok(());
        }
        for (partition, after) in grown {
            let page = self.source.read(&heads, partition, after, BATCH, Some(self.tenant)).await?;
            let Some(page) = page else { continue };
            self.waiting.extend(page.events.into_iter().map(Box::new).map(Waiting::Event));
            self.waiting.push_back(Waiting::Through(partition, page.through));
        }
        // One tenant's positions have gaps, so only this tells that nothing was pruned meanwhile.
        self.resume.check(&self.source.heads().await?)
    }
}
