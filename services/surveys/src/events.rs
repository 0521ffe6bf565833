//! What this service tells the others, in the transaction in which it happens.

use contracts::surveys::v1::{
    InvitationState, LoopState, Standing, SurveyEvent, survey_event::Change,
};
use kernel::{CallerKind, TenantId, Time};
use prost::Message;
use rpc::{Call, wire};
use store::{
    Tx,
    events::{self, NewEvent},
};
use uuid::Uuid;

use crate::{App, Error, domain::survey::Survey};

/// Who an event is by.
#[derive(Clone, Debug)]
pub(crate) struct Author {
    pub(crate) tenant: TenantId,
    kind: CallerKind,
    pub(crate) actor: String,
    trace: String,
}

impl Author {
    /// The caller.
    pub(crate) fn of(call: &Call) -> Self {
        let (_, actor) = wire::actor_parts(&call.caller);
        let trace = call.traceparent.to_string();
        Self { tenant: call.tenant(), kind: call.caller.kind, actor, trace }
    }

    /// The suite itself, within a trace where there is one.
    pub(crate) fn suite(tenant: TenantId, trace: &str) -> Self {
        let (kind, actor) = (CallerKind::Service, "surveys".to_owned());
        Self { tenant, kind, actor, trace: trace.to_owned() }
    }
}

/// What happened to something: the last of its events.
#[derive(Clone, Debug)]
pub(crate) struct Happened {
    pub(crate) aggregate: Uuid,
    pub(crate) sequence: i64,
    pub(crate) at: Time,
    pub(crate) change: Change,
}

/// Appends what happened to what the transaction holds, in this order.
pub(crate) async fn append(
    app: &App,
    author: &Author,
    tx: &mut Tx,
    all: Vec<Happened>,
) -> Result<(), Error> {
    events::append(tx, app.partitions, &events_of(author, all)).await?;
    Ok(())
}

/// What happened, as events.
pub(crate) fn events_of(author: &Author, all: Vec<Happened>) -> Vec<NewEvent> {
    let event = |happened: Happened| NewEvent {
        tenant: author.tenant,
        aggregate: happened.aggregate,
        sequence: happened.sequence,
        at: happened.at,
        kind: kind(&happened.change),
        payload: SurveyEvent { change: Some(happened.change) }.encode_to_vec(),
        actor_kind: author.kind,
        actor: author.actor.clone(),
        trace: author.trace.clone(),
    };
    all.into_iter().map(event).collect()
}

/// The last event of a survey.
pub(crate) fn of_survey(survey: &Survey, change: Change) -> Vec<Happened> {
    let Survey { id, sequence, last_at, .. } = survey;
    vec![Happened { aggregate: id.uuid(), sequence: *sequence, at: *last_at, change }]
}

fn kind(change: &Change) -> &'static str {
    match change {
        Change::Created(_) => "survey.created",
        Change::Updated(_) => "survey.updated",
        Change::Published(_) => "survey.published",
        Change::Archived(_) => "survey.archived",
        Change::InvitationCreated(_) => "invitation.created",
        Change::InvitationChanged(changed) => match changed.state() {
            InvitationState::Unspecified | InvitationState::Pending => "invitation.put_off",
            InvitationState::Requested => "invitation.requested",
            InvitationState::Delivered => "invitation.delivered",
            InvitationState::Started => "invitation.started",
            InvitationState::Completed => "invitation.completed",
            InvitationState::Expired => "invitation.expired",
            InvitationState::Cancelled => "invitation.cancelled",
            InvitationState::Suppressed => "invitation.suppressed",
            InvitationState::Revoked => "invitation.revoked",
        },
        Change::DeliveryRequested(_) => "delivery.requested",
        Change::InterviewRecorded(_) => "interview.recorded",
        Change::ResponseSubmitted(_) => "response.submitted",
        Change::ResponseJudged(judged) => match judged.standing() {
            Standing::Unspecified | Standing::Counted => "response.included",
            Standing::Suspected => "response.suspected",
            Standing::Superseded => "response.superseded",
            Standing::Excluded => "response.excluded",
        },
        Change::LoopOpened(_) => "loop.opened",
        Change::LoopChanged(changed) => match changed.state() {
            LoopState::Unspecified | LoopState::Open => "loop.followed_up",
            LoopState::Closed => "loop.closed",
            LoopState::Recovered | LoopState::NotRecovered => "loop.answered",
        },
    }
}
