//! A consumer that applies the events of all partitions in one transaction.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, future::join_all, stream::FuturesUnordered};
use store::transact;
use tracing::Instrument as _;

use crate::{
    ConsumeError, Consumer, Event, HandleError, Handler,
    consumer::{BACKOFF, Known, STANDBY, Standing, Step, WAIT, ready},
    cursors::{self, Cursor, Key},
    fetched::Fetched,
    source::MAX_EVENTS,
};

/// So few events of a partition are never asked for at once.
const FEWEST: usize = 10;

/// A page of one partition, and the cursor before it.
struct Part {
    key: Key<'static>,
    cursor: Cursor,
    since: Instant,
    page: Fetched,
}

impl<H: Handler> Consumer<H> {
    /// Follows all partitions as one, `most` events at a time.
    pub(crate) async fn follow_together(&self, count: u32, most: usize) {
        let mut backoff = BACKOFF[0];
        let mut known: Vec<Known> = (0..count).map(|_| Known::default()).collect();
        loop {
            let pause = match self.step_together(&mut known, most).await {
                Ok(Step::Moved) => {
                    backoff = BACKOFF[0];
                    let behind = (0..count).any(|partition| self.is_behind(partition));
                    if behind { Duration::ZERO } else { self.handler.gather() }
                }
                Ok(Step::Idle | Step::Stopped) => {
                    backoff = BACKOFF[0];
                    self.await_news(&known).await;
                    self.handler.gather()
                }
                Err(error) => {
                    self.warn("events wait", &error);
                    let pause = backoff;
                    backoff = (backoff * 2).min(BACKOFF[1]);
                    pause
                }
            };
            tokio::time::sleep(pause).await;
        }
    }

    /// Looks at all partitions once and applies what is new in any. One that fails holds up none of the
    /// others.
    pub(crate) async fn step_together(
        &self,
        known: &mut [Known],
        most: usize,
    ) -> Result<Step, ConsumeError> {
        let each = (most / known.len().max(1)).clamp(FEWEST, MAX_EVENTS as usize);
        let each = i32::try_from(each).unwrap_or(0);
        let looks = (0_u32..).zip(known.iter_mut()).map(|(partition, known)| {
            let key = self.key(partition);
            async move { self.part(key, known, each).await }
        });
        let (mut parts, mut went, mut failed) = (Vec::new(), Step::Idle, None);
        for look in join_all(looks).await {
            match look {
                Ok(Ok(part)) => parts.push(part),
                Ok(Err(Step::Moved)) => went = Step::Moved,
                Ok(Err(Step::Idle | Step::Stopped)) => {}
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if !parts.is_empty() {
            went = Step::Moved;
            for (part, moved) in self.apply_parts(parts).await? {
                match moved {
                    Ok(position) => self.moved(part, position, known),
                    Err(error) => failed = failed.or(Some(error)),
                }
            }
        }
        failed.map_or(Ok(went), Err)
    }

    /// Applies all parts together; where that fails each by itself, which finds out which event it was,
    /// or that somebody else moved a cursor. Returns how far each came.
    async fn apply_parts(
        &self,
        parts: Vec<Part>,
    ) -> Result<Vec<(Part, Result<i64, ConsumeError>)>, ConsumeError> {
        match self.apply_together(&parts).await {
            Ok(()) => {
                let last = |part: Part| {
                    let last = part.page.events.last().map(|event| event.position);
                    let position = last.unwrap_or(part.cursor.position);
                    (part, Ok(position))
                };
                Ok(parts.into_iter().map(last).collect())
            }
            Err(HandleError::Store(cause)) if cause.is_transient() => {
                Err(HandleError::Store(cause).into())
            }
            Err(_) => {
                let mut all = Vec::new();
                for part in parts {
                    let came = self.apply_page(&part.key, &part.cursor, &part.page.events).await;
                    all.push((part, came));
                }
                Ok(all)
            }
        }
    }

    /// Notes how far a partition came.
    fn moved(&self, part: Part, position: i64, known: &mut [Known]) {
        let Part { key, cursor, since, page } = part;
        let behind = page.head - position;
        self.stand(key.partition, Standing { behind, stopped: false });
        // Where another replica has moved it, it is not where we believe it to be.
        let ours = page.events.last().is_some_and(|last| last.position == position);
        let cursor = Cursor { position, ..cursor };
        known[key.partition as usize] = Known(ours.then_some((cursor, since)));
    }

    /// What is new in one partition; or what the look came to.
    async fn part(
        &self,
        key: Key<'static>,
        known: &mut Known,
        most: i32,
    ) -> Result<Result<Part, Step>, ConsumeError> {
        let (cursor, since) = match self.known_or_looked(&key, known).await? {
            Ok(known) => known,
            Err(step) => return Ok(Err(step)),
        };
        match self.page(&key, &cursor, most, Duration::ZERO).await? {
            Ok(page) => Ok(Ok(Part { key, cursor, since, page })),
            Err(step) => {
                if step == Step::Idle {
                    *known = Known(Some((cursor, since)));
                }
                Ok(Err(step))
            }
        }
    }

    /// Applies them all and advances each cursor, or does nothing.
    async fn apply_together(&self, parts: &[Part]) -> Result<(), HandleError> {
        let now = self.site.clock.now();
        let applied = async {
            transact!(self.site.db, "feed.apply", |tx| {
                let mut all: Vec<&Event> = Vec::new();
                for Part { key, cursor, page, .. } in parts {
                    let Some(last) = page.events.last() else { continue };
                    if !cursors::advance(tx, key, cursor, last.position).await? {
                        return Err(HandleError::poison("a cursor was moved meanwhile"));
                    }
                    all.extend(ready(tx, key, &page.events, now).await?);
                }
                self.handle(tx, &all).await
            })
        };
        let events = parts.iter().flat_map(|part| &part.page.events);
        let causes: Vec<_> = events.map(|event| event.trace.as_str()).collect();
        let span = telemetry::consume(self.name, self.source, causes.into_iter());
        applied.instrument(span).await
    }

    /// Returns when something is new in a partition that is followed, or after a while.
    async fn await_news(&self, known: &[Known]) {
        let polls = (0_u32..).zip(known).filter_map(|(partition, Known(known))| {
            let position = known.as_ref()?.0.position;
            Some(self.fetch(partition, position, 1, WAIT))
        });
        let mut polls: FuturesUnordered<_> = polls.collect();
        if polls.is_empty() {
            return tokio::time::sleep(STANDBY).await;
        }
        while let Some(page) = polls.next().await {
            if page.is_ok_and(|page| !page.events.is_empty()) {
                return;
            }
        }
        // Perhaps nothing answers.
        tokio::time::sleep(BACKOFF[0]).await;
    }
}
