//! The overview on a phone, by keyboard alone, in headless Chromium: in both languages, light and dark,
//! with scripts and without; axe-core looks for what would shut somebody out.

use std::{fs, path::PathBuf};

use aftercare_e2e::{
    Backend, Suite, Tenant,
    desk::{Desk, new_id},
    linked::Linked,
    node,
    suite::{finish, member_of},
    until,
};
use serde_json::{Value, json};

/// Who looks: the language, the colour scheme, and whether scripts run.
const READERS: [(&str, &str, bool); 4] =
    [("en", "light", true), ("en", "dark", false), ("zh", "dark", true), ("zh", "light", false)];

/// Where the pictures go, to be looked at.
fn screenshots() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("overview");
    fs::create_dir_all(&folder).expect("a folder for the pictures");
    folder
}

/// What the browser saw, page by page.
fn read(suite: &Suite, (locale, scheme, script): (&str, &str, bool), token: &str) -> Vec<Value> {
    let told = json!({
        "origin": format!("http://{}", suite.at("gateway").public),
        "chromium": node::chromium(), "screenshots": screenshots(),
        "locale": locale, "scheme": scheme, "script": script, "token": token,
    });
    let done = finish(node::script("browser/overview.js").arg(told.to_string()));
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    done.out.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

fn check(locale: &str, seen: &[Value]) {
    let of = |name: &str| seen.iter().find(|page| page["page"] == name).expect("it was seen");
    assert_eq!(of("")["complaints"], json!([]), "what the browser complains of");
    for name in ["form", "refused", "overview", "table", "other", "out"] {
        let page = of(name);
        let other = if locale == "zh" { "en" } else { "zh" };
        assert_eq!(page["lang"], if name == "other" { other } else { locale }, "{page:#}");
        assert_eq!(page["headings"], 1, "{page:#}");
        assert_eq!(page["wide"], false, "it is wider than the screen: {page:#}");
        assert_eq!(page["faults"], json!([]), "{page:#}");
        assert_eq!(page["cookies"], "", "no script sees the cookie");
    }
    let (notice, titles) = match locale {
        "zh" => ("令牌无效或已过期，请检查是否完整。", ["队列", "今日与近日", "最近的低分评价"]),
        _ => (
            "This token is not valid, or has expired. Please check that it is whole.",
            ["Queues", "Today and the last days", "Latest low scores"],
        ),
    };
    assert_eq!(of("refused")["notice"], notice);
    assert_eq!(of("overview")["titles"], json!(titles));
    assert_eq!(of("overview")["bars"], 21, "three for each day of the week");
    let answers = of("overview")["answers"].as_array().cloned().unwrap();
    assert!(answers.len() == 1 && answers[0].as_str().unwrap().contains("1 / 5"), "{answers:?}");
    assert!(of("out")["url"].as_str().unwrap().contains("/overview/sign-in"), "signed out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_supervisor_sees_how_it_stands() {
    let suite = Suite::new(Backend::Sqlite).await;
    let _process = suite.serve(&[]).await;
    let desk = Desk::new(&suite, Tenant::North);
    desk.asking().await;
    for _ in 0..3 {
        desk.ticket().await;
    }
    let linked = Linked::new(&desk).await;
    let answers = json!([{ "question": "overall", "number": 1 }]);
    let rated = json!({ "responseId": new_id(), "answers": answers });
    linked.holder().call("SubmitResponse", rated).await;
    until("the figures and the low score are there", async || {
        let loops = desk.system().call("ListLoops", json!({})).await;
        let days = desk.system().call("GetFigures", json!({})).await["days"].clone();
        let created = |day: &Value| day["created"].as_str().unwrap_or("0").parse::<i64>().unwrap();
        let created: i64 = days.as_array()?.iter().map(created).sum();
        // The three, the one that was rated, and the follow-up.
        (!loops["loops"].is_null() && created == 5).then_some(())
    })
    .await;
    let backlog = desk.agent().call("GetBacklog", json!({})).await;
    let open = |queue: &Value| queue["new"].as_i64().unwrap_or(0);
    let queues = backlog["queues"].as_array().unwrap();
    assert_eq!(queues.iter().map(open).sum::<i64>(), 4, "{backlog:#}");

    let token = suite.token(&member_of(Tenant::North, "frank"));
    for reader in READERS {
        check(reader.0, &read(&suite, reader, &token));
    }
}
