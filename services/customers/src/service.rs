//! The contract's services, one line an RPC.

use contracts::customers::v1::{
    self as pb, consent_service_server::ConsentServiceServer,
    customer_service_server::CustomerServiceServer, product_service_server::ProductServiceServer,
    purchase_service_server::PurchaseServiceServer, timeline_service_server::TimelineServiceServer,
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

/// Adds the servers of this service to those of others in the same process.
pub fn add_to(app: &App, routes: &mut RoutesBuilder) {
    let service = Service(app.clone());
    routes
        .add_service(ConsentServiceServer::new(service.clone()))
        .add_service(CustomerServiceServer::new(service.clone()))
        .add_service(ProductServiceServer::new(service.clone()))
        .add_service(PurchaseServiceServer::new(service.clone()))
        .add_service(TimelineServiceServer::new(service));
}

#[derive(Clone, Debug)]
struct Service(App);

type Answer<T> = Result<Response<T>, Status>;

#[async_trait]
impl pb::customer_service_server::CustomerService for Service {
    async fn create_customer(&self, r: Request<pb::CreateCustomerRequest>) -> Answer<pb::Customer> {
        rpc::serve!(self, r, write create_customer)
    }

    async fn get_customer(&self, r: Request<pb::GetCustomerRequest>) -> Answer<pb::Customer> {
        rpc::serve!(self, r, read get_customer)
    }

    async fn batch_get_customers(
        &self,
        r: Request<pb::BatchGetCustomersRequest>,
    ) -> Answer<pb::BatchGetCustomersResponse> {
        rpc::serve!(self, r, read batch_get_customers)
    }

    async fn resolve_customer(
        &self,
        r: Request<pb::ResolveCustomerRequest>,
    ) -> Answer<pb::ResolveCustomerResponse> {
        rpc::serve!(self, r, write resolve_customer)
    }

    async fn list_customers(
        &self,
        r: Request<pb::ListCustomersRequest>,
    ) -> Answer<pb::ListCustomersResponse> {
        rpc::serve!(self, r, read list_customers)
    }

    async fn update_customer(&self, r: Request<pb::UpdateCustomerRequest>) -> Answer<pb::Customer> {
        rpc::serve!(self, r, write update_customer)
    }
}

#[async_trait]
impl pb::consent_service_server::ConsentService for Service {
    async fn record_consent(&self, r: Request<pb::RecordConsentRequest>) -> Answer<pb::Consent> {
        rpc::serve!(self, r, write record_consent)
    }

    async fn get_consent(
        &self,
        r: Request<pb::GetConsentRequest>,
    ) -> Answer<pb::GetConsentResponse> {
        rpc::serve!(self, r, read get_consent)
    }

    async fn list_consents(
        &self,
        r: Request<pb::ListConsentsRequest>,
    ) -> Answer<pb::ListConsentsResponse> {
        rpc::serve!(self, r, read list_consents)
    }

    async fn reserve_contact(&self, r: Request<pb::ReserveContactRequest>) -> Answer<pb::Contact> {
        rpc::serve!(self, r, write reserve_contact)
    }

    async fn complete_contact(
        &self,
        r: Request<pb::CompleteContactRequest>,
    ) -> Answer<pb::Contact> {
        rpc::serve!(self, r, write complete_contact)
    }

    async fn can_contact(&self, r: Request<pb::CanContactRequest>) -> Answer<pb::Contact> {
        rpc::serve!(self, r, read can_contact)
    }

    async fn list_contacts(
        &self,
        r: Request<pb::ListContactsRequest>,
    ) -> Answer<pb::ListContactsResponse> {
        rpc::serve!(self, r, read list_contacts)
    }
}

#[async_trait]
impl pb::product_service_server::ProductService for Service {
    async fn create_product(&self, r: Request<pb::CreateProductRequest>) -> Answer<pb::Product> {
        rpc::serve!(self, r, write create_product)
    }

    async fn get_product(&self, r: Request<pb::GetProductRequest>) -> Answer<pb::Product> {
        rpc::serve!(self, r, read get_product)
    }

    async fn list_products(
        &self,
        r: Request<pb::ListProductsRequest>,
    ) -> Answer<pb::ListProductsResponse> {
        rpc::serve!(self, r, read list_products)
    }
}

#[async_trait]
impl pb::purchase_service_server::PurchaseService for Service {
    async fn upsert_purchase(&self, r: Request<pb::UpsertPurchaseRequest>) -> Answer<pb::Purchase> {
        rpc::serve!(self, r, write upsert_purchase)
    }

    async fn list_purchases(
        &self,
        r: Request<pb::ListPurchasesRequest>,
    ) -> Answer<pb::ListPurchasesResponse> {
        rpc::serve!(self, r, read list_purchases)
    }
}

#[async_trait]
impl pb::timeline_service_server::TimelineService for Service {
    async fn list_timeline(
        &self,
        r: Request<pb::ListTimelineRequest>,
    ) -> Answer<pb::ListTimelineResponse> {
        rpc::serve!(self, r, read list_timeline)
    }
}
