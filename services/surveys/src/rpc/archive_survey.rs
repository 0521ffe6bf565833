//! `ArchiveSurvey`: stops asking.

use contracts::surveys::v1::{
    ArchiveSurveyRequest, Survey as Answer, SurveyArchived, SurveyState, survey_event::Change,
};
use kernel::{Violations, etag::Demand};
use rpc::{Call, wire};
use store::transact;

use crate::{
    App, Error,
    command::{self, Command},
    convert,
};

const METHOD: &str = "aftercare.surveys.v1.SurveyService/ArchiveSurvey";

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: ArchiveSurveyRequest,
) -> Result<Answer, Error> {
    let request_id = std::mem::take(&mut request.request_id);
    let mut violations = Violations::new();
    wire::check_request_id(&request_id, &mut violations);
    let id = convert::survey_id(&request.name, "name", &mut violations);
    violations.finish(())?;

    let once = app.once(&call, METHOD, &request_id, &request);
    let command = Command { id, etag: Demand::parse(&request.etag), once };
    transact!(app.db, "survey.archive", |tx| {
        let held = command::hold(&app, &call, tx, &command).await?;
        let Some((before, at)) = held else { return Ok(()) };
        match before.state() {
            SurveyState::Live => {
                let change = Change::Archived(SurveyArchived {});
                command::save(&app, &call, tx, &before.archived(at), change).await
            }
            SurveyState::Archived => Ok(()),
            SurveyState::Draft | SurveyState::Unspecified => {
                Err(Error::NotPublished { name: id.name() })
            }
        }
    })?;
    command::read(&app, &call, id).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::{Fixture, editor};

    #[tokio::test]
    async fn nobody_is_asked_until_it_is_published_again() {
        let fixture = Fixture::new().await;
        let live = fixture.live("After a repair").await;
        let archive = async |name: &str| {
            let asked = ArchiveSurveyRequest { name: name.to_owned(), ..Default::default() };
            handle(fixture.app.clone(), editor(), asked).await
        };
        let gone = archive(&live.name).await.unwrap();
        assert_eq!((gone.state(), gone.live_version.as_str()), (SurveyState::Archived, ""));
        assert_eq!(archive(&live.name).await.unwrap(), gone);
        let back = fixture.publish(&live.name).await.unwrap();
        assert_eq!(back.live_version, format!("{}/versions/2", live.name));
        assert!(fixture.version(&live.name, 2).await.continues);
        let draft = fixture.draft("Never asked").await;
        let error = archive(&draft.name).await.unwrap_err();
        assert!(matches!(error, Error::NotPublished { .. }), "{error:?}");
        assert_eq!(
            fixture.events(&live.name).await,
            ["survey.created", "survey.published", "survey.archived", "survey.published"]
        );
    }
}
