//! A client that goes away in the middle of a write: all of it, or nothing.

use std::{
    future::poll_fn,
    pin::pin,
    task::Poll,
    time::{Duration, Instant},
};

use aftercare_crash::{
    crash::{customers, tables},
    dice::Dice,
    door::{Door, SYSTEM},
    found::House,
    load::{create, say},
    record::{Answer, Ask, Failure, Outcome, Record, Write},
    wire::{Breaks, Wire},
};
use aftercare_e2e::{Backend, Suite};
use contracts::tickets::v1::{AuthorRole, Visibility};

use crate::{begin, must_be_right};

/// How many moments of a write are cut at.
const MOMENTS: u32 = 24;

/// How a client goes away.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// It drops the call when it has been polled so often; the connection stays.
    Polls(u32),
    /// It drops the call after a while; the connection stays.
    Time(Duration),
    /// Its connection is cut.
    Wire(Breaks),
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_whole_or_not_at_all_on_sqlite() {
    let (_machine, dice) = begin("client gone on SQLite").await;
    is_whole(Backend::Sqlite, dice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_is_whole_or_not_at_all_on_postgres() {
    let (_machine, dice) = begin("client gone on PostgreSQL").await;
    is_whole(Backend::Postgres, dice).await;
}

async fn is_whole(backend: Backend, mut dice: Dice) {
    let suite = Suite::new(backend).await;
    let process = suite.serve(&[]).await;
    let (door, tables) = (Door::of(&suite), tables(&suite).await);
    let known = customers(&door, &mut dice).await;
    let mut record = Record::default();

    let ask = create(&mut dice, &known);
    let first = write(&mut record, &door, ask).await;
    let Answer::Ticket(ticket) = first else { panic!("{first:?}") };
    let mut took = Duration::from_millis(5);
    for moment in 0..MOMENTS {
        for way in ways(moment, took, &mut dice) {
            let said = say(&mut dice, &ticket.name, AuthorRole::Customer, Visibility::Public);
            for ask in [create(&mut dice, &known), said] {
                leave(&suite, &door, way, &ask).await;
                if dice.one_in(2) {
                    record.writes.push(left(ask, Outcome::Abandoned));
                } else {
                    let start = Instant::now();
                    write(&mut record, &door, ask).await;
                    took = (took * 7 + start.elapsed()) / 8;
                }
            }
        }
    }
    let house = House::read(&door, &tables).await;
    must_be_right(&record, &house);
    tell(&record, &house);
    drop(process);
}

/// From before a write starts to after its end, in each way.
fn ways(moment: u32, took: Duration, dice: &mut Dice) -> [Way; 5] {
    let time = took * moment * 3 / (MOMENTS * 2);
    let bytes = u64::from(moment) * 60 + dice.below(60);
    [
        Way::Polls(moment / 4),
        Way::Time(time),
        Way::Wire(Breaks::After(time)),
        // The greeting and a request are about a thousand bytes.
        Way::Wire(Breaks::Sent(bytes)),
        Way::Wire(Breaks::Answered(bytes / 2)),
    ]
}

/// Sends a write and goes away.
async fn leave(suite: &Suite, door: &Door, way: Way, ask: &Ask) {
    match way {
        Way::Polls(times) => {
            let mut sending = pin!(ask.send(door, SYSTEM));
            let mut left = times;
            poll_fn(|cx| {
                if left == 0 || sending.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                left -= 1;
                Poll::Pending
            })
            .await;
        }
        Way::Time(time) => drop(tokio::time::timeout(time, ask.send(door, SYSTEM)).await),
        Way::Wire(breaks) => {
            let wire = Wire::lay(suite.at("tickets").public, breaks).await;
            let door = Door::through(suite, wire.near);
            // A wire that lasts longer than the call is not waited for.
            drop(ask.send(&door, SYSTEM).await);
        }
    }
}

fn left(ask: Ask, outcome: Outcome) -> Write {
    Write { voice: SYSTEM, ask, outcome, sent: 2 }
}

async fn write(record: &mut Record, door: &Door, ask: Ask) -> Answer {
    match ask.send(door, SYSTEM).await {
        Ok(answer) => {
            record.writes.push(left(ask, Outcome::Acknowledged(answer.clone())));
            answer
        }
        Err(Failure::Refused(reason)) => panic!("{ask:?} is refused: {reason}"),
        Err(Failure::Unknown(status)) => panic!("nothing is wrong with the suite: {status:?}"),
    }
}

/// Cuts came early enough and late enough.
fn tell(record: &Record, house: &House) {
    let there = |words: &str| {
        house.tickets.iter().any(|found| {
            found.ticket.title == words || found.entries.iter().any(|entry| entry.body == words)
        })
    };
    let abandoned = record.writes.iter().filter(|write| write.outcome == Outcome::Abandoned);
    let words = abandoned.map(|write| match &write.ask {
        Ask::Create(ask) => ask.ticket.as_ref().map(|ticket| ticket.title.clone()),
        Ask::Say(ask) => ask.entry.as_ref().map(|entry| entry.body.clone()),
        other => panic!("nobody asked for {other:?}"),
    });
    let (whole, nothing): (Vec<_>, Vec<_>) = words.flatten().partition(|words| there(words));
    println!("of abandoned writes {} took effect and {} did not", whole.len(), nothing.len());
    assert!(!whole.is_empty() && !nothing.is_empty(), "the cuts came all too early or too late");
}
