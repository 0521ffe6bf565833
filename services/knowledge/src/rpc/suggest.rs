//! `Suggest`: questions while somebody types one.

use contracts::knowledge::v1::{SuggestRequest, SuggestResponse, Suggestion};
use kernel::{ArticleId, Violations};
use rpc::Call;

use crate::{App, Error, convert, reading::reaches, searching};

const MAX_PREFIX: usize = 100;
const DEFAULT_SIZE: usize = 8;
const MAX_SIZE: usize = 20;

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: SuggestRequest,
) -> Result<SuggestResponse, Error> {
    let mut violations = Violations::new();
    let reader = searching::reader(&call, request.audience, &mut violations);
    let locale = convert::locale(&request.locale, &call, &mut violations);
    violations.text("prefix", request.prefix.trim(), 1, MAX_PREFIX);
    let limit = searching::size(request.page_size, DEFAULT_SIZE, MAX_SIZE, &mut violations);
    violations.finish(())?;

    let filter = searching::filter(&reader, app.clock.now());
    let asked = search::Suggest { text: request.prefix, locale, filter, limit };
    if !reaches(&call) {
        return Ok(SuggestResponse::default());
    }
    let found = app.indexes.with(call.tenant(), move |index| index.suggest(&asked)).await?;
    let suggestion = |one: search::Suggestion| Suggestion {
        text: one.text.text,
        article: ArticleId::from(one.article).name(),
        locale: one.locale,
    };
    Ok(SuggestResponse { suggestions: found.into_iter().map(suggestion).collect() })
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::AudienceLevel;

    use super::*;
    use crate::rpc::fixture::{Fixture, agent, anonymous, fields};

    #[tokio::test]
    async fn what_is_typed_is_finished_for_its_reader() {
        let fixture = Fixture::new().await;
        fixture.published("退货运费谁承担", AudienceLevel::Public).await;
        fixture.published("退货审批流程", AudienceLevel::Agent).await;
        fixture.indexed().await;
        let suggested = async |call| {
            let asked = SuggestRequest { prefix: "退货".to_owned(), ..Default::default() };
            let found = handle(fixture.app.clone(), call, asked).await.unwrap().suggestions;
            let mut texts: Vec<_> = found.into_iter().map(|one| one.text).collect();
            texts.sort_unstable();
            texts
        };
        assert_eq!(suggested(anonymous()).await, ["退货运费谁承担"]);
        assert_eq!(suggested(agent(&[])).await, ["退货审批流程", "退货运费谁承担"]);
        let error = handle(fixture.app.clone(), anonymous(), SuggestRequest::default()).await;
        assert_eq!(fields(&error.unwrap_err()), ["prefix"]);
    }
}
