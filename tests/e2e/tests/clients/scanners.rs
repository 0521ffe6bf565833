//! What looks into mails before their readers do: it follows every link, and must leave no trace; where
//! it sends forms, too, it is found out, and the reader gets through.

use aftercare_e2e::{
    Backend, Client, Desk, Suite, Tenant,
    desk::name,
    linked::{Linked, token},
    metrics::metrics,
    node,
    pages::{Page, Visitor},
    scenario::internal,
    suite::{channel, finish},
    until,
};
use futures::{StreamExt as _, stream};
use http::Method;
use serde_json::{Value, json};

/// How many customers are asked, and of how many the link is opened in a browser.
const INVITATIONS: usize = 1_000;
const IN_A_BROWSER: usize = 50;
/// How many are prepared, or looked at, side by side.
const SIDE_BY_SIDE: usize = 8;

/// Everything that surveys has recorded, as its feed counts it.
async fn heads(suite: &Suite) -> Value {
    internal::peer(suite).call("Heads", json!({ "source": "surveys" })).await
}

/// How many customers were asked.
async fn asked(desk: &Desk<'_>) -> usize {
    let (mut count, mut page) = (0, String::new());
    loop {
        let request = json!({
            "state": "INVITATION_STATE_REQUESTED", "pageSize": 1000, "pageToken": page,
        });
        let answer = desk.system().call("ListInvitations", request).await;
        count += answer["invitations"].as_array().map_or(0, Vec::len);
        answer["nextPageToken"].as_str().unwrap_or_default().clone_into(&mut page);
        if page.is_empty() {
            return count;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_follows_a_thousand_links_leaves_no_trace() {
    let suite = Suite::new(Backend::Sqlite).await;
    let _process = suite.serve(&[]).await;
    let desk = Desk::new(&suite, Tenant::North);
    desk.asking().await;
    let resolved = stream::iter(0..INVITATIONS).map(|_| desk.resolved());
    let tickets: Vec<Value> = resolved.buffer_unordered(SIDE_BY_SIDE).collect().await;
    until("everybody is asked", async || (asked(&desk).await == INVITATIONS).then_some(())).await;
    let links = stream::iter(&tickets).map(async |ticket| {
        let request = json!({ "ticket": name(ticket) });
        let all = desk.system().call("ListInvitations", request).await;
        token(&desk, "CreateInvitationLink", &name(&all["invitations"][0])).await
    });
    let tokens: Vec<String> = links.buffer_unordered(SIDE_BY_SIDE).collect().await;
    let before = heads(&suite).await;

    let origin = format!("http://{}", suite.at("gateway").public);
    let visitor = Visitor::at(&origin).with("user-agent", "LinkScanner/1.0");
    let pages = stream::iter(&tokens).map(async |token| {
        let at = format!("/l/{token}");
        let head = visitor.ask(Method::HEAD, &at, "").await;
        let rated = visitor.get(&format!("{at}?overall=1")).await;
        assert_eq!((head.status.as_u16(), rated.status.as_u16()), (200, 200));
        assert!(rated.html.contains("How was it?"));
    });
    pages.buffer_unordered(SIDE_BY_SIDE).collect::<Vec<()>>().await;
    let urls: Vec<_> =
        tokens.iter().take(IN_A_BROWSER).map(|token| format!("{origin}/l/{token}")).collect();
    let told = json!({ "chromium": node::chromium(), "urls": urls });
    let done = finish(node::script("browser/scan.js").arg(told.to_string()));
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    let told: Value = serde_json::from_str(done.out.trim()).unwrap();
    assert_eq!(told["seen"], IN_A_BROWSER, "each page was there, with its form");

    assert_eq!(heads(&suite).await, before, "surveys recorded something");
    assert_eq!(asked(&desk).await, INVITATIONS, "an invitation stands otherwise");
    let survey = name(&desk.asking().await);
    let responses = desk.system().call("ListResponses", json!({ "parent": survey })).await;
    assert_eq!(responses, json!({}));
    let told = metrics(suite.at("gateway")).await;
    assert!(!told.contains("ln_"), "a link is nobody's but its reader's");
}

fn nonce(page: &Page) -> String {
    let (_, after) = page.html.split_once("name=\"nonce\" value=\"").expect("a form has one");
    after.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn who_sends_several_ratings_at_once_is_found_out_and_the_reader_gets_through() {
    for backend in Backend::BOTH {
        let suite = Suite::new(backend).await;
        let _process = suite.serve(&[]).await;
        let desk = Desk::new(&suite, Tenant::North);
        let survey = name(&desk.asking().await);
        let linked = Linked::new(&desk).await;
        let at = format!("/l/{}", linked.invitation_token().await);
        let visitor = Visitor::at(format!("http://{}", suite.at("gateway").public));
        let rate = async |rating: usize| {
            let page = visitor.get(&at).await;
            let form =
                format!("nonce={}&shown=overall&shown=why&answers.overall={rating}", nonce(&page));
            let sent = visitor.ask(Method::POST, &format!("{at}/answers"), &form).await;
            assert_eq!(sent.status, 303, "{}", sent.html);
        };
        for rating in 1..=4 {
            rate(rating).await;
        }
        let responses = async || {
            let answer = desk.system().call("ListResponses", json!({ "parent": survey })).await;
            answer["responses"].as_array().cloned().unwrap_or_default()
        };
        let machines = responses().await;
        let standings: Vec<_> = machines.iter().map(|one| one["standing"].clone()).collect();
        assert_eq!(standings, vec![json!("STANDING_SUSPECTED"); 4]);
        let clock = Client::to(&channel(suite.at("gateway").admin));
        let now = clock.call("GetClock", json!({})).await;
        let now: jiff::Timestamp = now["time"].as_str().unwrap().parse().unwrap();
        let later = now + jiff::SignedDuration::from_mins(2);
        clock.call("AdvanceClock", json!({ "toTime": later.to_string() })).await;
        rate(5).await;
        let latest = responses().await.remove(0);
        assert_eq!(latest["standing"], "STANDING_COUNTED");
        assert_eq!(latest["answers"][0]["number"], 5);
        assert_eq!(linked.invitation().await["response"], latest["name"]);
        // The scores follow.
        let figure = until("the scores have followed", async || {
            let request = json!({ "survey": survey, "period": "PERIOD_ALL" });
            let scores = desk.system().call("GetScores", request).await;
            let found = scores["scores"][0].clone();
            (found["suspected"] == "4" && found["n"] == "1").then_some(found)
        })
        .await;
        assert_eq!((&figure["numerator"], &figure["score"]), (&json!("1"), &json!(100.0)));
    }
}
