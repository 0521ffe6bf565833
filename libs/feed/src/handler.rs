//! What a consumer does with an event.

use std::{error::Error as StdError, future::Future, time::Duration};

use store::{Retry, Tx};
use tracing::Instrument as _;

use crate::Event;

type Cause = Box<dyn StdError + Send + Sync>;

/// Applies events to the consumer's database.
pub trait Handler: Send + Sync + 'static {
    /// Applies one event inside `tx`, which also advances the cursor: both commit or neither. Events
    /// of one aggregate come in order; types that the handler does not know are skipped with `Ok`.
    ///
    /// It may run more than once for one event (after a lost race, after a failure of another event
    /// in the same transaction, after a rewind), so it changes nothing but rows through `tx`, and a
    /// row that is already as the event says is no error. Nothing slow is awaited here: on SQLite
    /// the transaction holds the only writer.
    fn apply(
        &self,
        tx: &mut Tx,
        event: &Event,
    ) -> impl Future<Output = Result<(), HandleError>> + Send;

    /// How long events are let gather before they are applied, where there are none behind them. For
    /// effects that cost less for many events at once, and that nobody waits for.
    fn gather(&self) -> Duration {
        Duration::ZERO
    }

    /// How many events of all partitions are applied in one transaction, where they are: for effects
    /// that meet in the same rows, which would wait for each other otherwise and be written once for
    /// each partition, and where most events have none, so that moving the cursors is what costs.
    fn together(&self) -> Option<usize> {
        None
    }

    /// Applies several events, those of an aggregate in their order, inside one `tx`. Worth overriding where many rows can
    /// be written by one statement; all that is said of `apply` holds, and where this fails the
    /// events are applied one by one.
    fn apply_all(
        &self,
        tx: &mut Tx,
        events: &[&Event],
    ) -> impl Future<Output = Result<(), HandleError>> + Send {
        async move {
            for event in events {
                let span =
                    tracing::debug_span!("event", kind = event.kind, traceparent = event.trace);
                self.apply(tx, event).instrument(span).await?;
            }
            Ok(())
        }
    }
}

/// Why an event could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum HandleError {
    /// The database failed. Whether it is worth waiting for is told by the error itself.
    #[error("the consumer's database failed")]
    Store(#[from] store::Error),
    /// Something that the effect needs is away: the consumer waits and tries again, for as long as
    /// it takes. Events behind it in the same partition wait too.
    #[error("something that the effect needs is away")]
    Transient(#[source] Cause),
    /// The event will not be applied however often it is tried: after a few attempts it becomes a
    /// dead letter and its aggregate is parked.
    #[error("the event cannot be applied")]
    Poison(#[source] Cause),
}

impl HandleError {
    /// An event that cannot be applied, because of `cause`: an error or a text.
    pub fn poison(cause: impl Into<Cause>) -> Self {
        Self::Poison(cause.into())
    }

    /// Something is away, because of `cause`: an error or a text.
    pub fn transient(cause: impl Into<Cause>) -> Self {
        Self::Transient(cause.into())
    }

    /// Whether waiting may help without anybody doing something about the event.
    pub(crate) fn is_transient(&self) -> bool {
        match self {
            Self::Store(cause) => cause.is_transient(),
            Self::Transient(_) => true,
            Self::Poison(_) => false,
        }
    }
}

impl Retry for HandleError {
    fn lost_race(&self) -> bool {
        match self {
            Self::Store(cause) => cause.lost_race(),
            Self::Transient(_) | Self::Poison(_) => false,
        }
    }
}
