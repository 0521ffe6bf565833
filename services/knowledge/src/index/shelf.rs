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
            self.rest().await;
            tokio::select! {
                () = shared.stop.cancelled() => return,
                () = self.awake.notified() => {}
            }
        }
    }

    /// Lets go of what only writing needs.
    async fn rest(&self) {
        let index = self.index.borrow().clone();
        if let Some(index) = index {
            let _turn = self.turn.lock().await;
            let rested = blocking(move || index.rest().map_err(Error::Index)).await;
            if let Err(error) = rested {
                tracing::warn!(%error, "an index does not come to rest");
            }
        }
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
        let cursor = written.as_ref().and_then(|text| text.parse::<Cursor>().ok());
        if let Some(cursor) = cursor.filter(|cursor| cursor.goes_on_in(&heads)) {
            self.follow(shared, &index, cursor, &heads, news).await?;
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

    /// Applies what the feed has told of this tenant since the cursor.
    async fn follow(
        &self,
        shared: &Shared,
        index: &Arc<Index>,
        mut cursor: Cursor,
        heads: &Heads,
        news: &BTreeSet<Option<u32>>,
    ) -> Result<(), Error> {
        let told = self.read(shared, &mut cursor, heads, news).await?;
        let Some(last) = told.last else { return Ok(()) };
        let _turn = self.turn.lock().await;
        let (written, cursor) = (Arc::clone(index), cursor.to_string());
        blocking(move || written.apply(told.changes, &cursor).map_err(Error::Index)).await?;
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
        let (index, cursor) = (Arc::clone(index), cursor.to_string());
        let rebuild = rebuild.ok_or(Error::IndexNotReady)?;
        blocking(move || index.finish_rebuild(rebuild, &cursor).map_err(Error::Index)).await
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
