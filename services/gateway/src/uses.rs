//! When keys were last used: noted in memory to the minute, written in batches, never waited for.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use kernel::{ApiKeyId, TenantId, Time};
use store::transact;

use crate::{App, Error, access::minute, store::api_keys};

/// How many keys are remembered; beyond it all are forgotten, which costs a write each.
const ROOM: usize = 16_384;

/// The last uses that this process saw. Cloning is cheap.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeyUses {
    seen: Arc<Mutex<HashMap<(TenantId, ApiKeyId), Use>>>,
}

#[derive(Clone, Copy, Debug)]
struct Use {
    minute: Time,
    written: bool,
}

impl KeyUses {
    /// Notes a use.
    pub(crate) fn note(&self, tenant: TenantId, key: ApiKeyId, at: Time) {
        let minute = minute(at);
        let mut seen = self.seen();
        let known = seen.get(&(tenant, key)).is_some_and(|known| known.minute >= minute);
        if known {
            return;
        }
        if seen.len() >= ROOM {
            seen.clear();
        }
        seen.insert((tenant, key), Use { minute, written: false });
    }

    /// Writes what is not written yet; where that fails, it waits on.
    pub(crate) async fn flush(&self, app: &App) -> Result<(), Error> {
        let mut new: Vec<_> = {
            let seen = self.seen();
            let new = seen.iter().filter(|(_, one)| !one.written);
            new.map(|(key, one)| (*key, one.minute)).collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        // In one order for all, so that two processes do not wait for each other in a circle.
        new.sort_unstable();
        transact!(app.db, "api_keys.note_uses", |tx| {
            for ((tenant, key), minute) in &new {
                api_keys::note_use(tx, *tenant, *key, *minute).await?;
            }
            Ok::<_, Error>(())
        })?;
        let mut seen = self.seen();
        for (key, minute) in new {
            if let Some(one) = seen.get_mut(&key).filter(|one| one.minute == minute) {
                one.written = true;
            }
        }
        Ok(())
    }

    fn seen(&self) -> MutexGuard<'_, HashMap<(TenantId, ApiKeyId), Use>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::rpc::fixture::{Fixture, tenant};

    #[tokio::test]
    async fn the_last_use_is_written_once_a_minute_and_never_falls() {
        let fixture = Fixture::new().await;
        let key = fixture.key(&["tickets.read"]).await;
        let (app, uses) = (&fixture.app, &fixture.app.uses);
        let now = app.clock.real_now();
        let last = async || {
            uses.flush(app).await.unwrap();
            api_keys::get(&app.db, tenant(1), key.id).await.unwrap().unwrap()
        };
        uses.note(tenant(1), key.id, now);
        let read = last().await;
        assert_eq!(read.last_used_at, Some(minute(now)));
        assert_eq!(read.version, key.version, "a use is no change");
        uses.note(tenant(1), key.id, now + Duration::from_secs(1));
        assert!(
            uses.seen().values().all(|one| one.written),
            "the same minute is not written again"
        );
        let later = now + Duration::from_mins(2);
        uses.note(tenant(1), key.id, later);
        uses.note(tenant(1), key.id, now);
        assert_eq!(last().await.last_used_at, Some(minute(later)));
        // Another process that is behind changes nothing.
        let behind = KeyUses::default();
        behind.note(tenant(1), key.id, now);
        behind.flush(app).await.unwrap();
        assert_eq!(last().await.last_used_at, Some(minute(later)));
    }

    #[test]
    fn memory_is_bounded() {
        let uses = KeyUses::default();
        for number in 0..=ROOM as u128 {
            let key = ApiKeyId::from(uuid::Uuid::from_u128(number));
            uses.note(tenant(1), key, Time::EPOCH);
        }
        assert_eq!(uses.seen().len(), 1);
    }
}
