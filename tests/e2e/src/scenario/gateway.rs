//! The scenarios of the gateway's own data: tenants, members, teams, keys and the access audit.

use std::future::{Ready, ready};

use kernel::Role;
use serde_json::{Value, json};

use super::{Abroad, Prepared, Scenario};
use crate::{
    Desk,
    desk::{canary, name, new_id},
};

/// A scenario that is prepared by a function of this module.
macro_rules! scenario {
    ($method:literal, $role:ident, $abroad:ident, $prepare:ident) => {
        Scenario {
            method: $method,
            role: Role::$role,
            abroad: Abroad::$abroad,
            prepare: |desk| Box::pin($prepare(desk)),
        }
    };
}

/// One for each RPC.
pub(super) const SCENARIOS: &[Scenario] = &[
    scenario!("aftercare.gateway.v1.TenantService.CreateTenant", Operator, Own, create_tenant),
    scenario!("aftercare.gateway.v1.TenantService.GetTenant", Admin, Missing, get_tenant),
    scenario!("aftercare.gateway.v1.TenantService.ListTenants", Admin, Own, list_tenants),
    scenario!("aftercare.gateway.v1.TenantService.UpdateTenant", Operator, Missing, update_tenant),
    scenario!(
        "aftercare.gateway.v1.TenantService.SuspendTenant",
        Operator,
        Missing,
        suspend_tenant
    ),
    scenario!("aftercare.gateway.v1.TenantService.ResumeTenant", Operator, Missing, resume_tenant),
    scenario!("aftercare.gateway.v1.MemberService.CreateMember", Admin, Own, create_member),
    scenario!("aftercare.gateway.v1.MemberService.GetMember", Agent, Missing, get_member),
    scenario!("aftercare.gateway.v1.MemberService.ListMembers", Agent, Own, list_members),
    scenario!("aftercare.gateway.v1.MemberService.UpdateMember", Admin, Missing, update_member),
    scenario!(
        "aftercare.gateway.v1.MemberService.DeactivateMember",
        Admin,
        Missing,
        deactivate_member
    ),
    scenario!(
        "aftercare.gateway.v1.MemberService.ReactivateMember",
        Admin,
        Missing,
        reactivate_member
    ),
    scenario!("aftercare.gateway.v1.TeamService.CreateTeam", Admin, Own, create_team),
    scenario!("aftercare.gateway.v1.TeamService.GetTeam", Agent, Missing, get_team),
    scenario!("aftercare.gateway.v1.TeamService.ListTeams", Agent, Own, list_teams),
    scenario!("aftercare.gateway.v1.TeamService.UpdateTeam", Admin, Missing, update_team),
    scenario!("aftercare.gateway.v1.ApiKeyService.CreateApiKey", Admin, Own, create_api_key),
    scenario!("aftercare.gateway.v1.ApiKeyService.GetApiKey", Auditor, Missing, get_api_key),
    scenario!("aftercare.gateway.v1.ApiKeyService.ListApiKeys", Auditor, Own, list_api_keys),
    scenario!("aftercare.gateway.v1.ApiKeyService.RotateApiKey", Admin, Missing, rotate_api_key),
    scenario!("aftercare.gateway.v1.ApiKeyService.RevokeApiKey", Admin, Missing, revoke_api_key),
    scenario!(
        "aftercare.gateway.v1.AccessAuditService.ListAccessRecords",
        Auditor,
        Own,
        list_access_records
    ),
    scenario!(
        "aftercare.gateway.v1.WorkspaceService.GetTicketWorkspace",
        Agent,
        Missing,
        get_ticket_workspace
    ),
    scenario!(
        "aftercare.gateway.v1.WorkspaceService.GetCustomerWorkspace",
        Agent,
        Missing,
        get_customer_workspace
    ),
];

/// A tenant that nobody has, to be recorded.
fn tenant() -> Value {
    let word = canary();
    json!({
        "slug": word,
        "title": format!("Tenant {word}"),
        "phoneRegion": "US",
        "timeZone": "America/New_York",
        "hosts": [format!("{word}.example.com")],
        "origins": [format!("https://{word}.example.com")],
    })
}

/// A tenant of its own, so that nothing happens to the desk's.
async fn recorded_tenant(desk: &Desk<'_>) -> Value {
    let operator = desk.caller(Role::Operator).await;
    operator.call("CreateTenant", json!({ "tenant": tenant() })).await
}

async fn create_tenant(desk: &Desk<'_>) -> Prepared {
    let other = recorded_tenant(desk).await;
    let request = json!({ "tenant": tenant(), "requestId": new_id() });
    Prepared::new(request, &[], &[&other])
}

fn get_tenant(desk: &Desk<'_>) -> Ready<Prepared> {
    let own = json!({ "name": desk.tenant.id().name() });
    ready(Prepared::new(own.clone(), &[&name(&own)], &[&own]))
}

fn list_tenants(desk: &Desk<'_>) -> Ready<Prepared> {
    let own = json!({ "name": desk.tenant.id().name() });
    ready(Prepared::new(json!({ "pageSize": 1000 }), &[], &[&own]))
}

async fn update_tenant(desk: &Desk<'_>) -> Prepared {
    let made = recorded_tenant(desk).await;
    let name = name(&made);
    let changed = json!({ "name": name, "etag": made["etag"], "title": canary() });
    let request = json!({ "tenant": changed, "updateMask": "title", "requestId": new_id() });
    Prepared::new(request, &[&name], &[&made])
}

async fn suspend_tenant(desk: &Desk<'_>) -> Prepared {
    let made = recorded_tenant(desk).await;
    let name = name(&made);
    let request = json!({ "name": name, "etag": made["etag"], "requestId": new_id() });
    Prepared::new(request, &[&name], &[&made])
}

async fn resume_tenant(desk: &Desk<'_>) -> Prepared {
    let name = name(&recorded_tenant(desk).await);
    let operator = desk.caller(Role::Operator).await;
    let made = operator.call("SuspendTenant", json!({ "name": name })).await;
    let request = json!({ "name": name, "etag": made["etag"], "requestId": new_id() });
    Prepared::new(request, &[&name], &[&made])
}

/// A person of the staff, to be recorded.
fn member() -> Value {
    let word = canary();
    json!({
        "displayName": format!("Person {word}"),
        "login": { "issuer": "https://id.example.com", "subject": format!("{word}@example.com") },
        "roles": ["agent"],
        "locale": "zh",
    })
}

/// A recorded person of the staff.
async fn recorded_member(desk: &Desk<'_>) -> Value {
    let admin = desk.caller(Role::Admin).await;
    admin.call("CreateMember", json!({ "member": member(), "memberId": canary() })).await
}

async fn create_member(desk: &Desk<'_>) -> Prepared {
    // Somebody else of this tenant, who must not shine through.
    let other = recorded_member(desk).await;
    let request = json!({ "member": member(), "memberId": canary(), "requestId": new_id() });
    Prepared::new(request, &[], &[&other])
}

async fn get_member(desk: &Desk<'_>) -> Prepared {
    let made = recorded_member(desk).await;
    let name = name(&made);
    Prepared::new(json!({ "name": name }), &[&name], &[&made])
}

async fn list_members(desk: &Desk<'_>) -> Prepared {
    let made = recorded_member(desk).await;
    Prepared::new(json!({ "pageSize": 1000 }), &[], &[&made])
}

async fn update_member(desk: &Desk<'_>) -> Prepared {
    let made = recorded_member(desk).await;
    let name = name(&made);
    let changed = json!({ "name": name, "etag": made["etag"], "displayName": canary() });
    let request = json!({ "member": changed, "updateMask": "displayName", "requestId": new_id() });
    Prepared::new(request, &[&name], &[&made])
}

async fn deactivate_member(desk: &Desk<'_>) -> Prepared {
    let made = recorded_member(desk).await;
    let name = name(&made);
    let request = json!({ "name": name, "etag": made["etag"], "requestId": new_id() });
    Prepared::new(request, &[&name], &[&made])
}

async fn reactivate_member(desk: &Desk<'_>) -> Prepared {
    let name = name(&recorded_member(desk).await);
    let admin = desk.caller(Role::Admin).await;
    let gone = admin.call("DeactivateMember", json!({ "name": name })).await;
    let request = json!({ "name": name, "etag": gone["etag"], "requestId": new_id() });
    Prepared::new(request, &[&name], &[&gone])
}

/// A recorded team.
async fn recorded_team(desk: &Desk<'_>) -> Value {
    let admin = desk.caller(Role::Admin).await;
    let team = json!({ "title": format!("Team {}", canary()) });
    admin.call("CreateTeam", json!({ "team": team, "teamId": canary() })).await
}

async fn create_team(desk: &Desk<'_>) -> Prepared {
    let other = recorded_team(desk).await;
    let team = json!({ "title": canary() });
    let request = json!({ "team": team, "teamId": canary(), "requestId": new_id() });
    Prepared::new(request, &[], &[&other])
}

async fn get_team(desk: &Desk<'_>) -> Prepared {
    let made = recorded_team(desk).await;
    let name = name(&made);
    Prepared::new(json!({ "name": name }), &[&name], &[&made])
}

async fn list_teams(desk: &Desk<'_>) -> Prepared {
    let made = recorded_team(desk).await;
    Prepared::new(json!({ "pageSize": 1000 }), &[], &[&made])
}

async fn update_team(desk: &Desk<'_>) -> Prepared {
    let made = recorded_team(desk).await;
    let name = name(&made);
    let changed = json!({ "name": name, "etag": made["etag"], "title": canary() });
    let request = json!({ "team": changed, "updateMask": "title", "requestId": new_id() });
    Prepared::new(request, &[&name], &[&made])
}

/// A key, to be made.
fn api_key() -> Value {
    json!({ "title": format!("Shop {}", canary()), "scopes": ["tickets.read", "customers.*"] })
}

/// A key that was made.
async fn made_api_key(desk: &Desk<'_>) -> Value {
    let admin = desk.caller(Role::Admin).await;
    let made = admin.call("CreateApiKey", json!({ "apiKey": api_key() })).await;
    made["apiKey"].clone()
}

async fn create_api_key(desk: &Desk<'_>) -> Prepared {
    let other = made_api_key(desk).await;
    let request = json!({ "apiKey": api_key(), "requestId": new_id() });
    Prepared::new(request, &[], &[&other])
}

async fn get_api_key(desk: &Desk<'_>) -> Prepared {
    let made = made_api_key(desk).await;
    let name = name(&made);
    Prepared::new(json!({ "name": name }), &[&name], &[&made])
}

async fn list_api_keys(desk: &Desk<'_>) -> Prepared {
    let made = made_api_key(desk).await;
    Prepared::new(json!({ "pageSize": 1000 }), &[], &[&made])
}

async fn rotate_api_key(desk: &Desk<'_>) -> Prepared {
    let made = made_api_key(desk).await;
    let name = name(&made);
    let request = json!({
        "name": name, "etag": made["etag"], "overlap": "3600s", "requestId": new_id(),
    });
    Prepared::new(request, &[&name], &[&made])
}

async fn revoke_api_key(desk: &Desk<'_>) -> Prepared {
    let made = made_api_key(desk).await;
    let name = name(&made);
    let request = json!({ "name": name, "etag": made["etag"], "requestId": new_id() });
    Prepared::new(request, &[&name], &[&made])
}

fn list_access_records(_: &Desk<'_>) -> Ready<Prepared> {
    ready(Prepared::new(json!({ "kind": "ACCESS_KIND_DENIED", "pageSize": 1000 }), &[], &[]))
}

async fn get_ticket_workspace(desk: &Desk<'_>) -> Prepared {
    let ticket = desk.claimed().await;
    let name = name(&ticket);
    Prepared::new(json!({ "name": name }), &[&name], &[&ticket])
}

async fn get_customer_workspace(desk: &Desk<'_>) -> Prepared {
    let customer = desk.customer().await;
    let name = name(&customer);
    Prepared::new(json!({ "name": name }), &[&name], &[&customer])
}
