//! `RecordInterview`: an agent asked by telephone.

use contracts::surveys::v1::{
    Disposition, Evidence, RecordInterviewRequest, RecordInterviewResponse,
};
use kernel::{InvitationId, ResponseId, Time, Violations, etag::Demand};
use rpc::{Call, wire};
use store::transact;

use crate::{
    App, Error, convert,
    domain::{
        invitation::{Called, Invitation},
        logic::Answers,
    },
    events::{self, Author},
    invitations::{self, Command},
    store::responses,
    submission::{self, Submission},
};

const METHOD: &str = "aftercare.surveys.v1.DispatchService/RecordInterview";

/// A call, as it is told.
struct Told {
    id: InvitationId,
    disposition: Disposition,
    again: Option<Time>,
    answers: Answers,
    response: Option<ResponseId>,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: RecordInterviewRequest,
) -> Result<RecordInterviewResponse, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let told = parse(&app, &request, &request_id)?;
    let id = told.id;
    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag: Demand::Any, once };
    let seen = invitations::find(&app, &call, id).await?;
    let asked = app.asked(call.tenant(), seen.survey, seen.number).await?;
    let asked = asked.ok_or(Error::Corrupt("invitations.number"))?;
    let submission = match told.response {
        Some(response) => Some(whole(&app, &call, &asked, &told, response).await?),
        None => None,
    };
    let author = Author::of(&call);
    transact!(app.db, "invitation.interview", |tx| {
        let held = invitations::hold_for(&app, &call, tx, &command).await?;
        let Some((before, at)) = held else { return Ok(()) };
        if !before.is_answerable(at) {
            return Err(Error::invitation_state(&before, at));
        }
        if let Some(submission) = &submission
            && let Some(earlier) = responses::lock(tx, author.tenant, submission.id).await?
            && earlier.invitation == Some(before.id)
            && earlier.hash == submission.hash
        {
            // The same call again, by another request.
            return Ok(());
        }
        let step = before.clone().call(called(&told, &author, &before, at));
        let (after, happened) = invitations::save(&author, tx, &before, step, at).await?;
        events::append(&app, &author, tx, happened).await?;
        if let Some(submission) = &submission {
            let held = (after, at.plus_micros(1));
            submission::submit(&app, &author, tx, held, &asked, submission).await?;
        }
        Ok::<_, Error>(())
    })?;
    let invitation = invitations::read(&app, &call, id).await?;
    let response = match told.response {
        Some(response) => responses::get(&app.db, call.tenant(), response).await?,
        None => None,
    };
    let response = response.as_ref().map(convert::response);
    Ok(RecordInterviewResponse { invitation: Some(invitation), response })
}

fn parse(
    app: &App,
    request: &RecordInterviewRequest,
    request_id: &str,
) -> Result<Told, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let id = convert::invitation_id(&request.name, "name", &mut violations);
    violations.check(request.interview.is_some(), "interview", "must be given");
    let given = request.interview.clone().unwrap_or_default();
    let disposition = Disposition::try_from(given.disposition).unwrap_or_default();
    let said = disposition != Disposition::Unspecified;
    violations.check(said, "interview.disposition", "must be one that there is");
    let again = given.call_again_time.as_ref().and_then(wire::time);
    let wanted = disposition == Disposition::CallAgain;
    let right = match again {
        Some(again) => wanted && again > app.clock.now(),
        None => !wanted && given.call_again_time.is_none(),
    };
    let why = "must be a time to come, where the customer asked to be called again, and only there";
    violations.check(right, "interview.call_again_time", why);
    let completed = disposition == Disposition::Completed;
    let why = "belongs to a call that was completed";
    violations.check(completed || request.answers.is_empty(), "answers", why);
    violations.check(completed || request.response_id.is_empty(), "response_id", why);
    let answers = convert::answers(&request.answers, "answers", &mut violations);
    let response = completed
        .then(|| convert::response_uuid(&request.response_id, "response_id", &mut violations));
    violations.finish(Told { id, disposition, again, answers, response })
}

async fn whole(
    app: &App,
    call: &Call,
    asked: &crate::app::Asked,
    told: &Told,
    id: ResponseId,
) -> Result<Submission, Error> {
    let mut violations = Violations::new();
    let path = submission::path(asked, &told.answers, "answers", &mut violations);
    violations.finish(())?;
    let (answers, at) = (path.counting(&told.answers), app.clock.now());
    Ok(Submission {
        id,
        hash: app.hash(call.tenant(), &answers),
        answers,
        path,
        locale: String::new(),
        evidence: Evidence::AgentEntered,
        day: app.day(call.tenant(), at).await?,
        at,
    })
}

fn called(told: &Told, author: &Author, before: &Invitation, at: Time) -> Called {
    let attempts = before.body.interview.as_ref().map_or(0, |last| last.attempts);
    Called {
        disposition: told.disposition,
        again: told.again,
        interviewer: author.actor.clone(),
        at,
        attempts: attempts + 1,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contracts::surveys::v1::{Answer, Interview, InvitationState};
    use uuid::Uuid;

    use super::*;
    use crate::rpc::fixture::{Fixture, editor, fields, number, request_id};

    fn of(name: &str, disposition: Disposition) -> RecordInterviewRequest {
        let interview = Interview { disposition: disposition.into(), ..Default::default() };
        RecordInterviewRequest {
            name: name.to_owned(),
            interview: Some(interview),
            ..Default::default()
        }
    }

    fn completed(name: &str, id: u128, answers: Vec<Answer>) -> RecordInterviewRequest {
        let response_id = Uuid::from_u128(id).to_string();
        RecordInterviewRequest { response_id, answers, ..of(name, Disposition::Completed) }
    }

    #[tokio::test]
    async fn calls_are_counted_until_somebody_answers() {
        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        let ticket = fixture.resolve(1, None).await;
        let name = fixture.invitation(&ticket).await.name;
        let record = async |request| handle(fixture.app.clone(), editor(), request).await;
        let first = RecordInterviewRequest {
            request_id: request_id(1),
            ..of(&name, Disposition::NoAnswer)
        };
        let missed = record(first.clone()).await.unwrap();
        assert_eq!(record(first).await.unwrap(), missed);
        let called = missed.invitation.unwrap().interview.unwrap();
        assert_eq!((called.attempts, called.interviewer.as_str()), (1, "members/test"));
        let again = fixture.clock.now() + Duration::from_hours(3);
        let mut later = of(&name, Disposition::CallAgain);
        later.interview.as_mut().unwrap().call_again_time = Some(wire::timestamp(again));
        let called = record(later).await.unwrap().invitation.unwrap().interview.unwrap();
        assert_eq!((called.attempts, called.call_again_time), (2, Some(wire::timestamp(again))));
        let done = record(completed(&name, 7, vec![number("overall", 1)])).await.unwrap();
        let (invitation, response) = (done.invitation.unwrap(), done.response.unwrap());
        assert_eq!(invitation.state(), InvitationState::Completed);
        assert_eq!(invitation.interview.unwrap().attempts, 3);
        assert_eq!(response.evidence(), Evidence::AgentEntered);
        assert_eq!(fixture.loops().await.len(), 1, "a bad answer by telephone is one, too");
        let same = record(completed(&name, 7, vec![number("overall", 1)])).await.unwrap();
        assert_eq!(same.response, Some(response));
    }

    #[tokio::test]
    async fn who_refuses_is_asked_no_more() {
        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        let ticket = fixture.resolve(1, None).await;
        let name = fixture.invitation(&ticket).await.name;
        let record = async |request| handle(fixture.app.clone(), editor(), request).await;
        let refused = record(of(&name, Disposition::Refused)).await.unwrap().invitation.unwrap();
        assert_eq!(refused.state(), InvitationState::Revoked);
        let error = record(completed(&name, 7, vec![number("overall", 5)])).await.unwrap_err();
        assert!(matches!(error, Error::InvitationState { .. }), "{error:?}");
        assert_eq!(
            fixture.events_of(&name).await,
            ["invitation.created", "interview.recorded", "invitation.revoked"]
        );
    }

    #[tokio::test]
    async fn a_call_says_what_belongs_to_it() {
        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        let ticket = fixture.resolve(1, None).await;
        let name = fixture.invitation(&ticket).await.name;
        let wrong = async |request| {
            let error = handle(fixture.app.clone(), editor(), request).await.unwrap_err();
            fields(&error).into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let none = RecordInterviewRequest { name: name.clone(), ..Default::default() };
        assert_eq!(wrong(none).await, ["interview", "interview.disposition"]);
        let again = of(&name, Disposition::CallAgain);
        assert_eq!(wrong(again).await, ["interview.call_again_time"]);
        let missed = RecordInterviewRequest {
            interview: of(&name, Disposition::NoAnswer).interview,
            ..completed(&name, 7, vec![number("overall", 5)])
        };
        assert_eq!(wrong(missed).await, ["answers", "response_id"]);
        let bare = of(&name, Disposition::Completed);
        assert_eq!(wrong(bare).await, ["response_id"]);
        assert_eq!(wrong(completed(&name, 7, vec![])).await, ["answers.overall"]);
    }
}
