//! The command line against a running suite.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use aftercare_e2e::{
    Backend, Client, Suite, Tenant, each_backend,
    suite::{binary, channel, finish},
    until,
};
use serde_json::{Value, json};

const NORTH: [&str; 2] = ["--tenant", "north"];

/// The text that follows the last command on the first line of a banner that holds one.
fn pasted(banner: &str) -> &str {
    let mut lines = banner.lines().filter(|line| line.contains(" call "));
    lines.next_back().unwrap_or_else(|| panic!("no call is printed:\n{banner}"))
}

#[tokio::test]
async fn the_printed_call_works_from_another_folder() {
    each_backend(async |suite| {
        let banner = suite.banner();
        assert!(banner.contains(&suite.at("tickets").public.to_string()), "{banner}");
        assert!(banner.contains(&suite.at("tickets").admin.to_string()), "{banner}");
        let called = finish(Command::new("sh").args(["-c", pasted(&banner)]).current_dir("/"));
        assert_eq!(called.code, 0, "{}", called.err);
        let ticket: Value = serde_json::from_str(&called.out).unwrap();
        assert!(ticket["name"].as_str().unwrap().starts_with("tickets/"), "{ticket}");
        let agent = suite.member(Tenant::North, "amy");
        until("the ticket has its customer", async || {
            let found = agent.call("GetTicket", json!({ "name": ticket["name"] })).await;
            found["customer"].is_string().then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn the_token_in_the_banner_and_those_of_the_command_hold() {
    each_backend(async |suite| {
        let banner = suite.banner();
        let printed = banner.split("--token ").nth(1).unwrap().split(' ').next().unwrap();
        let made = suite.run(&["token", "--role", "auditor", NORTH[0], NORTH[1]]);
        assert_eq!(made.code, 0, "{}", made.err);
        assert_eq!(made.out.lines().count(), 1, "the token stands alone: {}", made.out);
        for token in [printed, made.out.trim()] {
            let client = suite.anonymous().with("authorization", format!("Bearer {token}"));
            client.call("ListTickets", json!({ "pageSize": 1 })).await;
        }
        let refused = suite.run(&["token", "--role", "service"]);
        assert_eq!(refused.code, 1, "nobody gets a token as the suite itself");
    })
    .await;
}

#[tokio::test]
async fn call_reads_and_prints_json_and_tells_what_is_wrong() {
    each_backend(async |suite| {
        let call = |rest: &[&str]| suite.run(&[&["call"], rest, &NORTH[..]].concat());
        let request = json!({ "ticket": {
            "kind": "KIND_INQUIRY", "channel": "CHANNEL_EMAIL", "title": "Where is my order?",
        }})
        .to_string();
        let made = call(&["CreateTicket", &request]);
        assert_eq!(made.code, 0, "{}", made.err);
        let ticket: Value = serde_json::from_str(&made.out).unwrap();
        let name = ticket["name"].as_str().unwrap();

        let file = suite.home().join("request.json");
        fs::write(&file, json!({ "name": name }).to_string()).unwrap();
        let read = call(&["TicketService/GetTicket", &format!("@{}", file.display())]);
        assert_eq!(serde_json::from_str::<Value>(&read.out).unwrap()["name"], name);

        let refused = call(&["ResolveTicket", &json!({ "name": name, "answer": "x" }).to_string()]);
        assert_eq!((refused.code, refused.out.as_str()), (1, ""));
        for part in ["FAILED_PRECONDITION TRANSITION_REFUSED", "MISSING_FIELD assignee"] {
            assert!(refused.err.contains(part), "{}", refused.err);
        }
        let wrong = call(&["CreateTicket", "{}"]);
        assert_eq!(wrong.code, 1);
        assert!(wrong.err.contains("INVALID_ARGUMENT"), "{}", wrong.err);
        assert!(wrong.err.contains("ticket: "), "{}", wrong.err);
        let unknown = call(&["CreateTicket", r#"{"tickt": {}}"#]);
        assert_eq!(unknown.code, 1);
        assert!(unknown.err.contains("tickt"), "{}", unknown.err);
        let denied = call(&["AssignTicket", "{}", "--role", "auditor"]);
        assert!(denied.err.contains("PERMISSION_DENIED"), "{}", denied.err);
        let listed = suite.run(&["call", "--list"]);
        assert!(listed.out.contains("TicketService/CreateTicket"), "{}", listed.out);
    })
    .await;
}

#[tokio::test]
async fn the_operators_commands_speak_with_the_running_suite() {
    each_backend(async |suite| {
        let doctor = suite.run(&["doctor"]);
        assert_eq!(doctor.code, 0, "{}{}", doctor.out, doctor.err);
        assert!(!doctor.out.contains('✗'), "{}", doctor.out);
        assert!(doctor.out.contains("`serve`: runs and is ready"), "{}", doctor.out);
        assert!(doctor.out.contains("database of tickets: up to date"), "{}", doctor.out);

        let migrated = suite.run(&["migrate"]);
        assert_eq!(migrated.code, 0, "{}", migrated.err);
        assert_eq!(
            migrated.out,
            "customers: up to date\ngateway: up to date\nknowledge: up to date\n\
             surveys: up to date\ntickets: up to date\n"
        );

        let listed = suite.run(&["feed", "list"]);
        assert_eq!(listed.code, 0, "{}", listed.err);
        let partitions = if suite.backend == Backend::Sqlite { 1 } else { 16 };
        assert_eq!(listed.out.matches("customers.timeline").count(), partitions, "{}", listed.out);
        let letters = suite.run(&["feed", "dead-letters", "customers.timeline"]);
        assert_eq!(letters.out, "none\n", "{}", letters.err);
        let shown = suite.run(&["clock", "show"]);
        assert_eq!(shown.code, 0, "{}", shown.err);
    })
    .await;
}

#[tokio::test]
async fn the_configuration_is_printed_and_checked() {
    each_backend(async |suite| {
        let printed = suite.run(&["config", "print"]);
        assert_eq!(printed.code, 0, "{}", printed.err);
        assert!(printed.out.contains(&suite.at("tickets").public.to_string()), "{}", printed.out);
        let documented = suite.run(&["config", "print", "--default"]);
        assert!(documented.out.contains("public = \"127.0.0.1:8080\""), "{}", documented.out);
        let checked = suite.run(&["config", "check"]);
        assert_eq!(checked.code, 0, "{}", checked.err);

        let wrong = suite.home().join("wrong.toml");
        fs::write(&wrong, "[server]\npublic = \"127.0.0.1:1\"\nadmin = \"127.0.0.1:1\"\n").unwrap();
        let mut command = Command::new(binary());
        let refused = finish(command.arg("--config").arg(&wrong).args(["config", "check"]));
        assert_eq!(refused.code, 1);
        assert!(refused.err.contains("server"), "{}", refused.err);
    })
    .await;
}

/// The first process of a container is sent no signal that it does not catch, so this must be the
/// first thing that it does.
#[tokio::test]
async fn who_is_told_to_stop_before_it_is_ready_stops() {
    let suite = Suite::new(Backend::Sqlite).await;
    let database = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("postgres://nobody@{}/none", database.local_addr().unwrap());
    let mut command = Command::new(binary());
    command.arg("--config").arg(suite.config()).arg("serve").current_dir(suite.home());
    let mut starting = command.env("AFTERCARE__DATABASE__URL", url).spawn().unwrap();
    let patience = Duration::from_mins(1);
    let _never_answered = tokio::time::timeout(patience, database.accept()).await.unwrap();
    let told = finish(Command::new("kill").arg(starting.id().to_string()));
    assert_eq!(told.code, 0, "{}", told.err);
    assert_eq!(starting.wait().unwrap().code(), Some(0));
}

/// A first run without any configuration but free ports: it makes what it needs.
#[tokio::test]
async fn a_first_run_makes_its_key_and_its_data() {
    let suite = Suite::new(Backend::Sqlite).await;
    fs::remove_file(suite.home().join("root.key")).unwrap();
    let mut process = suite.serve(&[]).await;
    let key = fs::metadata(suite.home().join("root.key")).unwrap();
    assert_eq!(key.permissions().mode() & 0o777, 0o600);
    for service in ["tickets", "customers"] {
        let file = fs::metadata(suite.file(service)).unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{service}");
    }
    let called = finish(Command::new("sh").args(["-c", pasted(&process.out())]).current_dir("/"));
    assert_eq!(called.code, 0, "{}", called.err);
    assert_eq!(process.terminate(), 0, "{}", process.log());
    let gone = Client::to(&channel(suite.at("tickets").public));
    let status = gone.refused("ListTickets", json!({})).await;
    assert_eq!(status.code(), tonic::Code::Unavailable);
    // Who would make a new key beside sealed data would lose it.
    fs::remove_file(suite.home().join("root.key")).unwrap();
    let refused = suite.run(&["serve"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("root key"), "{}", refused.err);
    assert_eq!(Tenant::North.slug(), NORTH[1]);
}

/// The folder of this project.
fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[tokio::test]
async fn articles_come_from_files_once_and_go_into_files_again() {
    each_backend(async |suite| {
        let faq = project().join("deploy/examples/faq.csv");
        let faq = faq.to_str().unwrap();
        let import = |file: &str, more: &[&str]| {
            suite.run(&[&["import", file, "--tenant", "south", "--publish"], more].concat())
        };
        let looked = import(faq, &["--dry-run"]);
        assert_eq!(looked.out, "would be created 4, updated 0, unchanged 0, refused 0\n");
        let first = import(faq, &["--audience", "public"]);
        assert_eq!(first.code, 0, "{}", first.err);
        assert_eq!(first.out, "created 4, updated 0, unchanged 0, refused 0\n");
        let again = import(faq, &["--audience", "public"]);
        assert_eq!(again.out, "created 0, updated 0, unchanged 4, refused 0\n");
        for query in ["the floor is wet, what now", "地板湿了", "退货"] {
            let asked = json!({ "query": query }).to_string();
            until("it is found", async || {
                let found = suite.run(&["call", "Search", &asked, "--tenant", "south"]);
                assert_eq!(found.code, 0, "{}", found.err);
                found.out.contains("\"results\"").then_some(())
            })
            .await;
        }
        let folder = tempfile::tempdir().unwrap();
        let out = folder.path().join("articles");
        let out = out.to_str().unwrap();
        let export = ["export", "--tenant", "south", "--format", "markdown", "--out", out];
        let exported = suite.run(&export);
        assert_eq!(exported.code, 0, "{}", exported.err);
        // Other tests may have written articles too: what went out comes in as it was.
        let back = import(out, &[]);
        assert!(back.out.starts_with("created 0, updated 0,"), "{}{}", back.out, back.err);
        let wrong = folder.path().join("wrong.csv");
        fs::write(&wrong, "question,answer\nx,y\n,z\n").unwrap();
        let refused = import(wrong.to_str().unwrap(), &["--dry-run"]);
        assert_eq!(refused.code, 1);
        assert!(refused.err.contains("row 2: title: "), "{}", refused.err);
    })
    .await;
}
