//! The indexes of this process, one for each tenant, opened before the first call where it has
//! articles, and when first used where it has none yet.
//!
//! An index follows the service's own feed: it commits what changed together with how far it has
//! come, so that after a crash it is whole and goes on from there. An event only says *which* article
//! changed; what it is then is read from the database, so that applying an event twice, or late, does
//! no harm. Where the feed no longer holds what an index has missed, where the index is damaged or made
//! by another version, it is built anew from the database; what there was serves until then.

mod admin;
mod cursor;
mod entries;
mod shelf;

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, TryLockError},
    io,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use feed::{Heads, Source};
use futures::StreamExt as _;
use kernel::{Clock, TenantId};
use search::{Analyzer, Index};
use store::Db;
use telemetry::Metrics;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{Error, store::articles};
use shelf::Shelf;

/// How long a caller waits for an index that is being opened or built.
const PATIENCE: Duration = Duration::from_secs(4);
/// How many indexes are opened or built at a time before the first call.
const AT_ONCE: usize = 4;
/// How long to wait after a failure.
const PAUSE: Duration = Duration::from_secs(1);
/// The most events that are read at once.
const PAGE: u32 = 500;

/// What the indexes are made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The folder that they are in, one folder for each tenant. It belongs to this process.
    pub folder: PathBuf,
    /// The service's database.
    pub db: Db,
    /// The service's feed.
    pub source: Source,
    /// The process's clock.
    pub clock: Clock,
    /// Where metrics go.
    pub metrics: Metrics,
}

/// The indexes. Cloning is cheap.
#[derive(Clone)]
pub struct Indexes {
    shared: Arc<Shared>,
}

struct Shared {
    parts: Parts,
    /// Held as long as this process searches in the folder.
    _lock: File,
    /// Loaded once; loading it blocks.
    dictionary: Arc<OnceLock<Analyzer>>,
    shelves: Mutex<HashMap<TenantId, Arc<Shelf>>>,
    /// Where indexes are looked after.
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl std::fmt::Debug for Indexes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Indexes").field("folder", &self.shared.parts.folder).finish_non_exhaustive()
    }
}

impl Indexes {
    /// The indexes made of these parts. The folder is taken for this process until all clones are gone;
    /// another process that has it is an error.
    pub fn open(parts: Parts) -> io::Result<Self> {
        fs::create_dir_all(&parts.folder)?;
        let lock = File::create(parts.folder.join("lock"))?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::other("another process searches in it"),
            TryLockError::Error(error) => error,
        })?;
        let shared = Shared {
            parts,
            _lock: lock,
            dictionary: Arc::default(),
            shelves: Mutex::default(),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// Opens the indexes of all tenants that have articles; those that are not whole `within` this time
    /// become so later.
    pub async fn prepare(&self, within: Duration) -> Result<(), store::Error> {
        let tenants = articles::tenants(&self.shared.parts.db).await?;
        let all = futures::stream::iter(tenants).for_each_concurrent(AT_ONCE, async |tenant| {
            // One that fails tells so itself, and is tried again.
            let _ = self.shelf(tenant).ready().await;
        });
        if tokio::time::timeout(within, all).await.is_err() {
            tracing::warn!("not all indexes are whole yet");
        }
        Ok(())
    }

    /// A tenant's index; waits a while where it is being opened or built.
    pub(crate) async fn of(&self, tenant: TenantId) -> Result<Arc<Index>, Error> {
        let kept = self.shelf(tenant);
        tokio::time::timeout(PATIENCE, kept.ready()).await.unwrap_or(Err(Error::IndexNotReady))
    }

    /// Runs `work` on a tenant's index where it may block.
    pub(crate) async fn with<T: Send + 'static>(
        &self,
        tenant: TenantId,
        work: impl FnOnce(&Index) -> Result<T, search::SearchError> + Send + 'static,
    ) -> Result<T, Error> {
        let index = self.of(tenant).await?;
        let done = tokio::task::spawn_blocking(move || work(&index)).await;
        done.map_err(|_| Error::IndexNotReady)?.map_err(Error::Index)
    }

    /// The shelf of a tenant, looked after from now on.
    fn shelf(&self, tenant: TenantId) -> Arc<Shelf> {
        let mut all = self.shelves();
        let kept = all.entry(tenant).or_insert_with(|| {
            let new = Arc::new(Shelf::new(tenant));
            let (shared, kept) = (self.shared.clone(), new.clone());
            self.shared.tasks.spawn(async move { kept.keep(&shared).await });
            new
        });
        Arc::clone(kept)
    }

    fn shelves(&self) -> MutexGuard<'_, HashMap<TenantId, Arc<Shelf>>> {
        self.shared.shelves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Builds a tenant's index anew from the database; what there is serves until it is whole.
    pub(crate) async fn rebuild(&self, tenant: TenantId) -> Result<(), Error> {
        self.of(tenant).await?;
        self.shelf(tenant).rebuild(&self.shared).await
    }

    /// How many documents a tenant's index holds.
    pub(crate) async fn documents(&self, tenant: TenantId) -> Result<i64, Error> {
        let size = self.with(tenant, Index::size).await?;
        Ok(i64::try_from(size.documents).unwrap_or(i64::MAX))
    }

    /// Brings a tenant's index up to what the feed has told.
    #[cfg(test)]
    pub(crate) async fn bring_up(&self, tenant: TenantId) -> Result<(), Error> {
        self.of(tenant).await?;
        self.shelf(tenant).bring_up(&self.shared, &[None].into()).await
    }

    /// Tells each index when there is news for it, until `stop`; then waits until all are at rest.
    pub async fn follow(self, stop: CancellationToken) {
        let mut seen = None;
        while !stop.is_cancelled() {
            tokio::select! {
                () = stop.cancelled() => {}
                told = self.tell(&mut seen) => if let Err(error) = told {
                    tracing::warn!(%error, "the feed of knowledge cannot be read");
                    tokio::select! {
                        () = stop.cancelled() => {}
                        () = tokio::time::sleep(PAUSE) => {}
                    }
                },
            }
        }
        self.shared.stop.cancel();
        self.shared.tasks.close();
        self.shared.tasks.wait().await;
    }

    /// Waits for news after `seen`, and tells the tenants that they are about.
    async fn tell(&self, seen: &mut Option<Heads>) -> Result<(), store::Error> {
        let source = &self.shared.parts.source;
        let Some(before) = seen else {
            *seen = Some(source.heads().await?);
            return Ok(());
        };
        let heads = source.moved(before).await?;
        if heads.incarnation != before.incarnation {
            for shelf in self.shelves().values() {
                shelf.wake(None);
            }
            *seen = Some(heads);
            return Ok(());
        }
        for (partition, head) in (0_u32..).zip(&heads.heads) {
            let mut position = before.heads.get(partition as usize).copied().unwrap_or(0);
            while position < *head {
                let page = source.read(&heads, partition, position, PAGE, None).await?;
                let Some(page) = page else { break };
                let tenants: HashSet<_> = page.events.iter().map(|event| event.tenant).collect();
                for tenant in tenants {
                    if let Some(shelf) = self.shelves().get(&tenant) {
                        shelf.wake(Some(partition));
                    }
                }
                position = page.through;
            }
        }
        *seen = Some(heads);
        Ok(())
    }
}
