//! kill -9 of the serving process, under load.

use std::time::Duration;

use aftercare_crash::{
    crash::{ask_again, customers, make_scarce, revive, rounds, tables},
    dice::Dice,
    door::{self, Door},
    found::{House, Tables},
    load::Load,
};
use aftercare_e2e::{Backend, Suite, until};

use crate::{begin, must_be_right, planted};

/// How far the clock is moved in all: what dead processes had leased is free then, clocks of tickets
/// warn and break, and much would be forgotten that must not be.
const HOURS: u64 = 10 * 24;

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_on_sqlite() {
    let (_machine, dice) = begin("killed on SQLite").await;
    survives(Backend::Sqlite, dice).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_on_postgres() {
    let (_machine, dice) = begin("killed on PostgreSQL").await;
    survives(Backend::Postgres, dice).await;
}

async fn survives(backend: Backend, mut dice: Dice) {
    let suite = Suite::new(backend).await;
    make_scarce(&suite);
    let mut process = suite.serve(&[]).await;
    let (door, tables) = (Door::of(&suite), tables(&suite).await);
    let known = customers(&door, &mut dice).await;
    let load = Load::start(&door, &known, &mut dice);
    let later = Duration::from_hours(HOURS / rounds() + 1);
    for round in 0..rounds() {
        load.go_on(1 + dice.below(100)).await;
        door::advance(suite.at("tickets"), later).await.expect("the clock moves");
        if round % 2 == 0 {
            timeline_moves(&tables).await;
        }
        load.go_on(1 + dice.below(100)).await;
        tokio::time::sleep(Duration::from_micros(dice.below(20_000))).await;
        process.kill();
        process = revive(&suite, &[], &mut dice).await;
    }
    load.go_on(50).await;
    let record = load.finish().await;
    door::advance(suite.at("tickets"), later).await.expect("the clock moves");
    ask_again(&door, &record, &mut dice).await;
    let house = House::read(&door, &tables).await;
    must_be_right(&record, &house);
    planted::in_copies(&record, &house);
    planted::in_the_database(&record, &door, &tables).await;
}

async fn timeline_moves(tables: &Tables) {
    let before = tables.read().await.expect("the cursor can be read");
    until("the timeline moves", async || {
        let now = tables.read().await.ok()?;
        (now > before).then_some(())
    })
    .await;
}
