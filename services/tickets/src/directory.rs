//! What the gateway tells of tenants and their staff: who there is to work for, and who answers.
//!
//! The consumer `tickets.directory` keeps it beside the tickets; every process reads again what has
//! changed. What the configuration says of a tenant's queues and of its agents' profiles holds;
//! whoever it does not name is worked for, and routed to, in the usual way.

use std::time::Duration;

use ::store::Tx;
use contracts::gateway::v1::{GatewayEvent, MemberWritten, TenantWritten, gateway_event::Change};
use feed::{Event, HandleError, Handler};
use kernel::{Role, TenantId, id};
use tokio_util::sync::CancellationToken;

use crate::{
    App,
    domain::routing::Staff,
    store::{agents, directory},
};

/// The consumer's name.
pub const CONSUMER: &str = "tickets.directory";
/// The service whose feed it reads.
pub const SOURCE: &str = "gateway";

/// How often a process looks whether anything has changed.
const EVERY: Duration = Duration::from_secs(1);

/// Keeps tenants and their staff, and gives new agents room in the ledger.
#[derive(Clone, Debug)]
pub struct Directory(pub App);

impl Handler for Directory {
    async fn apply(&self, tx: &mut Tx, event: &Event) -> Result<(), HandleError> {
        let payload: GatewayEvent = event.decode()?;
        match payload.change {
            Some(Change::TenantCreated(tenant) | Change::TenantUpdated(tenant)) => {
                put_tenant(tx, event.tenant, &tenant).await
            }
            Some(
                Change::MemberCreated(member)
                | Change::MemberUpdated(member)
                | Change::MemberDeactivated(member)
                | Change::MemberReactivated(member),
            ) => self.put_member(tx, event.tenant, &member).await,
            // Who is suspended is refused at the door, while clocks go on; teams and keys are nothing
            // that tickets go by.
            Some(
                Change::TenantSuspended(_)
                | Change::TenantResumed(_)
                | Change::TeamCreated(_)
                | Change::TeamUpdated(_)
                | Change::ApiKeyCreated(_)
                | Change::ApiKeyRotated(_)
                | Change::ApiKeyRevoked(_),
            )
            | None => Ok(()),
        }
    }
}

impl Directory {
    async fn put_member(
        &self,
        tx: &mut Tx,
        tenant: TenantId,
        member: &MemberWritten,
    ) -> Result<(), HandleError> {
        let staff = read(member).ok_or_else(|| HandleError::poison("the member has no name"))?;
        directory::put_member(tx, tenant, &staff).await?;
        if let Some(profile) = self.0.written_routing(tenant).profile_of(&staff) {
            agents::set(tx, tenant, &staff.member, profile.capacity).await?;
        }
        Ok(())
    }
}

async fn put_tenant(tx: &mut Tx, id: TenantId, tenant: &TenantWritten) -> Result<(), HandleError> {
    let TenantWritten { time_zone, phone_region, .. } = tenant;
    // A zone that a newer gateway knows: nothing is worked by it here, until it is told anew.
    let known = calendar::is_zone(time_zone);
    if !known {
        tracing::error!(tenant = %id, time_zone, "no calendar has the time zone of a tenant");
    }
    directory::put_tenant(tx, id, if known { time_zone } else { "" }, phone_region).await?;
    Ok(())
}

fn read(member: &MemberWritten) -> Option<Staff> {
    Some(Staff {
        member: id::slug_in(&member.member, "members")?.to_owned(),
        // A role that a newer gateway knows means nothing here yet.
        roles: member.roles.iter().filter_map(|role| Role::parse(role)).collect(),
        teams: member
            .teams
            .iter()
            .filter_map(|team| id::slug_in(team, "teams"))
            .map(str::to_owned)
            .collect(),
        active: member.active,
    })
}

/// Keeps this process's view of the tenants up to date, until `stop`.
pub async fn follow(app: App, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = app.refresh().await {
            tracing::warn!(%error, "what the gateway told of tenants cannot be read");
        }
    }
}
