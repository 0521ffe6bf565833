//! What this service tells the others, in the transaction in which it happens.

use contracts::gateway::v1::{
    ApiKeyWritten, GatewayEvent, MemberWritten, TeamWritten, TenantResumed, TenantSuspended,
    TenantWritten, gateway_event::Change,
};
use kernel::{Role, TenantId, Time};
use prost::Message;
use rpc::{Call, wire};
use store::{
    Tx,
    events::{self, NewEvent},
};
use uuid::Uuid;

use crate::{
    App, Error,
    domain::{
        api_key::ApiKey,
        member::{Member, Team, team_name},
        tenant::Tenant,
    },
};

/// Where an event stands in the history of its aggregate, whose row the transaction holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    tenant: TenantId,
    aggregate: Uuid,
    sequence: i64,
    at: Time,
}

impl Place {
    /// The last event of a tenant's own history.
    pub(crate) fn of_tenant(tenant: &Tenant) -> Self {
        Self {
            tenant: tenant.id,
            aggregate: tenant.id.uuid(),
            sequence: tenant.sequence,
            at: tenant.last_at,
        }
    }

    pub(crate) fn of_member(tenant: TenantId, member: &Member) -> Self {
        let Member { aggregate, sequence, last_at: at, .. } = *member;
        Self { tenant, aggregate, sequence, at }
    }

    pub(crate) fn of_team(tenant: TenantId, team: &Team) -> Self {
        let Team { aggregate, sequence, last_at: at, .. } = *team;
        Self { tenant, aggregate, sequence, at }
    }

    pub(crate) fn of_key(tenant: TenantId, key: &ApiKey) -> Self {
        Self { tenant, aggregate: key.id.uuid(), sequence: key.sequence, at: key.last_at }
    }
}

/// Appends one event.
pub(crate) async fn append(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    place: Place,
    change: Change,
) -> Result<(), Error> {
    let (_, actor) = wire::actor_parts(&call.caller);
    let event = NewEvent {
        tenant: place.tenant,
        aggregate: place.aggregate,
        sequence: place.sequence,
        at: place.at,
        kind: kind(&change),
        payload: GatewayEvent { change: Some(change) }.encode_to_vec(),
        actor_kind: call.caller.kind,
        actor,
        trace: call.traceparent.to_string(),
    };
    events::append(tx, app.partitions, &[event]).await?;
    Ok(())
}

/// A tenant as the others need to know it.
pub(crate) fn tenant(tenant: &Tenant) -> TenantWritten {
    TenantWritten {
        slug: tenant.slug.clone(),
        locale: tenant.profile.locale.clone(),
        phone_region: tenant.profile.phone_region.clone(),
        time_zone: tenant.profile.time_zone.clone(),
    }
}

/// A person of the staff as the others need to know them.
pub(crate) fn member(member: &Member) -> MemberWritten {
    let roles = member.profile.roles.iter().copied().map(Role::as_str);
    MemberWritten {
        member: member.name(),
        roles: roles.map(str::to_owned).collect(),
        teams: member.profile.teams.iter().map(|team| team_name(team)).collect(),
        locale: member.profile.locale.clone(),
        active: member.active,
    }
}

/// A team was recorded or renamed.
pub(crate) fn team(team: &Team) -> TeamWritten {
    TeamWritten { team: team.name() }
}

/// A key was made, given a new secret or revoked.
pub(crate) fn key(key: &ApiKey) -> ApiKeyWritten {
    ApiKeyWritten { api_key: key.id.name() }
}

/// A tenant is served no more.
pub(crate) fn suspended() -> Change {
    Change::TenantSuspended(TenantSuspended {})
}

/// A tenant is served again.
pub(crate) fn resumed() -> Change {
    Change::TenantResumed(TenantResumed {})
}

fn kind(change: &Change) -> &'static str {
    match change {
        Change::TenantCreated(_) => "tenant.created",
        Change::TenantUpdated(_) => "tenant.updated",
        Change::TenantSuspended(_) => "tenant.suspended",
        Change::TenantResumed(_) => "tenant.resumed",
        Change::MemberCreated(_) => "member.created",
        Change::MemberUpdated(_) => "member.updated",
        Change::MemberDeactivated(_) => "member.deactivated",
        Change::MemberReactivated(_) => "member.reactivated",
        Change::TeamCreated(_) => "team.created",
        Change::TeamUpdated(_) => "team.updated",
        Change::ApiKeyCreated(_) => "api_key.created",
        Change::ApiKeyRotated(_) => "api_key.rotated",
        Change::ApiKeyRevoked(_) => "api_key.revoked",
    }
}
