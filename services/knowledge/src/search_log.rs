//! The log of searches on its way to the database: kept in memory for a moment, written in batches,
//! never waited for.
//!
//! What somebody types on the way to a query is one search with it: within half a minute a query that
//! goes on from the one before, or takes back a part of it, takes its place. Readers who share a
//! principal, such as the visitors of a public page, are never taken for one another.
//!
//! Memory is bounded: where more is searched between two writes than there is room for, what is new is
//! not logged. A process that is killed loses what it saw in the last seconds.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use kernel::{CallerKind, SearchId, TenantId, Time};
use rpc::Call;
use store::{Db, transact};
use tokio_util::sync::CancellationToken;

use crate::{
    App, Error,
    store::searches::{self, Search},
};

/// How many searches wait at most.
const ROOM: usize = 4_096;
/// How often they are written.
const EVERY: Duration = Duration::from_secs(2);
/// For how long a query may go on from the one before.
const TYPING: i64 = 30_000_000;

/// Where searches are noted. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub(crate) struct SearchLog(Arc<Mutex<Waiting>>);

#[derive(Debug, Default)]
struct Waiting {
    batch: Batch,
    /// The last search of each principal.
    last: HashMap<(TenantId, String), Last>,
}

/// What is written at once.
#[derive(Debug, Default)]
struct Batch {
    searches: Vec<(TenantId, Search)>,
    /// What was written already and is replaced.
    replaced: Vec<(TenantId, SearchId)>,
}

#[derive(Clone, Debug)]
struct Last {
    id: SearchId,
    at: Time,
    query: String,
}

impl SearchLog {
    /// Notes a search, without waiting.
    pub(crate) fn note(&self, call: &Call, search: Search) {
        self.waiting().note(call.tenant(), principal(call), search);
    }

    /// Something was chosen: what the caller types next is another search.
    pub(crate) fn chosen(&self, call: &Call) {
        if let Some(principal) = principal(call) {
            self.waiting().last.remove(&(call.tenant(), principal));
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what waits; where that fails, it waits on.
    async fn flush(&self, db: &Db, now: Time) -> Result<(), Error> {
        let batch = self.waiting().take(now);
        let Batch { searches, replaced } = &batch;
        if searches.is_empty() && replaced.is_empty() {
            return Ok(());
        }
        let written: Result<(), Error> =
            transact!(*db, "searches.flush", |tx| searches::add(tx, searches, replaced).await);
        if written.is_err() {
            self.waiting().put_back(batch);
        }
        written
    }
}

impl Waiting {
    /// What waits, on its way to the database.
    fn take(&mut self, now: Time) -> Batch {
        self.last.retain(|_, last| now.since(last.at) < TYPING);
        std::mem::take(&mut self.batch)
    }

    /// What could not be written waits on, before what came in between, unless that replaces it.
    fn put_back(&mut self, batch: Batch) {
        let newer = std::mem::replace(&mut self.batch, batch);
        let Batch { searches, replaced } = &mut self.batch;
        searches.extend(newer.searches);
        replaced.extend(newer.replaced);
        let gone: HashSet<_> = replaced.iter().copied().collect();
        searches.retain(|(tenant, search)| !gone.contains(&(*tenant, search.id)));
        searches.truncate(ROOM);
        replaced.truncate(ROOM);
    }

    fn note(&mut self, tenant: TenantId, principal: Option<String>, search: Search) {
        if self.batch.searches.len() >= ROOM {
            return;
        }
        if let Some(principal) = principal {
            let (id, at, query) = (search.id, search.at, search.query.clone());
            let before = self.last.insert((tenant, principal), Last { id, at, query });
            if let Some(before) = before.filter(|before| goes_on(before, &search)) {
                let waits = |(of, one): &(TenantId, Search)| *of == tenant && one.id == before.id;
                match self.batch.searches.iter().position(waits) {
                    Some(index) => _ = self.batch.searches.remove(index),
                    None => self.batch.replaced.push((tenant, before.id)),
                }
            }
        }
        self.batch.searches.push((tenant, search));
    }
}

/// Whether a search is the one before, typed on or taken back.
fn goes_on(before: &Last, search: &Search) -> bool {
    search.at.since(before.at) < TYPING
        && (search.query.starts_with(&before.query) || before.query.starts_with(&search.query))
}

/// The person who searches; `None` where that is not known.
fn principal(call: &Call) -> Option<String> {
    match call.caller.kind {
        CallerKind::Member | CallerKind::Customer => Some(call.principal()),
        CallerKind::Anonymous
        | CallerKind::Integration
        | CallerKind::Service
        | CallerKind::Operator => None,
    }
}

/// Writes what was searched for, every few seconds until `stop`, and once more then.
pub async fn run(app: App, stop: CancellationToken) {
    loop {
        let last = tokio::select! {
            () = stop.cancelled() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        if let Err(error) = app.searches.flush(&app.db, app.clock.now()).await {
            tracing::warn!(%error, cause = ?std::error::Error::source(&error), "searches wait for the database");
        }
        if last {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::{AudienceLevel, SearchStage};
    use testing::each_db;
    use uuid::Uuid;

    use super::*;
    use crate::{
        MIGRATIONS,
        rpc::fixture::{Fixture, agent, anonymous, tenant},
    };

    fn search(n: u128, seconds: i64, query: &str) -> Search {
        Search {
            id: SearchId::from(Uuid::from_u128(n)),
            at: Time::from_micros(seconds * 1_000_000),
            query: query.to_owned(),
            locale: "zh".to_owned(),
            level: AudienceLevel::Agent,
            stage: SearchStage::All,
            total: 1,
            shown: Vec::new(),
            chosen: Vec::new(),
        }
    }

    async fn logged(fixture: &Fixture, log: &SearchLog) -> Vec<String> {
        log.flush(&fixture.app.db, Time::from_micros(0)).await.unwrap();
        let found = searches::list(&fixture.app.db, tenant(1), false, Uuid::max(), 10).await;
        found.unwrap().into_iter().map(|search| search.query).collect()
    }

    #[tokio::test]
    async fn what_is_typed_on_the_way_is_one_search() {
        let (fixture, log) = (Fixture::new().await, SearchLog::default());
        log.note(&agent(&[]), search(1, 0, "退"));
        log.note(&agent(&[]), search(2, 1, "退货"));
        assert_eq!(logged(&fixture, &log).await, ["退货"]);
        // Also where the one before has been written.
        log.note(&agent(&[]), search(3, 2, "退货 运费"));
        assert_eq!(logged(&fixture, &log).await, ["退货 运费"]);
        log.note(&agent(&[]), search(4, 3, "退货"));
        log.note(&agent(&[]), search(5, 4, "保修"));
        log.note(&agent(&[]), search(6, 40, "保修期"));
        assert_eq!(logged(&fixture, &log).await, ["保修期", "保修", "退货"]);
    }

    #[tokio::test]
    async fn what_is_replaced_while_it_is_written_in_vain_does_not_come_back() {
        let (fixture, log) = (Fixture::new().await, SearchLog::default());
        log.note(&agent(&[]), search(1, 0, "退"));
        log.note(&anonymous(), search(2, 0, "保修"));
        let batch = log.waiting().take(Time::from_micros(0));
        log.note(&agent(&[]), search(3, 1, "退货"));
        log.waiting().put_back(batch);
        assert_eq!(logged(&fixture, &log).await, ["退货", "保修"]);
    }

    #[tokio::test]
    async fn a_log_that_is_full_is_written() {
        each_db(MIGRATIONS, async |database| {
            let log = SearchLog::default();
            let room = u32::try_from(ROOM).unwrap();
            for n in 0..=room {
                log.note(&anonymous(), search(n.into(), 0, "退货"));
            }
            log.flush(&database.db, Time::from_micros(0)).await.unwrap();
            let found = searches::list(&database.db, tenant(1), false, Uuid::max(), 5_000).await;
            let found = found.unwrap();
            assert_eq!(found.len(), ROOM);
            assert_eq!(found[0].id.uuid(), Uuid::from_u128((room - 1).into()));
        })
        .await;
    }

    #[tokio::test]
    async fn a_choice_ends_it_and_visitors_are_not_one_person() {
        let (fixture, log) = (Fixture::new().await, SearchLog::default());
        log.note(&agent(&[]), search(1, 0, "退"));
        log.chosen(&agent(&[]));
        log.note(&agent(&[]), search(2, 1, "退货"));
        log.note(&anonymous(), search(3, 1, "保"));
        log.note(&anonymous(), search(4, 1, "保修"));
        assert_eq!(logged(&fixture, &log).await, ["保修", "保", "退货", "退"]);
    }
}
