//! kill -9 of the process with customers, under load on the one with tickets: tickets are taken all
//! the while, and afterwards every event is on the timeline once. Every other time both are killed.

use std::time::Duration;

use aftercare_crash::{
    crash::{ask_again, customers, revive, rounds, tables},
    door::{self, Door},
    found::House,
    load::Load,
};
use aftercare_e2e::{Suite, suite::FRONT, until};

use crate::{begin, must_be_right};

#[tokio::test(flavor = "multi_thread")]
async fn the_timeline_is_exact() {
    let (_machine, mut dice) = begin("customers killed").await;
    let suite = Suite::of_two_processes().await;
    let mut tickets = suite.serve(&FRONT).await;
    let mut process = suite.serve(&["customers"]).await;
    let (door, tables) = (Door::of(&suite), tables(&suite).await);
    let known = customers(&door, &mut dice).await;
    let load = Load::start(&door, &known, &mut dice);
    for round in 0..rounds() {
        leases_end(&suite).await;
        let before = tables.read().await.expect("the cursor can be read");
        until("the timeline moves", async || {
            tables.read().await.is_ok_and(|now| now > before).then_some(())
        })
        .await;
        load.go_on(1 + dice.below(60)).await;
        process.kill();
        load.go_on(20 + dice.below(60)).await;
        if round % 2 == 1 {
            tickets.kill();
            tickets = revive(&suite, &FRONT, &mut dice).await;
        }
        process = revive(&suite, &["customers"], &mut dice).await;
    }
    let record = load.finish().await;
    leases_end(&suite).await;
    ask_again(&door, &record, &mut dice).await;
    let house = House::read(&door, &tables).await;
    must_be_right(&record, &house);
    drop(tickets);
}

/// What dead processes had leased is free then.
async fn leases_end(suite: &Suite) {
    for service in ["tickets", "customers"] {
        let later = Duration::from_secs(15);
        door::advance(suite.at(service), later).await.expect("the clock moves");
    }
}
