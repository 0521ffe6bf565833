//! `ListSurveyVersions`: all that was published of a survey, the latest first.

use contracts::surveys::v1::{ListSurveyVersionsRequest, ListSurveyVersionsResponse};
use kernel::{
    Violations,
    page::{self, Greatest},
};
use rpc::{Call, wire};

use crate::{App, Error, command, convert, store::versions};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListSurveyVersionsRequest,
) -> Result<ListSurveyVersionsResponse, Error> {
    let tenant = call.tenant();
    let mut violations = Violations::new();
    let survey = convert::survey_id(&request.parent, "parent", &mut violations);
    let query = page::Query::new(&app.tokens, tenant, "ListSurveyVersions", &request.parent);
    let size = page::size(request.page_size, &mut violations);
    let Greatest(start) = query.start(&request.page_token, &mut violations);
    violations.finish(())?;

    command::find(&app, &call, survey).await?;
    let rows = versions::list(&app.db, tenant, survey, start, size + 1).await?;
    let (versions, last) = wire::page_of(&rows, size, convert::version);
    let next_page_token = query.token(last.map(|last| Greatest(last.number)));
    Ok(ListSurveyVersionsResponse { versions, next_page_token })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::{
        archive_survey,
        fixture::{Fixture, editor, stranger},
    };

    #[tokio::test]
    async fn versions_are_paged_the_latest_first() {
        let fixture = Fixture::new().await;
        let live = fixture.live("After a repair").await;
        for _ in 0..2 {
            let asked = contracts::surveys::v1::ArchiveSurveyRequest {
                name: live.name.clone(),
                ..Default::default()
            };
            archive_survey::handle(fixture.app.clone(), editor(), asked).await.unwrap();
            fixture.publish(&live.name).await.unwrap();
        }
        let list = async |call, token: &str| {
            let asked = ListSurveyVersionsRequest {
                parent: live.name.clone(),
                page_size: 2,
                page_token: token.to_owned(),
            };
            handle(fixture.app.clone(), call, asked).await
        };
        let first = list(editor(), "").await.unwrap();
        let second = list(editor(), &first.next_page_token).await.unwrap();
        let all = [first.versions, second.versions].concat();
        let names: Vec<_> = all.iter().map(|one| one.name.rsplit('/').next().unwrap()).collect();
        assert_eq!(names, ["3", "2", "1"]);
        assert!(matches!(list(stranger(), "").await, Err(Error::SurveyNotFound { .. })));
    }
}
