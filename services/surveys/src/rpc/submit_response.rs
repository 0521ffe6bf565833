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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use contracts::surveys::v1::{InvitationState, Standing};

    use super::*;
    use crate::rpc::fixture::{Fixture, fields, holder, invited, number, words};

    #[tokio::test]
    async fn answers_are_replayed_and_what_is_hidden_is_left_out() {
        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        let ticket = fixture.resolve(1, None).await;
        let invitation = fixture.invitation(&ticket).await;
        let answers = vec![words("why", "太慢"), number("overall", 5)];
        let after = fixture.submit(invited(&invitation), 7, answers).await.unwrap();
        assert!(after.submitted);
        assert_eq!(after.answers, [number("overall", 5)]);
        let response = fixture.response(7).await;
        assert_eq!(
            (&response.answers, response.path.join(" ").as_str()),
            (&after.answers, "overall")
        );
        assert_eq!(response.evidence(), Evidence::HumanConfirmed);
        let origin = response.origin.unwrap();
        assert_eq!(
            [&origin.ticket, &origin.team, &origin.agent, &origin.product, &origin.channel],
            [&ticket, "teams/first-line", "members/lin", "products/kettle", "phone"]
        );
        let after = fixture.invitation(&ticket).await;
        assert_eq!(after.state(), InvitationState::Completed);
        assert_eq!(after.response, response.name);
        assert_eq!(fixture.events_of(&response.name).await, ["response.submitted"]);
        assert_eq!(
            fixture.events_of(&invitation.name).await,
            ["invitation.created", "invitation.completed"]
        );
        fixture.later(Duration::from_hours(48)).await;
        assert_eq!(fixture.invitation(&ticket).await, after, "nobody is asked who has answered");
    }

    #[tokio::test]
    async fn one_id_is_one_response() {
        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        let first = fixture.resolve(1, None).await;
        let first = invited(&fixture.invitation(&first).await);
        let good = vec![number("overall", 5)];
        let once = fixture.submit(first.clone(), 7, good.clone()).await.unwrap();
        assert_eq!(fixture.submit(first.clone(), 7, good.clone()).await.unwrap(), once);
        let error = fixture.submit(first, 7, vec![number("overall", 4)]).await.unwrap_err();
        assert!(matches!(error, Error::ResponseExists { .. }), "{error:?}");
        let second = fixture.resolve(2, None).await;
        let second = invited(&fixture.invitation(&second).await);
        let error = fixture.submit(second, 7, good).await.unwrap_err();
        assert!(matches!(error, Error::ResponseExists { .. }), "{error:?}");
        assert_eq!(fixture.response(7).await.standing(), Standing::Counted);
    }

    #[tokio::test]
    async fn what_is_wrong_is_named_at_its_question() {
        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        let ticket = fixture.resolve(1, None).await;
        let call = invited(&fixture.invitation(&ticket).await);
        let submit = async |answers| fixture.submit(call.clone(), 7, answers).await.unwrap_err();
        assert_eq!(fields(&submit(vec![]).await), ["answers.overall"]);
        let wrong = vec![number("overall", 9), number("weather", 1)];
        assert_eq!(fields(&submit(wrong).await), ["answers.overall", "answers.weather"]);
        let request = SubmitResponseRequest {
            response_id: "7".to_owned(),
            answers: vec![words("why", &"x".repeat(5_001))],
            locale: "?".to_owned(),
        };
        let error = handle(fixture.app.clone(), call, request).await.unwrap_err();
        assert_eq!(fields(&error), ["response_id", "answers[0]", "locale"]);
        assert_eq!(fixture.invitation(&ticket).await.state(), InvitationState::Pending);
    }

    #[tokio::test]
    async fn machines_do_not_count_and_people_get_through() {
        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        let ticket = fixture.resolve(1, None).await;
        let call = invited(&fixture.invitation(&ticket).await);
        for rating in 1..=5 {
            let answers = vec![number("overall", rating)];
            fixture.submit(call.clone(), rating.try_into().unwrap(), answers).await.unwrap();
            fixture.clock.advance(Duration::from_secs(1));
        }
        for rating in 1..=5 {
            assert_eq!(fixture.response(rating).await.standing(), Standing::Suspected);
        }
        assert_eq!(fixture.invitation(&ticket).await.response, "");
        fixture.clock.advance(Duration::from_mins(1));
        let after = fixture.submit(call, 9, vec![number("overall", 4)]).await.unwrap();
        assert!(after.submitted);
        assert_eq!(fixture.response(9).await.standing(), Standing::Counted);
        assert_eq!(
            fixture.events_of("responses/00000000-0000-0000-0000-000000000001").await,
            ["response.submitted", "response.suspected"]
        );
    }

    #[tokio::test]
    async fn the_link_of_a_ticket_opens_the_survey_about_its_resolution() {
        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        let ticket = fixture.resolve(1, None).await;
        let opens = |ticket: &str| {
            holder(kernel::link::Opens::Ticket(kernel::TicketId::parse_name(ticket).unwrap()))
        };
        fixture.submit(opens(&ticket), 7, vec![number("overall", 5)]).await.unwrap();
        let other = kernel::TicketId::from(uuid::Uuid::from_u128(9)).name();
        let error = fixture.submit(opens(&other), 8, vec![number("overall", 5)]).await;
        assert!(matches!(error, Err(Error::InvitationNotFound { .. })));
        let error = fixture.submit(crate::rpc::fixture::editor(), 8, vec![]).await;
        assert!(matches!(error, Err(Error::InvitationNotFound { .. })), "who holds no link");
    }

    #[tokio::test]
    async fn an_invitation_ends() {
        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        let ticket = fixture.resolve(1, None).await;
        let call = invited(&fixture.invitation(&ticket).await);
        fixture.later(Duration::from_hours(15 * 24)).await;
        assert_eq!(fixture.invitation(&ticket).await.state(), InvitationState::Expired);
        let error = fixture.submit(call, 7, vec![number("overall", 5)]).await;
        assert!(matches!(error, Err(Error::InvitationState { .. })));
    }
}
