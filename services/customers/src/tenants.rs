//! The consumer `customers.tenants`: where a tenant is at home, as the gateway tells it.

use std::time::Duration;

use contracts::gateway::v1::{GatewayEvent, gateway_event::Change};
use feed::{Event, HandleError, Handler};
use store::Tx;
use tokio_util::sync::CancellationToken;

use crate::{App, store::tenants};

/// The consumer's name.
pub const CONSUMER: &str = "customers.tenants";
/// The service whose feed it reads.
pub const SOURCE: &str = "gateway";

/// How often a process reads what the consumer has written.
const EVERY: Duration = Duration::from_secs(1);

/// Where a tenant is at home.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Home {
    /// Where telephone numbers without country code belong, as an ISO 3166 code.
    pub phone_region: String,
    /// Where its customers are of whom nothing else is known, as an IANA name; empty where nobody said.
    pub time_zone: String,
}

/// Keeps where each tenant is at home.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tenants;

impl Handler for Tenants {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), HandleError> {
        let payload: GatewayEvent = event.decode()?;
        if let Some(Change::TenantCreated(tenant) | Change::TenantUpdated(tenant)) = payload.change
        {
            let home = Home { phone_region: tenant.phone_region, time_zone: tenant.time_zone };
            tenants::put(tx, event.tenant, &home).await?;
        }
        Ok(())
    }
}

/// Keeps this process's view of the tenants up to date, until `stop`.
pub async fn follow(app: App, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = app.load().await {
            tracing::warn!(%error, "what the gateway told of tenants cannot be read");
        }
    }
}
