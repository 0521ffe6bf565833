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
};

/// How many events one transaction applies, a page of one partition more or less.
const MOST: usize = 2_000;

/// A page of one partition, and the cursor before it.
struct Part {
    key: Key<'static>,
    cursor: Cursor,
    since: Instant,
    page: Fetched,
}

impl<H: Handler> Consumer<H> {
    /// Follows all partitions, as one.
    pub(crate) async fn follow_together(&self, count: u32) {
        let mut backoff = BACKOFF[0];
        let mut known: Vec<Known> = (0..count).map(|_| Known::default()).collect();
        loop {
            let pause = match self.step_together(&mut known).await {
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

    /// Looks at all partitions once and applies what is new in any.
    pub(crate) async fn step_together(&self, known: &mut [Known]) -> Result<Step, ConsumeError> {
        let looks = (0_u32..).zip(known.iter_mut()).map(|(partition, known)| {
            let key = self.key(partition);
            async move { self.part(key, known).await }
        });
        let (mut parts, mut events) = (Vec::new(), 0);
        let mut went = Step::Idle;
        for look in join_all(looks).await {
            match look? {
                Ok(part) if events < MOST => {
                    events += part.page.events.len();
                    parts.push(part);
                }
                // It comes with the next.
                Ok(part) => {
                    let partition = part.key.partition as usize;
                    known[partition] = Known(Some((part.cursor, part.since)));
                }
                Err(Step::Moved) => went = Step::Moved,
                Err(Step::Idle | Step::Stopped) => {}
            }
        }
        if parts.is_empty() {
            return Ok(went);
        }
        match self.apply_together(&parts).await {
            Ok(()) => {
                for Part { cursor, page, .. } in &mut parts {
                    cursor.position = page.events.last().map_or(cursor.position, |e| e.position);
                }
            }
            Err(error) if error.is_transient() => return Err(error.into()),
            // Each partition by itself finds out which event it was, or that somebody else moved it.
            Err(_) => {
                for Part { key, cursor, page, .. } in &mut parts {
                    cursor.position = self.apply_page(key, cursor, &page.events).await?;
                }
            }
        }
        for Part { key, cursor, since, page } in parts {
            let behind = page.head - cursor.position;
            self.stand(key.partition, Standing { behind, stopped: false });
            let last = page.events.last().map(|event| event.position);
            let moved = Some((cursor, since)).filter(|(cursor, _)| Some(cursor.position) == last);
            known[key.partition as usize] = Known(moved);
        }
        Ok(Step::Moved)
    }

    /// What is new in one partition; or what the look came to.
    async fn part(
        &self,
        key: Key<'static>,
        known: &mut Known,
    ) -> Result<Result<Part, Step>, ConsumeError> {
        let (cursor, since) = match self.known_or_looked(&key, known).await? {
            Ok(known) => known,
            Err(step) => return Ok(Err(step)),
        };
        match self.page(&key, &cursor, Duration::ZERO).await? {
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
            Some(self.fetch(partition, position, WAIT))
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
