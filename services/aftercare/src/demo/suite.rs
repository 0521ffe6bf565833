//! The running suite as the demo speaks to it: through the public API alone, with a token for each
//! principal, and with patience: a suite that is restarted in the middle is waited for.

use std::{sync::Once, time::Duration};

use anyhow::Result;
use config::Config;
use contracts::{
    customers::v1::{
        customer_service_client::CustomerServiceClient,
        product_service_client::ProductServiceClient,
        purchase_service_client::PurchaseServiceClient,
    },
    knowledge::v1::{
        search_service_client::SearchServiceClient, transfer_service_client::TransferServiceClient,
    },
    surveys::v1::{
        analytics_service_client::AnalyticsServiceClient,
        dispatch_service_client::DispatchServiceClient, loop_service_client::LoopServiceClient,
        response_service_client::ResponseServiceClient, survey_service_client::SurveyServiceClient,
    },
    tickets::v1::{
        conversation_service_client::ConversationServiceClient,
        result_service_client::ResultServiceClient, ticket_service_client::TicketServiceClient,
    },
};
use kernel::{CallerKind, CustomerId, TenantId};
use rpc::{
    Link,
    issuer::{LocalIssuer, Principal},
};
use tokio::time::Instant;
use tonic::{
    Code, Request, Response, Status,
    metadata::{Ascii, MetadataValue},
};
use tonic_types::StatusExt;

use crate::{operate::reach, print::told};

/// How long the suite may be away before the demo gives up.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);
/// How long one attempt may take.
const ATTEMPT: Duration = Duration::from_secs(15);
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// Tokens are made for one run.
const LIFETIME: Duration = Duration::from_hours(24);

/// Why a call did not succeed.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// This call was refused; others may go well.
    Refused(Status),
    /// Nothing will go well: the suite is away for good, or does not let us in.
    Over(anyhow::Error),
}

/// The running suite.
pub(crate) struct Suite {
    pub(crate) tickets: TicketServiceClient<Link>,
    pub(crate) conversations: ConversationServiceClient<Link>,
    pub(crate) results: ResultServiceClient<Link>,
    pub(crate) products: ProductServiceClient<Link>,
    pub(crate) customers: CustomerServiceClient<Link>,
    pub(crate) purchases: PurchaseServiceClient<Link>,
    pub(crate) searches: SearchServiceClient<Link>,
    pub(crate) transfers: TransferServiceClient<Link>,
    pub(crate) surveys: SurveyServiceClient<Link>,
    pub(crate) invitations: DispatchServiceClient<Link>,
    pub(crate) responses: ResponseServiceClient<Link>,
    pub(crate) loops: LoopServiceClient<Link>,
    pub(crate) scores: AnalyticsServiceClient<Link>,
    issuer: LocalIssuer,
    tenant: TenantId,
    /// Whether it was told that the suite is waited for.
    waits: Once,
}

/// A principal that calls.
#[derive(Clone, Debug)]
pub(crate) struct Voice(MetadataValue<Ascii>);

impl Suite {
    /// The suite at `address`, or where the configuration says that its services are.
    pub(crate) async fn find(
        config: &Config,
        address: Option<&str>,
        issuer: LocalIssuer,
        tenant: TenantId,
    ) -> Result<Self> {
        let open = async |service| {
            let named = address.map(|address| vec![address.to_owned()]);
            reach::first(&named.unwrap_or_else(|| reach::public(config, service))).await
        };
        let (tickets, customers) = (open("tickets").await?, open("customers").await?);
        let (knowledge, surveys) = (open("knowledge").await?, open("surveys").await?);
        Ok(Self {
            conversations: ConversationServiceClient::new(tickets.clone()),
            results: ResultServiceClient::new(tickets.clone()),
            tickets: TicketServiceClient::new(tickets),
            products: ProductServiceClient::new(customers.clone()),
            purchases: PurchaseServiceClient::new(customers.clone()),
            customers: CustomerServiceClient::new(customers),
            searches: SearchServiceClient::new(knowledge.clone()),
            transfers: TransferServiceClient::new(knowledge),
            invitations: DispatchServiceClient::new(surveys.clone()),
            responses: ResponseServiceClient::new(surveys.clone()),
            loops: LoopServiceClient::new(surveys.clone()),
            scores: AnalyticsServiceClient::new(surveys.clone()),
            surveys: SurveyServiceClient::new(surveys),
            issuer,
            tenant,
            waits: Once::new(),
        })
    }

    /// A member of the staff, by the slug.
    pub(crate) fn member(&self, slug: &str) -> Result<Voice, Trouble> {
        self.voice(CallerKind::Member, slug.to_owned(), None)
    }

    /// The company's own system, which records what comes in.
    pub(crate) fn integration(&self) -> Result<Voice, Trouble> {
        self.voice(CallerKind::Integration, "demo".to_owned(), None)
    }

    /// A customer.
    pub(crate) fn customer(&self, id: CustomerId) -> Result<Voice, Trouble> {
        self.voice(CallerKind::Customer, id.uuid().to_string(), Some(id))
    }

    /// Whoever holds a sealed link.
    pub(crate) fn holder(token: &str) -> Result<Voice, Trouble> {
        format!("Link {token}").parse().map(Voice).map_err(over)
    }

    fn voice(
        &self,
        kind: CallerKind,
        subject: String,
        customer: Option<CustomerId>,
    ) -> Result<Voice, Trouble> {
        let principal =
            Principal { tenant: self.tenant, kind, subject, roles: Vec::new(), customer };
        let token = self.issuer.issue(&principal, LIFETIME).map_err(over)?;
        format!("Bearer {token}").parse().map(Voice).map_err(over)
    }

    /// Makes a call, again and again while the suite is away or another change came first. The
    /// request carries its id, so that an attempt whose answer was lost is not made twice.
    pub(crate) async fn ask<M: Clone, A>(
        &self,
        voice: &Voice,
        message: &M,
        call: impl AsyncFn(Request<M>) -> Result<Response<A>, Status>,
    ) -> Result<A, Trouble> {
        let start = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let mut request = Request::new(message.clone());
            request.set_timeout(ATTEMPT);
            request.metadata_mut().insert("authorization", voice.0.clone());
            let status = match call(request).await {
                Ok(response) => return Ok(response.into_inner()),
                Err(status) => status,
            };
            match meaning(&status) {
                Meaning::Refused => return Err(Trouble::Refused(status)),
                Meaning::Over => {
                    let told = format!("the suite does not take our calls: {}", told(&status));
                    return Err(Trouble::Over(anyhow::Error::msg(told)));
                }
                Meaning::Again if start.elapsed() < PATIENCE => {}
                Meaning::Again => {
                    let (seconds, told) = (PATIENCE.as_secs(), told(&status));
                    let told = format!("the suite has been away for {seconds} seconds: {told}");
                    return Err(Trouble::Over(anyhow::Error::msg(told)));
                }
            }
            if pause == LONGEST_PAUSE {
                self.waits.call_once(|| eprintln!("the suite does not answer; waiting for it"));
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

fn over(error: impl std::error::Error + Send + Sync + 'static) -> Trouble {
    Trouble::Over(anyhow::Error::new(error))
}

/// What to do about a call that failed.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Again,
    Refused,
    Over,
}

fn meaning(status: &Status) -> Meaning {
    // What broke on the way has a cause on our side; what the suite says has none.
    let broke = std::error::Error::source(status).is_some();
    match status.code() {
        Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled | Code::ResourceExhausted => {
            Meaning::Again
        }
        Code::Aborted if reason(status).as_deref() == Some("LOST_RACE") => Meaning::Again,
        Code::Unauthenticated | Code::PermissionDenied | Code::Unimplemented => Meaning::Over,
        _ if broke => Meaning::Again,
        _ => Meaning::Refused,
    }
}

/// The stable reason of an error.
pub(crate) fn reason(status: &Status) -> Option<String> {
    Some(status.get_details_error_info()?.reason)
}

#[cfg(test)]
mod tests {
    use kernel::Code as Ours;

    use super::*;

    #[test]
    fn only_what_may_go_well_later_is_tried_again() {
        let of = |code, reason| meaning(&rpc::status::plain(code, reason, "x"));
        assert_eq!(of(Ours::Unavailable, "UNAVAILABLE"), Meaning::Again);
        assert_eq!(of(Ours::DeadlineExceeded, "DEADLINE"), Meaning::Again);
        assert_eq!(of(Ours::Aborted, "LOST_RACE"), Meaning::Again);
        assert_eq!(of(Ours::Aborted, "STALE_ETAG"), Meaning::Refused);
        assert_eq!(of(Ours::FailedPrecondition, "TRANSITION_REFUSED"), Meaning::Refused);
        assert_eq!(of(Ours::Internal, "INTERNAL"), Meaning::Refused);
        assert_eq!(of(Ours::Unauthenticated, "UNAUTHENTICATED"), Meaning::Over);
        let broken = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert_eq!(meaning(&Status::from_error(Box::new(broken))), Meaning::Again);
    }
}
