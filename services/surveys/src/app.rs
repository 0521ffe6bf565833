//! What every handler is given.

use std::{ops::Deref, sync::Arc};

use kernel::{
    Clock, Ids,
    keys::{LastingKey, RootKeys},
    page::PageTokens,
};
use prost::Message;
use rpc::{Call, wire};
use store::{Db, idempotency::Once};
use tokio_util::task::TaskTracker;

use crate::measures::Measures;

/// What the service is made of.
#[derive(Clone, Debug)]
pub struct Parts {
    /// The service's database.
    pub db: Db,
    /// How many partitions its feed has, from `store::meta::partitions`.
    pub partitions: u32,
    /// The process's clock.
    pub clock: Clock,
    /// The process's generator of ids.
    pub ids: Ids,
    /// The installation's root keys.
    pub keys: RootKeys,
    /// The database's lasting key, from `store::meta::lasting_key`.
    pub lasting: LastingKey,
    /// Where writes run, so that a drain waits for them.
    pub tasks: TaskTracker,
}

/// The service. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct App {
    parts: Arc<Parts>,
    /// Makes and reads page tokens.
    pub(crate) tokens: PageTokens,
    /// What is counted of each version.
    pub(crate) measures: Measures,
}

impl App {
    /// The service made of these parts, on a migrated database.
    pub fn new(parts: Parts) -> Self {
        let tokens = PageTokens::new(parts.keys.clone());
        Self { parts: Arc::new(parts), tokens, measures: Measures::default() }
    }

    /// The request `body`, from which the request id was taken out, as what happens once.
    pub(crate) fn once(
        &self,
        call: &Call,
        method: &str,
        request_id: &str,
        body: &impl Message,
    ) -> Once {
        let tenant = call.tenant();
        let key = self.lasting.derive("surveys/request", tenant.uuid().as_bytes());
        let hash = wire::request_hash(&key, body);
        Once::new(tenant, call.principal(), method, request_id, hash, self.clock.real_now())
    }
}

impl Deref for App {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.parts
    }
}
