//! Two sides measured in turn, A B A B …, and compared by the median of the rounds' ratios: this
//! cancels what drifts slower than a round.

use std::{future::Future, time::Duration};

use anyhow::Result;
use serde::Serialize;

use crate::{
    cpu::{Measured, Times},
    load::{Calls, Done, Target, Until},
};

/// One round of one side.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Figures {
    /// Calls a second.
    pub(crate) rate: f64,
    /// Processor seconds per 1 000 calls: the server's process.
    pub(crate) server_cpu: f64,
    /// Processor seconds per 1 000 calls: PostgreSQL's processes.
    pub(crate) postgres_cpu: f64,
    /// Median latency in microseconds.
    pub(crate) p50: f64,
    /// 99th percentile in microseconds.
    pub(crate) p99: f64,
    /// Milliseconds from the last answer until everything that follows from it was done.
    pub(crate) settled: f64,
    /// Processors that other processes of the machine used meanwhile.
    pub(crate) beside: f64,
}

impl Figures {
    /// What a load did, and what it cost until it had settled after `whole`.
    pub(crate) fn of(done: &Done, whole: Duration, used: &Times) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "some ten thousand calls")]
        let calls = done.calls as f64;
        let thousands = (calls / 1_000.0).max(f64::MIN_POSITIVE);
        let loaded = done.elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        Self {
            rate: calls / loaded,
            server_cpu: used.server / thousands,
            postgres_cpu: used.postgres / thousands,
            p50: done.latency(0.5),
            p99: done.latency(0.99),
            settled: whole.saturating_sub(done.elapsed).as_secs_f64() * 1e3,
            beside: used.beside() / whole.as_secs_f64().max(f64::MIN_POSITIVE),
        }
    }

    /// The same, with only what the latencies are above those of `below`.
    pub(crate) fn above(self, below: &Self) -> Self {
        Self { p50: self.p50 - below.p50, p99: self.p99 - below.p99, ..self }
    }
}

/// Measures one load; `settle` waits for what follows from it, whose cost counts, too.
pub(crate) async fn measure(
    measured: Measured,
    target: &Target,
    calls: Calls,
    concurrency: usize,
    until: Until,
    settle: impl Future<Output = Result<()>>,
) -> Result<Figures> {
    let before = measured.times()?;
    let began = std::time::Instant::now();
    let done = target.load(calls, concurrency, until).await?;
    settle.await?;
    let whole = began.elapsed();
    Ok(Figures::of(&done, whole, &measured.times()?.since(&before)))
}

/// Which processes a comparison's processor time is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Counted {
    /// The server's process alone.
    Server,
    /// The server's and PostgreSQL's.
    ServerAndPostgres,
}

/// Two sides, and their ratios A / B.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) name: String,
    pub(crate) concurrency: usize,
    pub(crate) counted: Counted,
    pub(crate) a: Figures,
    pub(crate) b: Figures,
    /// Of the rates.
    pub(crate) rate: Spread,
    /// Of the processor time per call.
    pub(crate) cpu: Spread,
    /// Of the median latencies.
    pub(crate) p50: Spread,
    /// Every round, A and B.
    pub(crate) rounds: Vec<(Figures, Figures)>,
}

/// A median with what it lies between.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) least: f64,
    pub(crate) most: f64,
}

impl Spread {
    pub(crate) fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.filter(|value| value.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        let (Some(least), Some(most)) = (values.first(), values.last()) else {
            return Self { median: 0.0, least: 0.0, most: 0.0 };
        };
        let (middle, odd) = (values.len() / 2, values.len() % 2 == 1);
        let median =
            if odd { values[middle] } else { f64::midpoint(values[middle - 1], values[middle]) };
        Self { median, least: *least, most: *most }
    }
}

impl Comparison {
    /// Compares the rounds of two sides.
    pub(crate) fn of(
        name: &str,
        concurrency: usize,
        counted: Counted,
        rounds: Vec<(Figures, Figures)>,
    ) -> Self {
        let cpu = |figures: &Figures| match counted {
            Counted::Server => figures.server_cpu,
            Counted::ServerAndPostgres => figures.server_cpu + figures.postgres_cpu,
        };
        let ratio = |value: &dyn Fn(&Figures) -> f64| {
            Spread::of(rounds.iter().map(|(a, b)| value(a) / value(b)))
        };
        Self {
            name: name.to_owned(),
            concurrency,
            counted,
            a: median(&rounds.iter().map(|(a, _)| a)),
            b: median(&rounds.iter().map(|(_, b)| b)),
            rate: ratio(&|figures| figures.rate),
            cpu: ratio(&cpu),
            p50: ratio(&|figures| figures.p50),
            rounds,
        }
    }
}

fn median<'a>(rounds: &(impl Iterator<Item = &'a Figures> + Clone)) -> Figures {
    let of = |value: fn(&Figures) -> f64| Spread::of(rounds.clone().map(value)).median;
    Figures {
        rate: of(|figures| figures.rate),
        server_cpu: of(|figures| figures.server_cpu),
        postgres_cpu: of(|figures| figures.postgres_cpu),
        p50: of(|figures| figures.p50),
        p99: of(|figures| figures.p99),
        settled: of(|figures| figures.settled),
        beside: of(|figures| figures.beside),
    }
}

/// Measures both sides in each round; who begins alternates.
pub(crate) async fn interleave(
    rounds: usize,
    mut a: impl AsyncFnMut() -> Result<Figures>,
    mut b: impl AsyncFnMut() -> Result<Figures>,
) -> Result<Vec<(Figures, Figures)>> {
    let mut all = Vec::new();
    for round in 0..rounds {
        all.push(if round % 2 == 0 {
            let first = a().await?;
            (first, b().await?)
        } else {
            let first = b().await?;
            (a().await?, first)
        });
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        let of = |values: &[f64]| Spread::of(values.iter().copied()).median;
        assert!((of(&[3.0, 1.0, 2.0]) - 2.0).abs() < 1e-9);
        assert!((of(&[4.0, 1.0, 2.0, 3.0]) - 2.5).abs() < 1e-9);
        assert!(of(&[]).abs() < 1e-9);
    }

    #[test]
    fn only_latencies_are_what_is_above() {
        let side = |p50| Figures { rate: 7.0, p50, p99: p50 * 2.0, ..Figures::default() };
        let above = side(500.0).above(&side(200.0));
        assert!((above.p50 - 300.0).abs() < 1e-9 && (above.p99 - 600.0).abs() < 1e-9);
        assert!((above.rate - 7.0).abs() < 1e-9);
    }

    #[test]
    fn ratios_are_taken_round_by_round() {
        let side = |rate, cpu| Figures { rate, server_cpu: cpu, p50: 1.0, ..Figures::default() };
        // The machine slowed down to a half in the second round: the ratio is the same.
        let rounds = vec![
            (side(50.0, 2.0), side(100.0, 1.0)),
            (side(25.0, 4.0), side(50.0, 2.0)),
            (side(50.0, 2.0), side(100.0, 1.0)),
        ];
        let compared = Comparison::of("x", 1, Counted::Server, rounds);
        assert_eq!(compared.rate, Spread { median: 0.5, least: 0.5, most: 0.5 });
        assert_eq!(compared.cpu, Spread { median: 2.0, least: 2.0, most: 2.0 });
    }
}
