//! The contract's services, one line an RPC.

use contracts::gateway::v1::{
    self as pb, access_audit_service_server::AccessAuditServiceServer,
    api_key_service_server::ApiKeyServiceServer, member_service_server::MemberServiceServer,
    team_service_server::TeamServiceServer, tenant_service_server::TenantServiceServer,
};
use tonic::{
    Request, Response, Status, async_trait,
    service::{Routes, RoutesBuilder},
};

use crate::{App, rpc as operations};

/// The servers of this service alone.
pub fn routes(app: &App) -> Routes {
    let mut routes = Routes::builder();
    add_to(app, &mut routes);
    routes.routes()
}

/// Adds the servers of the directory to others of the gateway: what composes several services is
/// added next to them.
pub fn add_to(app: &App, routes: &mut RoutesBuilder) {
    let service = Service(app.clone());
    routes
        .add_service(TenantServiceServer::new(service.clone()))
        .add_service(MemberServiceServer::new(service.clone()))
        .add_service(TeamServiceServer::new(service.clone()))
        .add_service(ApiKeyServiceServer::new(service.clone()))
        .add_service(AccessAuditServiceServer::new(service));
}

#[derive(Clone, Debug)]
struct Service(App);

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl pb::tenant_service_server::TenantService for Service {
    async fn create_tenant(&self, r: Request<pb::CreateTenantRequest>) -> Answer<pb::Tenant> {
        rpc::serve!(self, r, write create_tenant)
    }

    async fn get_tenant(&self, r: Request<pb::GetTenantRequest>) -> Answer<pb::Tenant> {
        rpc::serve!(self, r, read get_tenant)
    }

    async fn list_tenants(
        &self,
        r: Request<pb::ListTenantsRequest>,
    ) -> Answer<pb::ListTenantsResponse> {
        rpc::serve!(self, r, read list_tenants)
    }

    async fn update_tenant(&self, r: Request<pb::UpdateTenantRequest>) -> Answer<pb::Tenant> {
        rpc::serve!(self, r, write update_tenant)
    }

    async fn suspend_tenant(&self, r: Request<pb::SuspendTenantRequest>) -> Answer<pb::Tenant> {
        rpc::serve!(self, r, write suspend_tenant)
    }

    async fn resume_tenant(&self, r: Request<pb::ResumeTenantRequest>) -> Answer<pb::Tenant> {
        rpc::serve!(self, r, write resume_tenant)
    }
}

#[async_trait]
impl pb::member_service_server::MemberService for Service {
    async fn create_member(&self, r: Request<pb::CreateMemberRequest>) -> Answer<pb::Member> {
        rpc::serve!(self, r, write create_member)
    }

    async fn get_member(&self, r: Request<pb::GetMemberRequest>) -> Answer<pb::Member> {
        rpc::serve!(self, r, read get_member)
    }

    async fn list_members(
        &self,
        r: Request<pb::ListMembersRequest>,
    ) -> Answer<pb::ListMembersResponse> {
        rpc::serve!(self, r, read list_members)
    }

    async fn update_member(&self, r: Request<pb::UpdateMemberRequest>) -> Answer<pb::Member> {
        rpc::serve!(self, r, write update_member)
    }

    async fn deactivate_member(
        &self,
        r: Request<pb::DeactivateMemberRequest>,
    ) -> Answer<pb::Member> {
        rpc::serve!(self, r, write deactivate_member)
    }

    async fn reactivate_member(
        &self,
        r: Request<pb::ReactivateMemberRequest>,
    ) -> Answer<pb::Member> {
        rpc::serve!(self, r, write reactivate_member)
    }
}

#[async_trait]
impl pb::team_service_server::TeamService for Service {
    async fn create_team(&self, r: Request<pb::CreateTeamRequest>) -> Answer<pb::Team> {
        rpc::serve!(self, r, write create_team)
    }

    async fn get_team(&self, r: Request<pb::GetTeamRequest>) -> Answer<pb::Team> {
        rpc::serve!(self, r, read get_team)
    }

    async fn list_teams(&self, r: Request<pb::ListTeamsRequest>) -> Answer<pb::ListTeamsResponse> {
        rpc::serve!(self, r, read list_teams)
    }

    async fn update_team(&self, r: Request<pb::UpdateTeamRequest>) -> Answer<pb::Team> {
        rpc::serve!(self, r, write update_team)
    }
}

#[async_trait]
impl pb::api_key_service_server::ApiKeyService for Service {
    async fn create_api_key(
        &self,
        r: Request<pb::CreateApiKeyRequest>,
    ) -> Answer<pb::CreateApiKeyResponse> {
        rpc::serve!(self, r, write create_api_key)
    }

    async fn get_api_key(&self, r: Request<pb::GetApiKeyRequest>) -> Answer<pb::ApiKey> {
        rpc::serve!(self, r, read get_api_key)
    }

    async fn list_api_keys(
        &self,
        r: Request<pb::ListApiKeysRequest>,
    ) -> Answer<pb::ListApiKeysResponse> {
        rpc::serve!(self, r, read list_api_keys)
    }

    async fn rotate_api_key(
        &self,
        r: Request<pb::RotateApiKeyRequest>,
    ) -> Answer<pb::RotateApiKeyResponse> {
        rpc::serve!(self, r, write rotate_api_key)
    }

    async fn revoke_api_key(&self, r: Request<pb::RevokeApiKeyRequest>) -> Answer<pb::ApiKey> {
        rpc::serve!(self, r, write revoke_api_key)
    }
}

#[async_trait]
impl pb::access_audit_service_server::AccessAuditService for Service {
    async fn list_access_records(
        &self,
        r: Request<pb::ListAccessRecordsRequest>,
    ) -> Answer<pb::ListAccessRecordsResponse> {
        rpc::serve!(self, r, read list_access_records)
    }
}
