//! The demo is a client like others: it may be killed, and the suite under it, and what it plays ends
//! as if nothing had happened.

use std::{
    collections::BTreeSet,
    fmt::Display,
    fs,
    process::{Child, Command, Stdio},
};

use aftercare_e2e::{
    Backend, Suite,
    suite::{NameOnPanic, binary},
    until,
};
use serde_json::Value;
use store::{Sql, args};

/// How many texts of each set are played, and at how many tickets the demo is killed: among the
/// complaints, while messages are recorded, and in the middle of the work on them.
const PLAYED: &str = "30";
const KILLED_AT: [i64; 3] = [12, 45, 90];
const NONE: [String; 0] = [];

const TICKETS: Sql = Sql::both("SELECT COUNT(*) FROM tickets");
/// Of everything that has happened, so that a second run that does anything is seen.
const EVENTS: Sql = Sql::both("SELECT COUNT(*) FROM events");

/// An installation with the shipped seed, whose people the demo plays.
async fn with_the_shipped_seed(backend: Backend) -> Suite {
    let suite = Suite::new(backend).await;
    let text = fs::read_to_string(suite.config()).unwrap();
    let lines = text.lines().filter(|line| *line != "[seed]" && !line.ends_with("seed.toml\""));
    fs::write(suite.config(), lines.collect::<Vec<_>>().join("\n")).unwrap();
    suite
}

/// Plays to the end and returns the summary.
fn play(suite: &Suite) -> Value {
    let file = suite.home().join("summary.json");
    let file = file.to_str().unwrap();
    let played = suite.run(&["demo", "--limit", PLAYED, "--summary-json", file]);
    assert_eq!(played.code, 0, "{}{}", played.out, played.err);
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

/// The summary but for the clocks of tickets, which depend on how fast it went, and for where search
/// has its near-equals, which depends on the order in which the index was written.
fn lasting(mut summary: Value) -> Value {
    for of in ["complaints", "sets"] {
        for one in summary[of].as_array_mut().unwrap() {
            one["summary"].as_object_mut().unwrap().remove("clocks").expect("it tells of clocks");
            one.as_object_mut().unwrap().remove("found");
        }
    }
    summary
}

/// What is in one summary only, a line each: a summary is too long to be compared by eye.
fn differences(one: &Value, other: &Value) -> Vec<String> {
    let (one, other) = (leaves(one), leaves(other));
    one.symmetric_difference(&other).cloned().collect()
}

/// Every value that is not made of others, with the path to it.
fn leaves(value: &Value) -> BTreeSet<String> {
    let under = |key: &dyn Display, value| {
        let leaves = leaves(value).into_iter();
        leaves.map(|leaf| format!("/{key}{leaf}")).collect::<Vec<_>>()
    };
    match value {
        Value::Object(map) => map.iter().flat_map(|(key, value)| under(key, value)).collect(),
        Value::Array(list) => {
            list.iter().enumerate().flat_map(|(at, value)| under(&at, value)).collect()
        }
        _ => BTreeSet::from([format!(": {value}")]),
    }
}

fn start(suite: &Suite) -> Child {
    let mut command = Command::new(binary());
    command.arg("--config").arg(suite.config()).args(["demo", "--limit", PLAYED]);
    command.current_dir(suite.home()).stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

async fn count(suite: &Suite, sql: Sql) -> i64 {
    let db = suite.db("tickets").await;
    let (count,): (i64,) = db.one(sql, args![]).await.unwrap();
    db.close().await;
    count
}

/// Whether the case was played to its last day, in each of its tenants.
fn whole(summary: &Value) {
    assert_eq!(summary["moved"], true);
    assert_eq!(summary["refused"], Value::Array(Vec::new()));
    assert_eq!(summary["complaints"][0]["summary"]["tickets"].to_string(), PLAYED);
    let sets = summary["sets"].as_array().unwrap();
    assert_eq!(sets.len(), 2);
    for set in sets {
        assert_eq!(set["summary"]["tickets"].to_string(), PLAYED);
        let states = set["summary"]["states"].as_object().unwrap();
        assert!(states.contains_key("closed, confirmed") && states.contains_key("closed, silent"));
        assert!(!states.contains_key("resolved"), "silence has closed them: {states:?}");
        let (found, asked) = (&set["found"]["in_three"], &set["found"]["messages"]);
        assert!(found.as_u64().unwrap() * 10 >= asked.as_u64().unwrap() * 8, "{}", set["found"]);
        let satisfied = &set["satisfaction"];
        let [low, high] = ["low", "high"].map(|end| satisfied[end].as_f64().unwrap());
        let percent = satisfied["percent"].as_f64().unwrap();
        assert!(low < percent && percent < high && satisfied["answers"].as_i64().unwrap() > 5);
    }
    let recovered = |set: &&Value| set["loops"]["recovered"] == 1;
    assert!(sets.iter().any(|set| recovered(&set)), "a bad answer was made good");
}

#[tokio::test]
async fn a_demo_that_is_killed_in_the_middle_ends_as_one_that_is_not() {
    for backend in Backend::BOTH {
        let naming = NameOnPanic(backend);
        let calm = with_the_shipped_seed(backend).await;
        let _process = calm.serve(&[]).await;
        let expected = play(&calm);
        whole(&expected);
        let expected = lasting(expected);

        let suite = with_the_shipped_seed(backend).await;
        let mut process = suite.serve(&[]).await;
        for killed_at in KILLED_AT {
            let mut demo = start(&suite);
            until("the demo is in the middle", async || {
                (count(&suite, TICKETS).await >= killed_at).then_some(())
            })
            .await;
            assert!(demo.try_wait().unwrap().is_none(), "it was not yet done");
            demo.kill().unwrap();
            demo.wait().unwrap();
            process.kill();
            process = suite.serve(&[]).await;
        }
        assert_eq!(differences(&lasting(play(&suite)), &expected), NONE);

        let happened = count(&suite, EVENTS).await;
        assert_eq!(differences(&lasting(play(&suite)), &expected), NONE);
        assert_eq!(count(&suite, EVENTS).await, happened, "a second run changes nothing");
        drop(naming);
    }
}
