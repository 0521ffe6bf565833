//! A call that is cut off: all of its write or nothing, wherever it was.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use ::rpc::{Call, Grants};
use ::store::{Engine, Sql, args};
use contracts::tickets::v1 as pb;
use kernel::{Role, RowScope};

use crate::{fixture::*, rpc as operations};

/// A future that is dropped after some polls.
struct Cut<F> {
    inner: Pin<Box<F>>,
    left: usize,
}

impl<F: Future> Cut<F> {
    fn after(left: usize, inner: F) -> Self {
        Self { inner: Box::pin(inner), left }
    }
}

impl<F: Future> Future for Cut<F> {
    /// `None` where it was cut.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.left -= 1;
        match self.inner.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            // Cut at this very await, not at the next wake-up.
            Poll::Pending if self.left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn call(method: &str) -> Call {
    Call {
        caller: std::sync::Arc::new(member("lin", Role::Supervisor, &[])),
        scope: RowScope::Tenant,
        method: method.into(),
        deadline: tokio::time::Instant::now() + std::time::Duration::from_mins(1),
        traceparent: "".into(),
        grants: std::sync::Arc::new(Grants::shipped()),
    }
}

/// What is kept of a ticket, at one instant: a commit that was under way when its call was cut may
/// come to its end at any time.
const KEPT: Sql = Sql::both(
    "SELECT t.sequence, \
     (SELECT COUNT(*) FROM events WHERE tenant = $1 AND aggregate = $2), \
     (SELECT COUNT(*) FROM entries WHERE tenant = $1 AND ticket = $2), \
     (SELECT COUNT(*) FROM idempotency WHERE tenant = $1 AND method = 'AddEntry') \
     FROM tickets t WHERE t.tenant = $1 AND t.id = $2",
);

/// Holds that everything that is kept of a ticket tells the same story; returns how many entries.
async fn agrees(house: &House, name: &str) -> i64 {
    let id = kernel::TicketId::parse_name(name).unwrap();
    let kept: (i64, i64, i64, i64) = house.db.one(KEPT, args![tenant(1), id]).await.unwrap();
    let (sequence, events, entries, requests) = kept;
    assert_eq!(sequence, events);
    assert_eq!(requests, entries, "an id is claimed with its effect");
    entries
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_handler_that_is_dropped_at_any_await_leaves_all_or_nothing() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let house = House::on(engine).await;
        let lin = house.agent("lin");
        let name = lin.create(inquiry()).await.name;
        lin.claim(&name).await.unwrap();
        let (mut finished, mut before) = (0, 0);
        for polls in 1..400 {
            let request = pb::AddEntryRequest {
                request_id: request_id(u128::try_from(polls).unwrap()),
                turn: if polls % 2 == 0 { pb::Turn::Staff } else { pb::Turn::Customer }.into(),
                ..saying(&name, "words")
            };
            let work =
                operations::add_entry::handle(house.app.clone(), call("AddEntry"), request.clone());
            let done = Cut::after(polls, work).await;
            let after = agrees(&house, &name).await;
            if let Some(done) = done {
                done.unwrap();
                assert_eq!(after, before + 1);
                finished += 1;
            } else {
                assert!(after == before || after == before + 1);
            }
            // Whatever became of it, the same request again ends it.
            let work = operations::add_entry::handle(house.app.clone(), call("AddEntry"), request);
            work.await.unwrap();
            before += 1;
            assert_eq!(agrees(&house, &name).await, before);
            let ticket = lin.get(&name).await.unwrap();
            assert_eq!(i64::from(ticket.entry_count), before);
            if finished == 3 {
                break;
            }
        }
        assert_eq!(finished, 3, "some were let through to their end");
        house.db.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_leaves_all_or_nothing() {
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let house = House::on(engine).await;
        let lin = house.agent("lin");
        let name = lin.create(inquiry()).await.name;
        for polls in 1..12 {
            let request = pb::AddEntryRequest {
                request_id: request_id(u128::try_from(polls).unwrap()),
                ..saying(&name, "words")
            };
            drop(Cut::after(polls, lin.add_entry(request)).await);
        }
        house.app.tasks().close();
        house.app.tasks().wait().await;
        // What a client began, the server ends.
        assert_eq!(agrees(&house, &name).await, 11);
        house.db.drop().await;
    }
}

/// A ticket whose creation was cut off is there with its words, its events and its lane, or not at
/// all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_is_recorded_as_a_whole() {
    const WHOLE: Sql = Sql::both(
        "SELECT (SELECT COUNT(*) FROM tickets WHERE tenant = $1), \
         (SELECT COUNT(*) FROM ticket_texts WHERE tenant = $1), \
         (SELECT COUNT(DISTINCT aggregate) FROM events WHERE tenant = $1), \
         (SELECT COUNT(*) FROM lanes WHERE tenant = $1)",
    );
    for engine in [Engine::Sqlite, Engine::Postgres] {
        let house = House::on(engine).await;
        let mut finished = 0;
        for polls in 1..400 {
            let ticket =
                pb::Ticket { required_skills: vec![format!("skill-{polls}")], ..inquiry() };
            let request = pb::CreateTicketRequest { ticket: Some(ticket), ..<_>::default() };
            let work =
                operations::create_ticket::handle(house.app.clone(), call("CreateTicket"), request);
            let done = Cut::after(polls, work).await;
            // Once more with the same lane: what was rolled back must not be believed to be there.
            let ticket =
                pb::Ticket { required_skills: vec![format!("skill-{polls}")], ..inquiry() };
            house.agent("lin").create(ticket).await;
            let rows: (i64, i64, i64, i64) = house.db.one(WHOLE, args![tenant(1)]).await.unwrap();
            assert_eq!((rows.0, rows.0), (rows.1, rows.2));
            assert_eq!(rows.3, i64::try_from(polls).unwrap());
            finished += usize::from(done.is_some());
            if finished == 3 {
                break;
            }
        }
        assert_eq!(finished, 3);
        house.db.drop().await;
    }
}
