//! `Explain`: why a query finds an article, or does not.

use contracts::knowledge::v1::{ExplainRequest, ExplainResponse, HiddenReason, TermMatch};
use kernel::Violations;
use rpc::Call;
use search::{Explained, Hidden};

use crate::{
    App, Error, convert,
    domain::article::Article,
    reading::reaches,
    searching,
    store::{articles, publications},
};

const MAX_QUERY: usize = 500;

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: ExplainRequest,
) -> Result<ExplainResponse, Error> {
    let (tenant, at) = (call.tenant(), app.clock.now());
    let mut violations = Violations::new();
    let id = convert::article_id(&request.name, "name", &mut violations);
    let reader = searching::reader(&call, request.audience, &mut violations);
    let locale = convert::locale(&request.locale, &call, &mut violations);
    violations.text("query", request.query.trim(), 1, MAX_QUERY);
    violations.finish(())?;

    let missing = || Error::no_article(&request.name);
    if !reaches(&call) {
        return Err(missing());
    }
    let article = articles::get(&app.db, tenant, id).await?.ok_or_else(missing)?;
    let published = publications::from(&app.db, tenant, &[id], at).await?.contains_key(&id);
    let asked = search::Search {
        text: request.query.trim().to_owned(),
        locale,
        filter: searching::filter(&reader, at),
        ..search::Search::default()
    };
    let explained = app.indexes.with(tenant, move |index| index.explain(&asked, id.uuid())).await?;
    let mut hidden = hidden(&explained, &article, published, at);
    hidden.dedup();
    Ok(response(&explained, hidden))
}

/// What hides an article: what the index says of its entries, and why it has none.
fn hidden(
    explained: &Explained,
    article: &Article,
    published: bool,
    at: kernel::Time,
) -> Vec<HiddenReason> {
    if article.is_archived(at) {
        return vec![HiddenReason::Archived];
    }
    if !published {
        return vec![HiddenReason::NotPublished];
    }
    if explained.entries.is_empty() {
        return vec![HiddenReason::Expired];
    }
    // What is found in one language is found.
    if explained.entries.iter().any(|entry| entry.hidden.is_empty()) {
        return Vec::new();
    }
    let reasons = explained.entries.iter().flat_map(|entry| &entry.hidden);
    let mut reasons: Vec<_> = reasons
        .filter_map(|reason| match reason {
            Hidden::Audience => Some(HiddenReason::Audience),
            Hidden::NotYetValid => Some(HiddenReason::NotYet),
            Hidden::Expired => Some(HiddenReason::Expired),
            Hidden::Locale | Hidden::Kind | Hidden::Product | Hidden::Tag => None,
        })
        .collect();
    reasons.sort();
    reasons
}

fn response(explained: &Explained, hidden: Vec<HiddenReason>) -> ExplainResponse {
    let best = explained.entries.iter().filter(|entry| entry.stage.is_some());
    let best = best.max_by(|one, other| {
        let whole = |entry: &search::ExplainedEntry| entry.score + entry.questions;
        whole(one).total_cmp(&whole(other))
    });
    let found = explained.place.is_some() && hidden.is_empty();
    let matched = best.map(|entry| entry.matched.as_slice()).unwrap_or_default();
    let terms = matched.iter().map(|one| TermMatch {
        term: one.term.clone(),
        field: field(&one.field).to_owned(),
        score: f64::from(one.score),
    });
    let mut terms: Vec<_> = terms.collect();
    if let Some(entry) = best.filter(|entry| entry.questions > 0.0) {
        let (term, field) = (String::new(), "similar_questions".to_owned());
        terms.push(TermMatch { term, field, score: f64::from(entry.questions) });
    }
    let seen = |concept: &String| best.is_some_and(|entry| entry.has.contains(concept));
    terms.extend(
        explained.concepts.iter().filter(|concept| !seen(concept)).map(|concept| TermMatch {
            term: concept.clone(),
            field: String::new(),
            score: 0.0,
        }),
    );
    ExplainResponse {
        stage: if found { searching::stage(explained.stage).into() } else { 0 },
        score: best.filter(|_| found).map_or(0.0, |entry| f64::from(entry.score + entry.questions)),
        hidden: hidden.into_iter().map(Into::into).collect(),
        terms,
    }
}

/// A field of the contract, by that of the index.
fn field(name: &str) -> &str {
    match name.split('_').next() {
        Some("question" | "questions") => "similar_questions",
        Some(part) => part,
        None => name,
    }
}

#[cfg(test)]
mod tests {
    use contracts::knowledge::v1::{ArchiveArticleRequest, AudienceLevel};

    use super::*;
    use crate::rpc::{
        archive_article,
        fixture::{Fixture, editor, stranger},
    };

    async fn explained(fixture: &Fixture, name: &str, level: AudienceLevel) -> ExplainResponse {
        let asked = ExplainRequest {
            name: name.to_owned(),
            query: "退货".to_owned(),
            audience: level.into(),
            ..Default::default()
        };
        handle(fixture.app.clone(), editor(), asked).await.unwrap()
    }

    #[tokio::test]
    async fn why_it_is_found_or_not_is_told() {
        let fixture = Fixture::new().await;
        let open = fixture.published("如何退货", AudienceLevel::Public).await.name;
        let staff = fixture.published("退货内部流程", AudienceLevel::Agent).await.name;
        let draft = fixture.draft("退货草稿", AudienceLevel::Public).await.name;
        let gone = fixture.published("旧退货政策", AudienceLevel::Public).await.name;
        let asked = ArchiveArticleRequest { name: gone.clone(), ..Default::default() };
        archive_article::handle(fixture.app.clone(), editor(), asked).await.unwrap();
        fixture.indexed().await;
        let found = explained(&fixture, &open, AudienceLevel::Public).await;
        assert_eq!(found.stage(), contracts::knowledge::v1::SearchStage::All);
        assert!(found.score > 0.0 && found.hidden.is_empty());
        assert!(found.terms.iter().any(|term| term.field == "title" && term.score > 0.0));
        for (name, why) in [
            (&staff, HiddenReason::Audience),
            (&draft, HiddenReason::NotPublished),
            (&gone, HiddenReason::Archived),
        ] {
            let hidden = explained(&fixture, name, AudienceLevel::Public).await;
            assert_eq!(hidden.hidden().collect::<Vec<_>>(), [why]);
            assert_eq!(hidden.stage, 0);
        }
        let asked = ExplainRequest { name: open, query: "退货".to_owned(), ..Default::default() };
        let error = handle(fixture.app.clone(), stranger(), asked).await.unwrap_err();
        assert!(matches!(error, Error::ArticleNotFound { .. }), "{error:?}");
    }
}
