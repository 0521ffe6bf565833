//! Invitations, responses and loops on the wire.

use contracts::surveys::v1 as pb;
use kernel::{
    CustomerId, InvitationId, LoopId, ResponseId, TicketId, Time, Violations, etag, id::canonical,
};
use rpc::wire;
use uuid::Uuid;

use crate::domain::{
    invitation::{Called, Invitation},
    logic::{Answer, Answers},
    loops::Loop,
    response::{Origin, Response},
    survey::version_name,
};

/// The id in an invitation's name; another form is a violation of `field`, and the nil id.
pub(crate) fn invitation_id(name: &str, field: &str, violations: &mut Violations) -> InvitationId {
    let id = InvitationId::parse_name(name);
    violations.check(id.is_some(), field, "must be of the form `invitations/{id}`");
    id.unwrap_or_else(|| InvitationId::from(Uuid::nil()))
}

/// The id in a response's name; another form is a violation of `field`, and the nil id.
pub(crate) fn response_id(name: &str, field: &str, violations: &mut Violations) -> ResponseId {
    let id = ResponseId::parse_name(name);
    violations.check(id.is_some(), field, "must be of the form `responses/{id}`, with a UUID");
    id.unwrap_or_else(|| ResponseId::from(Uuid::nil()))
}

/// The id of a response alone; another form is a violation of `field`, and the nil id.
pub(crate) fn response_uuid(id: &str, field: &str, violations: &mut Violations) -> ResponseId {
    let id = canonical(id).filter(|id| !id.is_nil());
    violations.check(id.is_some(), field, "must be a UUID in small letters, with hyphens");
    ResponseId::from(id.unwrap_or_else(Uuid::nil))
}

/// An invitation on the wire.
pub(crate) fn invitation(from: &Invitation) -> pb::Invitation {
    let body = &from.body;
    let pending = from.state == pb::InvitationState::Pending;
    pb::Invitation {
        name: from.id.name(),
        etag: etag::of(from.version),
        version: version_name(from.survey, from.number),
        ticket: from.ticket.name(),
        instance: body.instance,
        r#loop: body.follows.map(LoopId::name).unwrap_or_default(),
        customer: body.origin.customer.map(CustomerId::name).unwrap_or_default(),
        channel: body.channel.into(),
        state: from.state.into(),
        blocks: body.blocks.iter().map(|block| block.0.into()).collect(),
        due_time: pending.then(|| wire::timestamp(body.due)),
        create_time: Some(wire::timestamp(from.created_at)),
        request_time: time(body.requested),
        end_time: time(body.ended),
        expire_time: Some(wire::timestamp(body.expires)),
        response: body.response.map(ResponseId::name).unwrap_or_default(),
        interview: body.interview.as_ref().map(interview),
    }
}

fn interview(from: &Called) -> pb::Interview {
    pb::Interview {
        disposition: from.disposition.into(),
        call_again_time: time(from.again),
        interviewer: from.interviewer.clone(),
        create_time: Some(wire::timestamp(from.at)),
        attempts: from.attempts,
    }
}

/// A response on the wire, its answers in the order in which they were asked.
pub(crate) fn response(from: &Response) -> pb::Response {
    let asked = from.path.iter();
    let answers = asked.filter_map(|id| Some(wire_answer(id, from.answers.get(id)?))).collect();
    pb::Response {
        name: from.id.name(),
        version: version_name(from.survey, from.number),
        answers,
        path: from.path.clone(),
        locale: from.locale.clone(),
        evidence: from.evidence.into(),
        standing: from.standing.into(),
        exclusion: from.exclusion.clone(),
        invitation: from.invitation.map(InvitationId::name).unwrap_or_default(),
        origin: origin(&from.origin),
        submit_time: Some(wire::timestamp(from.submitted_at)),
        create_time: Some(wire::timestamp(from.created_at)),
    }
}

fn origin(from: &Origin) -> Option<pb::Origin> {
    let origin = pb::Origin {
        ticket: from.ticket.map(TicketId::name).unwrap_or_default(),
        customer: from.customer.map(CustomerId::name).unwrap_or_default(),
        team: from.team.clone(),
        agent: from.agent.clone(),
        product: from.product.clone(),
        channel: from.channel.clone(),
    };
    (origin != pb::Origin::default()).then_some(origin)
}

/// Answers on the wire.
pub(crate) fn wire_answers(from: &Answers) -> Vec<pb::Answer> {
    from.iter().map(|(question, answer)| wire_answer(question, answer)).collect()
}

fn wire_answer(question: &str, answer: &Answer) -> pb::Answer {
    use pb::answer::Value;
    let value = match answer {
        Answer::Choice(id) => Value::Choice(id.clone()),
        Answer::Choices(ids) => Value::Choices(pb::Choices { ids: ids.clone() }),
        Answer::Number(number) => Value::Number(*number),
        Answer::Text(text) => Value::Text(text.clone()),
    };
    pb::Answer { question: question.to_owned(), value: Some(value) }
}

/// A loop on the wire.
pub(crate) fn a_loop(from: &Loop) -> pb::Loop {
    pb::Loop {
        name: from.id.name(),
        response: from.response.name(),
        survey: from.survey.name(),
        ticket: from.ticket.map(TicketId::name).unwrap_or_default(),
        customer: from.customer.map(CustomerId::name).unwrap_or_default(),
        state: from.state.into(),
        follow_up: from.follow_up.map(TicketId::name).unwrap_or_default(),
        invitation: from.invitation.map(InvitationId::name).unwrap_or_default(),
        open_time: Some(wire::timestamp(from.opened_at)),
        close_time: time(from.closed_at),
        answer_time: time(from.answered_at),
    }
}

fn time(time: Option<Time>) -> Option<prost_types::Timestamp> {
    time.map(wire::timestamp)
}
