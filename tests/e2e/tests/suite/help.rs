//! The help centre of a tenant, as its visitors see it.

use std::sync::LazyLock;

use aftercare_e2e::{
    Backend, Client, Desk, Suite, Tenant,
    desk::{canary, name, new_id},
    each_backend,
    pages::{Page, Visitor},
    until,
};
use http::Method;
use regex::Regex;
use serde_json::{Value, json};

/// A help centre with one article for everybody, which search finds.
struct Scene<'a> {
    desk: Desk<'a>,
    visitor: Visitor,
    word: String,
    article: Value,
}

impl<'a> Scene<'a> {
    async fn new(suite: &'a Suite) -> Self {
        let (desk, word) = (Desk::new(suite, Tenant::North), canary());
        let visitor = Visitor::new(suite, Tenant::North);
        let article = published(desk.system(), Desk::words(&word)).await;
        until("search finds it", async || {
            let page = visitor.get(&format!("/en/search?q={word}")).await;
            page.html.contains(&name(&article)).then_some(())
        })
        .await;
        Self { desk, visitor, word, article }
    }

    /// The path of the article's page.
    fn path(&self) -> String {
        format!("/en/{}", name(&self.article))
    }

    /// What a form on a page of the article would send.
    fn form(page: &Page, answer: &str) -> String {
        static HIDDEN: LazyLock<Regex> = LazyLock::new(|| {
            Regex::new(r#"type="hidden" name="(revision|vote|search)" value="([^"]*)""#).unwrap()
        });
        let hidden =
            HIDDEN.captures_iter(&page.html).map(|found| format!("{}={}", &found[1], &found[2]));
        let mut fields: Vec<String> = hidden.collect();
        fields.push(answer.to_owned());
        fields.join("&")
    }

    async fn votes(&self) -> Vec<Value> {
        let request = json!({ "parent": name(&self.article) });
        let answer = self.desk.system().call("ListVotes", request).await;
        answer["votes"].as_array().cloned().unwrap_or_default()
    }

    /// What was chosen of searches for the scene's word.
    async fn chosen(&self) -> Vec<Value> {
        let answer = self.desk.system().call("ListSearches", json!({ "pageSize": 1000 })).await;
        let searches = answer["searches"].as_array().cloned().unwrap_or_default();
        let ours = searches.into_iter().filter(|one| one["query"] == self.word.as_str());
        ours.flat_map(|one| one["chosen"].as_array().cloned().unwrap_or_default()).collect()
    }
}

async fn published(system: &Client, article: Value) -> Value {
    let draft = system.call("CreateArticle", json!({ "article": article })).await;
    system.call("PublishRevision", json!({ "name": draft["revision"]["name"] })).await
}

#[tokio::test]
async fn a_question_is_found_read_and_judged_without_a_script() {
    each_backend(async |suite| {
        let scene = Scene::new(suite).await;
        let visitor = &scene.visitor;
        let start = visitor.clone().with("accept-language", "zh-CN,en;q=0.5").get("").await;
        assert_eq!((start.status.as_u16(), start.header("location")), (302, "/t/north/zh"));
        let home = visitor.get("/en").await;
        assert_eq!(home.status, 200);
        assert!(home.values("href").contains(&format!("/t/north{}", scene.path()).as_str()));

        let found = visitor.get(&format!("/en/search?q={}", scene.word)).await;
        let way = format!("/t/north{}?search=", scene.path());
        let links = found.values("href");
        let link = links.iter().find(|link| link.starts_with(&way)).expect("the article is linked");
        let path = link.strip_prefix("/t/north").unwrap();
        // Who only looks whether it is there has not chosen it.
        visitor.ask(Method::HEAD, path, "").await;
        let page = visitor.get(path).await;
        assert!(page.html.contains(&format!("This is what we know of {}.", scene.word)));
        let revision = &scene.article["translations"][0]["liveRevision"];
        until("what was chosen is noted", async || {
            (scene.chosen().await == [revision.clone()]).then_some(())
        })
        .await;

        let vote = format!("{}/vote", scene.path());
        let thanks = visitor.ask(Method::POST, &vote, &Scene::form(&page, "helpful=no")).await;
        assert!(thanks.html.contains("Thank you for telling us."), "{}", thanks.html);
        let why = Scene::form(&thanks, "helpful=no&comment=where%3F");
        let thanks = visitor.ask(Method::POST, &vote, &why).await;
        assert!(thanks.html.contains("We will read it."), "{}", thanks.html);
        // Sent twice, it is one.
        visitor.ask(Method::POST, &vote, &why).await;
        let votes = scene.votes().await;
        assert_eq!(votes.len(), 1, "{votes:#?}");
        assert_eq!((&votes[0]["comment"], &votes[0]["revision"]), (&json!("where?"), revision));
        assert_eq!(votes[0]["query"], scene.word.as_str());
    })
    .await;
}

#[tokio::test]
async fn looking_at_pages_changes_nothing() {
    each_backend(async |suite| {
        let scene = Scene::new(suite).await;
        for path in [scene.path(), format!("{}/vote", scene.path())] {
            for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT] {
                scene.visitor.ask(method, &path, "").await;
            }
        }
        assert_eq!(scene.votes().await, Vec::<Value>::new());
        let refused = scene.visitor.get(&format!("{}/vote", scene.path())).await;
        assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, "POST"));
        let refused = scene.visitor.ask(Method::POST, "/en", "a=b").await;
        assert_eq!((refused.status.as_u16(), refused.header("allow")), (405, "GET, HEAD"));
    })
    .await;
}

#[tokio::test]
async fn what_is_not_there_and_what_is_for_others_is_one_page() {
    each_backend(async |suite| {
        let scene = Scene::new(suite).await;
        let mut hidden = Desk::words(&canary());
        hidden["audience"] = json!({ "level": "AUDIENCE_LEVEL_CUSTOMER" });
        let hidden = published(scene.desk.system(), hidden).await;
        let draft = scene.desk.draft().await;
        let abroad = Desk::new(suite, Tenant::South).article().await;
        let missing = scene.visitor.get(&format!("/en/articles/{}", new_id())).await;
        assert_eq!(missing.status, 404);
        for article in [&hidden, &draft, &abroad] {
            let page = scene.visitor.get(&format!("/en/{}", name(article))).await;
            assert_eq!((page.status, &page.html), (missing.status, &missing.html));
            let vote = format!("helpful=yes&revision=1&vote={}", new_id());
            let path = format!("/en/{}/vote", name(article));
            let page = scene.visitor.ask(Method::POST, &path, &vote).await;
            assert_eq!((page.status, &page.html), (missing.status, &missing.html));
        }
        let south = Visitor::new(suite, Tenant::South).get(&format!("/en/{}", name(&abroad))).await;
        assert_eq!(south.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_host_name_of_the_tenant_leads_to_its_help_centre() {
    each_backend(async |suite| {
        let scene = Scene::new(suite).await;
        let host = format!("{}.example.com", canary());
        let tenant = format!("tenants/{}", Tenant::South.id().uuid());
        let request =
            json!({ "tenant": { "name": tenant, "hosts": [host] }, "updateMask": "hosts" });
        suite.operator(Tenant::South).call("UpdateTenant", request).await;
        let base = format!("http://{}", suite.at("gateway").public);
        let visitor = Visitor::at(base).with("host", format!("{}:443", host.to_uppercase()));
        until("the host is known", async || (visitor.get("/en").await.status == 200).then_some(()))
            .await;
        assert_eq!(visitor.get("/").await.header("location"), "/zh", "the tenant's own language");
        let article = Desk::new(suite, Tenant::South).article().await;
        let page = visitor.get(&format!("/en/{}", name(&article))).await;
        assert_eq!(page.status, 200);
        assert!(page.values("href").iter().all(|link| !link.starts_with("/t/")));
        // Another tenant's is not there, by whatever way, and the rest of the port is as it was.
        assert_eq!(visitor.get(&scene.path()).await.status, 404);
        assert_eq!(visitor.get("/t/north/en").await.status, 404);
        assert_eq!(visitor.get("/t/south/en").await.status, 200);
        let nothing = visitor.get("/nothing").await;
        assert!(nothing.status == 404 && nothing.html.starts_with("<!DOCTYPE html>"));
        assert_eq!(visitor.get("/docs").await.status, 200);
        assert_eq!(visitor.get("/v1/articles").await.status, 401);
    })
    .await;
}

#[tokio::test]
async fn nonsense_gets_a_page_that_says_so() {
    each_backend(async |suite| {
        let scene = Scene::new(suite).await;
        let long = "a".repeat(501);
        for (path, status) in [
            (format!("/en/search?q={long}"), 400),
            (format!("/en/search?q={}&page=nonsense", scene.word), 302),
            ("/en?page=nonsense".to_owned(), 302),
            (format!("{}?locale=not%20a%20language", scene.path()), 200),
            (format!("{}?search=nonsense", scene.path()), 200),
            ("/en/search?q=%ff%fe".to_owned(), 200),
            ("/en/search?q=%3Cscript%3E".to_owned(), 200),
            ("/en/search?q=%20".to_owned(), 302),
            ("/fr".to_owned(), 404),
            ("/en/articles/1".to_owned(), 404),
            ("/en/nothing".to_owned(), 404),
        ] {
            let page = scene.visitor.get(&path).await;
            assert_eq!(page.status, status, "{path}");
            if page.status != 302 {
                assert!(page.html.starts_with("<!DOCTYPE html>"), "{path}");
                assert_eq!(page.html.matches("<script").count(), 1, "no more than our own: {path}");
            }
        }
        let vote = format!("{}/vote", scene.path());
        for form in [
            "helpful=yes",
            "helpful=yes&revision=1&vote=1",
            "helpful=perhaps&revision=1&vote=019ab000-0000-7000-8000-000000000001",
            &format!("helpful=no&revision=1&vote={}&comment={}", new_id(), "a".repeat(2_001)),
            &format!("helpful=no&revision=1&vote={}&comment={}", new_id(), "a".repeat(40_000)),
            &format!("helpful=no&revision=x&vote={}", new_id()),
        ] {
            let page = scene.visitor.ask(Method::POST, &vote, form).await;
            assert_eq!(page.status, 400, "{form:.80}");
        }
        let right = format!("helpful=yes&revision=1&vote={}", new_id());
        let elsewhere = scene.visitor.clone().with("sec-fetch-site", "cross-site");
        assert_eq!(elsewhere.ask(Method::POST, &vote, &right).await.status, 400);
        assert_eq!(scene.votes().await, Vec::<Value>::new());
        assert_eq!(scene.visitor.ask(Method::POST, &vote, &right).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_suspended_tenant_has_no_help_centre() {
    each_backend(async |suite| {
        let operator = suite.operator(Tenant::North);
        let slug = format!("t{}", new_id().simple());
        let tenant = json!({
            "slug": slug, "title": "Closed soon", "phoneRegion": "CN", "timeZone": "Asia/Shanghai",
            "locale": "zh",
        });
        let made = operator.call("CreateTenant", json!({ "tenant": tenant })).await;
        let base = format!("http://{}/t", suite.at("gateway").public);
        let visitor = Visitor::at(base);
        let page = visitor.get(&format!("/{slug}")).await;
        assert_eq!(page.header("location"), format!("/t/{slug}/zh"), "its own language");
        let page = visitor.get(&format!("/{slug}/zh")).await;
        assert!(page.html.contains("Closed soon") && page.html.contains("这里还没有内容"));

        operator.call("SuspendTenant", json!({ "name": name(&made) })).await;
        let gone = until("it is gone", async || {
            Some(visitor.get(&format!("/{slug}/zh")).await).filter(|page| page.status == 404)
        })
        .await;
        assert_eq!(gone.html, visitor.get("/nobody-has-this/zh").await.html);
    })
    .await;
}

#[tokio::test]
async fn a_crowd_of_visitors_takes_nothing_from_the_staff() {
    let suite = Suite::new(Backend::Sqlite).await;
    let at = suite.at("gateway");
    let own =
        [("limits.visitor_rate", "1"), ("limits.visitor_burst", "3"), ("server.proxies", "1")];
    let _process = suite.serve_with(&[], &own.map(|(key, value)| (key, value.to_owned()))).await;
    let visitor = Visitor::at(format!("http://{}/t/north/en", at.public));
    let from = |address: &str| visitor.clone().with("x-forwarded-for", address.to_owned());
    let crowd = from("198.51.100.7");
    let refused = until("the crowd is too many", async || {
        Some(crowd.get("").await).filter(|page| page.status == 429)
    })
    .await;
    assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert!(refused.html.contains("That was a little fast"), "{}", refused.html);
    // What stands to the left of our own proxy's word is anybody's.
    assert_eq!(from("203.0.113.1, 198.51.100.99").get("").await.status, 429);
    assert_eq!(from("203.0.113.1").get("").await.status, 200);
    // Nor is the database asked for ever who has which name.
    let guess = |n: u32| format!("http://{}/t/nobody-{n}/en", at.public);
    let mut told = Vec::new();
    for n in 0..20 {
        let guesser = Visitor::at(guess(n)).with("x-forwarded-for", "192.0.2.1");
        told.push(guesser.get("").await.status.as_u16());
    }
    assert!(told.contains(&404) && told.contains(&429), "{told:?}");
    let desk = Desk::new(&suite, Tenant::North);
    desk.agent().call("ListArticles", json!({})).await;
}

#[tokio::test]
async fn one_visitor_has_so_many_votes_on_an_article_and_no_more() {
    each_backend(async |suite| {
        let scene = Scene::new(suite).await;
        let vote = format!("{}/vote", scene.path());
        let mut told = Vec::new();
        for _ in 0..12 {
            let form = format!("helpful=no&revision=1&vote={}", new_id());
            told.push(scene.visitor.ask(Method::POST, &vote, &form).await.status.as_u16());
        }
        assert_eq!(told.iter().filter(|status| **status == 200).count(), 10, "{told:?}");
        assert_eq!(told[10..], [429, 429]);
        assert_eq!(scene.votes().await.len(), 10);
        let other = Scene::new(suite).await;
        let form = format!("helpful=yes&revision=1&vote={}", new_id());
        let path = format!("{}/vote", other.path());
        assert_eq!(other.visitor.ask(Method::POST, &path, &form).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_reader_finds_questions_in_their_language_and_the_others_a_step_away() {
    each_backend(async |suite| {
        let scene = Scene::new(suite).await;
        let mut chinese = Desk::words(&canary());
        chinese["revision"]["locale"] = json!("zh-Hant");
        let chinese = published(scene.desk.system(), chinese).await;
        let lists = async |path: &str| {
            let page = scene.visitor.get(path).await;
            [&scene.article, &chinese].map(|article| page.html.contains(&name(article)))
        };
        assert_eq!(lists("/en").await, [true, false]);
        assert_eq!(lists("/zh").await, [false, true]);
        assert_eq!(lists("/zh?in=all").await, [true, true]);
    })
    .await;
}
