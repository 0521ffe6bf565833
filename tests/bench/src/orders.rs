//! The programs that run bare transactions: started on a database, told by lines how many workers are to
//! write for how long, and answering by lines how long each write took.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::{load::Done, program::Program};

/// What the program answers to an order.
#[derive(Debug, Serialize, Deserialize)]
struct Answer {
    seconds: f64,
    micros: Vec<u64>,
}

/// Starts this program in the part of a bare transaction, and waits until it is ready.
pub(crate) async fn start(args: &[&str]) -> Result<Program> {
    let mut program = Program::of_ours(args)?;
    program.line().await.context("the bare transaction does not start")?;
    Ok(program)
}

/// Has so many workers run it for so long.
pub(crate) async fn tell(program: &mut Program, workers: usize, time: Duration) -> Result<Done> {
    program.tell(&format!("{workers} {}", time.as_secs_f64())).await?;
    let answer: Answer = serde_json::from_str(&program.line().await?)?;
    let latencies = answer.micros.into_iter().map(Duration::from_micros).collect();
    Ok(Done::new(Duration::from_secs_f64(answer.seconds), latencies))
}

/// The program: reads orders and answers them until its input ends. `work` writes from an instant on for
/// so long, and tells how long each write took, in microseconds.
pub(crate) async fn obey<F>(work: impl Fn(Instant, Duration) -> F) -> Result<()>
where
    F: Future<Output = Result<Vec<u64>>> + Send + 'static,
{
    println!("ready");
    for line in std::io::stdin().lines() {
        let line = line?;
        let (workers, seconds) = line.split_once(' ').context("WORKERS SECONDS")?;
        let time = Duration::from_secs_f64(seconds.parse()?);
        let began = Instant::now();
        let mut all = JoinSet::new();
        for _ in 0..workers.parse::<usize>()? {
            all.spawn(work(began, time));
        }
        let mut micros = Vec::new();
        for worker in all.join_all().await {
            micros.extend(worker?);
        }
        let answer = Answer { seconds: began.elapsed().as_secs_f64(), micros };
        println!("{}", serde_json::to_string(&answer)?);
    }
    Ok(())
}
