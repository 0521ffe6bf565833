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
        violations.add(format!("answers.{question}"), what);
    }
    violations.finish(())?;

    let author = Author::of(&call);
    let after = transact!(app.db, "invitation.save_progress", |tx| {
        let (before, at) = invitations::hold(&app, &author, tx, opened.id).await?;
        if !before.is_answerable(at) {
            return Err(Error::invitation_state(&before, at));
        }
        drafts::put(tx, author.tenant, &before, &answers, at).await?;
        let step = before.clone().start();
        let (after, happened) = invitations::save(&author, tx, &before, step, at).await?;
        events::append(&app, &author, tx, happened).await?;
        Ok::<_, Error>(after)
    })?;
    Ok(shown(&asked, &after, &answers))
}

#[cfg(test)]
mod tests {
    use contracts::surveys::v1::{GetInvitedSurveyRequest, InvitationState};

    use super::*;
    use crate::rpc::{
        fixture::{Fixture, fields, invited, number, words},
        get_invited_survey,
    };

    #[tokio::test]
    async fn a_draft_is_gone_on_with_elsewhere_and_hidden_answers_come_back() {
        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        let ticket = fixture.resolve(1, None).await;
        let invitation = fixture.invitation(&ticket).await;
        let save = async |answers: Vec<contracts::surveys::v1::Answer>| {
            let asked = SaveProgressRequest { answers };
            handle(fixture.app.clone(), invited(&invitation), asked).await
        };
        let read = async || {
            let asked = GetInvitedSurveyRequest {};
            get_invited_survey::handle(fixture.app.clone(), invited(&invitation), asked).await
        };
        let fresh = read().await.unwrap();
        assert_eq!((fresh.answers.len(), fresh.submitted), (0, false));
        assert_eq!(fresh.questionnaire.as_ref().unwrap().follow_up_if, "", "it is the staff's");
        let bad = vec![number("overall", 1), words("why", "太慢")];
        assert!(save(bad.clone()).await.unwrap().steps[1].visible);
        let good = vec![number("overall", 5), words("why", "太慢")];
        let hidden = save(good.clone()).await.unwrap();
        assert!(!hidden.steps[1].visible);
        assert_eq!(read().await.unwrap(), hidden);
        assert_eq!(hidden.answers, good, "what is hidden is kept");
        assert!(save(bad).await.unwrap().steps[1].visible);
        let error = save(vec![number("overall", 9)]).await.unwrap_err();
        assert_eq!(fields(&error), ["answers.overall"]);
        let error = save(vec![words("why", "a\0b")]).await.unwrap_err();
        assert_eq!(fields(&error), ["answers[0]"], "not every database keeps it");
        assert_eq!(save(vec![]).await.unwrap().answers, []);
        let after = fixture.invitation(&ticket).await;
        assert_eq!(
            after.state(),
            InvitationState::Pending,
            "whoever looks in early is asked still"
        );
        let id = kernel::InvitationId::parse_name(&invitation.name).unwrap();
        let kept = async || {
            let tenant = crate::rpc::fixture::tenant(1);
            drafts::get(&fixture.app.db, tenant, id).await.unwrap()
        };
        assert!(kept().await.is_some());
        fixture.later(std::time::Duration::from_hours(16 * 24)).await;
        assert_eq!(kept().await, None, "what was not submitted goes with its invitation");
    }

    #[tokio::test]
    async fn a_draft_stays_as_long_as_its_invitation_though_that_is_put_off() {
        const DAY: std::time::Duration = std::time::Duration::from_hours(24);

        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        let customer = fixture.customer(1).await;
        fixture.resolve(1, Some(customer)).await;
        fixture.later(std::time::Duration::from_secs(1)).await;
        // One a week: the second is put off.
        let ticket = fixture.resolve(2, Some(customer)).await;
        fixture.later(DAY).await;
        let invitation = fixture.invitation(&ticket).await;
        assert_eq!(invitation.state(), InvitationState::Pending);
        let asked = SaveProgressRequest { answers: vec![number("overall", 4)] };
        handle(fixture.app.clone(), invited(&invitation), asked).await.unwrap();
        fixture.later(DAY * 8).await;
        assert_eq!(fixture.invitation(&ticket).await.state(), InvitationState::Requested);
        fixture.later(DAY * 8).await;
        let asked = GetInvitedSurveyRequest {};
        let read = get_invited_survey::handle(fixture.app.clone(), invited(&invitation), asked);
        assert_eq!(read.await.unwrap().answers, [number("overall", 4)]);
    }
}
