//! How many tickets wait in each queue, for the metrics. Every process tells the same.

use std::{collections::BTreeMap, time::Duration};

use ::store::Error;
use tokio_util::sync::CancellationToken;

use crate::{app::App, domain::routing, store::lanes};

/// How often they are counted: about as often as metrics are asked for.
const EVERY: Duration = Duration::from_secs(15);
/// How many queues are told apart; each is a series for whoever keeps the metrics.
const MOST: usize = 200;
/// What the queues beyond them are told as.
const OTHER: &str = "_OTHER";

/// Runs until `stop`.
pub async fn run(app: App, stop: CancellationToken) {
    let mut told = Backlog::new();
    loop {
        if let Err(error) = measure(&app, &mut told).await {
            let cause = std::error::Error::source(&error);
            tracing::warn!(%error, ?cause, "the backlog could not be counted");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// By queue, those that were told before and are empty now among them.
type Backlog = BTreeMap<String, i64>;

async fn measure(app: &App, told: &mut Backlog) -> Result<(), Error> {
    let waiting = lanes::waiting(&app.db().queue()).await?;
    for count in told.values_mut() {
        *count = 0;
    }
    add(told, waiting, MOST);
    for (queue, count) in told {
        app.metrics().backlog.with_label_values(&[queue.as_str()]).set(*count);
    }
    Ok(())
}

/// Adds what waits in each lane to its queue. No more than `most` queues are told apart.
fn add(backlog: &mut Backlog, waiting: Vec<(String, i64)>, most: usize) {
    for (lane, count) in waiting {
        let queue = routing::queue(&lane);
        let known = backlog.contains_key(queue) || backlog.len() < most;
        *backlog.entry(if known { queue } else { OTHER }.to_owned()).or_default() += count;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::*;

    #[tokio::test]
    async fn what_waits_is_told_by_queue_and_a_queue_that_empties_as_empty() {
        let house = House::new().await;
        let mut told = Backlog::new();
        let count = |queue: &str| {
            let text = house.app.metrics().text();
            let start = format!("aftercare_backlog_tickets{{queue=\"{queue}\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&start));
            line.map(str::to_owned)
        };
        measure(&house.app, &mut told).await.unwrap();
        assert_eq!(count("complaints"), None);
        for n in [1, 1, 2] {
            house.client(system(n)).create(complaint()).await;
        }
        house.client(system(1)).create(inquiry()).await;
        measure(&house.app, &mut told).await.unwrap();
        assert_eq!(count("complaints").as_deref(), Some("3"), "of both tenants");
        assert_eq!(count("general").as_deref(), Some("1"));
        house.agent("gen").claim_next().await.unwrap().unwrap();
        measure(&house.app, &mut told).await.unwrap();
        assert_eq!(count("general").as_deref(), Some("0"));
        assert_eq!(count("complaints").as_deref(), Some("3"));
    }

    #[test]
    fn however_many_queues_there_are_few_are_told_apart() {
        let mut backlog = Backlog::new();
        let lane = |queue: &str, weight| routing::lane(queue, "en", &[], weight);
        let waiting =
            vec![(lane("a", 1), 1), (lane("b", 1), 2), (lane("c", 1), 4), (lane("d", 1), 8)];
        add(&mut backlog, waiting.clone(), 2);
        add(&mut backlog, vec![(lane("b", 2), 16)], 2);
        let counts: Vec<_> =
            backlog.iter().map(|(queue, count)| (queue.as_str(), *count)).collect();
        assert_eq!(counts, [("_OTHER", 12), ("a", 1), ("b", 18)]);
    }
}
