//! Data that goes elsewhere whole: a backup that is made while the suite is written to, and a suite that
//! moves from SQLite to PostgreSQL.

use std::{
    cell::{Cell, RefCell},
    fs,
    path::Path,
    process::Stdio,
};

use aftercare_e2e::{
    Backend, Client, Desk, Outcome, Suite, Tenant,
    desk::{name, new_id},
    linked::{Linked, token},
    suite::{Finished, binary},
    until,
};
use futures::future::join_all;
use kernel::Role;
use serde_json::{Value, json};
use store::{Sql, transact};
use tokio::process::Command;

/// How many write at once, and how much before the backup begins.
const WRITERS: usize = 4;
const BEFORE: usize = 30;

/// Runs the binary while the test goes on.
async fn beside(suite: &Suite, args: &[&str]) -> Finished {
    let mut command = Command::new(binary());
    command.arg("--config").arg(suite.config()).args(args).current_dir(suite.home());
    let output = command.output().await.unwrap();
    Finished {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

#[track_caller]
fn well(finished: &Finished) {
    assert_eq!(finished.code, 0, "{}{}", finished.out, finished.err);
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// No consumer stands still.
fn all_run(suite: &Suite) {
    let listed = suite.run(&["feed", "list"]);
    well(&listed);
    assert!(!listed.out.contains("STOPPED"), "{}", listed.out);
}

/// What happened to a ticket is on its customer's timeline, once each and in order.
async fn told(desk: &Desk<'_>, ticket: &Value) {
    let (resource, customer) = (name(ticket), ticket["customer"].as_str().unwrap());
    let history = json!({ "parent": resource, "pageSize": 1000 });
    let history = desk.agent().call("ListTicketHistory", history).await;
    let history: Vec<Value> = sequences(history["items"].as_array().unwrap(), &resource);
    let timeline = desk.timeline(customer, history.len()).await;
    let mut timeline = sequences(&timeline, &resource);
    timeline.reverse();
    assert_eq!(timeline, history);
}

fn sequences(items: &[Value], resource: &str) -> Vec<Value> {
    let of = |item: &&Value| item.get("resource").is_none_or(|name| name == resource);
    items.iter().filter(of).map(|item| item["sequence"].clone()).collect()
}

/// A backup while others write; returns the tickets that were acknowledged before it began.
async fn under_load(suite: &Suite, to: &Path) -> Vec<Value> {
    let desk = Desk::new(suite, Tenant::North);
    let (acknowledged, done) = (RefCell::new(Vec::new()), Cell::new(false));
    let write = async || {
        while !done.get() {
            let ticket = desk.ticket().await;
            acknowledged.borrow_mut().push(ticket);
        }
    };
    let back_up = async {
        until("enough is written", async || (acknowledged.borrow().len() >= BEFORE).then_some(()))
            .await;
        let before = acknowledged.borrow().clone();
        let finished = beside(suite, &["backup", "--to", text(to)]).await;
        done.set(true);
        (before, finished)
    };
    let (_, (before, finished)) = tokio::join!(join_all((0..WRITERS).map(|_| write())), back_up);
    well(&finished);
    assert!(acknowledged.borrow().len() > before.len(), "they went on writing meanwhile");
    before
}

#[tokio::test]
async fn a_backup_under_load_has_all_that_was_acknowledged_and_serves() {
    let suite = Suite::new(Backend::Sqlite).await;
    let mut process = suite.serve(&[]).await;
    let desk = Desk::new(&suite, Tenant::North);
    desk.asking().await;
    let (closed, linked) = (desk.closed().await, Linked::new(&desk).await);
    rate(&desk, &linked.invitation().await, 1).await;
    let backup = suite.home().join("backups/first");
    let before = under_load(&suite, &backup).await;
    let again = suite.run(&["backup", "--to", text(&backup)]);
    assert_eq!(again.code, 1, "nothing is written over");
    assert!(!backup.join("root.key").exists(), "the key is not in it unasked");
    well(&suite.run(&["verify"]));
    process.kill();

    let other = Suite::new(Backend::Sqlite).await;
    let restored = other.run(&["restore", "--from", text(&backup)]);
    well(&restored);
    let again = other.run(&["restore", "--from", text(&backup)]);
    assert_eq!(again.code, 1, "only into an empty place");
    well(&other.run(&["verify"]));
    let _process = other.serve(&[]).await;
    let desk = Desk::new(&other, Tenant::North);
    for ticket in before.iter().chain([&closed, &linked.ticket]) {
        let found = desk.agent().call("GetTicket", json!({ "name": ticket["name"] })).await;
        assert_eq!(found["number"], ticket["number"]);
        told(&desk, ticket).await;
    }
    until("the loop has its ticket", async || {
        let loops = desk.system().call("ListLoops", json!({})).await;
        loops["loops"][0]["followUp"].is_string().then_some(())
    })
    .await;
    told(&desk, &desk.claimed().await).await;
    all_run(&other);
    well(&other.run(&["verify"]));
}

#[tokio::test]
async fn a_backup_that_is_told_to_stop_leaves_nothing_behind() {
    let suite = Suite::new(Backend::Sqlite).await;
    let mut process = suite.serve(&[]).await;
    assert_eq!(process.terminate(), 0, "{}", process.log());
    // Somebody holds the locks that it waits for.
    let held = suite.cut_off().await;
    let folder = suite.home().join("backups");
    let mut command = Command::new(binary());
    command.arg("--config").arg(suite.config()).current_dir(suite.home());
    command.args(["backup", "--to", text(&folder.join("first"))]);
    let backup = command.stderr(Stdio::piped()).spawn().unwrap();
    let entries = || fs::read_dir(&folder).map_or(0, Iterator::count);
    until("it has begun", async || (entries() == 1).then_some(())).await;
    let id = backup.id().unwrap().to_string();
    assert!(Command::new("kill").arg(id).status().await.unwrap().success());
    let output = backup.wait_with_output().await.unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("told to stop"), "{said}");
    assert_eq!(entries(), 0);
    drop(held);
    well(&suite.run(&["backup", "--to", text(&folder.join("first"))]));
}

#[tokio::test]
async fn a_damaged_backup_is_not_restored_and_a_whole_one_may_bring_its_key() {
    let suite = Suite::new(Backend::Sqlite).await;
    let mut process = suite.serve(&[]).await;
    Desk::new(&suite, Tenant::North).ticket().await;
    let backup = suite.home().join("backup");
    well(&suite.run(&["backup", "--with-key", "--to", text(&backup)]));
    assert_eq!(process.terminate(), 0, "{}", process.log());

    let to = suite.home().join("elsewhere");
    well(&suite.run(&["restore", "--from", text(&backup), "--to", text(&to)]));
    assert_eq!(
        fs::read(to.join("root.key")).unwrap().trim_ascii(),
        fs::read(suite.home().join("root.key")).unwrap().trim_ascii()
    );
    well(&suite.run(&["verify", "--data", text(&to)]));

    let file = backup.join("tickets.db");
    let mut bytes = fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&file, bytes).unwrap();
    let nowhere = suite.home().join("nowhere");
    let refused = suite.run(&["restore", "--from", text(&backup), "--to", text(&nowhere)]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("damaged"), "{}", refused.err);
    assert!(!nowhere.exists());
}

/// What verifying must find, by the service that it is planted in, and what is said then.
const PLANTED: [(&str, Sql, &str); 6] = [
    ("customers", Sql::both("DELETE FROM timeline WHERE sequence = 1"), "is on none"),
    ("customers", Sql::both("UPDATE timeline SET kind = 'x'"), "has no such event"),
    ("customers", Sql::both("UPDATE cursors SET position = 1000000"), "past its source's head"),
    ("tickets", Sql::both("DELETE FROM events WHERE kind = 'ticket.created'"), "with gaps"),
    ("tickets", Sql::both("UPDATE tickets SET customer = id"), "which is not there"),
    ("surveys", Sql::both("UPDATE scores SET n = n + 1"), "has another count"),
];

#[tokio::test]
async fn what_does_not_agree_is_found_on_both_databases() {
    for backend in Backend::BOTH {
        let suite = Suite::new(backend).await;
        let mut process = suite.serve(&[]).await;
        let desk = Desk::new(&suite, Tenant::North);
        Reads::of(&desk).await;
        until("the answer is among the scores", async || {
            let verified = suite.run(&["verify"]);
            well(&verified);
            let line = verified.out.lines().find(|line| line.starts_with("scores,"))?.to_owned();
            let rows = line.split_whitespace().nth_back(1)?.parse::<u32>().ok()?;
            (rows > 0).then_some(())
        })
        .await;
        assert_eq!(process.terminate(), 0, "{}", process.log());
        for (service, plant, _) in PLANTED {
            let db = suite.db(service).await;
            transact!(db, "test", |tx| tx.execute(plant, Vec::new()).await).unwrap();
            db.close().await;
        }
        let verified = suite.run(&["verify"]);
        assert_eq!(verified.code, 1, "{}", verified.out);
        for (.., said) in PLANTED {
            assert!(verified.out.contains(said), "`{said}` is not said:\n{}", verified.out);
        }
    }
}

async fn rate(desk: &Desk<'_>, invitation: &Value, rating: i32) {
    let token = token(desk, "CreateInvitationLink", &name(invitation)).await;
    let answers = json!([{ "question": "overall", "number": rating }]);
    let request = json!({ "responseId": new_id(), "answers": answers });
    desk.holder(&token).call("SubmitResponse", request).await;
}

/// What is read of the suite before and after it moves.
struct Reads {
    ticket: Value,
    article: Value,
    survey: Value,
}

impl Reads {
    /// Of everything something.
    async fn of(desk: &Desk<'_>) -> Self {
        let survey = desk.asking().await;
        let linked = Linked::new(desk).await;
        rate(desk, &linked.invitation().await, 1).await;
        desk.product().await;
        desk.draft().await;
        let article = desk.article().await;
        let ticket = desk.closed().await;
        told(desk, &ticket).await;
        until("the loop has its ticket", async || {
            let loops = desk.system().call("ListLoops", json!({})).await;
            loops["loops"][0]["followUp"].is_string().then_some(())
        })
        .await;
        Self { ticket, article, survey }
    }

    /// What they come to, as bytes.
    async fn all(&self, desk: &Desk<'_>) -> Vec<(&'static str, Vec<u8>)> {
        let (agent, system) = (desk.agent(), desk.system());
        let admin = desk.caller(Role::Admin).await;
        let name = |of: &Value| json!({ "name": of["name"] });
        let within = |of: &Value| json!({ "parent": of["name"] });
        let all = || json!({ "pageSize": 100 });
        let customer = json!({ "name": self.ticket["customer"] });
        let timeline = json!({ "parent": self.ticket["customer"], "pageSize": 100 });
        let article = json!({ "name": article_of(&self.article) });
        let scores = json!({ "survey": self.survey["name"], "question": "overall" });
        let reads: [(&Client, &'static str, Value); 17] = [
            (agent, "ListTickets", all()),
            (agent, "GetTicket", name(&self.ticket)),
            (agent, "ListEntries", within(&self.ticket)),
            (agent, "ListTicketHistory", within(&self.ticket)),
            (system, "ListCustomers", all()),
            (system, "GetCustomer", customer),
            (system, "ListTimeline", timeline),
            (system, "ListProducts", all()),
            (system, "ListArticles", all()),
            (system, "GetArticle", article),
            (system, "ListSurveys", all()),
            (system, "ListInvitations", all()),
            (system, "ListLoops", all()),
            (system, "GetScores", scores),
            (&admin, "ListMembers", all()),
            (&admin, "ListTeams", all()),
            (&admin, "GetTenant", json!({ "name": tenant() })),
        ];
        let mut answers = Vec::new();
        for (client, method, request) in reads {
            let outcome = client.send(method, &request).await;
            assert!(matches!(outcome, Outcome::Answer(_)), "{method}: {:?}", outcome.json());
            answers.push((method, outcome.bytes()));
        }
        answers
    }
}

fn tenant() -> String {
    format!("tenants/{}", Tenant::North.id().uuid())
}

/// The article that a revision or an article is of.
fn article_of(of: &Value) -> String {
    name(of).split('/').take(2).collect::<Vec<_>>().join("/")
}

#[tokio::test]
async fn a_suite_that_moves_to_postgres_answers_the_same_and_goes_on() {
    let suite = Suite::new(Backend::Sqlite).await;
    let mut process = suite.serve(&[]).await;
    let desk = Desk::new(&suite, Tenant::North);
    let reads = Reads::of(&desk).await;
    // Nothing moves any more.
    until("everybody is asked", async || {
        let pending = json!({ "state": "INVITATION_STATE_PENDING" });
        let waiting = desk.system().call("ListInvitations", pending).await;
        (waiting == json!({})).then_some(())
    })
    .await;
    let before = until("all is still", async || {
        let first = reads.all(&desk).await;
        (first == reads.all(&desk).await).then_some(first)
    })
    .await;
    assert_eq!(process.terminate(), 0, "{}", process.log());

    let moved = Suite::new(Backend::Postgres).await;
    let from = format!("sqlite:{}", suite.home().join("data").display());
    let copy = ["migrate", "copy", "--from", &from, "--to", moved.url()];
    let copied = suite.run(&copy);
    well(&copied);
    // As after a recovery of the whole database to an instant.
    well(&moved.run(&["feed", "renew", "--all"]));
    assert!(copied.out.contains("the services agree"), "{}", copied.out);
    let again = suite.run(&copy);
    assert_eq!(again.code, 1);
    assert!(again.err.contains("not empty"), "{}", again.err);

    let _process = moved.serve(&[]).await;
    let desk = Desk::new(&moved, Tenant::North);
    for ((method, before), (_, after)) in before.iter().zip(reads.all(&desk).await) {
        assert_eq!(*before, after, "{method} is answered otherwise");
    }
    // The consumers go on where they were, in sixteen partitions instead of one.
    told(&desk, &reads.ticket).await;
    for _ in 0..8 {
        told(&desk, &desk.closed().await).await;
    }
    let found = json!({ "query": "what do we know", "pageSize": 5 });
    until("the index was built anew", async || {
        let found = desk.system().call("Search", found.clone()).await;
        found["results"].as_array().is_some_and(|results| !results.is_empty()).then_some(())
    })
    .await;
    all_run(&moved);
    well(&moved.run(&["verify"]));
}
