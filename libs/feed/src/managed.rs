//! A consumer as its process and an operator deal with it, whatever its handler.

use futures::future::BoxFuture;
use store::{Db, transact};
use tokio_util::sync::CancellationToken;

use crate::{Consumer, HandleError, Handler, dead_letters};

/// What became of the dead letters that were redriven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redriven {
    /// How many took effect.
    pub taken: u32,
    /// How many are left.
    pub left: i64,
}

/// A consumer as its process and an operator deal with it.
pub trait Managed: Send + Sync {
    /// Its name.
    fn name(&self) -> &str;
    /// The service whose feed it reads.
    fn source(&self) -> &str;
    /// The database that holds its cursors.
    fn db(&self) -> &Db;
    /// Follows the feed until `stop`.
    fn run(&self, stop: CancellationToken) -> BoxFuture<'_, ()>;
    /// Tries all its dead letters again, in order.
    fn redrive(&self) -> BoxFuture<'_, Result<Redriven, store::Error>>;
}

impl<H: Handler> Managed for Consumer<H> {
    fn name(&self) -> &str {
        self.name
    }

    fn source(&self) -> &str {
        self.source
    }

    fn db(&self) -> &Db {
        &self.site.db
    }

    fn run(&self, stop: CancellationToken) -> BoxFuture<'_, ()> {
        Box::pin(Self::run(self, stop))
    }

    fn redrive(&self) -> BoxFuture<'_, Result<Redriven, store::Error>> {
        Box::pin(async move {
            let db = &self.site.db;
            transact!(db, "feed.requeue", |tx| {
                dead_letters::requeue(tx, self.name, self.source).await
            })?;
            let mut taken = 0;
            for partition in dead_letters::partitions(db, self.name, self.source).await? {
                match self.apply_ready(&self.key(partition)).await {
                    Ok(count) => taken += count,
                    Err(HandleError::Store(error)) => return Err(error),
                    Err(error) => self.warn("dead letters wait", &error),
                }
            }
            let left = dead_letters::count(db, self.name, self.source).await?;
            Ok(Redriven { taken, left })
        })
    }
}
