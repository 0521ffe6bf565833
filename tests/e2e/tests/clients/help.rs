//! The help centre on a phone, by keyboard alone, in headless Chromium: in both languages, light and
//! dark, with scripts and without; axe-core looks for what would shut somebody out.

use std::{fs, path::PathBuf};

use aftercare_e2e::{
    Backend, Suite, Tenant,
    desk::{Desk, canary, name},
    node,
    pages::Visitor,
    suite::finish,
    until,
};
use serde_json::{Value, json};

/// An article with all that a body may have, and some that it may only show.
fn body(word: &str) -> String {
    format!(
        "# Steps\n\nHold **{word}** down for five seconds:\n\n1. Open the `menu`.\n2. Wait.\n\n\
         ## 型号\n\n| Model | Code | Pressure, in bar, cold | Pressure, in bar, hot | Remarks |\n\
         |---|---|---|---|---|\n| X1 | E42 | 1.25 | 2.75 | only with the valve that came with it |\n\n\
         > Never open it while it is hot.\n\n\
         ```\naftercare --with a-very-long-option-that-would-not-fit-a-phone --and-another-one\n```\n\n\
         See [the manual](https://example.com/manual) or [this](javascript:window.hacked=true).\n\n\
         <script>window.hacked = true</script>\n\n<img src=x onerror=\"window.hacked = true\">\n"
    )
}

/// Somebody in front of a phone.
struct Reader {
    locale: &'static str,
    scheme: &'static str,
    script: bool,
}

const READERS: [Reader; 4] = [
    Reader { locale: "en", scheme: "light", script: true },
    Reader { locale: "en", scheme: "dark", script: false },
    Reader { locale: "zh", scheme: "dark", script: true },
    Reader { locale: "zh", scheme: "light", script: false },
];

/// What is asked, and what the answer is called, by language.
fn words(locale: &str, word: &str) -> (String, String) {
    match locale {
        "zh" => (format!("怎么重置{word}"), format!("怎么重置{word}？")),
        _ => (format!("how to reset {word}"), format!("How to reset {word}")),
    }
}

/// Publishes the article in both languages and waits until search finds it.
async fn article(desk: &Desk<'_>, word: &str) -> Value {
    let revision = |locale: &str| {
        let title = words(locale, word).1;
        json!({ "locale": locale, "title": title, "body": body(word) })
    };
    let article = json!({
        "kind": "ARTICLE_KIND_HOW_TO",
        "audience": { "level": "AUDIENCE_LEVEL_PUBLIC" },
        "revision": revision("en"),
    });
    let system = desk.system();
    let made = system.call("CreateArticle", json!({ "article": article })).await;
    system.call("PublishRevision", json!({ "name": made["revision"]["name"] })).await;
    let request = json!({ "parent": name(&made), "revision": revision("zh") });
    let second = system.call("CreateRevision", request).await;
    let published = system.call("PublishRevision", json!({ "name": name(&second) })).await;
    let visitor = Visitor::new(desk.suite, desk.tenant);
    for locale in ["en", "zh"] {
        until("search finds it", async || {
            let page = visitor.get(&format!("/{locale}/search?q={word}")).await;
            page.html.contains(&name(&made)).then_some(())
        })
        .await;
    }
    published
}

/// Where the pictures go, to be looked at.
fn screenshots() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("help");
    fs::create_dir_all(&folder).expect("a folder for the pictures");
    folder
}

fn read(suite: &Suite, reader: &Reader, word: &str) -> Vec<Value> {
    let origin = format!("http://{}", suite.at("gateway").public);
    let (question, title) = words(reader.locale, word);
    let told = json!({
        "origin": origin, "base": format!("{origin}/t/{}", Tenant::North.slug()),
        "chromium": node::chromium(), "screenshots": screenshots(),
        "locale": reader.locale, "scheme": reader.scheme, "script": reader.script,
        "question": question, "title": title, "comment": format!("{word} {}", reader.locale),
    });
    let done = finish(node::script("browser/help.js").arg(told.to_string()));
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    done.out.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// What each page must be.
fn check(reader: &Reader, title: &str, seen: &[Value]) {
    let (pages, last) = seen.split_at(seen.len() - 1);
    assert_eq!(last[0]["complaints"], json!([]), "what the browser complains of");
    let (thanks, read) = match reader.locale {
        "zh" => ("感谢您的反馈。", "谢谢，我们会认真阅读。"),
        _ => ("Thank you for telling us.", "Thank you. We will read it."),
    };
    let names: Vec<_> = pages.iter().map(|page| page["page"].as_str().unwrap()).collect();
    let mut all = vec!["home", "search", "article", "judged", "explained", "other", "nothing"];
    if reader.script {
        all.insert(1, "suggested");
    }
    assert_eq!(names, all);
    for page in pages {
        let other = if reader.locale == "zh" { "en" } else { "zh" };
        let lang = if page["page"] == "other" { other } else { reader.locale };
        assert_eq!(page["lang"], lang, "{page:#}");
        assert_eq!(page["headings"], 1, "{page:#}");
        assert_eq!(page["wide"], false, "it is wider than the screen: {page:#}");
        assert_eq!(page["hacked"], false, "{page:#}");
        assert_eq!(page["faults"], json!([]), "{page:#}");
    }
    let of = |name: &str| pages.iter().find(|page| page["page"] == name).unwrap();
    assert_eq!(of("article")["heading"], title);
    assert_eq!(of("judged")["feedback"], thanks);
    assert_eq!(of("explained")["feedback"], read);
    if reader.script {
        assert_eq!(of("explained")["focus"], "feedback-title", "a reader of the screen is told");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_gets_an_answer() {
    // What a page looks like does not depend on the database; what it tells is seen on both elsewhere.
    let suite = Suite::shared(Backend::Sqlite).await;
    let (desk, word) =
        (Desk::new(suite, Tenant::North), canary().replace("canary-", "")[24..].to_owned());
    let article = article(&desk, &word).await;
    for reader in &READERS {
        let seen = read(suite, reader, &word);
        check(reader, &words(reader.locale, &word).1, &seen);
    }
    let votes = desk.system().call("ListVotes", json!({ "parent": name(&article) })).await;
    let votes = votes["votes"].as_array().cloned().unwrap_or_default();
    let mut said: Vec<_> = votes
        .iter()
        .map(|vote| (vote["locale"].as_str().unwrap(), vote["comment"].as_str().unwrap()))
        .collect();
    said.sort_unstable();
    let (en, zh) = (format!("{word} en"), format!("{word} zh"));
    assert_eq!(said, [("en", en.as_str()), ("en", &en), ("zh", &zh), ("zh", &zh)]);
    assert!(votes.iter().all(|vote| vote.get("helpful").is_none() && vote["search"] != ""));
}
