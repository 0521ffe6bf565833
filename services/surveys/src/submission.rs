//! A submission: answers to an invitation, judged by those before it, with all that follows from it. In
//! one transaction, with the invitation held.

use contracts::surveys::v1::{
    Evidence, LoopState, ResponseSubmitted, Standing, survey_event::Change,
};
use kernel::{CustomerId, InvitationId, LoopId, ResponseId, TenantId, TicketId, Time, Violations};
use store::{Tx, events::monotone};

use crate::{
    App, Error,
    app::Asked,
    domain::{
        invitation::{Invitation, Judgement},
        logic::{Answers, Path},
        loops::Loop,
        response::{Origin, Response},
        survey::version_name,
    },
    events::{self, Author, Happened},
    invitations,
    store::{drafts, loops, responses},
};

/// Answers that are whole.
#[derive(Clone, Debug)]
pub(crate) struct Submission {
    pub(crate) id: ResponseId,
    /// Those that count.
    pub(crate) answers: Answers,
    pub(crate) path: Path,
    pub(crate) locale: String,
    pub(crate) evidence: Evidence,
    /// Tells the same answers from others.
    pub(crate) hash: Vec<u8>,
    pub(crate) day: i64,
    pub(crate) at: Time,
}

/// The path of answers to a version; what is wrong with them are violations of `{field}.{question}`.
pub(crate) fn path(
    asked: &Asked,
    answers: &Answers,
    field: &str,
    violations: &mut Violations,
) -> Path {
    let path = asked.logic.replay(answers);
    for (question, what) in &path.wrong {
        violations.add(format!("{field}.{question}"), what);
    }
    path
}

/// Submits answers to an invitation that is held.
pub(crate) async fn submit(
    app: &App,
    author: &Author,
    tx: &mut Tx,
    (before, at): (Invitation, Time),
    asked: &Asked,
    submission: &Submission,
) -> Result<Invitation, Error> {
    let tenant = author.tenant;
    if let Some(earlier) = responses::lock(tx, tenant, submission.id).await? {
        let same = earlier.invitation == Some(before.id) && earlier.hash == submission.hash;
        return if same {
            Ok(before)
        } else {
            Err(Error::ResponseExists { name: earlier.id.name() })
        };
    }
    if !before.is_answerable(at) {
        return Err(Error::invitation_state(&before, at));
    }
    let by_link = submission.evidence == Evidence::HumanConfirmed;
    let Judgement { standing, others } = before.judge(&submission.hash, by_link, at);
    let mut happened = Vec::new();
    for (id, from, to) in others {
        happened.extend(rejudge(tx, tenant, id, from, to, at).await?);
    }
    let origin = &before.body.origin;
    let (invitation, created_at) = (Some(before.id), at);
    let response = new(submission, asked, origin, invitation, standing, created_at);
    if !responses::insert(tx, tenant, &response).await? {
        return Err(Error::ResponseExists { name: response.id.name() });
    }
    happened.push(submitted(&response));
    drafts::remove(tx, tenant, before.id).await?;
    if standing == Standing::Counted {
        let cause = before.id.name();
        happened.extend(match before.body.follows {
            None => open(app, tx, tenant, &response, &submission.path, &cause).await?,
            Some(follows) => {
                let badly = submission.path.follow_up;
                answer(tx, tenant, follows, before.id, badly, at).await?
            }
        });
    }
    let judged = (standing, by_link);
    let step = before.clone().answer(response.id, response.hash.clone(), judged, at);
    let (after, own) = invitations::save(author, tx, &before, step, at).await?;
    happened.extend(own);
    events::append(app, author, tx, happened).await?;
    Ok(after)
}

/// The response of a submission.
pub(crate) fn new(
    submission: &Submission,
    asked: &Asked,
    origin: &Origin,
    invitation: Option<InvitationId>,
    standing: Standing,
    created_at: Time,
) -> Response {
    Response {
        id: submission.id,
        sequence: 1,
        last_at: created_at,
        survey: asked.survey,
        number: asked.number,
        series: asked.series,
        invitation,
        origin: origin.clone(),
        locale: submission.locale.clone(),
        evidence: submission.evidence,
        standing,
        exclusion: String::new(),
        answers: submission.answers.clone(),
        path: submission.path.asked(),
        day: submission.day,
        hash: submission.hash.clone(),
        submitted_at: submission.at,
        created_at,
    }
}

/// The first event of a response.
pub(crate) fn submitted(response: &Response) -> Happened {
    let origin = &response.origin;
    let change = Change::ResponseSubmitted(ResponseSubmitted {
        version: version_name(response.survey, response.number),
        invitation: response.invitation.map(InvitationId::name).unwrap_or_default(),
        ticket: origin.ticket.map(TicketId::name).unwrap_or_default(),
        customer: origin.customer.map(CustomerId::name).unwrap_or_default(),
        standing: response.standing.into(),
        evidence: response.evidence.into(),
    });
    let Response { id, sequence, last_at, .. } = response;
    Happened { aggregate: id.uuid(), sequence: *sequence, at: *last_at, change }
}

/// Lets a response stand otherwise, where it still stands as it was taken to: what staff said stays.
async fn rejudge(
    tx: &mut Tx,
    tenant: TenantId,
    id: ResponseId,
    from: Standing,
    to: Standing,
    at: Time,
) -> Result<Option<Happened>, Error> {
    let held = responses::lock(tx, tenant, id).await?.filter(|held| held.standing == from);
    let Some(held) = held else { return Ok(None) };
    judge(tx, tenant, &held, to, "", at).await.map(Some)
}

/// Writes how a response stands now that is held.
pub(crate) async fn judge(
    tx: &mut Tx,
    tenant: TenantId,
    held: &Response,
    to: Standing,
    exclusion: &str,
    at: Time,
) -> Result<Happened, Error> {
    let (after, change) = held.judged(to, exclusion, monotone(at, held.last_at));
    responses::judge(tx, tenant, &after).await?;
    let Response { id, sequence, last_at, .. } = after;
    Ok(Happened { aggregate: id.uuid(), sequence, at: last_at, change })
}

/// Opens a loop where the answers ask for one, and there is somebody to talk to.
pub(crate) async fn open(
    app: &App,
    tx: &mut Tx,
    tenant: TenantId,
    response: &Response,
    path: &Path,
    cause: &str,
) -> Result<Option<Happened>, Error> {
    let Origin { ticket, customer, .. } = response.origin;
    if !path.follow_up || ticket.is_none() && customer.is_none() {
        return Ok(None);
    }
    let at = response.created_at;
    let one = Loop {
        id: LoopId::from(app.ids.next()),
        sequence: 1,
        last_at: at,
        cause: cause.to_owned(),
        response: response.id,
        survey: response.survey,
        ticket,
        customer,
        state: LoopState::Open,
        follow_up: None,
        invitation: None,
        opened_at: at,
        closed_at: None,
        answered_at: None,
    };
    if !loops::insert(tx, tenant, &one).await? {
        return Ok(None);
    }
    let change = one.opened(language(&response.locale));
    Ok(Some(Happened { aggregate: one.id.uuid(), sequence: one.sequence, at, change }))
}

/// The customer of a loop answered again, where this invitation is the one that asks: of a loop that is
/// open again, since its ticket goes on, nothing is said yet.
async fn answer(
    tx: &mut Tx,
    tenant: TenantId,
    id: LoopId,
    invitation: InvitationId,
    badly: bool,
    at: Time,
) -> Result<Option<Happened>, Error> {
    let held = loops::lock(tx, tenant, id).await?;
    let held = held.filter(|held| held.invitation == Some(invitation));
    let Some(held) = held else { return Ok(None) };
    let after = held.answered(badly, monotone(at, held.last_at));
    save_loop(tx, tenant, &after).await.map(Some)
}

/// Writes a loop as it is now, and gives what happened to it.
pub(crate) async fn save_loop(
    tx: &mut Tx,
    tenant: TenantId,
    after: &Loop,
) -> Result<Happened, Error> {
    loops::update(tx, tenant, after).await?;
    let Loop { id, sequence, last_at, .. } = after;
    let change = after.changed();
    Ok(Happened { aggregate: id.uuid(), sequence: *sequence, at: *last_at, change })
}

/// The language of a tag, of those that tickets know.
fn language(tag: &str) -> &'static str {
    match tag.split('-').next().unwrap_or_default() {
        "zh" => "zh",
        "en" => "en",
        _ => "",
    }
}
