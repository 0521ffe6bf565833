//! Applies another service's events to this service's database.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use contracts::r#type::v1::{HeadsRequest, ReadRequest, feed_service_client::FeedServiceClient};
use futures::{FutureExt as _, StreamExt as _, stream::FuturesUnordered};
use kernel::{Clock, Time, fault::chain};
use store::{Db, lease, transact};
use telemetry::Metrics;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Status};
use tracing::Instrument as _;

use crate::{
    Event, HandleError, Handler,
    cursors::{self, Cursor, Key},
    dead_letters::{self, Aside},
    event::Malformed,
    fetched::Fetched,
};

/// How many events one transaction applies; where that fails they are applied one by one.
const BATCH: usize = 50;
/// An event that is tried this often in vain is poison.
const TRIES: u32 = 3;
/// How long a read waits for news, well within the time a call may take.
pub(crate) const WAIT: Duration = Duration::from_secs(5);
/// How long the source may take to answer, the wait aside.
const ANSWER: Duration = Duration::from_secs(5);
/// The longest answer that is taken: a page, or one event that is longer than a page, which no
/// request that a service takes can make.
const MOST_BYTES: usize = 16 * crate::source::MAX_BYTES;
const LEASE: Duration = Duration::from_secs(10);
/// How often a consumer looks whether its lease came free, or an operator has rewound it.
pub(crate) const STANDBY: Duration = Duration::from_secs(2);
pub(crate) const BACKOFF: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// Where a consumer works.
#[derive(Clone, Debug)]
pub struct Site {
    /// The database of the service that consumes.
    pub db: Db,
    /// The process's clock.
    pub clock: Clock,
    /// The name of this replica, see [`store::lease`].
    pub holder: String,
    /// The process's metrics.
    pub metrics: Metrics,
}

/// One service's reading of another's feed. Replicas may all run it: a lease lets one work, and were
/// that to fail, the cursor does.
pub struct Consumer<H> {
    pub(crate) name: &'static str,
    pub(crate) source: &'static str,
    pub(crate) site: Site,
    client: FeedServiceClient<rpc::Link>,
    pub(crate) handler: H,
    partitions: Mutex<BTreeMap<u32, Standing>>,
}

/// What the metrics tell of a partition.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Standing {
    pub(crate) behind: i64,
    pub(crate) stopped: bool,
}

/// A partition's cursor as it was written last, and since when it is gone by.
///
/// While pages follow each other nobody else moves it, and if somebody does, the next transaction
/// finds out. It is read again when there is nothing new, and now and then.
#[derive(Debug, Default)]
pub(crate) struct Known(pub(crate) Option<(Cursor, Instant)>);

impl Known {
    fn take(&mut self) -> Option<(Cursor, Instant)> {
        self.0.take().filter(|(_, since)| since.elapsed() < STANDBY)
    }
}

/// What one look at a partition came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The cursor moved, here or elsewhere: look again at once.
    Moved,
    /// There is nothing new.
    Idle,
    /// The partition stands still until an operator rewinds it.
    Stopped,
}

/// Why a look at a partition was given up for now; it is tried again.
#[derive(Debug, thiserror::Error)]
pub enum ConsumeError {
    /// The source could not be read.
    #[error("the source cannot be read")]
    Source(#[source] Box<Status>),
    /// The source sent what no service of the suite sends.
    #[error("the source sent a malformed event")]
    Malformed(#[from] Malformed),
    /// The source's answer is not usable.
    #[error("the source's answer is not usable: {0}")]
    Answer(&'static str),
    /// The consumer's own side is not ready: its database, or something that an effect needs.
    #[error("the effect cannot be had now")]
    Effect(#[from] HandleError),
}

impl From<store::Error> for ConsumeError {
    fn from(cause: store::Error) -> Self {
        Self::Effect(cause.into())
    }
}

impl From<Status> for ConsumeError {
    fn from(status: Status) -> Self {
        Self::Source(Box::new(status))
    }
}

impl<H: Handler> Consumer<H> {
    /// The consumer `name` (for instance `customers.timeline`) of the feed of `source`, which it
    /// reads through `link`.
    pub fn new(
        name: &'static str,
        source: &'static str,
        link: rpc::Link,
        site: Site,
        handler: H,
    ) -> Self {
        let client = FeedServiceClient::new(link).max_decoding_message_size(MOST_BYTES);
        Self { name, source, site, client, handler, partitions: Mutex::default() }
    }

    /// Runs until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        let name = format!("consumer/{}/{}", self.name, self.source);
        while !stop.is_cancelled() {
            match self.take_lease(&name).await {
                Ok(Some(epoch)) => {
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = self.keep_lease(&name) => {}
                        () = self.follow_all() => {}
                    }
                    self.forget_standings();
                    let held = lease::release(&self.site.db, &name, &self.site.holder, epoch);
                    if let Err(error) = held.await {
                        self.warn("the lease was not given up", &error);
                    }
                }
                Ok(None) => {}
                Err(error) => self.warn("the lease cannot be asked for", &error),
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(STANDBY) => {}
            }
        }
    }

    /// Applies all that is in the feed now and returns; a partition that stopped is left out.
    pub async fn catch_up(&self) -> Result<(), ConsumeError> {
        for partition in 0..self.count_partitions().await? {
            let mut known = Known::default();
            while self.step(partition, Duration::ZERO, &mut known).await? == Step::Moved {}
        }
        Ok(())
    }

    async fn take_lease(&self, name: &str) -> Result<Option<lease::Epoch>, store::Error> {
        let now = self.site.clock.now();
        lease::acquire(&self.site.db, name, &self.site.holder, now, LEASE).await
    }

    /// Returns when the lease is lost, or cannot be renewed before it ends.
    async fn keep_lease(&self, name: &str) {
        loop {
            tokio::time::sleep(LEASE / 3).await;
            match tokio::time::timeout(LEASE / 3, self.take_lease(name)).await {
                Ok(Ok(Some(_))) => {}
                Ok(Ok(None)) | Err(_) => return,
                Ok(Err(error)) => return self.warn("the lease was not renewed", &error),
            }
        }
    }

    /// Follows all partitions side by side; returns only where their number cannot be learnt.
    async fn follow_all(&self) {
        match self.count_partitions().await {
            Ok(count) => {
                if let Some(most) = self.handler.together() {
                    return Box::pin(self.follow_together(count, most)).await;
                }
                // Not `join_all`, which polls all of so few partitions whenever one of them moves.
                let follow = (0..count).map(|partition| self.follow(partition));
                let mut following: FuturesUnordered<_> = follow.collect();
                while following.next().await.is_some() {}
            }
            Err(error) => self.warn("the source's heads cannot be read", &error),
        }
    }

    async fn follow(&self, partition: u32) {
        let (mut backoff, mut known) = (BACKOFF[0], Known::default());
        loop {
            let pause = match self.step(partition, WAIT, &mut known).await {
                Ok(step) => {
                    backoff = BACKOFF[0];
                    match step {
                        Step::Moved if self.is_behind(partition) => Duration::ZERO,
                        Step::Moved => self.handler.gather(),
                        Step::Idle => Duration::from_millis(1),
                        Step::Stopped => STANDBY,
                    }
                }
                Err(error) => {
                    self.warn("events wait", &error);
                    let pause = backoff;
                    backoff = (backoff * 2).min(BACKOFF[1]);
                    pause
                }
            };
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
    }

    /// Looks at one partition once and applies a page of the feed; where the cursor is not `known`,
    /// what is ready among the dead letters before it.
    pub(crate) async fn step(
        &self,
        partition: u32,
        wait: Duration,
        known: &mut Known,
    ) -> Result<Step, ConsumeError> {
        let key = self.key(partition);
        let (mut cursor, since) = match self.known_or_looked(&key, known).await? {
            Ok(known) => known,
            Err(step) => return Ok(step),
        };
        let page = match self.page(&key, &cursor, 0, wait).await? {
            Ok(page) => page,
            Err(step) => return Ok(step),
        };
        let last = page.events.last().map(|event| event.position);
        cursor.position = self.apply_page(&key, &cursor, &page.events).await?;
        let behind = page.head - cursor.position;
        self.stand(partition, Standing { behind, stopped: false });
        // Where another replica has moved it, it is not where we believe it to be.
        *known = Known(Some((cursor, since)).filter(|(cursor, _)| Some(cursor.position) == last));
        Ok(Step::Moved)
    }

    /// Where the cursor is, and since when that is gone by.
    pub(crate) async fn known_or_looked(
        &self,
        key: &Key<'_>,
        known: &mut Known,
    ) -> Result<Result<(Cursor, Instant), Step>, ConsumeError> {
        match known.take() {
            Some(known) => Ok(Ok(known)),
            None => Ok(self.look(key).await?.map(|cursor| (cursor, Instant::now()))),
        }
    }

    /// The page that comes next, of so many events at most (0: as many as a page takes), with events in
    /// it; or what the look came to.
    pub(crate) async fn page(
        &self,
        key: &Key<'_>,
        cursor: &Cursor,
        most: i32,
        wait: Duration,
    ) -> Result<Result<Fetched, Step>, ConsumeError> {
        let page = self.fetch(key.partition, cursor.position, most, wait).await?;
        if let Some(reason) = page.broken(cursor) {
            return self.stop(key, cursor, reason).await.map(Err);
        }
        let behind = page.head - cursor.position;
        self.stand(key.partition, Standing { behind, stopped: false });
        Ok(if page.events.is_empty() { Err(Step::Idle) } else { Ok(page) })
    }

    /// Applies what is ready among the dead letters and reads where the cursor is; what the look came
    /// to where there is none to go on from.
    async fn look(&self, key: &Key<'_>) -> Result<Result<Cursor, Step>, ConsumeError> {
        self.apply_ready(key).await?;
        let cursor = cursors::get(&self.site.db, key).await?;
        if let Some(cursor) = cursor.as_ref().filter(|cursor| !cursor.stopped.is_empty()) {
            self.alert(key.partition, cursor.position, &cursor.stopped);
            return Ok(Err(Step::Stopped));
        }
        match cursor.filter(|cursor| !cursor.incarnation.is_nil()) {
            Some(cursor) => Ok(Ok(cursor)),
            None => self.begin(key).await.map(Err),
        }
    }

    /// Places a cursor that is new, or that was rewound, on the source as it is now: at the position
    /// asked for, or where the source's memory starts or ends.
    async fn begin(&self, key: &Key<'_>) -> Result<Step, ConsumeError> {
        let db = &self.site.db;
        let cursor = cursors::get(db, key).await?;
        let asked = cursor.as_ref().map_or(0, |cursor| cursor.position);
        let page = self.fetch(key.partition, asked, 0, Duration::ZERO).await?;
        let position = asked.max(page.first - 1).min(page.head);
        if position > asked {
            tracing::warn!(
                consumer = self.name,
                source = self.source,
                partition = key.partition,
                position,
                "earlier events are no longer in the feed"
            );
        }
        transact!(db, "feed.begin", |tx| {
            match &cursor {
                None => cursors::create(tx, key, page.incarnation, position).await,
                Some(from) => cursors::adopt(tx, key, from, page.incarnation, position).await,
            }
        })?;
        Ok(Step::Moved)
    }

    async fn stop(
        &self,
        key: &Key<'_>,
        cursor: &Cursor,
        reason: &'static str,
    ) -> Result<Step, ConsumeError> {
        let stopped = transact!(self.site.db, "feed.stop", |tx| {
            cursors::stop(tx, key, cursor, reason).await
        })?;
        if !stopped {
            return Ok(Step::Moved);
        }
        self.alert(key.partition, cursor.position, reason);
        Ok(Step::Stopped)
    }

    /// Tells, once in each process, that a partition stands still.
    fn alert(&self, partition: u32, position: i64, reason: &str) {
        let before = self.stand(partition, Standing { behind: 0, stopped: true });
        if before.stopped {
            return;
        }
        tracing::error!(
            consumer = self.name,
            source = self.source,
            partition,
            position,
            reason,
            "the consumer stands still until `aftercare feed rewind`"
        );
    }

    /// Applies events that follow the cursor and returns how far it came: less far than the page,
    /// with `Ok`, where another replica has moved the cursor meanwhile.
    pub(crate) async fn apply_page(
        &self,
        key: &Key<'_>,
        cursor: &Cursor,
        events: &[Event],
    ) -> Result<i64, ConsumeError> {
        let mut cursor = cursor.clone();
        for batch in events.chunks(BATCH) {
            match self.apply(key, &cursor, batch).await {
                Ok(true) => cursor.position += i64::try_from(batch.len()).unwrap_or(0),
                Ok(false) => return Ok(cursor.position),
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(_) => {
                    for event in batch {
                        if !self.apply_one(key, &cursor, event).await? {
                            return Ok(cursor.position);
                        }
                        cursor.position = event.position;
                    }
                }
            }
        }
        Ok(cursor.position)
    }

    /// Applies an event alone, or puts it aside after a few tries; false where another replica has
    /// moved the cursor.
    async fn apply_one(
        &self,
        key: &Key<'_>,
        cursor: &Cursor,
        event: &Event,
    ) -> Result<bool, ConsumeError> {
        let mut tries = 0;
        loop {
            let error = match self.apply(key, cursor, std::slice::from_ref(event)).await {
                Ok(applied) => return Ok(applied),
                Err(error) if error.is_transient() => return Err(error.into()),
                Err(error) => error,
            };
            tries += 1;
            if tries == TRIES {
                return self.put_aside(key, cursor, event, &error).await;
            }
            tokio::time::sleep(BACKOFF[0] * tries).await;
        }
    }

    /// Applies events and advances the cursor past them, in one transaction; false, and nothing
    /// done, where the cursor is no longer where it was read.
    async fn apply(
        &self,
        key: &Key<'_>,
        cursor: &Cursor,
        events: &[Event],
    ) -> Result<bool, HandleError> {
        let Some(last) = events.last() else { return Ok(true) };
        let now = self.site.clock.now();
        let applied = async {
            transact!(self.site.db, "feed.apply", |tx| {
                if !cursors::advance(tx, key, cursor, last.position).await? {
                    return Ok(false);
                }
                let ready = ready(tx, key, events, now).await?;
                self.handle(tx, &ready).await?;
                Ok(true)
            })
        };
        applied.instrument(self.span(events)).await
    }

    async fn put_aside(
        &self,
        key: &Key<'_>,
        cursor: &Cursor,
        event: &Event,
        error: &HandleError,
    ) -> Result<bool, ConsumeError> {
        let (reason, now) = (chain(error), self.site.clock.now());
        let moved = transact!(self.site.db, "feed.put_aside", |tx| {
            if !cursors::advance(tx, key, cursor, event.position).await? {
                return Ok::<_, store::Error>(false);
            }
            dead_letters::put(tx, key, event, Aside::Poison(&reason), now).await?;
            Ok(true)
        })?;
        if moved {
            self.site.metrics.dead_letters.with_label_values(&[self.name]).inc();
            tracing::error!(
                consumer = self.name,
                source = self.source,
                partition = key.partition,
                position = event.position,
                kind = event.kind,
                reason,
                "an event was put aside and its aggregate parked"
            );
        }
        Ok(moved)
    }

    /// Applies the dead letters of a partition that are ready, until none is or somebody else is at
    /// them; returns how many took effect.
    pub(crate) async fn apply_ready(&self, key: &Key<'_>) -> Result<u32, HandleError> {
        let mut taken = 0;
        loop {
            let mut moved = false;
            for event in dead_letters::ready(&self.site.db, key, 100).await? {
                match self.apply_again(key, &event).await {
                    Ok(applied) => {
                        taken += u32::from(applied);
                        moved |= applied;
                    }
                    Err(error) if error.is_transient() => return Err(error),
                    Err(error) => {
                        let reason = chain(&error);
                        transact!(self.site.db, "feed.put_aside_again", |tx| {
                            dead_letters::fail(tx, key, &event, &reason).await
                        })?;
                        moved = true;
                    }
                }
            }
            if !moved {
                return Ok(taken);
            }
        }
    }

    /// Applies a dead letter; false where somebody else did.
    async fn apply_again(&self, key: &Key<'_>, event: &Event) -> Result<bool, HandleError> {
        let applied = async {
            transact!(self.site.db, "feed.apply_again", |tx| {
                let ours =
                    cursors::lock(tx, key).await? && dead_letters::take(tx, key, event).await?;
                if ours {
                    self.handle(tx, &[event]).await?;
                }
                Ok(ours)
            })
        };
        applied.instrument(self.span(std::slice::from_ref(event))).await
    }

    /// The span in which events are applied, whatever the handler makes of them.
    fn span(&self, events: &[Event]) -> tracing::Span {
        let causes = events.iter().map(|event| event.trace.as_str());
        telemetry::consume(self.name, self.source, causes)
    }

    /// Runs the handler; a panic in it is an error of the events.
    pub(crate) async fn handle(
        &self,
        tx: &mut store::Tx,
        events: &[&Event],
    ) -> Result<(), HandleError> {
        let handled = AssertUnwindSafe(self.handler.apply_all(tx, events)).catch_unwind().await;
        handled.unwrap_or_else(|_| Err(HandleError::poison("the handler panicked")))
    }

    async fn count_partitions(&self) -> Result<u32, ConsumeError> {
        let mut request = Request::new(HeadsRequest { source: self.source.to_owned() });
        request.set_timeout(ANSWER);
        let heads = self.client.clone().heads(request).await?.into_inner().heads;
        u32::try_from(heads.len()).map_err(|_| ConsumeError::Answer("too many partitions"))
    }

    pub(crate) async fn fetch(
        &self,
        partition: u32,
        after: i64,
        most: i32,
        wait: Duration,
    ) -> Result<Fetched, ConsumeError> {
        let mut request = Request::new(ReadRequest {
            source: self.source.to_owned(),
            partition: i32::try_from(partition).unwrap_or(i32::MAX),
            after,
            limit: most,
            wait_millis: i32::try_from(wait.as_millis()).unwrap_or(0),
        });
        request.set_timeout(wait + ANSWER);
        Fetched::parse(self.client.clone().read(request).await?.into_inner(), after)
    }

    pub(crate) fn key(&self, partition: u32) -> Key<'static> {
        Key { consumer: self.name, source: self.source, partition }
    }

    /// Notes how a partition stands, tells the metrics about all of them, and returns how it stood.
    pub(crate) fn stand(&self, partition: u32, standing: Standing) -> Standing {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        let before = partitions.insert(partition, standing).unwrap_or_default();
        self.measure(&partitions);
        before
    }

    /// Whether more is known to be in a partition than was applied.
    pub(crate) fn is_behind(&self, partition: u32) -> bool {
        let partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        partitions.get(&partition).is_some_and(|standing| standing.behind > 0)
    }

    /// Leaves it to the metrics of whoever holds the lease from now on to tell how partitions stand.
    fn forget_standings(&self) {
        let mut partitions = self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        partitions.clear();
        self.measure(&partitions);
    }

    fn measure(&self, partitions: &BTreeMap<u32, Standing>) {
        let labels = [self.name, self.source];
        let behind = partitions.values().map(|standing| standing.behind).sum();
        self.site.metrics.consumer_lag.with_label_values(&labels).set(behind);
        let stopped = partitions.values().any(|standing| standing.stopped);
        let gauge = self.site.metrics.consumer_stopped.with_label_values(&labels);
        gauge.set(i64::from(stopped));
    }

    pub(crate) fn warn(&self, what: &str, error: &dyn std::error::Error) {
        let error = chain(error);
        tracing::warn!(consumer = self.name, source = self.source, error, "{what}");
    }
}

/// Of these events those that may be applied: the others wait behind what was put aside before them.
pub(crate) async fn ready<'e>(
    tx: &mut store::Tx,
    key: &Key<'_>,
    events: &'e [Event],
    now: Time,
) -> Result<Vec<&'e Event>, store::Error> {
    let parked = dead_letters::parked(tx, key).await?;
    let mut ready = Vec::with_capacity(events.len());
    for event in events {
        if parked.contains(&(event.tenant, event.aggregate)) {
            dead_letters::put(tx, key, event, Aside::Queued, now).await?;
        } else {
            ready.push(event);
        }
    }
    Ok(ready)
}

impl<H> std::fmt::Debug for Consumer<H> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer").field("name", &self.name).finish_non_exhaustive()
    }
}
