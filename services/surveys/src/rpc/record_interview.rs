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
        let (mut after, happened) = invitations::save(&author, tx, &before, step, at).await?;
        events::append(&app, &author, tx, happened).await?;
        if let Some(submission) = &submission {
            let held = (after, at.plus_micros(1));
            after = submission::submit(&app, &author, tx, held, &asked, submission).await?;
        }
        drop(after);
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
