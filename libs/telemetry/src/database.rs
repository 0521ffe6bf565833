//! What a database's connections are doing, read when somebody asks for the metrics.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use prometheus::{CounterVec, IntCounterVec, IntGaugeVec};

/// What the connections of one service to its database are doing, and what they have done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DatabaseUse {
    /// Connections that are open.
    pub connections: u32,
    /// Those of them that nobody uses.
    pub idle: u32,
    /// Transactions that were begun.
    pub transactions: u64,
    /// How long all of them together waited for a connection and for BEGIN.
    pub waited: Duration,
    /// Transactions that ran again after a lost race.
    pub retries: u64,
}

type Look = Box<dyn Fn() -> DatabaseUse + Send + Sync>;

/// The databases of a process, each by its service's name.
pub(crate) struct Databases {
    looks: Mutex<Vec<(String, Look)>>,
    connections: IntGaugeVec,
    transactions: IntCounterVec,
    waited: CounterVec,
    retries: IntCounterVec,
}

impl Databases {
    pub(crate) fn new(
        connections: IntGaugeVec,
        transactions: IntCounterVec,
        waited: CounterVec,
        retries: IntCounterVec,
    ) -> Self {
        Self { looks: Mutex::default(), connections, transactions, waited, retries }
    }

    pub(crate) fn add(&self, service: &str, look: Look) {
        let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        looks.push((service.to_owned(), look));
    }

    /// Brings the metrics up to date.
    pub(crate) fn look(&self) {
        for (service, look) in &*self.looks.lock().unwrap_or_else(PoisonError::into_inner) {
            let (now, label) = (look(), [service.as_str()]);
            let used = now.connections.saturating_sub(now.idle);
            self.connections.with_label_values(&[service, "used"]).set(used.into());
            self.connections.with_label_values(&[service, "idle"]).set(now.idle.into());
            for (counter, total) in
                [(&self.transactions, now.transactions), (&self.retries, now.retries)]
            {
                let counter = counter.with_label_values(&label);
                counter.inc_by(total.saturating_sub(counter.get()));
            }
            let waited = self.waited.with_label_values(&label);
            waited.inc_by((now.waited.as_secs_f64() - waited.get()).max(0.0));
        }
    }
}

impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Databases").finish_non_exhaustive()
    }
}
