//! `RecordResponse` against the bare transaction that writes the same rows into the same tables.
//!
//! What follows from a response (its event's place in the feed, the scores) counts as the suite's cost:
//! a round ends when it is counted.

use anyhow::Result;

use super::{Answered, bare, recording, survey};
use crate::{
    Plan,
    cpu::Measured,
    database::Feed,
    load::Until,
    orders,
    rounds::{self, Comparison, Counted, Figures},
    suite::Suite,
};

/// How many callers there are at once.
const CALLERS: [usize; 2] = [1, 8];
/// Responses whose rows the bare transaction copies.
const TEMPLATES: u64 = 90;

/// Measures on each database.
pub(crate) async fn run(plan: &Plan) -> Result<Vec<Comparison>> {
    let mut compared = Vec::new();
    let on_file = Suite::on_files(&plan.site).await?;
    let file = on_file.folder().join("data/surveys.db");
    let file = file.to_string_lossy();
    let feed = Feed::of_file(&file).await?;
    measure(plan, &on_file, &file, feed, "SQLite", &mut compared).await?;
    drop(on_file);
    let suite = Suite::start(&plan.site, "bench_record").await?;
    let feed = Feed::of_postgres(&suite.database).await?;
    measure(plan, &suite, &suite.database, feed, "PostgreSQL", &mut compared).await?;
    Ok(compared)
}

async fn measure(
    plan: &Plan,
    suite: &Suite,
    database: &str,
    mut feed: Feed,
    engine: &str,
    compared: &mut Vec<Comparison>,
) -> Result<()> {
    let survey = survey(suite).await?;
    let calls = recording(suite, &survey, 0, Answered::Now)?;
    suite.target.load(calls, 8, Until::Count(TEMPLATES)).await?;
    feed.scored().await?;
    let mut bare = bare::start(database).await?;
    let postgres = plan.postgres;
    let ours = Measured { server: Some(suite.pid()?), behind: None, postgres };
    let theirs = Measured { server: Some(bare.pid()?), behind: None, postgres };
    let calls = recording(suite, &survey, TEMPLATES, Answered::Now)?;
    for callers in CALLERS {
        suite.target.load(calls.clone(), callers, Until::Time(plan.warm_up())).await?;
        orders::tell(&mut bare, callers, plan.warm_up()).await?;
        feed.scored().await?;
        let rounds = rounds::interleave(
            plan.rounds,
            async || {
                let until = Until::Time(plan.time);
                let (calls, settled) = (calls.clone(), feed.scored());
                rounds::measure(ours, &suite.target, calls, callers, until, settled).await
            },
            async || {
                let before = theirs.times()?;
                let done = orders::tell(&mut bare, callers, plan.time).await?;
                Ok(Figures::of(&done, done.elapsed, &theirs.times()?.since(&before)))
            },
        )
        .await?;
        let name = format!("RecordResponse, {engine}");
        let one = Comparison::of(&name, callers, Counted::ServerAndPostgres, rounds);
        crate::tell(&one);
        compared.push(one);
    }
    Ok(())
}
