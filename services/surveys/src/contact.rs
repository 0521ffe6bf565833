//! Asks customers whether a customer may be contacted, and tells it what became of it.

use std::time::Duration;

use contracts::{
    customers::v1::{
        CompleteContactRequest, ContactChannel, ContactOutcome, ContactPurpose, ContactRule,
        ContactState, ReserveContactRequest, consent_service_client::ConsentServiceClient,
    },
    surveys::v1::{InvitationBlock, InvitationChannel},
};
use kernel::{CustomerId, TenantId, Time};
use rpc::{Link, wire};
use tonic::{Code, Request};

use crate::{App, domain::invitation::Invitation};

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whether a customer may be contacted now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Yes, before this instant.
    Granted { contact: String, until: Time },
    /// No, because of these; to be tried again at this instant, if ever.
    Refused { blocks: Vec<InvitationBlock>, again: Option<Time> },
    /// There is no such customer.
    Nobody,
    /// Customers could not be asked.
    Away,
}

/// Asks for the contact of an invitation. Asked again it is the same one.
pub(crate) async fn reserve(
    app: &App,
    tenant: TenantId,
    customer: CustomerId,
    invitation: &Invitation,
) -> Verdict {
    let asked = ReserveContactRequest {
        customer: customer.name(),
        purpose: ContactPurpose::Survey.into(),
        channel: channel(invitation.body.channel).into(),
        key: invitation.id.name(),
        earliest_time: None,
    };
    let contact = match client(app, tenant).reserve_contact(within(asked)).await {
        Ok(answer) => answer.into_inner(),
        Err(status) if status.code() == Code::NotFound => return Verdict::Nobody,
        Err(status) => {
            tracing::warn!(code = ?status.code(), "customers cannot be asked for a contact now");
            return Verdict::Away;
        }
    };
    let time = |time: Option<prost_types::Timestamp>| time.as_ref().and_then(wire::time);
    if contact.state() == ContactState::Denied {
        let blocks = contact.blocks.iter().map(|one| block(one.rule())).collect();
        return Verdict::Refused { blocks, again: time(contact.retry_time) };
    }
    let until = time(contact.expire_time).unwrap_or(Time::EPOCH);
    if until > app.clock.now() {
        return Verdict::Granted { contact: contact.name, until };
    }
    // It was granted before this process's predecessor fell, and never sent: its place is given back
    // before another one is asked for.
    complete(app, tenant, &contact.name, false).await;
    Verdict::Away
}

/// Tells what became of a contact; false where it has to be told again.
pub(crate) async fn complete(app: &App, tenant: TenantId, contact: &str, sent: bool) -> bool {
    let outcome = if sent { ContactOutcome::Sent } else { ContactOutcome::Failed };
    let told = CompleteContactRequest {
        name: contact.to_owned(),
        outcome: outcome.into(),
        request_id: String::new(),
    };
    match client(app, tenant).complete_contact(within(told)).await {
        Ok(_) => true,
        Err(status) => match status.code() {
            // What is told once stays told, and what is gone needs no telling.
            Code::FailedPrecondition | Code::NotFound | Code::InvalidArgument => true,
            code => {
                tracing::warn!(?code, "customers cannot be told of a contact now");
                false
            }
        },
    }
}

fn client(app: &App, tenant: TenantId) -> ConsentServiceClient<Link> {
    ConsentServiceClient::new(app.customers.as_service("surveys", tenant))
}

fn within<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(PATIENCE);
    request
}

const fn channel(channel: InvitationChannel) -> ContactChannel {
    match channel {
        InvitationChannel::Phone => ContactChannel::Phone,
        InvitationChannel::Sms => ContactChannel::Sms,
        InvitationChannel::Unspecified | InvitationChannel::Email => ContactChannel::Email,
        InvitationChannel::Wechat => ContactChannel::Wechat,
        InvitationChannel::App => ContactChannel::App,
        InvitationChannel::Web => ContactChannel::Web,
    }
}

const fn block(rule: ContactRule) -> InvitationBlock {
    match rule {
        ContactRule::Unspecified => InvitationBlock::Unspecified,
        ContactRule::ConsentMissing => InvitationBlock::ConsentMissing,
        ContactRule::ConsentDenied => InvitationBlock::ConsentDenied,
        ContactRule::ConsentWithdrawn => InvitationBlock::ConsentWithdrawn,
        ContactRule::Cap => InvitationBlock::Cap,
        ContactRule::QuietHours => InvitationBlock::QuietHours,
    }
}
