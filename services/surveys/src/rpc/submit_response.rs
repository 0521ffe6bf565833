//! `SubmitResponse`: whole answers of who holds a link.

use contracts::surveys::v1::{Evidence, InvitedSurvey, SubmitResponseRequest};
use kernel::{Violations, id::is_language_tag, language};
use rpc::Call;
use store::transact;

use super::get_invited_survey::shown;
use crate::{
    App, Error, convert,
    events::Author,
    invitations,
    submission::{self, Submission},
};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: SubmitResponseRequest,
) -> Result<InvitedSurvey, Error> {
    let mut violations = Violations::new();
    let id = convert::response_uuid(&request.response_id, "response_id", &mut violations);
    let answers = convert::answers(&request.answers, "answers", &mut violations);
    let known = request.locale.is_empty() || is_language_tag(&request.locale);
    violations.check(known, "locale", "must be a language tag");
    violations.finish(())?;
    let opened = invitations::opened(&app, &call).await?;
    let tenant = call.tenant();
    let asked = app.asked(tenant, opened.survey, opened.number).await?;
    let asked = asked.ok_or(Error::Corrupt("invitations.number"))?;
    let mut violations = Violations::new();
    let path = submission::path(&asked, &answers, "answers", &mut violations);
    violations.finish(())?;

    let (answers, at) = (path.counting(&answers), app.clock.now());
    let submission = Submission {
        id,
        hash: app.hash(tenant, &answers),
        answers,
        path,
        locale: language::canonical(&request.locale),
        evidence: Evidence::HumanConfirmed,
        day: app.day(tenant, at).await?,
        at,
    };
    let author = Author::of(&call);
    let after = transact!(app.db, "response.submit", |tx| {
        let held = invitations::hold(&app, &author, tx, opened.id).await?;
        submission::submit(&app, &author, tx, held, &asked, &submission).await
    })?;
    Ok(shown(&asked, &after, &submission.answers))
}
