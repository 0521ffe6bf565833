//! `SuggestForText`: articles for a whole text.

use contracts::knowledge::v1::{SuggestForTextRequest, SuggestForTextResponse};
use kernel::Violations;
use rpc::Call;

use crate::{App, Error, convert, reading::reaches, searching};

const MAX_TEXT: usize = 32_000;
/// So much of a text counts, in characters.
const COUNTS: usize = 4_000;
const MAX_PRODUCTS: usize = 20;
const DEFAULT_SIZE: usize = 5;
const MAX_SIZE: usize = 20;

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: SuggestForTextRequest,
) -> Result<SuggestForTextResponse, Error> {
    let mut violations = Violations::new();
    let reader = searching::reader(&call, request.audience, &mut violations);
    let locale = convert::locale(&request.locale, &call, &mut violations);
    let products = searching::products(&request.products, MAX_PRODUCTS, &mut violations);
    violations.text("text", request.text.trim(), 1, MAX_TEXT);
    let limit = searching::size(request.page_size, DEFAULT_SIZE, MAX_SIZE, &mut violations);
    violations.finish(())?;

    let filter = search::Filter { about: products, ..searching::filter(&reader, app.clock.now()) };
    let text = request.text.trim().chars().take(COUNTS).collect();
    let asked = search::Related { text, locale, filter, limit };
    if !reaches(&call) {
        return Ok(SuggestForTextResponse::default());
    }
    let found = app.indexes.with(call.tenant(), move |index| index.related(&asked)).await?;
    Ok(SuggestForTextResponse { results: found.iter().map(searching::result).collect() })
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::{AudienceLevel, CreateArticleRequest};

    use super::*;
    use crate::rpc::{
        create_article,
        fixture::{Fixture, agent, audience, create, customer, editor},
    };

    async fn about(fixture: &Fixture, title: &str, products: &[&str]) {
        let mut asked: CreateArticleRequest = create(title);
        let article = asked.article.as_mut().unwrap();
        article.products = products.iter().map(|id| format!("products/{id}")).collect();
        article.audience = Some(audience(AudienceLevel::Agent, &[]));
        let made = create_article::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        fixture.publish(&format!("{}/revisions/1", made.name)).await;
    }

    #[tokio::test]
    async fn a_text_finds_what_is_about_it_and_its_product() {
        let fixture = Fixture::new().await;
        about(&fixture, "洗衣机漏水怎么办", &["W-1"]).await;
        about(&fixture, "洗碗机漏水怎么办", &["D-1"]).await;
        about(&fixture, "漏水时的安全提示", &[]).await;
        about(&fixture, "发票如何开具", &[]).await;
        fixture.indexed().await;
        let text = "你好，我上个月买的机器昨天开始漏水，地上全是水，怎么办？";
        let suggested = async |call, products: &[&str]| {
            let products = products.iter().map(|id| format!("products/{id}")).collect();
            let text = text.to_owned();
            let asked = SuggestForTextRequest { text, products, ..Default::default() };
            let found = handle(fixture.app.clone(), call, asked).await.unwrap().results;
            found.into_iter().map(|result| result.title).collect::<Vec<_>>()
        };
        let all = suggested(agent(&[]), &[]).await;
        assert!(all.len() >= 3 && !all[..3].contains(&"发票如何开具".to_owned()), "{all:?}");
        let washer = suggested(agent(&[]), &["W-1"]).await;
        assert_eq!(washer[0], "洗衣机漏水怎么办");
        assert!(!washer.contains(&"洗碗机漏水怎么办".to_owned()), "{washer:?}");
        assert!(suggested(customer(), &[]).await.is_empty());
    }
    #[tokio::test]
    async fn the_product_is_found_among_many_with_the_same_symptom() {
        let fixture = Fixture::new().await;
        for n in 0..60 {
            about(&fixture, "洗衣机漏水怎么办", &[&format!("W-{n}")]).await;
        }
        fixture.indexed().await;
        let asked = SuggestForTextRequest {
            text: "洗衣机昨天开始漏水".to_owned(),
            products: vec!["products/W-59".to_owned()],
            ..Default::default()
        };
        let found = handle(fixture.app.clone(), agent(&[]), asked).await.unwrap();
        assert_eq!(found.results.len(), 1);
    }
}
