//! `UpdateSurvey`: writes the title, the draft, or whom it asks by itself.

use contracts::surveys::v1::{
    Survey as Answer, SurveyUpdated, UpdateSurveyRequest, survey_event::Change,
};
use kernel::{Violations, etag::Demand, mask::Mask};
use rpc::{Call, wire};
use store::transact;

use crate::{
    App, Error,
    command::{self, Command},
    convert,
    domain::{
        questionnaire::Questionnaire,
        survey::{MAX_TITLE, WRITABLE, Written},
    },
    store::versions,
};

const METHOD: &str = "aftercare.surveys.v1.SurveyService/UpdateSurvey";

/// What is to be written.
#[derive(Debug)]
struct Update {
    id: kernel::SurveyId,
    etag: Demand,
    mask: Mask,
    given: Written,
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: UpdateSurveyRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let Update { id, etag, mask, given } = parse(&request, &request_id)?;
    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag, once };
    transact!(app.db, "survey.update", |tx| {
        let held = command::hold(&app, &call, tx, &command).await?;
        let Some((before, at)) = held else { return Ok(()) };
        let last = versions::get_in(tx, call.tenant(), id, before.versions).await?;
        let last = last.map(|last| last.questionnaire);
        let (after, paths) = before.written(&given, &mask, last.as_ref(), at);
        if paths.is_empty() {
            return Ok(());
        }
        let paths = paths.into_iter().map(str::to_owned).collect();
        let change = Change::Updated(SurveyUpdated { paths });
        command::save(&app, &call, tx, &after, change).await
    })?;
    command::read(&app, &call, id).await
}

fn parse(request: &UpdateSurveyRequest, request_id: &str) -> Result<Update, Violations> {
    let mut violations = Violations::new();
    wire::check_request_id(request_id, &mut violations);
    let given = request.survey.clone().unwrap_or_default();
    let id = convert::survey_id(&given.name, "survey.name", &mut violations);
    let populated = |path: &str| match path {
        "title" => !given.title.is_empty(),
        "draft" => given.draft.is_some(),
        "after_resolution" => given.after_resolution.is_some(),
        _ => false,
    };
    let paths = request.update_mask.as_ref().map(|mask| mask.paths.as_slice());
    let mask = Mask::parse(paths, WRITABLE, populated, &mut violations);
    violations.check(!mask.is_empty() || !violations.is_empty(), "update_mask", "names no field");
    let title = given.title.trim().to_owned();
    if mask.has("title") {
        violations.text("survey.title", &title, 1, MAX_TITLE);
    }
    let draft = if mask.has("draft") {
        convert::questionnaire(given.draft.as_ref(), "survey.draft", &mut violations)
    } else {
        Questionnaire::default()
    };
    let asks = given.after_resolution.as_ref();
    let after_resolution =
        convert::after_resolution(asks, "survey.after_resolution", &mut violations);
    let etag = Demand::parse(&given.etag);
    let given = Written { title, draft, after_resolution };
    violations.finish(Update { id, etag, mask, given })
}

#[cfg(test)]
mod tests {
    use contracts::surveys::v1::{QuestionKind, Survey};
    use prost_types::FieldMask;

    use super::*;
    use crate::rpc::fixture::{Fixture, editor, fields, question, stranger, with};

    #[tokio::test]
    async fn the_live_version_stays_while_its_draft_is_written() {
        let fixture = Fixture::new().await;
        let live = fixture.live("After a repair").await;
        let draft = with("", vec![question("more", QuestionKind::LongText)]).survey.unwrap().draft;
        let survey = Survey { name: live.name.clone(), draft, ..Survey::default() };
        let asked = UpdateSurveyRequest { survey: Some(survey), ..Default::default() };
        let after = handle(fixture.app.clone(), editor(), asked.clone()).await.unwrap();
        assert!(after.draft_changed && !live.draft_changed);
        assert_eq!(after.live_version, live.live_version);
        assert_ne!(after.etag, live.etag);
        // The same again changes nothing.
        let again = handle(fixture.app.clone(), editor(), asked.clone()).await.unwrap();
        assert_eq!(again, after);
        assert_eq!(
            fixture.events(&live.name).await,
            ["survey.created", "survey.published", "survey.updated"]
        );
        let error = handle(fixture.app.clone(), stranger(), asked).await.unwrap_err();
        assert!(matches!(error, Error::SurveyNotFound { .. }), "{error:?}");
        // What is written back as it was published is no other draft.
        let survey = Survey { name: live.name.clone(), draft: live.draft, ..Survey::default() };
        let back = UpdateSurveyRequest { survey: Some(survey), ..Default::default() };
        assert!(!handle(fixture.app.clone(), editor(), back).await.unwrap().draft_changed);
    }

    #[tokio::test]
    async fn a_write_sees_what_it_writes_over() {
        let fixture = Fixture::new().await;
        let made = fixture.draft("After a repair").await;
        let write = async |etag: &str, paths: &[&str], title: &str| {
            let survey = Survey {
                name: made.name.clone(),
                etag: etag.to_owned(),
                title: title.to_owned(),
                ..Survey::default()
            };
            let paths = paths.iter().map(|path| (*path).to_owned()).collect();
            let update_mask = Some(FieldMask { paths });
            let asked =
                UpdateSurveyRequest { survey: Some(survey), update_mask, ..Default::default() };
            handle(fixture.app.clone(), editor(), asked).await
        };
        assert_eq!(
            write(&made.etag, &["title"], "After a visit").await.unwrap().title,
            "After a visit"
        );
        let error = write(&made.etag, &["title"], "After a call").await.unwrap_err();
        assert!(matches!(error, Error::StaleEtag { .. }), "{error:?}");
        assert_eq!(fields(&write("", &["title"], " ").await.unwrap_err()), ["survey.title"]);
        assert_eq!(fields(&write("", &["draft"], "a").await.unwrap_err()), ["survey.draft"]);
        assert_eq!(fields(&write("", &["state"], "a").await.unwrap_err()), ["update_mask"]);
    }
}
