//! What a company knows: its articles, imported and published, and found again by what customers write.

use std::collections::BTreeMap;

use anyhow::anyhow;
use contracts::{
    knowledge::v1::{
        AudienceLevel, ImportArticlesRequest, ImportVerdict, SearchRequest, SearchResult,
        TransferFormat,
    },
    tickets::v1::Answer,
};
use tokio::time::Instant;
use tonic::Response;

use super::{
    AT_ONCE,
    hand::Crew,
    in_lanes,
    set::{Article, Message, Set},
    suite::{PATIENCE, Trouble, Voice},
};
use crate::progress::Progress;

/// How many articles are sent at a time, and how many bytes of them.
const PART: usize = 100;
const BYTES: usize = 256 * 1_024;
/// What a search takes, in characters.
const QUERY: usize = 500;
/// How often it is looked whether an article is found.
const LOOK: std::time::Duration = std::time::Duration::from_millis(100);

/// The articles of a set as the suite has them.
pub(crate) struct Shelf<'a> {
    set: &'a Set,
    /// What each article is called by the set, by its name and language.
    ids: BTreeMap<String, &'a str>,
}

/// What a search found, as far as an answer needs it.
pub(crate) struct Found {
    pub(crate) body: String,
    pub(crate) answer: Answer,
}

impl<'a> Shelf<'a> {
    /// Imports and publishes the articles of a set, and waits until search has them.
    pub(crate) async fn fill(crew: &Crew<'_>, set: &'a Set) -> Result<Self, Trouble> {
        let progress = Progress::start("articles", set.articles.len());
        let mut ids = BTreeMap::new();
        let mut named = Vec::new();
        for part in parts(&set.articles) {
            for (article, name) in part.iter().zip(import(crew, part).await?) {
                named.push((article, name.clone()));
                ids.insert(name, article.id.as_str());
                progress.step();
            }
        }
        progress.end();
        let shelf = Self { set, ids };
        // The index follows a feed, in several lanes where there are many: the last ones tell.
        let last = named.split_off(named.len().saturating_sub(32));
        in_lanes(&last, AT_ONCE, async |(article, name)| shelf.is_found(crew, article, name).await)
            .await?;
        Ok(shelf)
    }

    async fn is_found(
        &self,
        crew: &Crew<'_>,
        article: &Article,
        name: &str,
    ) -> Result<(), Trouble> {
        let start = Instant::now();
        loop {
            let found = search(crew, &crew.supervisor, &article.title, &article.locale, 10).await?;
            if found.iter().any(|result| result.article == name) {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                let title = &article.title;
                return Err(Trouble::Over(anyhow!("search does not find `{title}`")));
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The best answer to a message, as the agent finds it.
    pub(crate) async fn best(
        &self,
        crew: &Crew<'_>,
        agent: &Voice,
        message: &Message,
    ) -> Result<Option<Found>, Trouble> {
        let found = search(crew, agent, &message.text, self.set.language, 1).await?;
        let Some(first) = found.into_iter().next() else { return Ok(None) };
        let id = self.ids.get(&first.article);
        let own = self.set.articles.iter();
        let mut own = own.filter(|article| Some(&article.id.as_str()) == id);
        let body = own.find(|article| article.locale == first.locale);
        let body = body.map_or(first.snippet, |article| article.body.clone());
        Ok(Some(Found { body, answer: Answer { revision: first.revision, locale: first.locale } }))
    }

    /// Where the right article stands among the first three that a search finds, from 0; `None` where
    /// it is not among them.
    pub(crate) async fn place(
        &self,
        crew: &Crew<'_>,
        message: &Message,
        right: &str,
    ) -> Result<Option<usize>, Trouble> {
        let found = search(crew, &crew.supervisor, &message.text, self.set.language, 3).await?;
        let is_right = |result: &SearchResult| self.ids.get(&result.article) == Some(&right);
        Ok(found.iter().position(is_right))
    }

    /// The title of an article by what the set calls it.
    pub(crate) fn title(&self, id: &str) -> &str {
        let own = self.set.articles.iter().find(|article| article.id == id);
        own.map_or("", |article| article.title.as_str())
    }
}

/// Articles in parts that one call takes.
fn parts(articles: &[Article]) -> Vec<&[Article]> {
    let mut parts = Vec::new();
    let (mut first, mut bytes) = (0, 0);
    for (at, article) in articles.iter().enumerate() {
        if at > first && (at - first == PART || bytes + article.line.len() > BYTES) {
            parts.push(&articles[first..at]);
            (first, bytes) = (at, 0);
        }
        bytes += article.line.len() + 1;
    }
    parts.push(&articles[first..]);
    parts
}

/// Imports a part; the names of its articles, in their order. What is said already is not written again.
async fn import(crew: &Crew<'_>, part: &[Article]) -> Result<Vec<String>, Trouble> {
    let lines: Vec<_> = part.iter().map(|article| article.line.as_str()).collect();
    let request = ImportArticlesRequest {
        format: TransferFormat::JsonLines.into(),
        content: lines.join("\n"),
        audience: AudienceLevel::Public.into(),
        publish: true,
        ..ImportArticlesRequest::default()
    };
    let call = async |request| {
        let mut stream = crew.suite.transfers.clone().import_articles(request).await?.into_inner();
        let mut verdicts = Vec::new();
        while let Some(verdict) = stream.message().await? {
            verdicts.push(verdict);
        }
        Ok(Response::new(verdicts))
    };
    let verdicts = crew.suite.ask(&crew.recorder, &request, call).await?;
    let mut names = Vec::new();
    for (article, verdict) in part.iter().zip(verdicts) {
        if verdict.verdict() == ImportVerdict::Refused {
            let faults: Vec<_> =
                verdict.faults.iter().map(|fault| fault.description.as_str()).collect();
            let (id, faults) = (&article.id, faults.join("; "));
            return Err(Trouble::Over(anyhow!("the article `{id}` was refused: {faults}")));
        }
        names.push(verdict.article);
    }
    Ok(names)
}

async fn search(
    crew: &Crew<'_>,
    by: &Voice,
    query: &str,
    locale: &str,
    most: i32,
) -> Result<Vec<SearchResult>, Trouble> {
    let request = SearchRequest {
        query: query.chars().take(QUERY).collect(),
        locale: locale.to_owned(),
        page_size: most,
        ..SearchRequest::default()
    };
    let call = async |request| crew.suite.searches.clone().search(request).await;
    Ok(crew.suite.ask(by, &request, call).await?.results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_hold_every_article_once() {
        let article = Article {
            id: String::new(),
            locale: String::new(),
            title: String::new(),
            body: String::new(),
            line: "x".repeat(10_000),
        };
        let articles = vec![article; 230];
        let parts = parts(&articles);
        assert!(parts.iter().all(|part| (1..=26).contains(&part.len())));
        assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), 230);
    }
}
