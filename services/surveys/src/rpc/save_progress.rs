//! `SaveProgress`: answers that are not whole yet.

use contracts::surveys::v1::{InvitedSurvey, SaveProgressRequest};
use kernel::Violations;
use rpc::Call;
use store::transact;

use super::get_invited_survey::shown;
use crate::{
    App, Error, convert,
    events::{self, Author},
    invitations,
    store::drafts,
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: SaveProgressRequest,
) -> Result<InvitedSurvey, Error> {
    let mut violations = Violations::new();
    let answers = convert::answers(&request.answers, "answers", &mut violations);
    violations.finish(())?;
    let opened = invitations::opened(&app, &call).await?;
    let asked = app.asked(call.tenant(), opened.survey, opened.number).await?;
    let asked = asked.ok_or(Error::Corrupt("invitations.number"))?;
    // What is missing may still come; what is there must be right.
    let path = asked.logic.replay(&answers);
    let mut violations = Violations::new();
    for (question, what) in path.wrong.iter().filter(|(question, _)| answers.contains_key(question))
    {
        violations.add(&format!("answers.{question}"), what);
    }
    violations.finish(())?;

    let author = Author::of(&call);
    let after = transact!(app.db, "invitation.save_progress", |tx| {
        let (before, at) = invitations::hold(&app, &author, tx, opened.id).await?;
        if !before.is_answerable(at) {
            return Err(Error::invitation_state(&before, at));
        }
        drafts::put(tx, author.tenant, before.id, &answers, at).await?;
        let step = before.clone().start();
        let (after, happened) = invitations::save(&author, tx, &before, step, at).await?;
        events::append(&app, &author, tx, happened).await?;
        Ok::<_, Error>(after)
    })?;
    Ok(shown(&asked, &after, &answers))
}
