//! The made articles, brought into a real suite as an operator would: imported and published.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use contracts::knowledge::v1::{
    AudienceLevel, ImportArticlesRequest, ImportVerdict, SearchRequest, TransferFormat,
    search_service_client::SearchServiceClient, transfer_service_client::TransferServiceClient,
};
use serde_json::json;
use tokio::task::JoinSet;
use tonic::{
    Code, Request,
    transport::{Channel, Endpoint},
};

use super::texts::entry;
use crate::{database, load::Voice};

/// Articles of one part of the import.
const PART: u64 = 100;
/// Parts that are under way at once.
const AT_ONCE: usize = 4;
/// How long an index may take to be opened; each call waits some seconds for it.
const PATIENCE: Duration = Duration::from_mins(1);

/// Imports and publishes the first so many made articles at this address, and waits until the feed of
/// this database has told of all of them.
pub(crate) async fn fill(
    address: &str,
    database: &str,
    voice: &Voice,
    articles: u64,
) -> Result<()> {
    let channel = connect(address).await?;
    let mut under_way = JoinSet::new();
    for first in (0..articles).step_by(usize::try_from(PART)?) {
        if under_way.len() == AT_ONCE
            && let Some(done) = under_way.join_next().await
        {
            done??;
        }
        let last = articles.min(first + PART);
        under_way.spawn(import(channel.clone(), voice.clone(), first..last));
    }
    while let Some(done) = under_way.join_next().await {
        done??;
    }
    let mut connection = database::open(database).await?;
    database::told(&mut connection).await?;
    // What the database would do some time after it has been filled is not to fall into a round.
    database::run(&mut connection, "VACUUM (ANALYZE)").await?;
    database::run(&mut connection, "CHECKPOINT").await
}

/// Waits until the index of the process at this address is open, which it is from its first use on.
pub(crate) async fn opened(address: &str, voice: &Voice) -> Result<()> {
    let mut client = SearchServiceClient::new(connect(address).await?);
    let began = Instant::now();
    loop {
        let query = "anything".to_owned();
        let mut request = Request::new(SearchRequest { query, ..SearchRequest::default() });
        request.metadata_mut().insert("authorization", voice.clone());
        match client.search(request).await {
            Ok(_) => return Ok(()),
            Err(status) if status.code() == Code::Unavailable && began.elapsed() < PATIENCE => {}
            Err(status) => return Err(status).context("Search"),
        }
    }
}

/// A connection to `HOST:PORT`.
pub(crate) async fn connect(address: &str) -> Result<Channel> {
    Ok(Endpoint::from_shared(format!("http://{address}"))?.connect().await?)
}

async fn import(channel: Channel, voice: Voice, numbers: std::ops::Range<u64>) -> Result<()> {
    let wanted = numbers.end - numbers.start;
    let request = ImportArticlesRequest {
        format: TransferFormat::JsonLines.into(),
        content: numbers.map(line).collect(),
        audience: AudienceLevel::Public.into(),
        publish: true,
        ..ImportArticlesRequest::default()
    };
    let mut request = Request::new(request);
    request.metadata_mut().insert("authorization", voice);
    let verdicts = TransferServiceClient::new(channel).import_articles(request).await;
    let mut verdicts = verdicts.context("ImportArticles")?.into_inner();
    let mut rows = 0;
    while let Some(verdict) = verdicts.message().await? {
        let created = verdict.verdict() == ImportVerdict::Created;
        ensure!(created, "row {} is refused: {:?}", verdict.row, verdict.faults);
        rows += 1;
    }
    ensure!(rows == wanted, "{rows} of {wanted} rows were imported");
    Ok(())
}

/// An article as a line of JSON.
fn line(number: u64) -> String {
    let entry = entry(number);
    let article = json!({
        "external_id": format!("made-{number}"),
        "locale": entry.locale,
        "title": entry.title.trim(),
        "similar_questions": entry.questions.iter().map(|one| one.trim()).collect::<Vec<_>>(),
        "body": entry.body.trim(),
    });
    format!("{article}\n")
}
