//! `CreateSurvey`: records a survey with its draft.

use contracts::surveys::v1::{
    CreateSurveyRequest, Survey as Answer, SurveyCreated, survey_event::Change,
};
use kernel::{SurveyId, Violations};
use rpc::{Call, wire};
use store::transact;

use crate::{
    App, Error,
    command::{self, reaches},
    convert,
    domain::survey::{MAX_TITLE, Survey},
    events::{self, Author},
    store::surveys,
};

const METHOD: &str = "aftercare.surveys.v1.SurveyService/CreateSurvey";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: CreateSurveyRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let survey = parse(&app, &request, &request_id)?;
    if !reaches(&call) {
        return Err(Error::no_survey(&survey.id.name()));
    }
    let once = app.once(&call, METHOD, &request_id, &request);
    let earlier = transact!(app.db, "survey.create", |tx| {
        let earlier = once.claim(tx, &survey.id.name(), 1).await?;
        if earlier.is_none() {
            surveys::insert(tx, call.tenant(), &survey).await?;
            let created = Change::Created(SurveyCreated {});
            let happened = events::of_survey(&survey, created);
            events::append(&app, &Author::of(&call), tx, happened).await?;
        }
        Ok::<_, Error>(earlier)
    })?;
    let id = match earlier {
        None => survey.id,
        Some(earlier) => {
            SurveyId::parse_name(&earlier.resource).ok_or(Error::Corrupt("request id"))?
        }
    };
    command::read(&app, &call, id).await
}

fn parse(app: &App, request: &CreateSurveyRequest, request_id: &str) -> Result<Survey, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    violations.check(request.survey.is_some(), "survey", "must be given");
    let given = request.survey.clone().unwrap_or_default();
    violations.check(given.name.is_empty(), "survey.name", "must be left out");
    violations.text("survey.title", given.title.trim(), 1, MAX_TITLE);
    let draft = convert::questionnaire(given.draft.as_ref(), "survey.draft", &mut violations);
    let asks = given.after_resolution.as_ref();
    let after_resolution =
        convert::after_resolution(asks, "survey.after_resolution", &mut violations);
    let at = app.clock.now();
    violations.finish(Survey {
        id: SurveyId::from(app.ids.next()),
        version: 1,
        sequence: 1,
        last_at: at,
        title: given.title.trim().to_owned(),
        draft,
        after_resolution,
        versions: 0,
        changed: true,
        archived: false,
        created_at: at,
        updated_at: at,
    })
}

#[cfg(test)]
mod tests {
    use contracts::surveys::v1::{QuestionKind, SurveyState};

    use super::*;
    use crate::rpc::fixture::{
        Fixture, create, editor, fields, question, request_id, stranger, with,
    };

    #[tokio::test]
    async fn a_draft_is_what_was_given() {
        let fixture = Fixture::new().await;
        let asked = create("After a repair");
        let made = handle(fixture.app.clone(), editor(), asked.clone()).await.unwrap();
        assert_eq!((made.state(), made.live_version.as_str()), (SurveyState::Draft, ""));
        assert!(made.draft_changed);
        assert_eq!(made.draft, asked.survey.unwrap().draft);
        assert_eq!(fixture.read(editor(), &made.name).await, Some(made.clone()));
        assert_eq!(fixture.read(stranger(), &made.name).await, None);
        assert_eq!(fixture.events(&made.name).await, ["survey.created"]);
    }

    #[tokio::test]
    async fn a_request_id_makes_one_survey() {
        let fixture = Fixture::new().await;
        let mut asked = create("After a repair");
        asked.request_id = request_id(1);
        let first = handle(fixture.app.clone(), editor(), asked.clone()).await.unwrap();
        assert_eq!(handle(fixture.app.clone(), editor(), asked.clone()).await.unwrap(), first);
        asked.survey.as_mut().unwrap().title = "Another".to_owned();
        let error = handle(fixture.app.clone(), editor(), asked).await.unwrap_err();
        assert!(matches!(error, Error::RequestIdReused { .. }), "{error:?}");
    }

    #[tokio::test]
    async fn every_fault_of_the_form_is_told_at_once() {
        let fixture = Fixture::new().await;
        let mut nps = question("recommend", QuestionKind::Nps);
        nps.scale = Some(contracts::surveys::v1::Scale::default());
        let mut text = question("why", QuestionKind::ShortText);
        text.title.push(text.title[0].clone());
        text.min_choices = 2;
        let rating = question("Rating", QuestionKind::Rating);
        let mut asked = with("", vec![nps, text, rating]);
        asked.survey.as_mut().unwrap().name = "surveys/x".to_owned();
        let error = handle(fixture.app.clone(), editor(), asked).await.unwrap_err();
        let mut told = fields(&error);
        told.sort_unstable();
        told.dedup();
        assert_eq!(
            told,
            [
                "survey.draft.questions[0].scale",
                "survey.draft.questions[1].min_choices",
                "survey.draft.questions[1].title",
                "survey.draft.questions[2].id",
                "survey.draft.questions[2].scale",
                "survey.name",
                "survey.title",
            ]
        );
        let error = handle(fixture.app.clone(), editor(), CreateSurveyRequest::default()).await;
        assert_eq!(fields(&error.unwrap_err())[..2], ["survey", "survey.title"]);
    }
}
