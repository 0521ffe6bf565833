//! The one door: what an operator or an admin takes away is gone within seconds, whatever the
//! credential; who is over a quota is told so and nobody else is; a workspace answers in parts.

use std::time::{Duration, Instant};

use aftercare_e2e::{
    Backend, Client, Desk, Suite, Tenant,
    client::reason,
    desk::name,
    json::JsonClient,
    suite::{FRONT, member_of},
    until,
};
use kernel::TenantId;
use rpc::issuer::Principal;
use serde_json::json;
use tonic::Code;
use tonic_types::StatusExt as _;

/// How long what was taken away may still hold.
const AT_MOST: Duration = Duration::from_secs(5);

/// Awaits that the client's call is refused with this reason, and that it was in time.
async fn refused_soon(client: &Client, why: &str) {
    let began = Instant::now();
    until(why, async || {
        let outcome = client.send("ListTickets", &json!({})).await;
        outcome.refusal().filter(|status| reason(status).1 == why).map(drop)
    })
    .await;
    assert!(began.elapsed() <= AT_MOST, "{why} took {:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_suspended_tenant_is_refused_everywhere_within_five_seconds() {
    let suite = Suite::new(Backend::Sqlite).await;
    let mut process = suite.serve(&[]).await;
    let (north, south) = (Desk::new(&suite, Tenant::North), Desk::new(&suite, Tenant::South));
    let operator = suite.operator(Tenant::North);
    let key = json!({ "apiKey": { "title": "Shop", "scopes": ["tickets.read"] } });
    let key = suite.member(Tenant::South, "grace").call("CreateApiKey", key).await;
    let bearer = format!("Bearer {}", key["secret"].as_str().unwrap());
    let shop = suite.anonymous().with("authorization", bearer);
    let mut stream = south.agent().open("WatchTickets", &json!({})).await.unwrap();
    shop.call("ListTickets", json!({})).await;

    let tenant = Tenant::South.id().name();
    let began = Instant::now();
    operator.call("SuspendTenant", json!({ "name": tenant })).await;
    for client in [south.agent(), south.system(), &shop, &suite.member(Tenant::South, "grace")] {
        refused_soon(client, "TENANT_SUSPENDED").await;
    }
    let ended = loop {
        match stream.message().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the stream ended without a word"),
            Err(status) => break status,
        }
    };
    assert_eq!(
        (ended.code(), reason(&ended).1.as_str()),
        (Code::PermissionDenied, "TENANT_SUSPENDED")
    );
    assert!(began.elapsed() <= AT_MOST * 2, "the stream went on for {:?}", began.elapsed());
    let json = JsonClient::new(format!("http://{}", suite.at("tickets").public));
    let token = suite.token(&member_of(Tenant::South, "amy"));
    let json = json.with("authorization", format!("Bearer {token}"));
    assert_eq!(json.send("ListTickets", &json!({})).await.status, 403);
    north.agent().call("ListTickets", json!({})).await;

    operator.call("ResumeTenant", json!({ "name": tenant })).await;
    until("the tenant is served again", async || {
        south.agent().send("ListTickets", &json!({})).await.json().ok()
    })
    .await;
    assert_eq!(process.terminate(), 0, "{}", process.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_and_members_hold_until_they_are_taken_away_and_it_is_written_down() {
    let suite = Suite::new(Backend::Sqlite).await;
    let mut process = suite.serve(&[]).await;
    let admin = suite.member(Tenant::North, "grace");
    let key = json!({ "apiKey": { "title": "Shop", "scopes": ["tickets.read"] } });
    let key = admin.call("CreateApiKey", key).await;
    let bearer = format!("Bearer {}", key["secret"].as_str().unwrap());
    let shop = suite.anonymous().with("authorization", bearer);
    shop.call("ListTickets", json!({})).await;
    // The role may, the key's scopes do not reach so far.
    let denied = shop.refused("ListCustomers", json!({})).await;
    assert_eq!(denied.code(), Code::PermissionDenied);
    let key = name(&key["apiKey"]);
    admin.call("RevokeApiKey", json!({ "name": key })).await;
    refused_soon(&shop, "UNAUTHENTICATED").await;

    let ben = suite.member(Tenant::North, "ben");
    ben.call("ListTickets", json!({})).await;
    admin.call("DeactivateMember", json!({ "name": "members/ben" })).await;
    refused_soon(&ben, "UNAUTHENTICATED").await;

    let subject = key.strip_prefix("apiKeys/").unwrap();
    let kinds = until("the audit has what the key did", async || {
        let page = admin.call("ListAccessRecords", json!({ "subject": subject })).await;
        let records = page["accessRecords"].as_array()?.clone();
        let kind = |record: &serde_json::Value| record["kind"].as_str().unwrap().to_owned();
        let kinds: Vec<_> = records.iter().map(kind).collect();
        (kinds.len() == 2).then_some(kinds)
    })
    .await;
    for kind in ["ACCESS_KIND_SIGN_IN", "ACCESS_KIND_DENIED"] {
        assert!(kinds.iter().any(|one| one == kind), "{kinds:?}");
    }
    assert_eq!(process.terminate(), 0, "{}", process.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_tenant_over_its_quota_is_told_when_to_come_again_and_others_are_served() {
    let suite = Suite::new(Backend::Sqlite).await;
    let mut process = suite.serve(&[]).await;
    let operator = suite.operator(Tenant::North);
    let small = json!({ "tenant": {
        "name": Tenant::South.id().name(),
        "quota": { "callsPerSecond": 1, "burst": 2 },
    }, "updateMask": "quota" });
    operator.call("UpdateTenant", small).await;
    let south = suite.member(Tenant::South, "amy");
    let status = until("the quota is used up", async || {
        let outcome = south.send("ListTickets", &json!({})).await;
        outcome.refusal().cloned()
    })
    .await;
    assert_eq!(status.code(), Code::ResourceExhausted);
    assert_eq!(reason(&status).1, "TENANT_QUOTA_EXCEEDED");
    assert!(status.get_details_retry_info().is_some_and(|info| info.retry_delay.is_some()));
    for _ in 0..20 {
        suite.member(Tenant::North, "amy").call("ListTickets", json!({})).await;
    }
    assert_eq!(process.terminate(), 0, "{}", process.log());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_workspace_is_whole_and_answers_in_parts_while_customers_is_stopped() {
    let suite = Suite::of_two_processes().await;
    let mut front = suite.serve(&FRONT).await;
    let mut customers = suite.serve(&["customers"]).await;
    let desk = Desk::new(&suite, Tenant::North);
    let ticket = desk.claimed().await;
    let article = desk.article().await;
    let word = article["revision"]["title"].as_str().unwrap().rsplit(' ').next().unwrap();
    let said =
        json!({ "body": format!("What about {word}?"), "authorRole": "AUTHOR_ROLE_CUSTOMER" });
    desk.agent().call("AddEntry", json!({ "parent": name(&ticket), "entry": said })).await;
    let entry = json!({ "body": "We look into it.", "visibility": "VISIBILITY_PUBLIC" });
    let ticket_name = name(&ticket);
    desk.agent().call("AddEntry", json!({ "parent": ticket_name, "entry": entry })).await;
    let customer = ticket["customer"].as_str().unwrap();
    desk.timeline(customer, 1).await;
    let asked = json!({ "name": ticket_name });

    let whole = until("the article is suggested", async || {
        let whole = desk.agent().call("GetTicketWorkspace", asked.clone()).await;
        whole["suggestedArticles"].is_array().then_some(whole)
    })
    .await;
    assert_eq!(name(&whole["ticket"]), ticket_name);
    assert_eq!(whole["entries"][1]["body"], "We look into it.");
    // What is suggested is what an entry then names as its answer.
    let suggested = &whole["suggestedArticles"][0];
    assert_eq!(suggested["revision"], article["revision"]["name"]);
    let answer = json!({ "revision": suggested["revision"], "locale": suggested["locale"] });
    let entry = json!({ "body": "This is how.", "answers": [answer] });
    let entry = json!({ "parent": ticket_name, "entry": entry });
    let entry = desk.agent().call("AddEntry", entry).await;
    assert_eq!(entry["answers"], json!([answer]));
    assert_eq!(name(&whole["customer"]), customer);
    assert_eq!(name(&whole["customerTickets"][0]), ticket_name);
    assert!(!whole["timeline"].as_array().unwrap().is_empty());
    let state = |workspace: &serde_json::Value, field: &str| {
        let parts = workspace["parts"].as_array().unwrap();
        parts.iter().find(|part| part["field"] == field).unwrap()["state"].clone()
    };
    let fields = ["ticket", "entries", "customer", "customer_tickets", "purchases", "timeline"];
    for field in fields.into_iter().chain(["suggested_articles"]) {
        assert_eq!(state(&whole, field), "WORKSPACE_PART_STATE_PRESENT", "{field}");
    }

    customers.kill();
    let parts = desk.agent().call("GetTicketWorkspace", asked).await;
    assert_eq!(name(&parts["ticket"]), ticket_name);
    assert_eq!(parts["entries"][1]["body"], "We look into it.");
    for (field, expected) in [
        ("ticket", "PRESENT"),
        ("entries", "PRESENT"),
        ("customer_tickets", "PRESENT"),
        ("suggested_articles", "PRESENT"),
        ("customer", "UNAVAILABLE"),
        ("purchases", "UNAVAILABLE"),
        ("timeline", "UNAVAILABLE"),
    ] {
        assert_eq!(state(&parts, field), format!("WORKSPACE_PART_STATE_{expected}"), "{field}");
    }
    assert_eq!(front.terminate(), 0, "{}", front.log());
}

/// Nothing but calls through the door: no seed file names the company or its people.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_company_that_signs_up_at_run_time_is_served_with_its_own_people() {
    let suite = Suite::of_two_processes().await;
    let mut front = suite.serve(&FRONT).await;
    let mut customers = suite.serve(&["customers"]).await;
    let operator = suite.operator(Tenant::North);
    let request = json!({
        "tenant": {
            "slug": "sunrise", "title": "Sunrise", "phoneRegion": "US", "timeZone": "America/Chicago",
        },
        "admin": { "displayName": "Grace" },
        "adminId": "grace",
    });
    let tenant = operator.call("CreateTenant", request).await;
    let tenant = TenantId::parse_name(&name(&tenant)).unwrap();
    let somebody = |member: &str| {
        let principal = Principal { tenant, ..member_of(Tenant::North, member) };
        suite.anonymous().with("authorization", format!("Bearer {}", suite.token(&principal)))
    };
    let team = json!({ "team": { "title": "Care" }, "teamId": "care" });
    somebody("grace").call("CreateTeam", team).await;
    let nora = json!({ "displayName": "Nora", "roles": ["agent"], "teams": ["teams/care"] });
    somebody("grace").call("CreateMember", json!({ "member": nora, "memberId": "nora" })).await;

    let nora = somebody("nora");
    let number = json!({ "kind": "IDENTIFIER_KIND_PHONE", "value": "(312) 555-0123" });
    let ask = json!({ "identifiers": [number], "create": true });
    let customer = until("customers reads its telephone numbers", async || {
        nora.send("ResolveCustomer", &ask).await.json().ok()
    })
    .await;
    let customer = name(&customer["customer"]);
    let ticket = until("tickets has heard of it", async || {
        nora.send("CreateTicket", &json!({ "ticket": Desk::complaint(&customer) }))
            .await
            .json()
            .ok()
    })
    .await;
    let taken = until("tickets has heard of her", async || {
        nora.send("ClaimNextTicket", &json!({})).await.json().ok()
    })
    .await;
    assert_eq!(name(&taken["ticket"]), name(&ticket));
    assert_eq!(taken["ticket"]["assignee"], "members/nora");
    // Another company sees none of it.
    let amy = suite.member(Tenant::North, "amy");
    let missing = amy.refused("GetTicket", json!({ "name": name(&ticket) })).await;
    assert_eq!(missing.code(), Code::NotFound);

    somebody("grace").call("DeactivateMember", json!({ "name": "members/nora" })).await;
    refused_soon(&nora, "UNAUTHENTICATED").await;
    assert_eq!(front.terminate(), 0, "{}", front.log());
    assert_eq!(customers.terminate(), 0, "{}", customers.log());
}
