//! `GetScores` by team and month, on many responses against few: what it costs must not grow with how
//! many were counted.

use anyhow::{Result, ensure};
use contracts::surveys::v1::{Dimension, GetScoresRequest, GetScoresResponse};

use super::{Answered, TEAMS, method, recording, survey};
use crate::{
    Plan,
    cpu::Measured,
    database::{self, Feed},
    load::{Call, Calls, Until, in_turn},
    rounds::{self, Comparison, Counted, Figures},
    suite::Suite,
};

const CONCURRENCY: usize = 8;
/// So many responses are recorded at once.
const RECORDING: usize = 32;

struct Site {
    suite: Suite,
    measured: Measured,
    reads: Calls,
}

/// Measures on `plan.few` and on `plan.many` responses.
pub(crate) async fn run(plan: &Plan) -> Result<Vec<Comparison>> {
    let few = Site::prepare(plan, plan.few).await?;
    let many = Site::prepare(plan, plan.many).await?;
    for site in [&few, &many] {
        site.read(Until::Time(plan.warm_up())).await?;
    }
    let until = Until::Time(plan.time);
    let rounds = rounds::interleave(
        plan.rounds,
        async || many.read(until).await,
        async || few.read(until).await,
    );
    let counted = Counted::ServerAndPostgres;
    let one = Comparison::of("GetScores by team and month", CONCURRENCY, counted, rounds.await?);
    crate::tell(&one);
    Ok(vec![one])
}

impl Site {
    async fn prepare(plan: &Plan, count: i64) -> Result<Self> {
        eprintln!("recording {count} responses");
        let suite = Suite::start(&plan.site, &format!("bench_scores_{count}")).await?;
        let survey = survey(&suite).await?;
        let calls = recording(&suite, &survey, 0, Answered::OverAYear)?;
        let count = count.unsigned_abs();
        suite.target.load(calls, RECORDING, Until::Count(count)).await?;
        Feed::of_postgres(&suite.database).await?.scored().await?;
        let mut connection = database::open(&suite.database).await?;
        database::run(&mut connection, "VACUUM (ANALYZE) surveys.scores").await?;
        database::run(&mut connection, "CHECKPOINT").await?;

        let mut reads = Vec::new();
        for question in ["overall", "recommend"] {
            let request = GetScoresRequest {
                survey: survey.clone(),
                question: question.to_owned(),
                by: Dimension::Team.into(),
                ..GetScoresRequest::default()
            };
            let call = Call::new(&method("AnalyticsService", "GetScores"), &suite.admin, &request)?;
            check(&suite, &call, count).await?;
            reads.push(call);
        }
        let postgres = plan.postgres;
        let measured = Measured { server: Some(suite.pid()?), behind: None, postgres };
        Ok(Self { suite, measured, reads: in_turn(reads) })
    }

    async fn read(&self, until: Until) -> Result<Figures> {
        let (target, calls) = (&self.suite.target, self.reads.clone());
        let settled = async { Ok(()) };
        rounds::measure(self.measured, target, calls, CONCURRENCY, until, settled).await
    }
}

/// Every response is counted, of every team.
async fn check(suite: &Suite, call: &Call, count: u64) -> Result<()> {
    let answer: GetScoresResponse = suite.target.ask(call.clone()).await?;
    let counted: i64 = answer.scores.iter().map(|score| score.n).sum();
    let figures = answer.scores.len() as u64;
    ensure!(counted.unsigned_abs() == count, "{counted} responses are counted, not {count}");
    ensure!(figures >= 10 * TEAMS, "there are {figures} figures only");
    Ok(())
}
