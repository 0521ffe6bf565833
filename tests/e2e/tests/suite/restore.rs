//! Databases that come back from a backup: a consumer's, which catches up by itself, and a source's,
//! which is noticed.

use std::{fs, path::Path};

use aftercare_e2e::{Backend, Desk, Suite, Tenant, desk::name, until};
use serde_json::{Value, json};

/// Who follows tickets.
const FOLLOWERS: [&str; 2] = ["customers.timeline", "surveys.tickets"];

/// Copies a database that nobody has open.
fn copy(from: &Path, to: &Path) {
    for end in ["", "-wal", "-shm"] {
        let with = |path: &Path| format!("{}{end}", path.display());
        let _ = fs::remove_file(with(to));
        if Path::new(&with(from)).exists() {
            fs::copy(with(from), with(to)).unwrap();
        }
    }
}

/// What happened to a ticket, by sequence.
async fn history(desk: &Desk<'_>, ticket: &str) -> Vec<Value> {
    let answer = desk.agent().call("ListTicketHistory", json!({ "parent": ticket })).await;
    answer["items"].as_array().unwrap().iter().map(|item| item["sequence"].clone()).collect()
}

/// What the timeline tells of a ticket, by sequence, once it is as long as its history.
async fn told(desk: &Desk<'_>, customer: &str, ticket: &str, items: usize) -> Vec<Value> {
    let timeline = desk.timeline(customer, items).await;
    let mine = timeline.iter().rev().filter(|item| item["resource"] == ticket);
    mine.map(|item| item["sequence"].clone()).collect()
}

#[tokio::test]
async fn a_consumer_from_an_old_backup_catches_up_by_itself() {
    let suite = Suite::new(Backend::Sqlite).await;
    let desk = Desk::new(&suite, Tenant::North);
    let (file, backup) = (suite.file("customers"), suite.home().join("customers.backup"));

    let mut process = suite.serve(&[]).await;
    let ticket = desk.claimed().await;
    let (customer, ticket) = (ticket["customer"].as_str().unwrap().to_owned(), name(&ticket));
    let before = history(&desk, &ticket).await;
    assert_eq!(told(&desk, &customer, &ticket, before.len()).await, before);
    assert_eq!(process.terminate(), 0, "{}", process.log());
    copy(&file, &backup);

    let mut process = suite.serve(&[]).await;
    let request = json!({ "name": ticket, "answer": "mended" });
    desk.agent().call("ResolveTicket", request).await;
    let after = history(&desk, &ticket).await;
    assert!(after.len() > before.len());
    assert_eq!(told(&desk, &customer, &ticket, after.len()).await, after);
    assert_eq!(process.terminate(), 0, "{}", process.log());
    copy(&backup, &file);

    let _process = suite.serve(&[]).await;
    assert_eq!(told(&desk, &customer, &ticket, after.len()).await, after);
    // Once each: what comes next is the only thing more.
    desk.agent().call("ConfirmResolution", json!({ "name": ticket })).await;
    let last = history(&desk, &ticket).await;
    assert_eq!(told(&desk, &customer, &ticket, last.len()).await, last);
}

#[tokio::test]
async fn a_restored_source_is_noticed_and_rewound() {
    let suite = Suite::new(Backend::Sqlite).await;
    let desk = Desk::new(&suite, Tenant::North);
    let (file, backup) = (suite.file("tickets"), suite.home().join("tickets.backup"));

    let mut process = suite.serve(&[]).await;
    let first = desk.ticket().await;
    let customer = first["customer"].as_str().unwrap().to_owned();
    desk.timeline(&customer, 1).await;
    assert_eq!(process.terminate(), 0, "{}", process.log());
    copy(&file, &backup);

    // What happens now is lost with the restore; the consumer has seen it.
    let mut process = suite.serve(&[]).await;
    desk.agent().call("ClaimTicket", json!({ "name": first["name"] })).await;
    let seen = history(&desk, &name(&first)).await;
    desk.timeline(&customer, seen.len()).await;
    process.kill();
    copy(&backup, &file);

    let mut process = suite.serve(&[]).await;
    is_stopped_and_rewound(&suite).await;
    goes_on(&desk).await;
    // What was lost and what happened instead do not mix.
    let happened = history(&desk, &name(&first)).await;
    assert_eq!(told(&desk, &customer, &name(&first), happened.len()).await, happened);
    assert_eq!(process.terminate(), 0, "{}", process.log());

    // Restored by the book, with a new incarnation.
    copy(&backup, &file);
    let renewed = suite.run(&["feed", "renew", "tickets"]);
    assert_eq!(renewed.code, 0, "{}", renewed.err);
    let _process = suite.serve(&[]).await;
    is_stopped_and_rewound(&suite).await;
    goes_on(&desk).await;
}

/// The operator sees that who follows tickets stands still, and why, and sets it going.
async fn is_stopped_and_rewound(suite: &Suite) {
    let listed = until("the consumers stand still", async || {
        let listed = suite.run(&["feed", "list"]);
        assert_eq!(listed.code, 0, "{}", listed.err);
        (listed.out.matches("STOPPED: ").count() == FOLLOWERS.len()).then_some(listed.out)
    })
    .await;
    let why = listed.split("STOPPED: ").nth(1).unwrap().lines().next().unwrap();
    assert!(why.len() > 10, "it is said why: {listed}");
    for consumer in FOLLOWERS {
        let rewound = suite.run(&["feed", "rewind", consumer]);
        assert_eq!(rewound.code, 0, "{}", rewound.err);
    }
    until("the consumers go on", async || {
        let listed = suite.run(&["feed", "list"]).out;
        (listed.contains("runs") && !listed.contains("STOPPED")).then_some(())
    })
    .await;
}

/// What happens from now on arrives, in order and once each.
async fn goes_on(desk: &Desk<'_>) {
    let ticket = desk.claimed().await;
    let customer = ticket["customer"].as_str().unwrap().to_owned();
    let happened = history(desk, &name(&ticket)).await;
    assert_eq!(told(desk, &customer, &name(&ticket), happened.len()).await, happened);
}
