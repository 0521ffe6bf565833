//! `ListSurveys`: surveys without their drafts, newest first.

use contracts::surveys::v1::{ListSurveysRequest, ListSurveysResponse, SurveyState};
use kernel::{
    Violations,
    page::{self, Newest},
};
use rpc::{Call, wire};

use crate::{App, Error, command::reaches, convert, store::surveys};

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListSurveysRequest,
) -> Result<ListSurveysResponse, Error> {
    let mut violations = Violations::new();
    let state = SurveyState::try_from(request.state);
    violations.check(state.is_ok(), "state", "is none that there is");
    let state = state.unwrap_or_default();
    let of = state.as_str_name();
    let query = page::Query::new(&app.tokens, call.tenant(), "ListSurveys", of);
    let size = page::size(request.page_size, &mut violations);
    let Newest(start) = query.start(&request.page_token, &mut violations);
    violations.finish(())?;

    let rows = if reaches(&call) {
        surveys::list(&app.db, call.tenant(), state, start, size + 1).await?
    } else {
        Vec::new()
    };
    let (surveys, last) = wire::page_of(&rows, size, |one| convert::survey(one, false));
    let next_page_token = query.token(last.map(|last| Newest(last.id.uuid())));
    Ok(ListSurveysResponse { surveys, next_page_token })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::fixture::{Fixture, editor, stranger};

    #[tokio::test]
    async fn each_path_is_paged_newest_first() {
        let fixture = Fixture::new().await;
        for title in ["1", "2", "3", "4"] {
            fixture.live(title).await;
        }
        fixture.draft("5").await;
        let list = async |call, state: SurveyState, token: &str| {
            let asked = ListSurveysRequest {
                state: state.into(),
                page_size: 3,
                page_token: token.to_owned(),
            };
            let page = handle(fixture.app.clone(), call, asked).await.unwrap();
            let titles: Vec<_> = page.surveys.iter().map(|one| one.title.clone()).collect();
            assert!(page.surveys.iter().all(|one| one.draft.is_none()));
            (titles, page.next_page_token)
        };
        let (first, token) = list(editor(), SurveyState::Unspecified, "").await;
        let (second, end) = list(editor(), SurveyState::Unspecified, &token).await;
        assert_eq!(
            (first, second, end.as_str()),
            (strings(&["5", "4", "3"]), strings(&["2", "1"]), "")
        );
        let (first, token) = list(editor(), SurveyState::Live, "").await;
        let (second, _) = list(editor(), SurveyState::Live, &token).await;
        assert_eq!((first, second), (strings(&["4", "3", "2"]), strings(&["1"])));
        assert_eq!(list(editor(), SurveyState::Draft, "").await.0, ["5"]);
        assert_eq!(list(stranger(), SurveyState::Unspecified, "").await.0, [""; 0]);
    }

    fn strings(all: &[&str]) -> Vec<String> {
        all.iter().map(|one| (*one).to_owned()).collect()
    }
}
