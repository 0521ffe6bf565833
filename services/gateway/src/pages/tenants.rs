//! Whose pages a name stands for, remembered for a few seconds: a suspended tenant's are gone as soon
//! as everything else of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use contracts::gateway::v1::TenantState;
use kernel::{TenantId, id::is_slug};
use tokio::time::Instant;

use super::Problem;
use crate::directory::{Directory, TenantFacts};

/// How long an answer is believed.
const BELIEVED: Duration = Duration::from_secs(3);
/// How many names are remembered of those that are not there, and of tenants that were not asked for
/// lately.
const KEPT: usize = 4_096;

/// How a tenant's pages are asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    /// By the tenant's short name, in the path.
    Slug(String),
    /// By one of its host names, in lower case and without a port.
    Host(String),
    /// By its id, in a sealed link.
    Id(TenantId),
}

type Found = Option<Arc<TenantFacts>>;

/// The tenants that are served, by the names of their pages.
#[derive(Debug)]
pub(crate) struct Tenants {
    directory: Directory,
    kept: Mutex<Kept>,
}

/// What was found lately. Who asks for what is not there drives out nobody who is.
#[derive(Debug, Default)]
struct Kept {
    there: HashMap<Name, (Instant, Arc<TenantFacts>)>,
    missing: HashMap<Name, Instant>,
}

impl Tenants {
    pub(crate) fn new(directory: Directory) -> Self {
        Self { directory, kept: Mutex::default() }
    }

    /// The tenant of this name, if there is one and it is served. `may_ask` says whether the visitor may
    /// still have names looked up that are not remembered.
    pub(crate) async fn find(
        &self,
        name: &Name,
        may_ask: impl FnOnce() -> Result<(), Problem>,
    ) -> Result<Found, Problem> {
        let now = Instant::now();
        if let Some(found) = self.remembered(name, now) {
            return Ok(found);
        }
        if matches!(name, Name::Slug(slug) if !is_slug(slug)) {
            return Ok(None);
        }
        may_ask()?;
        let found = match name {
            Name::Slug(slug) => self.directory.tenant_by_slug(slug).await,
            Name::Host(host) => self.directory.tenant_by_host(host).await,
            Name::Id(id) => self.directory.tenant(*id).await,
        };
        let found = found.map_err(|error| {
            tracing::warn!(%error, "the tenant of a page cannot be looked up");
            Problem::Away
        })?;
        let served = found.filter(|tenant| tenant.state == TenantState::Active).map(Arc::new);
        self.remember(name, now, served.clone());
        Ok(served)
    }

    fn remembered(&self, name: &Name, now: Instant) -> Option<Found> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let is_fresh = |asked: Instant| now.saturating_duration_since(asked) < BELIEVED;
        if let Some((asked, found)) = kept.there.get(name) {
            return is_fresh(*asked).then(|| Some(found.clone()));
        }
        kept.missing.get(name).filter(|asked| is_fresh(**asked)).map(|_| None)
    }

    fn remember(&self, name: &Name, now: Instant, found: Found) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let Kept { there, missing } = &mut *kept;
        let Some(found) = found else {
            there.remove(name);
            if missing.len() >= KEPT {
                missing.clear();
            }
            missing.insert(name.clone(), now);
            return;
        };
        missing.remove(name);
        if there.len() >= KEPT {
            there.retain(|_, (asked, _)| now.saturating_duration_since(*asked) < BELIEVED);
        }
        there.insert(name.clone(), (now, found));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::Fixture;

    #[tokio::test]
    async fn a_name_is_asked_for_once_in_a_while_and_memory_is_bounded() {
        let fixture = Fixture::new().await;
        let tenants = Tenants::new(fixture.app.directory());
        for number in 0..=KEPT {
            let name = Name::Slug(format!("nobody-{number}"));
            tenants.remember(&name, Instant::now(), None);
        }
        assert_eq!(tenants.kept.lock().unwrap().missing.len(), 1);
        let name = Name::Host("nobody.example.com".to_owned());
        let too_many = || Err(Problem::TooMany(1));
        assert_eq!(tenants.find(&name, too_many).await, Err(Problem::TooMany(1)));
        assert_eq!(tenants.find(&name, || Ok(())).await, Ok(None));
        assert_eq!(tenants.find(&name, too_many).await, Ok(None));
        // What is no slug is nobody's, whoever asks.
        let odd = Name::Slug("Acme".to_owned());
        assert_eq!(tenants.find(&odd, too_many).await, Ok(None));
        assert_eq!(tenants.remembered(&name, Instant::now()), Some(None));
        assert_eq!(tenants.remembered(&name, Instant::now() + BELIEVED), None);
    }
}
