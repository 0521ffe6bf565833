//! `PublishSurvey`: makes the draft the version that is asked.

use contracts::surveys::v1::{
    PublishSurveyRequest, Survey as Answer, SurveyPublished, survey_event::Change,
};
use kernel::{Violations, etag::Demand};
use rpc::{Call, wire};
use store::transact;

use crate::{
    App, Error,
    command::{self, Command},
    convert,
    domain::{
        logic::Logic,
        survey::{Version, version_name},
    },
    store::versions,
};

const METHOD: &str = "aftercare.surveys.v1.SurveyService/PublishSurvey";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: PublishSurveyRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    let id = convert::survey_id(&request.name, "name", &mut violations);
    violations.finish(())?;

    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag: Demand::parse(&request.etag), once };
    transact!(app.db, "survey.publish", |tx| {
        let held = command::hold(&app, &call, tx, &command).await?;
        let Some((before, at)) = held else { return Ok(()) };
        if !before.changed && !before.archived {
            return Ok(());
        }
        Logic::read(&before.draft).map_err(|faults| Error::faulty(&id.name(), faults))?;
        let tenant = call.tenant();
        let last = versions::get_in(tx, tenant, id, before.versions).await?;
        let continued = match last.map(|last| last.series) {
            Some(series) => {
                // A question may have left and come back as another one.
                let all = versions::of_series(tx, tenant, id, series).await?;
                let goes_on = |one: &Version| one.questionnaire.continues_in(&before.draft);
                all.iter().all(goes_on).then_some(series)
            }
            None => None,
        };
        let (after, (actor_kind, actor)) = (before.published(at), wire::actor_parts(&call.caller));
        let version = Version {
            survey: id,
            number: after.versions,
            questionnaire: after.draft.clone(),
            continues: continued.is_some(),
            series: continued.unwrap_or(after.versions),
            actor_kind: actor_kind.to_owned(),
            actor,
            published_at: at,
        };
        versions::insert(tx, tenant, &version).await?;
        let published = SurveyPublished {
            version: version_name(id, after.versions),
            continues: version.continues,
        };
        let change = Change::Published(published);
        command::save(&app, &call, tx, &after, change).await
    })?;
    command::read(&app, &call, id).await
}

#[cfg(test)]
mod tests {
    use contracts::surveys::v1::{QuestionKind, Survey, SurveyState, UpdateSurveyRequest};

    use super::*;
    use crate::rpc::{
        fixture::{Fixture, editor, question, with},
        update_survey,
    };

    async fn rewrite(
        fixture: &Fixture,
        name: &str,
        questions: Vec<contracts::surveys::v1::Question>,
    ) {
        let draft = with("", questions).survey.unwrap().draft;
        let survey = Survey { name: name.to_owned(), draft, ..Survey::default() };
        let asked = UpdateSurveyRequest { survey: Some(survey), ..Default::default() };
        update_survey::handle(fixture.app.clone(), editor(), asked).await.unwrap();
    }

    #[tokio::test]
    async fn a_version_is_made_of_each_changed_draft_and_never_of_the_same() {
        let fixture = Fixture::new().await;
        let first = fixture.live("After a repair").await;
        assert_eq!(first.state(), SurveyState::Live);
        assert_eq!(first.live_version, format!("{}/versions/1", first.name));
        assert_eq!(fixture.publish(&first.name).await.unwrap(), first);
        let nps = || question("recommend", QuestionKind::Nps);
        let other = || question("why", QuestionKind::ShortText);
        rewrite(&fixture, &first.name, vec![nps(), other()]).await;
        let second = fixture.publish(&first.name).await.unwrap();
        assert_eq!(second.live_version, format!("{}/versions/2", first.name));
        let mut other = other();
        other.kind = QuestionKind::Nps.into();
        rewrite(&fixture, &first.name, vec![nps(), other]).await;
        fixture.publish(&first.name).await.unwrap();
        let continues = async |number| fixture.version(&first.name, number).await.continues;
        assert_eq!(
            (continues(1).await, continues(2).await, continues(3).await),
            (false, true, false)
        );
    }

    #[tokio::test]
    async fn a_question_that_comes_back_as_another_one_begins_a_series() {
        let fixture = Fixture::new().await;
        let first = fixture.live("After a repair").await;
        let nps = || question("recommend", QuestionKind::Nps);
        let other = |kind| vec![nps(), question("other", kind)];
        for questions in
            [other(QuestionKind::Nps), vec![nps()], other(QuestionKind::ShortText), vec![nps()]]
        {
            rewrite(&fixture, &first.name, questions).await;
            fixture.publish(&first.name).await.unwrap();
        }
        let mut series = Vec::new();
        for number in 1..=5 {
            series.push(fixture.version(&first.name, number).await.series);
        }
        assert_eq!(series, [1, 1, 1, 4, 4]);
    }

    #[tokio::test]
    async fn a_faulty_draft_is_refused_with_all_its_faults() {
        let fixture = Fixture::new().await;
        let live = fixture.live("After a repair").await;
        let mut late = question("late", QuestionKind::Nps);
        late.visible_if = "answers.nobody > 3".to_owned();
        let mut dumb = question("dumb", QuestionKind::Nps);
        dumb.title[0].locale = "zh".to_owned();
        rewrite(&fixture, &live.name, vec![late, dumb]).await;
        let error = fixture.publish(&live.name).await.unwrap_err();
        let Error::DraftFaulty { faults, .. } = error else { panic!("{error:?}") };
        let told: Vec<_> = faults.iter().map(|one| (one.kind, one.subject.as_str())).collect();
        assert_eq!(
            told,
            [
                ("MISSING_TEXT", "draft.questions[1].title"),
                ("UNKNOWN_REFERENCE", "draft.questions[0].visible_if"),
            ]
        );
        let after = fixture.read(editor(), &live.name).await.unwrap();
        assert_eq!(after.live_version, live.live_version, "what is asked stays");
    }
}
