//! `GetBacklog`: how each queue stands now.

use ::rpc::{Call, wire};
use contracts::tickets::v1::{self as pb, Category};
use kernel::{RowScope, Time, Violations};

use crate::{
    app::App,
    command::settings,
    domain::routing::Routing,
    error::Error,
    store::{
        backlog::{self, Count, MOST},
        tickets::NEVER,
    },
};

/// How soon is soon, in seconds, where the caller does not say.
const SOON: i64 = 4 * 3_600;
/// What a caller may say instead.
const SECONDS: std::ops::RangeInclusive<i64> = 60..=30 * 86_400;

pub(crate) async fn handle(
    app: App,
    call: Call,
    request: pb::GetBacklogRequest,
) -> Result<pb::GetBacklogResponse, Error> {
    let mut v = Violations::new();
    let seconds = request.due_within.map_or(SOON, |within| within.seconds);
    v.check(SECONDS.contains(&seconds), "due_within", "must be from one minute to 30 days");
    v.finish(())?;

    let settings = settings(&app, &call)?;
    let routing = &settings.routing;
    let mut queues: Vec<String> = match &call.scope {
        RowScope::Tenant => routing.queues.iter().map(|queue| queue.id.clone()).collect(),
        RowScope::Teams(teams) => routing.queues_of(teams).into_iter().map(str::to_owned).collect(),
        RowScope::Own(_) | RowScope::None => Vec::new(),
    };
    let written = queues.len();
    if call.scope == RowScope::Tenant {
        let ever = backlog::queues(app.db(), call.tenant()).await?;
        queues.extend(ever.into_iter().filter(|queue| routing.queue(queue).is_none()));
    }
    let now = app.clock().now();
    let soon = now.plus_micros(seconds * 1_000_000);
    let names: Vec<&str> = queues.iter().map(String::as_str).collect();
    let counts = backlog::counts(app.db(), call.tenant(), &names, now, soon).await?;
    let mut queues: Vec<_> =
        names.iter().map(|queue| queue_backlog(queue, routing, &counts)).collect();
    let mut place = 0;
    // Of one that is written no longer only the tickets in it are of interest.
    queues.retain(|queue| {
        place += 1;
        place <= written || queue.new + queue.in_progress + queue.with_customer > 0
    });
    Ok(pb::GetBacklogResponse { queues, time: Some(wire::timestamp(now)) })
}

fn queue_backlog(queue: &str, routing: &Routing, counts: &[Count]) -> pb::QueueBacklog {
    let written = routing.queue(queue);
    let team = written.map(|written| written.team.as_str()).unwrap_or_default();
    let title = written.map(|written| written.title.as_str()).filter(|title| !title.is_empty());
    let mut told = pb::QueueBacklog {
        queue: format!("queues/{queue}"),
        title: title.unwrap_or(queue).to_owned(),
        team: if team.is_empty() { String::new() } else { format!("teams/{team}") },
        ..<_>::default()
    };
    let (mut breached, mut soon, mut due) = (0, 0, NEVER);
    let (mut new, mut in_progress, mut with_customer) = (0, 0, 0);
    for count in counts.iter().filter(|count| count.queue == queue) {
        match count.category {
            Category::New => new += count.n,
            Category::Open | Category::WaitingInternal => in_progress += count.n,
            Category::WaitingCustomer
            | Category::Resolved
            | Category::Closed
            | Category::Unspecified => {
                with_customer += count.n;
                continue;
            }
        }
        breached += count.breached;
        soon += count.soon;
        due = Time::min(due, count.due);
    }
    (told.new, told.in_progress, told.with_customer) =
        (capped(new), capped(in_progress), capped(with_customer));
    (told.due_soon, told.breached) = (capped(soon), capped(breached));
    told.next_due_time = (due != NEVER).then(|| wire::timestamp(due));
    told
}

/// A count up to where it is exact, or one more.
fn capped(n: i64) -> i32 {
    i32::try_from(n.min(MOST + 1)).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use kernel::Role;

    use super::*;
    use crate::fixture::*;

    async fn backlog(client: &Client) -> Vec<pb::QueueBacklog> {
        client.get_backlog(pb::GetBacklogRequest::default()).await.unwrap().queues
    }

    #[tokio::test]
    async fn a_queue_tells_what_waits_for_whom_and_what_is_due() {
        let house = House::new().await;
        let lin = house.agent("lin");
        for _ in 0..3 {
            lin.create(complaint()).await;
        }
        let taken = lin.create(complaint()).await;
        lin.claim(&taken.name).await.unwrap();
        let answered = lin.create(complaint()).await;
        lin.claim(&answered.name).await.unwrap();
        lin.triage(&answered.name).await.unwrap();
        lin.resolve(&answered.name).await.unwrap();
        let [complaints, general] = backlog(&lin).await.try_into().unwrap();
        assert_eq!(complaints.queue, "queues/complaints");
        assert_eq!(complaints.team, "teams/resolution");
        assert_eq!((complaints.new, complaints.in_progress, complaints.with_customer), (3, 1, 1));
        assert_eq!((complaints.due_soon, complaints.breached), (0, 0));
        let due = lin.get(&taken.name).await.unwrap().next_due_time;
        assert_eq!(complaints.next_due_time, due);
        assert_eq!(
            general,
            pb::QueueBacklog {
                queue: "queues/general".to_owned(),
                title: "All general".to_owned(),
                team: "teams/front-line".to_owned(),
                ..<_>::default()
            }
        );

        // Four hours before the promise it is due soon, and when it has passed it is broken.
        let left = due.unwrap().seconds - house.clock.now().seconds();
        house.clock.advance(Duration::from_secs(u64::try_from(left).unwrap() - 60));
        let [complaints, _] = backlog(&lin).await.try_into().unwrap();
        assert_eq!((complaints.due_soon, complaints.breached), (4, 0));
        house.clock.advance(Duration::from_mins(1));
        let [complaints, _] = backlog(&lin).await.try_into().unwrap();
        assert_eq!((complaints.due_soon, complaints.breached), (0, 4));
    }

    #[tokio::test]
    async fn whoever_reaches_teams_is_told_of_theirs_and_a_stranger_of_nothing() {
        let house = House::new().await;
        house.agent("lin").create(inquiry()).await;
        let theirs = backlog(&house.client(system(2))).await;
        assert!(theirs.iter().all(|queue| queue.new == 0), "{theirs:?}");
        let tom = house.client(member("tom", Role::Technician, &["front-line"]));
        let [general] = backlog(&tom).await.try_into().unwrap();
        assert_eq!((general.queue.as_str(), general.new), ("queues/general", 1));
    }

    #[tokio::test]
    async fn counts_stop_at_a_thousand_and_soon_has_bounds() {
        assert_eq!([0, 1_000, 1_001, 5_000].map(capped), [0, 1_000, 1_001, 1_001]);
        let house = House::new().await;
        for seconds in [-1, 0, 59, 30 * 86_400 + 1] {
            let due_within = Some(prost_types::Duration { seconds, nanos: 0 });
            let asked = house.agent("lin").get_backlog(pb::GetBacklogRequest { due_within }).await;
            assert_eq!(wrong(asked), ["due_within"], "{seconds}");
        }
    }
}
