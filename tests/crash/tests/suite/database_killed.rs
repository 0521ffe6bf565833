//! kill -9 of PostgreSQL, under load: the suite goes on by itself when it is back.

use std::time::Duration;

use aftercare_crash::{
    cluster::Cluster,
    crash::{ask_again, customers, rounds},
    door::Door,
    found::{House, Tables},
    load::Load,
    trace,
};
use aftercare_e2e::{Backend, Suite};
use store::{Db, Settings};

use crate::{begin, must_be_right};

#[tokio::test(flavor = "multi_thread")]
async fn the_suite_outlives_its_database() {
    let (_machine, mut dice) = begin("PostgreSQL killed").await;
    let mut cluster = Cluster::start(&mut dice);
    let suite = Suite::new(Backend::Sqlite).await;
    let settings = std::fs::read_to_string(suite.config()).expect("the configuration is there");
    let lines = settings.lines().map(|line| match line.split_once(" = ") {
        Some(("url", _)) => format!("url = \"{}\"\n", cluster.url()),
        _ => format!("{line}\n"),
    });
    std::fs::write(suite.config(), lines.collect::<String>()).expect("it can be written");

    let mut process = suite.serve(&[]).await;
    trace::install(&open(&cluster, "customers").await).await;
    let door = Door::of(&suite);
    let known = customers(&door, &mut dice).await;
    let load = Load::start(&door, &known, &mut dice);
    for round in 0..rounds() {
        load.go_on(40 + dice.below(100)).await;
        if round % 2 == 0 {
            cluster.kill();
            tokio::time::sleep(Duration::from_millis(dice.below(300))).await;
            cluster.rise();
        } else {
            cluster.kill_child(&mut dice);
        }
    }
    load.go_on(100).await;
    let record = load.finish().await;
    assert_eq!(process.ended(), None, "nobody has started the suite again\n{}", process.log());
    let tables = Tables {
        tickets: open(&cluster, "tickets").await,
        customers: open(&cluster, "customers").await,
    };
    ask_again(&door, &record, &mut dice).await;
    let house = House::read(&door, &tables).await;
    must_be_right(&record, &house);
}

async fn open(cluster: &Cluster, schema: &str) -> Db {
    let settings = Settings { url: cluster.url(), schema: schema.to_owned(), max_connections: 3 };
    Db::open(&settings).await.expect("the database is back")
}
