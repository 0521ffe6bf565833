//! The admin service of the indexes.

use contracts::r#type::v1::{
    RebuildIndexRequest, RebuildIndexResponse, index_admin_service_server::IndexAdminService,
};
use kernel::{TenantId, Violations};
use tonic::{Request, Response, Status};

use super::Indexes;
use crate::Error;

#[tonic::async_trait]
impl IndexAdminService for Indexes {
    async fn rebuild_index(
        &self,
        request: Request<RebuildIndexRequest>,
    ) -> Result<Response<RebuildIndexResponse>, Status> {
        rpc::read(request, async |_, request: RebuildIndexRequest| {
            let mut violations = Violations::new();
            let tenant = TenantId::parse_name(&request.tenant);
            violations.check(tenant.is_some(), "tenant", "must be of the form `tenants/{id}`");
            let tenant = violations.finish(tenant)?.ok_or(Error::Corrupt("tenant"))?;
            self.rebuild(tenant).await?;
            let documents = self.documents(tenant).await?;
            Ok::<_, Error>(RebuildIndexResponse { documents })
        })
        .await
    }
}
