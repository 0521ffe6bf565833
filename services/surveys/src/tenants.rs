//! The consumer `surveys.tenants`: where a tenant's day is, as the gateway tells it.

use contracts::gateway::v1::{GatewayEvent, gateway_event::Change};
use feed::{Event, HandleError, Handler};
use store::Tx;

use crate::store::tenants;

/// The consumer's name.
pub const CONSUMER: &str = "surveys.tenants";
/// The service whose feed it reads.
pub const SOURCE: &str = "gateway";

/// Keeps the time zone of each tenant.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tenants;

impl Handler for Tenants {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), HandleError> {
        let payload: GatewayEvent = event.decode()?;
        if let Some(Change::TenantCreated(tenant) | Change::TenantUpdated(tenant)) = payload.change
        {
            tenants::put(tx, event.tenant, &tenant.time_zone).await?;
        }
        Ok(())
    }
}
