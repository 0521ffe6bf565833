//! `GetInvitedSurvey`: the survey of a link, with what was answered so far.

use contracts::surveys::v1::{GetInvitedSurveyRequest, InvitedSurvey, Questionnaire};
use rpc::{Call, wire};

use crate::{
    App, Error,
    app::Asked,
    convert,
    domain::{invitation::Invitation, logic::Answers, survey::version_name},
    invitations,
    store::{drafts, responses},
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    _: GetInvitedSurveyRequest,
) -> Result<InvitedSurvey, Error> {
    let invitation = invitations::opened(&app, &call).await?;
    show(&app, &call, &invitation).await
}

/// The survey as who holds its link sees it.
pub(crate) async fn show(
    app: &App,
    call: &Call,
    invitation: &Invitation,
) -> Result<InvitedSurvey, Error> {
    let asked = app.asked(call.tenant(), invitation.survey, invitation.number).await?;
    let asked = asked.ok_or(Error::Corrupt("invitations.number"))?;
    let answers = so_far(app, call, invitation).await?;
    Ok(shown(&asked, invitation, &answers))
}

/// What was saved last, or submitted.
async fn so_far(app: &App, call: &Call, invitation: &Invitation) -> Result<Answers, Error> {
    let tenant = call.tenant();
    if let Some(draft) = drafts::get(&app.db, tenant, invitation.id).await? {
        return Ok(draft);
    }
    let Some(id) = invitation.body.response else { return Ok(Answers::new()) };
    let held = responses::get(&app.db, tenant, id).await?;
    Ok(held.map(|held| held.answers).unwrap_or_default())
}

/// The survey with these answers.
pub(crate) fn shown(asked: &Asked, invitation: &Invitation, answers: &Answers) -> InvitedSurvey {
    let path = asked.logic.replay(answers);
    let questionnaire = convert::wire_questionnaire(&asked.questionnaire);
    InvitedSurvey {
        version: version_name(asked.survey, asked.number),
        questionnaire: Some(Questionnaire { follow_up_if: String::new(), ..questionnaire }),
        answers: convert::wire_answers(answers),
        steps: path.steps.into_iter().map(convert::step).collect(),
        submitted: invitation.body.response.is_some(),
        suspected: invitation.body.last.as_ref().is_some_and(|last| last.suspected),
        locale: invitation.body.locale.clone(),
        expire_time: Some(wire::timestamp(invitation.body.expires)),
    }
}
