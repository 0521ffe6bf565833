//! `ListArticles`: articles without their words, newest first, by one of the access paths.

use contracts::knowledge::v1::{ArticleKind, ListArticlesRequest, ListArticlesResponse};
use kernel::{
    ArticleId, Violations,
    page::{self, Newest},
};
use rpc::Call;

use crate::{
    App, Error,
    convert::{self, WRITES},
    domain::article::{MAX_EXTERNAL_ID, MAX_TAG},
    reading::{self, reaches},
    store::articles::{self, Eyes, Path},
};

const PATHS: &str = "must be one of: no filter, `kind`, `product`, `tag`, `external_id`, `locale`; two of them cannot go together";

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ListArticlesRequest,
) -> Result<ListArticlesResponse, Error> {
    let mut violations = Violations::new();
    let path = path(&request, &mut violations);
    let of = format!("{path:?}");
    let query = page::Query::new(&app.tokens, call.tenant(), "ListArticles", &of);
    let size = page::size(request.page_size, &mut violations);
    let Newest(start) = query.start(&request.page_token, &mut violations);
    violations.finish(())?;

    let eyes = if call.may(WRITES) { Eyes::Writer } else { Eyes::Reader(convert::reader(&call)) };
    // What another system calls an article is for staff alone: nobody else finds one by it.
    let by_staffs_word = matches!(path, Path::ExternalId(_)) && !convert::is_staff(&call);
    let mut rows = if reaches(&call) && !by_staffs_word {
        let at = app.clock.now();
        articles::list(&app.db, call.tenant(), &path, &eyes, at, start, size + 1).await?
    } else {
        Vec::new()
    };
    let wanted = usize::try_from(size).unwrap_or(usize::MAX);
    let goes_on = rows.len() > wanted;
    rows.truncate(wanted);
    let end = rows.last().filter(|_| goes_on).map(|last| last.id);
    // What is no longer live by now is left out, which is no reason to end the list.
    let mut shown = reading::read(&app, &call, rows, None).await?;
    let cut = page::cut(&mut shown, size, prost::Message::encoded_len);
    let last = shown.last().filter(|_| cut).and_then(|last| ArticleId::parse_name(&last.name));
    let next_page_token = query.token(last.or(end).map(|id| Newest(id.uuid())));
    Ok(ListArticlesResponse { articles: shown, next_page_token })
}

/// The access path of a request; a combination that there is none for is a violation.
fn path(request: &ListArticlesRequest, violations: &mut Violations) -> Path {
    let ListArticlesRequest { product, tag, external_id, .. } = request;
    let kind = ArticleKind::try_from(request.kind);
    violations.check(kind.is_ok(), "kind", "is none that there is");
    let kind = kind.unwrap_or_default();
    let mut paths = Vec::new();
    if kind != ArticleKind::Unspecified {
        paths.push(Path::Kind(kind));
    }
    if !product.is_empty() {
        paths.push(Path::Product(convert::product_id(product, "product", violations)));
    }
    if !tag.is_empty() {
        violations.text("tag", tag, 1, MAX_TAG);
        paths.push(Path::Tag(tag.clone()));
    }
    if !external_id.is_empty() {
        violations.text("external_id", external_id, 1, MAX_EXTERNAL_ID);
        paths.push(Path::ExternalId(external_id.clone()));
    }
    if !request.locale.is_empty() {
        paths.push(Path::Locale(convert::tag(&request.locale, "locale", violations)));
    }
    violations.check(paths.len() < 2, "filter", PATHS);
    paths.pop().unwrap_or(Path::All)
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::{Article, AudienceLevel};

    use super::*;
    use crate::rpc::{
        create_article,
        fixture::{
            Fixture, agent, anonymous, audience, create, customer, editor, fields, stranger,
        },
        publish_revision,
    };

    async fn listed(fixture: &Fixture, call: Call, request: ListArticlesRequest) -> Vec<Article> {
        handle(fixture.app.clone(), call, request).await.unwrap().articles
    }

    fn titles(articles: &[Article]) -> Vec<&str> {
        articles.iter().map(|article| article.translations[0].title.as_str()).collect()
    }

    async fn filed(fixture: &Fixture, title: &str, change: impl FnOnce(&mut Article)) {
        let mut asked = create(title);
        change(asked.article.as_mut().unwrap());
        let made = create_article::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        let name = format!("{}/revisions/1", made.name);
        let asked = contracts::knowledge::v1::PublishRevisionRequest { name, ..Default::default() };
        publish_revision::handle(fixture.app.clone(), editor(), asked).await.unwrap();
    }

    #[tokio::test]
    async fn each_reader_lists_what_they_may_read() {
        let fixture = Fixture::new().await;
        fixture.published("公开", AudienceLevel::Public).await;
        fixture.published("会员", AudienceLevel::Customer).await;
        fixture.published("坐席", AudienceLevel::Agent).await;
        fixture.draft("草稿", AudienceLevel::Public).await;
        filed(&fixture, "销售", |one| {
            one.audience = Some(audience(AudienceLevel::Agent, &["sales"]));
        })
        .await;
        for (call, seen) in [
            (anonymous(), ["公开"].as_slice()),
            (customer(), &["会员", "公开"]),
            (agent(&[]), &["坐席", "会员", "公开"]),
            (agent(&["sales"]), &["销售", "坐席", "会员", "公开"]),
            (editor(), &["销售", "草稿", "坐席", "会员", "公开"]),
            (stranger(), &[]),
        ] {
            let articles = listed(&fixture, call, ListArticlesRequest::default()).await;
            assert_eq!(titles(&articles), seen);
        }
    }

    #[tokio::test]
    async fn each_path_is_paged_newest_first() {
        let fixture = Fixture::new().await;
        for n in 0..5 {
            filed(&fixture, &format!("{n}"), |one| {
                one.products = vec!["products/X-1".to_owned()];
                one.tags = vec!["退货".to_owned()];
                one.external_id = format!("kb-{n}");
            })
            .await;
        }
        filed(&fixture, "别的", |one| one.set_kind(ArticleKind::Policy)).await;
        let paths = [
            ListArticlesRequest { kind: ArticleKind::Faq.into(), ..Default::default() },
            ListArticlesRequest { product: "products/X-1".to_owned(), ..Default::default() },
            ListArticlesRequest { tag: "退货".to_owned(), ..Default::default() },
        ];
        for mut asked in paths {
            asked.page_size = 3;
            let first = handle(fixture.app.clone(), agent(&[]), asked.clone()).await.unwrap();
            asked.page_token = first.next_page_token;
            let second = handle(fixture.app.clone(), agent(&[]), asked).await.unwrap();
            assert_eq!(titles(&first.articles), ["4", "3", "2"]);
            assert_eq!(titles(&second.articles), ["1", "0"]);
            assert_eq!(second.next_page_token, "");
        }
        let one = ListArticlesRequest { external_id: "kb-3".to_owned(), ..Default::default() };
        assert_eq!(titles(&listed(&fixture, agent(&[]), one).await), ["3"]);
        let mut english = create("别的");
        english.article.as_mut().unwrap().revision.as_mut().unwrap().locale = "en".to_owned();
        let made = create_article::handle(fixture.app.clone(), editor(), english).await.unwrap();
        fixture.publish(&format!("{}/revisions/1", made.name)).await;
        for (locale, call, found) in
            [("en", agent(&[]), 1), ("en", editor(), 1), ("zh", agent(&[]), 6), ("fr", editor(), 0)]
        {
            let asked = ListArticlesRequest { locale: locale.to_owned(), ..Default::default() };
            assert_eq!(listed(&fixture, call, asked).await.len(), found, "{locale}");
        }
        let two = ListArticlesRequest {
            external_id: "kb-3".to_owned(),
            tag: "退货".to_owned(),
            ..Default::default()
        };
        let error = handle(fixture.app.clone(), agent(&[]), two).await.unwrap_err();
        assert_eq!(fields(&error), ["filter"]);
    }

    #[tokio::test]
    async fn nobody_but_staff_finds_an_article_by_what_it_is_called_elsewhere() {
        let fixture = Fixture::new().await;
        filed(&fixture, "公开", |one| {
            one.audience = Some(audience(AudienceLevel::Public, &[]));
            one.external_id = "kb-1".to_owned();
        })
        .await;
        for (call, found) in [(anonymous(), 0), (customer(), 0), (agent(&[]), 1), (editor(), 1)] {
            let asked = ListArticlesRequest { external_id: "kb-1".into(), ..Default::default() };
            assert_eq!(listed(&fixture, call, asked).await.len(), found);
        }
    }
}
