//! One tenant's index: opened, kept up to date, built anew where it must be.

use std::{
    collections::{BTreeSet, HashSet},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use feed::Heads;
use kernel::{ArticleId, TenantId, Time};
use search::{Analyzer, Change, Index, Rebuild, Settings};
use tokio::sync::{Mutex as Turn, Notify, watch};
use uuid::Uuid;

use super::{PAGE, PAUSE, Parts, Shared, cursor::Cursor, entries};
use crate::{Error, store::articles};

/// An index that nothing was written to for so long lets go of what writing needs.
const REST_AFTER: Duration = Duration::from_secs(30);
/// An index that rests looks so often whether its place in the feed must be kept from being pruned.
const LOOK_AGAIN: Duration = Duration::from_hours(6);
/// An index commits how far it has read the feed where that is so many events further than it said.
const FAR_AHEAD: i64 = 10_000;
/// How many articles are read at once while an index is built.
const BUILD_PAGE: i64 = 200;
/// What an event must begin with to be about what is found.
const ABOUT: &str = "article.";

/// A tenant's place among the indexes.
pub(super) struct Shelf {
    tenant: TenantId,
    index: watch::Sender<Option<Arc<Index>>>,
    /// The partitions with news; `None` among them for all.
    news: Mutex<BTreeSet<Option<u32>>>,
    awake: Notify,
    /// How far the feed was read, which may be further than the index says; `None` before that.
    reached: Mutex<Option<Cursor>>,
    /// Whoever writes to the index has the turn.
    turn: Turn<()>,
    /// Whoever builds it anew is alone with that.
    building: Turn<()>,
}

impl Shelf {
    pub(super) fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            index: watch::Sender::new(None),
            news: Mutex::default(),
            awake: Notify::new(),
            reached: Mutex::default(),
            turn: Turn::new(()),
            building: Turn::new(()),
        }
    }

    /// The index, once it is whole.
    pub(super) async fn ready(&self) -> Result<Arc<Index>, Error> {
        let mut index = self.index.subscribe();
        let ready = index.wait_for(Option::is_some).await;
        ready.ok().and_then(|index| index.clone()).ok_or(Error::IndexNotReady)
    }

    /// There is news for this tenant in a partition; in all of them for `None`.
    pub(super) fn wake(&self, partition: Option<u32>) {
        self.news.lock().unwrap_or_else(PoisonError::into_inner).insert(partition);
        self.awake.notify_one();
    }

    fn take_news(&self) -> BTreeSet<Option<u32>> {
        std::mem::take(&mut *self.news.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// How far the feed was read.
    fn reached(&self) -> Option<Cursor> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn reach(&self, cursor: Cursor) {
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = Some(cursor);
    }

    /// Opens the index and keeps it up to date until the process stops.
    pub(super) async fn keep(&self, shared: &Shared) {
        self.wake(None);
        loop {
            let news = self.take_news();
            let done = tokio::select! {
                () = shared.stop.cancelled() => return,
                done = self.bring_up(shared, &news) => done,
            };
            if let Err(error) = done {
                tracing::warn!(%error, cause = ?std::error::Error::source(&error), "an index waits");
                self.news.lock().unwrap_or_else(PoisonError::into_inner).extend(news);
                tokio::select! {
                    () = shared.stop.cancelled() => return,
                    () = tokio::time::sleep(PAUSE) => continue,
                }
            }
            tokio::select! {
                () = shared.stop.cancelled() => return,
                () = self.awake.notified() => continue,
                () = tokio::time::sleep(REST_AFTER) => {}
            }
            if let Err(error) = self.rest(shared).await {
                tracing::warn!(%error, cause = ?std::error::Error::source(&error), "an index does not come to rest");
                continue;
            }
            tokio::select! {
                () = shared.stop.cancelled() => return,
                () = self.awake.notified() => {}
                () = tokio::time::sleep(LOOK_AGAIN) => {}
            }
        }
    }

    /// Reads what is left of the feed, commits how far that is, and lets go of what only writing
    /// needs. Without the commit the index would lose its place where others of the feed go on.
    async fn rest(&self, shared: &Shared) -> Result<(), Error> {
        self.bring_up(shared, &[None].into()).await?;
        let index = self.ready().await?;
        let _turn = self.turn.lock().await;
        let reached = self.reached().map(|cursor| cursor.to_string());
        blocking(move || {
            let written = index.cursor().map_err(Error::Index)?;
            if let Some(cursor) = reached.filter(|cursor| Some(cursor) != written.as_ref()) {
                index.apply([], &cursor).map_err(Error::Index)?;
            }
            index.rest().map_err(Error::Index)
        })
        .await
    }

    /// Brings the index up to the feed: opened where it is not, built anew where it must be.
    pub(super) async fn bring_up(
        &self,
        shared: &Shared,
        news: &BTreeSet<Option<u32>>,
    ) -> Result<(), Error> {
        let known = self.index.borrow().clone();
        let index = match known {
            Some(index) => index,
            None => self.open(shared).await?,
        };
        let heads = shared.parts.source.heads().await?;
        let written = index.cursor().map_err(Error::Index)?;
        let said = written.as_ref().and_then(|text| text.parse::<Cursor>().ok());
        let reached = self.reached().or_else(|| said.clone());
        if let (Some(said), Some(cursor)) = (said, reached)
            && cursor.goes_on_in(&heads)
        {
            self.follow(shared, &index, (said, cursor), &heads, news).await?;
        } else {
            // What was committed of another feed is still shown until the new one is whole; an index
            // that never was whole is not.
            if written.is_some() {
                self.index.send_replace(Some(index.clone()));
            }
            self.build(shared, &index).await?;
        }
        self.index.send_replace(Some(index));
        Ok(())
    }

    fn folder(&self, shared: &Shared) -> PathBuf {
        shared.parts.folder.join(self.tenant.uuid().to_string())
    }

    /// The index as it was left, or an empty one.
    async fn open(&self, shared: &Shared) -> Result<Arc<Index>, Error> {
        let folder = self.folder(shared);
        let dictionary = shared.dictionary.clone();
        let opened = blocking(move || {
            let analyzer = dictionary.get_or_init(Analyzer::new).clone();
            match Index::open(&folder, analyzer.clone(), Settings::default()) {
                Ok(index) => Ok(index),
                Err(error) if error.needs_rebuild() => {
                    tracing::info!(%error, "an index is built");
                    Index::create(&folder, analyzer, Settings::default()).map_err(Error::Index)
                }
                Err(error) => Err(Error::IndexAway(error)),
            }
        });
        opened.await.map(Arc::new)
    }

    /// Applies what the feed has told of this tenant since the cursor. What told nothing of articles
    /// is not read again, and is committed once it is `FAR_AHEAD` of what the index says.
    async fn follow(
        &self,
        shared: &Shared,
        index: &Arc<Index>,
        (said, mut cursor): (Cursor, Cursor),
        heads: &Heads,
        news: &BTreeSet<Option<u32>>,
    ) -> Result<(), Error> {
        let told = self.read(shared, &mut cursor, heads, news).await?;
        if told.last.is_none() && cursor.ahead_of(&said) < FAR_AHEAD {
            self.reach(cursor);
            return Ok(());
        }
        let _turn = self.turn.lock().await;
        let (written, text) = (Arc::clone(index), cursor.to_string());
        blocking(move || written.apply(told.changes, &text).map_err(Error::Index)).await?;
        self.reach(cursor);
        let Some(last) = told.last else { return Ok(()) };
        // How long after it happened what was told last can be found.
        let late = shared.parts.clock.now().since(last).max(0);
        let late = Duration::from_micros(late.unsigned_abs()).as_secs_f64();
        shared.parts.metrics.index_freshness.with_label_values::<&str>(&[]).observe(late);
        Ok(())
    }

    /// What the feed has told of this tenant since the cursor, which moves on.
    async fn read(
        &self,
        shared: &Shared,
        cursor: &mut Cursor,
        heads: &Heads,
        news: &BTreeSet<Option<u32>>,
    ) -> Result<Told, Error> {
        let Parts { source, db, clock, .. } = &shared.parts;
        let (mut told, mut last) = (HashSet::new(), None);
        for (partition, head) in (0_u32..).zip(&heads.heads) {
            if !news.contains(&None) && !news.contains(&Some(partition)) {
                continue;
            }
            while cursor.position(partition) < *head {
                let from = cursor.position(partition);
                let page = source.read(heads, partition, from, PAGE, Some(self.tenant)).await?;
                let Some(page) = page else { break };
                for event in page.events.iter().filter(|event| event.kind.starts_with(ABOUT)) {
                    told.insert(ArticleId::from(event.aggregate));
                    last = last.max(Some(event.at));
                }
                cursor.advance(partition, page.through);
            }
        }
        let articles: Vec<_> = told.into_iter().collect();
        let changes = entries::of(db, self.tenant, &articles, clock.now()).await?;
        Ok(Told { changes, last })
    }

    /// Builds the index anew, while what there is serves and follows.
    pub(super) async fn rebuild(&self, shared: &Shared) -> Result<(), Error> {
        let index = self.ready().await?;
        self.build(shared, &index).await?;
        self.wake(None);
        Ok(())
    }

    async fn build(&self, shared: &Shared, index: &Arc<Index>) -> Result<(), Error> {
        let Parts { source, db, clock, .. } = &shared.parts;
        let _alone = self.building.lock().await;
        let mut cursor = Cursor::at(&source.heads().await?);
        let begun = Arc::clone(index);
        let rebuild = blocking(move || begun.begin_rebuild().map_err(Error::Index)).await?;
        let mut rebuild = Some(rebuild);
        let mut start = Uuid::nil();
        loop {
            let page = articles::after(db, self.tenant, start, BUILD_PAGE).await?;
            let Some(last) = page.last() else { break };
            start = last.id.uuid();
            add(&mut rebuild, entries::entries(db, self.tenant, &page, clock.now()).await?).await?;
        }
        // What came meanwhile is there when the new one is shown.
        let _turn = self.turn.lock().await;
        let (heads, all) = (source.heads().await?, BTreeSet::from([None]));
        let told = self.read(shared, &mut cursor, &heads, &all).await?;
        add(&mut rebuild, told.changes).await?;
        let (index, text) = (Arc::clone(index), cursor.to_string());
        let rebuild = rebuild.ok_or(Error::IndexNotReady)?;
        blocking(move || index.finish_rebuild(rebuild, &text).map_err(Error::Index)).await?;
        self.reach(cursor);
        Ok(())
    }
}

/// What a feed has told.
struct Told {
    changes: Vec<Change>,
    /// When the latest of it happened; `None` where it told nothing.
    last: Option<Time>,
}

/// Adds to an index that is being built.
async fn add(rebuild: &mut Option<Rebuild>, changes: Vec<Change>) -> Result<(), Error> {
    let taken = rebuild.take().ok_or(Error::IndexNotReady)?;
    let added = blocking(move || {
        changes.iter().try_for_each(|change| taken.add(change)).map_err(Error::Index)?;
        Ok(taken)
    });
    *rebuild = Some(added.await?);
    Ok(())
}

/// Does what blocks on a thread where it may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(Error::IndexNotReady))
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::{AudienceLevel, VoteRequest};

    use super::*;
    use crate::rpc::{
        fixture::{Fixture, customer, tenant},
        vote,
    };

    #[tokio::test]
    async fn what_tells_nothing_of_articles_is_read_once_and_kept_at_rest() {
        let fixture = Fixture::new().await;
        let article = fixture.published("退货", AudienceLevel::Public).await;
        fixture.indexed().await;
        let (indexes, source) = (&fixture.app.indexes, &fixture.app.indexes.shared.parts.source);
        let before = Cursor::at(&source.heads().await.unwrap());
        for helpful in [true, false] {
            let revision = format!("{}/revisions/1", article.name);
            let asked = VoteRequest { name: revision, helpful, ..Default::default() };
            vote::handle(fixture.app.clone(), customer(), asked).await.unwrap();
        }
        fixture.indexed().await;
        let heads = source.heads().await.unwrap();
        assert!(Cursor::at(&heads).ahead_of(&before) > 0);
        // Also where the tenant itself did nothing.
        for tenant in [tenant(1), tenant(2)] {
            let shelf = indexes.shelf(tenant);
            assert_eq!(shelf.reached(), Some(Cursor::at(&heads)));
            shelf.rest(&indexes.shared).await.unwrap();
            let said = shelf.ready().await.unwrap().cursor().unwrap();
            assert_eq!(said, Some(Cursor::at(&heads).to_string()));
            // All that it has read may be pruned.
            let pruned = Heads { tails: heads.heads.clone(), ..heads.clone() };
            assert!(said.unwrap().parse::<Cursor>().unwrap().goes_on_in(&pruned));
        }
        assert_eq!(fixture.finds(customer(), "退货").await, ["退货"]);
    }
}
