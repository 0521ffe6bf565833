//! How soon a publication is found: in the replica that published it, and in the other one.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use contracts::knowledge::v1::{
    Article, CreateArticleRequest, PublishRevisionRequest, Revision, SearchRequest, SearchResponse,
};
use serde::Serialize;

use super::{
    filling::{fill, opened},
    service::{Plan, SEARCH},
};
use crate::{load::Call, suite::Replicas};

/// How many articles are published.
const PUBLICATIONS: u32 = 50;
/// How often each replica is asked.
const POLL: Duration = Duration::from_millis(10);
/// When it is given up.
const PATIENCE: Duration = Duration::from_secs(30);
/// The aim, in milliseconds.
const AIM: f64 = 1_000.0;

/// Everything that was measured, from the acknowledgement on.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Freshness {
    publications: u32,
    /// Until both replicas find it.
    both: Delays,
    /// Until the one that published it does.
    publisher: Delays,
    /// Until the other one does.
    other: Delays,
}

/// Delays in milliseconds.
#[derive(Clone, Debug, Serialize)]
struct Delays {
    p50: f64,
    most: f64,
    /// Each of them, sorted.
    all: Vec<f64>,
}

impl Delays {
    fn of(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        let at = |index: Option<usize>| index.and_then(|index| all.get(index)).copied();
        let p50 = at(Some(all.len() / 2)).unwrap_or_default();
        let most = at(all.len().checked_sub(1)).unwrap_or_default();
        Self { p50, most, all }
    }
}

/// Publishes one article after the other, in turn at each of two replicas.
pub(crate) async fn run(plan: &Plan) -> Result<Freshness> {
    eprintln!("filling two replicas with {} articles", plan.articles);
    let replicas = Replicas::start(&plan.site, "bench_replicas").await?;
    fill(&replicas.addresses[0], &replicas.database, &replicas.admin, plan.articles).await?;
    for address in &replicas.addresses {
        opened(address, &replicas.admin).await?;
    }
    let (mut both, mut publisher, mut other) = (Vec::new(), Vec::new(), Vec::new());
    // The first one is there for both writers to be opened.
    for number in 0..=PUBLICATIONS {
        let title = format!("Notice {number} about zq{number:04}");
        let at = usize::from(number % 2 == 1);
        let article = publish(&replicas, at, &title).await?;
        let began = Instant::now();
        let [here, there] = [at, 1 - at].map(|at| found(&replicas, at, &title, &article, began));
        let (here, there) = tokio::try_join!(here, there)?;
        if number > 0 {
            both.push(here.max(there));
            publisher.push(here);
            other.push(there);
        }
    }
    let [both, publisher, other] = [both, publisher, other].map(Delays::of);
    Ok(Freshness { publications: PUBLICATIONS, both, publisher, other })
}

impl Freshness {
    /// The figures with their bar.
    pub(crate) fn print(&self) {
        let verdict = if self.both.most <= AIM { "met" } else { "MISSED" };
        println!(
            "\npublish → searchable in every replica, {} publications, milliseconds: p50 {:.0}, most {:.0}, \
             at most {AIM:.0}: {verdict}",
            self.publications, self.both.p50, self.both.most
        );
        for (name, delays) in [("publisher", &self.publisher), ("other", &self.other)] {
            println!("  {name:10} p50 {:.0}, most {:.0}", delays.p50, delays.most);
        }
    }
}

/// Publishes an article of this title at a replica and gives its name.
async fn publish(replicas: &Replicas, at: usize, title: &str) -> Result<String> {
    let revision = Revision {
        locale: "en".to_owned(),
        title: title.to_owned(),
        body: "What it says is nothing but its title.".to_owned(),
        ..Revision::default()
    };
    let article = Article { revision: Some(revision), ..Article::default() };
    let request = CreateArticleRequest { article: Some(article), request_id: String::new() };
    let target = &replicas.targets[at];
    let article: Article = target.ask(call(replicas, "CreateArticle", &request)?).await?;
    let name = format!("{}/revisions/1", article.name);
    let request = PublishRevisionRequest { name, ..PublishRevisionRequest::default() };
    let article: Article = target.ask(call(replicas, "PublishRevision", &request)?).await?;
    Ok(article.name)
}

fn call(replicas: &Replicas, method: &str, request: &impl prost::Message) -> Result<Call> {
    let method = format!("aftercare.knowledge.v1.ArticleService/{method}");
    Call::new(&method, &replicas.admin, request)
}

/// Milliseconds until a replica finds an article by its title.
async fn found(
    replicas: &Replicas,
    at: usize,
    title: &str,
    article: &str,
    began: Instant,
) -> Result<f64> {
    let request = SearchRequest { query: title.to_owned(), ..SearchRequest::default() };
    let call = Call::new(SEARCH, &replicas.admin, &request)?;
    loop {
        let told: SearchResponse = replicas.targets[at].ask(call.clone()).await?;
        if told.results.iter().any(|result| result.article == article) {
            return Ok(began.elapsed().as_secs_f64() * 1e3);
        }
        ensure!(began.elapsed() < PATIENCE, "`{title}` is not found");
        tokio::time::sleep(POLL).await;
    }
}
