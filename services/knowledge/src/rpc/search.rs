//! `Search`: articles by a question or by words.

use contracts::knowledge::v1::{
    ArticleKind, KindCount, SearchRequest, SearchResponse, SearchStage,
};
use kernel::{SearchId, Violations, page};
use rpc::Call;
use search::Answer;
use uuid::Uuid;

use crate::{App, Error, convert, reading::reaches, searching, store::searches};

const MAX_QUERY: usize = 500;
const MAX_KINDS: usize = 10;
const MAX_ANY: usize = 20;
const DEFAULT_SIZE: usize = 10;
const MAX_SIZE: usize = 50;
/// How many results can be reached.
const DEEPEST: usize = 500;
/// How many results are logged.
const LOGGED: usize = 10;

/// Where a page of a search starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    offset: u32,
    search: Uuid,
}

impl page::Position for Place {
    const START: Self = Self { offset: 0, search: Uuid::nil() };

    fn encode(&self) -> Vec<u8> {
        [self.offset.to_be_bytes().as_slice(), self.search.as_bytes()].concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (offset, search) = bytes.split_first_chunk::<4>()?;
        let search = Uuid::from_slice(search).ok()?;
        Some(Self { offset: u32::from_be_bytes(*offset), search })
    }
}

pub(crate) async fn handle(
    app: App,
    call: Call,
    mut request: SearchRequest,
) -> Result<SearchResponse, Error> {
    let (tenant, at) = (call.tenant(), app.clock.now());
    let (token, asked_size) =
        (std::mem::take(&mut request.page_token), std::mem::take(&mut request.page_size));
    let of = format!("{request:?}");
    let pages = page::Query::new(&app.tokens, tenant, "Search", &of);
    let mut violations = Violations::new();
    let size = searching::size(asked_size, DEFAULT_SIZE, MAX_SIZE, &mut violations);
    let place: Place = pages.start(&token, &mut violations);
    let offset = usize::try_from(place.offset).unwrap_or(DEEPEST);
    let reader = searching::reader(&call, request.audience, &mut violations);
    let mut filter = searching::filter(&reader, at);
    let locale = convert::locale(&request.locale, &call, &mut violations);
    if request.only_locale {
        filter.locales = vec![locale.clone()];
    }
    filter.kinds = kinds(&request.kinds, &mut violations);
    filter.products = searching::products(&request.products, MAX_ANY, &mut violations);
    filter.tags = request.tags.iter().take(MAX_ANY).cloned().collect();
    violations.check(request.tags.len() <= MAX_ANY, "tags", "must be at most 20");
    violations.text("query", request.query.trim(), 1, MAX_QUERY);
    violations.finish(())?;

    let asked = search::Search {
        text: request.query.trim().to_owned(),
        locale: locale.clone(),
        filter,
        offset,
        limit: size.min(DEEPEST.saturating_sub(offset)),
        facets: true,
    };
    let answer = if reaches(&call) {
        app.indexes.with(tenant, move |index| index.search(&asked)).await?
    } else {
        return Ok(SearchResponse { total_is_exact: true, ..SearchResponse::default() });
    };
    let search = match offset {
        0 => SearchId::from(app.ids.next()),
        _ => SearchId::from(place.search),
    };
    let response = response(&answer, search);
    if offset == 0 {
        let shown = response.results.iter().take(LOGGED);
        let record = searches::Search {
            id: search,
            at,
            query: request.query.trim().to_owned(),
            locale,
            level: reader.level,
            stage: response.stage(),
            total: i64::from(response.total_size),
            shown: shown.map(|result| result.revision.clone()).collect(),
            chosen: Vec::new(),
        };
        app.searches.note(&call, record);
    }
    let next = offset + response.results.len();
    let more = answer.more && next < DEEPEST;
    let place = u32::try_from(next).ok().filter(|_| more);
    let next_page_token = pages.token(place.map(|offset| Place { offset, search: search.uuid() }));
    Ok(SearchResponse { next_page_token, ..response })
}

/// The kinds of a search, by their names in the index.
fn kinds(given: &[i32], violations: &mut Violations) -> Vec<String> {
    violations.check(given.len() <= MAX_KINDS, "kinds", "must be at most 10");
    let mut names = Vec::new();
    for (index, kind) in given.iter().take(MAX_KINDS).enumerate() {
        let kind =
            ArticleKind::try_from(*kind).ok().filter(|kind| *kind != ArticleKind::Unspecified);
        violations.check(kind.is_some(), &format!("kinds[{index}]"), "is none that there is");
        names.extend(kind.map(|kind| kind.as_str_name().to_owned()));
    }
    names
}

fn response(answer: &Answer, search: SearchId) -> SearchResponse {
    let stage = match answer.total {
        0 => SearchStage::Unspecified,
        _ => searching::stage(answer.stage),
    };
    let facets = answer.facets.as_ref();
    let kinds = facets.map(|facets| facets.kinds.as_slice()).unwrap_or_default();
    let count = |count: usize| i32::try_from(count).unwrap_or(i32::MAX);
    SearchResponse {
        search: search.name(),
        stage: stage.into(),
        results: answer.hits.iter().map(searching::result).collect(),
        total_size: count(answer.total),
        kinds: kinds
            .iter()
            .map(|one| KindCount {
                kind: searching::kind(&one.value).into(),
                count: count(one.articles),
            })
            .collect(),
        next_page_token: String::new(),
        total_is_exact: answer.exact,
    }
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::{
        ArchiveArticleRequest, Article, AudienceLevel, PublishRevisionRequest, UpdateArticleRequest,
    };
    use rpc::wire;

    use super::*;
    use crate::rpc::{
        archive_article, create_article, create_revision,
        fixture::{
            Fixture, agent, anonymous, audience, create, customer, editor, fields, stranger, words,
        },
        publish_revision, update_article,
    };

    #[tokio::test]
    async fn each_reader_finds_what_they_may_read() {
        let fixture = Fixture::new().await;
        fixture.published("退货公开", AudienceLevel::Public).await;
        fixture.published("退货会员", AudienceLevel::Customer).await;
        fixture.published("退货坐席", AudienceLevel::Agent).await;
        fixture.draft("退货草稿", AudienceLevel::Public).await;
        let narrow = fixture.published("退货销售", AudienceLevel::Agent).await;
        let article = Article {
            name: narrow.name,
            audience: Some(audience(AudienceLevel::Agent, &["sales"])),
            ..Default::default()
        };
        let asked = UpdateArticleRequest { article: Some(article), ..Default::default() };
        update_article::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        fixture.indexed().await;
        for (call, mut seen) in [
            (anonymous(), vec!["退货公开"]),
            (customer(), vec!["退货公开", "退货会员"]),
            (agent(&[]), vec!["退货公开", "退货会员", "退货坐席"]),
            (agent(&["sales"]), vec!["退货公开", "退货会员", "退货坐席", "退货销售"]),
            (editor(), vec!["退货公开", "退货会员", "退货坐席", "退货销售"]),
            (stranger(), vec![]),
        ] {
            let asked = SearchRequest { query: "退货".to_owned(), ..Default::default() };
            let found = handle(fixture.app.clone(), call, asked).await.unwrap();
            let mut titles: Vec<_> = found.results.iter().map(|one| one.title.as_str()).collect();
            titles.sort_unstable();
            seen.sort_unstable();
            assert_eq!(titles, seen);
            // Neither counts nor kinds tell of more.
            assert_eq!(usize::try_from(found.total_size).unwrap(), seen.len());
            let counted: i32 = found.kinds.iter().map(|kind| kind.count).sum();
            assert_eq!(usize::try_from(counted).unwrap(), seen.len());
        }
    }

    #[tokio::test]
    async fn what_is_found_follows_the_clock() {
        let fixture = Fixture::new().await;
        let draft = fixture.draft("双十一活动", AudienceLevel::Public).await;
        let now = fixture.app.clock.now();
        let at = |seconds: i64| Some(wire::timestamp(now.plus_micros(seconds * 1_000_000)));
        let asked = PublishRevisionRequest {
            name: format!("{}/revisions/1", draft.name),
            publish_time: at(1),
            ..Default::default()
        };
        publish_revision::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        let asked = ArchiveArticleRequest {
            name: draft.name.clone(),
            archive_time: at(2),
            ..Default::default()
        };
        archive_article::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        fixture.indexed().await;
        // Nobody writes to the index meanwhile.
        assert!(fixture.finds(anonymous(), "活动").await.is_empty());
        fixture.later();
        assert_eq!(fixture.finds(anonymous(), "活动").await, ["双十一活动"]);
        fixture.later();
        assert!(fixture.finds(anonymous(), "活动").await.is_empty());
    }

    #[tokio::test]
    async fn the_revision_that_is_live_is_found_in_its_own_words() {
        let fixture = Fixture::new().await;
        let article = fixture.published("洗衣机漏水", AudienceLevel::Public).await;
        let mut next = words("zh", "洗衣机渗水");
        next.base_revision = format!("{}/revisions/1", article.name);
        next.similar_questions = vec!["地上有一滩水怎么办".to_owned()];
        let asked = contracts::knowledge::v1::CreateRevisionRequest {
            parent: article.name.clone(),
            revision: Some(next),
            request_id: String::new(),
        };
        let next = create_revision::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        fixture.indexed().await;
        assert_eq!(fixture.finds(anonymous(), "漏水").await, ["洗衣机漏水"]);
        assert!(fixture.finds(anonymous(), "一滩水").await.is_empty());
        fixture.publish(&next.name).await;
        fixture.indexed().await;
        let asked = SearchRequest { query: "一滩水".to_owned(), ..Default::default() };
        let found = handle(fixture.app.clone(), anonymous(), asked).await.unwrap();
        let result = &found.results[0];
        assert_eq!(
            (result.revision.as_str(), result.title.as_str()),
            (next.name.as_str(), "洗衣机渗水")
        );
        assert_eq!(result.similar_question, "地上有一滩水怎么办");
        assert_eq!(found.stage(), SearchStage::All);
    }

    #[tokio::test]
    async fn pages_go_on_and_are_one_search() {
        let fixture = Fixture::new().await;
        for n in 0..5 {
            fixture.published(&format!("保修说明{n}"), AudienceLevel::Public).await;
        }
        fixture.indexed().await;
        let mut asked =
            SearchRequest { query: "保修".to_owned(), page_size: 2, ..Default::default() };
        let (mut seen, mut searches) = (Vec::new(), Vec::new());
        loop {
            let page = handle(fixture.app.clone(), anonymous(), asked.clone()).await.unwrap();
            assert_eq!(page.total_size, 5);
            searches.push(page.search);
            seen.extend(page.results.into_iter().map(|result| result.article));
            if page.next_page_token.is_empty() {
                break;
            }
            asked.page_token = page.next_page_token;
        }
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 5);
        searches.dedup();
        assert_eq!(searches.len(), 1);
        let other = SearchRequest { query: "保".to_owned(), ..asked };
        let error = handle(fixture.app.clone(), anonymous(), other).await.unwrap_err();
        assert_eq!(fields(&error), ["page_token"]);
    }

    #[tokio::test]
    async fn an_article_in_two_languages_is_one_result() {
        let fixture = Fixture::new().await;
        for n in 0..4 {
            let title = format!("blorptron {n}");
            let article = fixture.published(&title, AudienceLevel::Public).await;
            let asked = contracts::knowledge::v1::CreateRevisionRequest {
                parent: article.name.clone(),
                revision: Some(words("en", &title)),
                request_id: String::new(),
            };
            let next = create_revision::handle(fixture.app.clone(), editor(), asked).await.unwrap();
            fixture.publish(&next.name).await;
        }
        fixture.indexed().await;
        for query in ["blorptron", "请问 blorptron 怎么退货给你们呢"] {
            let mut asked =
                SearchRequest { query: query.to_owned(), page_size: 2, ..Default::default() };
            let first = handle(fixture.app.clone(), anonymous(), asked.clone()).await.unwrap();
            assert_eq!((first.total_size, first.total_is_exact), (4, true));
            let kinds: Vec<_> = first.kinds.iter().map(|kind| kind.count).collect();
            assert_eq!((kinds, first.results.len()), (vec![4], 2));
            asked.page_token = first.next_page_token;
            let last = handle(fixture.app.clone(), anonymous(), asked).await.unwrap();
            assert_eq!((last.results.len(), last.next_page_token.as_str()), (2, ""));
        }
    }

    #[tokio::test]
    async fn filters_narrow_and_the_own_language_comes_first() {
        let fixture = Fixture::new().await;
        let mut zh = create("退货 return");
        zh.article.as_mut().unwrap().tags = vec!["售后".to_owned()];
        zh.article.as_mut().unwrap().audience = Some(audience(AudienceLevel::Public, &[]));
        let zh = create_article::handle(fixture.app.clone(), editor(), zh).await.unwrap();
        let mut en = create("return return return");
        let article = en.article.as_mut().unwrap();
        article.revision = Some(words("en", "return return return"));
        article.audience = Some(audience(AudienceLevel::Public, &[]));
        article.set_kind(ArticleKind::Policy);
        let en = create_article::handle(fixture.app.clone(), editor(), en).await.unwrap();
        for article in [&zh, &en] {
            fixture.publish(&format!("{}/revisions/1", article.name)).await;
        }
        fixture.indexed().await;
        let find = async |change: &dyn Fn(&mut SearchRequest)| {
            let mut asked = SearchRequest { query: "return".to_owned(), ..Default::default() };
            change(&mut asked);
            let found = handle(fixture.app.clone(), anonymous(), asked).await.unwrap();
            found.results.into_iter().map(|result| result.locale).collect::<Vec<_>>()
        };
        assert_eq!(find(&|_| {}).await, ["zh", "en"]);
        assert_eq!(find(&|one| one.locale = "en".to_owned()).await, ["en", "zh"]);
        assert_eq!(find(&|one| one.only_locale = true).await, ["zh"]);
        assert_eq!(find(&|one| one.kinds = vec![ArticleKind::Policy.into()]).await, ["en"]);
        assert_eq!(find(&|one| one.tags = vec!["售后".to_owned()]).await, ["zh"]);
        assert!(find(&|one| one.products = vec!["products/X".to_owned()]).await.is_empty());
    }

    #[tokio::test]
    async fn every_fault_is_told_at_once() {
        let fixture = Fixture::new().await;
        let wrong = SearchRequest {
            query: " ".to_owned(),
            locale: "x".to_owned(),
            kinds: vec![0, 99],
            products: vec!["x".to_owned()],
            audience: 99,
            page_token: "x".to_owned(),
            page_size: -1,
            ..Default::default()
        };
        let error = handle(fixture.app.clone(), anonymous(), wrong).await.unwrap_err();
        let told = [
            "page_size",
            "page_token",
            "audience",
            "locale",
            "kinds[0]",
            "kinds[1]",
            "products[0]",
            "query",
        ];
        assert_eq!(fields(&error), told);
    }
}
