//! Whose help centre a name stands for, remembered for a few seconds: a suspended tenant's is gone as
//! soon as everything else of it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use contracts::gateway::v1::TenantState;
use tokio::time::Instant;

use super::{Problem, place::Name};
use crate::directory::{Directory, TenantFacts};

/// How long an answer is believed.
const BELIEVED: Duration = Duration::from_secs(3);
/// How many names are remembered.
const KEPT: usize = 4_096;

type Found = Option<Arc<TenantFacts>>;

/// The tenants that are served, by the names of their help centres.
#[derive(Debug)]
pub(super) struct Tenants {
    directory: Directory,
    kept: Mutex<HashMap<Name, (Instant, Found)>>,
}

impl Tenants {
    pub(super) fn new(directory: Directory) -> Self {
        Self { directory, kept: Mutex::default() }
    }

    /// The tenant of this name, if there is one and it is served.
    pub(super) async fn find(&self, name: &Name) -> Result<Found, Problem> {
        let now = Instant::now();
        if let Some(found) = self.remembered(name, now) {
            return Ok(found);
        }
        let found = match name {
            Name::Slug(slug) => self.directory.tenant_by_slug(slug).await,
            Name::Host(host) => self.directory.tenant_by_host(host).await,
        };
        let found = found.map_err(|error| {
            tracing::warn!(%error, "a help centre cannot be looked up");
            Problem::Away
        })?;
        let served = found.filter(|tenant| tenant.state == TenantState::Active).map(Arc::new);
        self.remember(name, now, served.clone());
        Ok(served)
    }

    fn remembered(&self, name: &Name, now: Instant) -> Option<Found> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked, found) = kept.get(name)?;
        (now.saturating_duration_since(*asked) < BELIEVED).then(|| found.clone())
    }

    fn remember(&self, name: &Name, now: Instant, found: Found) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT {
            kept.retain(|_, (asked, found)| {
                found.is_some() && now.saturating_duration_since(*asked) < BELIEVED
            });
        }
        if kept.len() >= KEPT {
            kept.clear();
        }
        kept.insert(name.clone(), (now, found));
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
        assert_eq!(tenants.kept.lock().unwrap().len(), 1);
        let name = Name::Host("nobody.example.com".to_owned());
        assert_eq!(tenants.find(&name).await.unwrap(), None);
        assert_eq!(tenants.remembered(&name, Instant::now()), Some(None));
        assert_eq!(tenants.remembered(&name, Instant::now() + BELIEVED), None);
    }
}
