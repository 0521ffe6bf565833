//! The consumer `tickets.figures`: what every day came to.
//!
//! It follows the service's own feed. `counted` keeps up to which of its events a ticket is in the
//! figures, so that an event that is told again, after a rewind, changes nothing.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ::store::Tx;
use contracts::tickets::v1::TicketEvent;
use feed::{Event, HandleError, Handler};
use kernel::TicketId;

use crate::{
    App,
    domain::figures::{Cell, Measure, day_at},
    error::Error,
    store::figures::{self, Key},
};

/// The consumer's name.
pub const CONSUMER: &str = "tickets.figures";
/// The service whose feed it reads.
pub const SOURCE: &str = "tickets";

/// How long events gather: nobody waits for a figure, and a batch costs little more than one event.
const GATHER: Duration = Duration::from_secs(1);
/// How many events go together.
const MOST: usize = 8_000;

/// Keeps the figures.
#[derive(Clone, Debug)]
pub struct Figures(pub App);

impl Handler for Figures {
    fn gather(&self) -> Duration {
        GATHER
    }

    fn together(&self) -> Option<usize> {
        Some(MOST)
    }

    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), HandleError> {
        self.apply_all(tx, &[event]).await
    }

    async fn apply_all(&self, tx: &mut Tx, events: &[&Event]) -> Result<(), HandleError> {
        let mut told: Vec<(Key, &Event, Vec<Measure>)> = Vec::new();
        for event in events {
            let measures = Measure::of(&event.decode::<TicketEvent>()?);
            if !measures.is_empty() {
                told.push(((event.tenant, TicketId::from(event.aggregate)), event, measures));
            }
        }
        let keys: BTreeSet<Key> = told.iter().map(|(key, ..)| *key).collect();
        let known = figures::counted(tx, &keys).await?;
        let (mut cells, mut counted) = (BTreeMap::new(), BTreeMap::new());
        for (key, event, measures) in told {
            let last = counted.get(&key).or(known.get(&key));
            if last.is_some_and(|last| event.sequence <= *last) {
                continue;
            }
            counted.insert(key, event.sequence);
            // A tenant that word has not come of yet is waited for.
            let settings = self.0.settings(event.tenant);
            let settings =
                settings.ok_or_else(|| HandleError::transient(Error::TenantNotHeardOf))?;
            let day = day_at(event.at, &settings.zone);
            for measure in measures {
                let cell = Cell { tenant: event.tenant, day, measure };
                *cells.entry(cell).or_default() += 1;
            }
        }
        figures::add(tx, &cells).await?;
        figures::note(tx, &counted).await?;
        Ok(())
    }
}
