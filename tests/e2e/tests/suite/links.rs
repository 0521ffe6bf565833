//! The pages that sealed links open, as customers see them.
//!
//! Each test has a suite of its own: what is asked after a resolution would be asked after every other
//! test's.

use aftercare_e2e::{
    Backend, Desk, Suite, Tenant,
    desk::{name, new_id},
    linked::{Linked, publish},
    metrics::metrics,
    pages::{Page, Visitor},
    suite::NameOnPanic,
    until,
};
use http::Method;
use kernel::{Clock, link::Link};
use serde_json::{Value, json};

/// How satisfied somebody is, and where it was bad, why.
fn survey() -> Value {
    let text = |text: &str| json!([{ "locale": "en", "text": text }]);
    json!({
        "title": "After a resolution",
        "afterResolution": { "delay": "0s" },
        "draft": {
            "defaultLocale": "en",
            "questions": [
                { "id": "overall", "kind": "QUESTION_KIND_CSAT", "title": text("How was it?"),
                  "required": true, "scale": { "min": 1, "max": 5 } },
                { "id": "why", "kind": "QUESTION_KIND_SHORT_TEXT", "title": text("Why?"),
                  "required": true, "visibleIf": "answers.overall <= 2" },
            ],
        },
    })
}

/// A journey of a tenant that asks, on each database.
async fn each(journey: impl AsyncFn(&Scene<'_>)) {
    for backend in Backend::BOTH {
        let naming = NameOnPanic(backend);
        let suite = Suite::new(backend).await;
        let _process = suite.serve(&[]).await;
        let desk = Desk::new(&suite, Tenant::North);
        let survey = publish(&desk, survey()).await;
        let visitor = Visitor::at(format!("http://{}", suite.at("gateway").public));
        journey(&Scene { desk: &desk, survey, visitor }).await;
        drop(naming);
    }
}

struct Scene<'a> {
    desk: &'a Desk<'a>,
    survey: Value,
    visitor: Visitor,
}

impl Scene<'_> {
    async fn responses(&self) -> Vec<Value> {
        let request = json!({ "parent": name(&self.survey) });
        let answer = self.desk.system().call("ListResponses", request).await;
        answer["responses"].as_array().cloned().unwrap_or_default()
    }

    async fn post(&self, path: &str, form: &str) -> Page {
        self.visitor.ask(Method::POST, path, form).await
    }
}

fn nonce(page: &Page) -> String {
    let (_, after) = page.html.split_once("name=\"nonce\" value=\"").expect("a form has one");
    after.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn looking_at_a_page_records_nothing() {
    each(async |scene| {
        let linked = Linked::new(scene.desk).await;
        let tokens = [linked.token.clone(), linked.invitation_token().await];
        let ticket = async || {
            scene.desk.agent().call("GetTicket", json!({ "name": name(&linked.ticket) })).await
        };
        let before = (ticket().await, linked.invitation().await);
        for token in &tokens {
            for end in ["", "/", "?overall=1", "?overall=5&done=answered", "/answers", "/confirm"] {
                for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT] {
                    scene.visitor.ask(method, &format!("/l/{token}{end}"), "").await;
                }
            }
            let page = scene.visitor.get(&format!("/l/{token}?overall=4")).await;
            assert_eq!(page.html.matches(" checked").count(), 1);
            assert!(page.html.contains("value=\"4\" checked"));
            let head = scene.visitor.ask(Method::HEAD, &format!("/l/{token}"), "").await;
            assert_eq!((head.status.as_u16(), head.html.as_str()), (200, ""));
        }
        assert_eq!(scene.responses().await, Vec::<Value>::new());
        assert_eq!((ticket().await, linked.invitation().await), before);
    })
    .await;
}

#[tokio::test]
async fn a_resolution_is_confirmed_and_rated_and_each_counts_once() {
    each(async |scene| {
        let linked = Linked::new(scene.desk).await;
        let at = format!("/l/{}", linked.token);
        let page = scene.visitor.get(&format!("{at}?lang=en")).await;
        assert!(page.html.contains("mended canary-"), "{}", page.html);
        let form = format!("instance=1&nonce={}", nonce(&page));
        for _ in 0..2 {
            let sent = scene.post(&format!("{at}/confirm?lang=en"), &form).await;
            assert_eq!(sent.status, 303, "{}", sent.html);
            assert_eq!(sent.header("location"), format!("{at}?lang=en&done=confirmed#next"));
        }
        let page = scene.visitor.get(&format!("{at}?lang=en&done=confirmed")).await;
        assert!(page.html.contains("It is recorded that the matter is settled."));
        let ticket = json!({ "name": name(&linked.ticket) });
        let ticket = scene.desk.agent().call("GetTicket", ticket).await;
        assert_eq!(ticket["closeReason"], "CLOSE_REASON_CONFIRMED");

        let answers = format!("{at}/answers?lang=en");
        let form = format!("nonce={}&shown=overall", nonce(&page));
        let faulty = scene.post(&answers, &form).await;
        assert_eq!(faulty.status, 422);
        assert!(faulty.html.contains("href=\"#answers.overall\""));
        let next = scene.post(&answers, &format!("{form}&answers.overall=2")).await;
        assert_eq!(next.status, 200);
        assert!(next.html.contains("Why?") && next.html.contains("value=\"2\" checked"));
        let elsewhere = scene.visitor.get(&format!("/l/{}", linked.invitation_token().await)).await;
        assert!(elsewhere.html.contains("Why?"), "it goes on by another link");
        let long = "a".repeat(201);
        let rest = "&shown=why&answers.overall=2&answers.why=";
        let form = format!("nonce={}&shown=overall{rest}", nonce(&next));
        let wrong = scene.post(&answers, &format!("{form}{long}")).await;
        assert_eq!(wrong.status, 422);
        assert!(wrong.html.contains("id=\"answers.why-error\"") && wrong.html.contains(&long));
        assert_eq!(scene.responses().await, Vec::<Value>::new());

        for _ in 0..2 {
            let sent = scene.post(&answers, &format!("{form}late")).await;
            assert_eq!(sent.header("location"), format!("{at}?lang=en&done=answered#next"));
        }
        let responses = scene.responses().await;
        assert_eq!(responses.len(), 1, "{responses:#?}");
        assert_eq!(responses[0]["standing"], "STANDING_COUNTED");
        assert_eq!(responses[0]["path"], json!(["overall", "why"]));
        assert_eq!(responses[0]["locale"], "en");
        // The same page with other answers is refused, and shown to be sent anew.
        let other = scene.post(&answers, &format!("{form}dear")).await;
        assert_eq!(other.status, 409);
        assert!(other.html.contains("value=\"dear\""));
        assert_eq!(scene.responses().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn an_objection_opens_the_ticket_again() {
    each(async |scene| {
        let linked = Linked::new(scene.desk).await;
        let at = format!("/l/{}", linked.token);
        let page = scene.visitor.get(&format!("{at}?lang=en")).await;
        let object = format!("{at}/object?lang=en");
        let outdated = format!("instance=7&objection=It+leaks&nonce={}", nonce(&page));
        let outdated = scene.post(&object, &outdated).await;
        assert_eq!(outdated.status, 409);
        assert!(outdated.html.contains("Something has changed"));
        assert!(outdated.html.contains("It leaks</textarea>"));
        let long = format!("instance=1&nonce={}&objection={}", nonce(&page), "a".repeat(8_001));
        assert_eq!(scene.post(&object, &long).await.status, 422);
        let form = format!("instance=1&objection=It+leaks&nonce={}", nonce(&page));
        for _ in 0..2 {
            let sent = scene.post(&object, &form).await;
            assert_eq!(sent.header("location"), format!("{at}?lang=en&done=objected#next"));
        }
        let page = scene.visitor.get(&format!("{at}?lang=en&done=objected")).await;
        assert!(page.html.contains("Your objection is recorded."));
        let entries = json!({ "parent": name(&linked.ticket) });
        let entries = scene.desk.agent().call("ListEntries", entries).await;
        assert_eq!(entries.to_string().matches("It leaks").count(), 1, "{entries:#}");
        // The page that is open elsewhere still can be sent, and is too late.
        let late = scene.post(&format!("{at}/confirm?lang=en"), &form).await;
        assert_eq!(late.status, 409);
    })
    .await;
}

#[tokio::test]
async fn a_form_of_another_page_or_site_counts_nowhere() {
    each(async |scene| {
        let (linked, other) = (Linked::new(scene.desk).await, Linked::new(scene.desk).await);
        let at = format!("/l/{}", linked.token);
        let own = nonce(&scene.visitor.get(&at).await);
        let foreign = nonce(&scene.visitor.get(&format!("/l/{}", other.token)).await);
        let broken = format!("{}AA", &own[..own.len() - 2]);
        for nonce in ["", "nonsense", &foreign, &broken] {
            let form = format!("nonce={nonce}&instance=1&shown=overall&answers.overall=5");
            for end in ["/answers", "/confirm", "/object"] {
                let page = scene.post(&format!("{at}{end}"), &form).await;
                assert_eq!(page.status, 422, "{end}: {nonce}");
            }
            let page = scene.post(&format!("{at}/answers"), &form).await;
            assert!(page.html.contains("value=\"5\" checked"), "what was entered is kept");
        }
        let form = format!("nonce={own}&shown=overall&answers.overall=5");
        let answers = format!("{at}/answers");
        let across = scene.visitor.clone().with("sec-fetch-site", "cross-site");
        assert_eq!(across.ask(Method::POST, &answers, &form).await.status, 400);
        let evil = across.clone().with("origin", "https://evil.example.com");
        assert_eq!(evil.ask(Method::POST, &answers, &form).await.status, 400);
        assert_eq!(scene.responses().await, Vec::<Value>::new());
        // A link to an invitation confirms nothing.
        let alone = format!("/l/{}/confirm", linked.invitation_token().await);
        assert_eq!(scene.post(&alone, &form).await.status, 404);
        // What the tenant's own pages send counts.
        let tenant = format!("tenants/{}", Tenant::North.id().uuid());
        let origins = json!(["https://shop.example.com"]);
        let request =
            json!({ "tenant": { "name": tenant, "origins": origins }, "updateMask": "origins" });
        scene.desk.suite.operator(Tenant::North).call("UpdateTenant", request).await;
        let shop = across.with("origin", "https://shop.example.com");
        until("the origin is known", async || {
            (shop.ask(Method::POST, &answers, &form).await.status == 303).then_some(())
        })
        .await;
        assert_eq!(scene.responses().await.len(), 1);
        let page = scene.visitor.get(&at).await;
        let policy = page.header("content-security-policy");
        assert!(policy.ends_with("frame-ancestors 'self' https://shop.example.com"), "{policy}");
    })
    .await;
}

#[tokio::test]
async fn a_page_may_be_framed_and_is_kept_and_told_nowhere() {
    for backend in Backend::BOTH {
        let suite = Suite::new(backend).await;
        let process = suite.serve(&[]).await;
        let desk = Desk::new(&suite, Tenant::South);
        publish(&desk, survey()).await;
        let linked = Linked::new(&desk).await;
        let base = format!("http://{}", suite.at("gateway").public);
        let at = format!("/l/{}", linked.token);
        let visitor = Visitor::at(&base);
        for path in [at.clone(), format!("{at}/nothing"), "/l/ln_nonsense".to_owned()] {
            let page = visitor.get(&path).await;
            let policy = page.header("content-security-policy");
            assert!(policy.contains("frame-ancestors 'self'"), "{policy}");
            assert_eq!(page.header("x-frame-options"), "");
            assert_eq!(page.header("set-cookie"), "");
            assert_eq!(page.header("cache-control"), "no-store");
            assert_eq!(page.header("referrer-policy"), "no-referrer");
            assert_eq!(page.header("x-content-type-options"), "nosniff");
            assert!(page.html.contains("content=\"noindex, nofollow\""));
            assert!(!page.html.contains("<script"));
        }
        assert_eq!(visitor.get("/t/south/zh").await.header("x-frame-options"), "DENY");
        assert_eq!(visitor.get(&at).await.header("content-language"), "zh", "the tenant's own");
        let english = visitor.clone().with("accept-language", "en");
        assert_eq!(english.get(&at).await.header("content-language"), "en");
        assert_eq!(english.get(&format!("{at}?lang=zh")).await.header("content-language"), "zh");
        // At every host, also at one of another tenant's help centre.
        let tenant = format!("tenants/{}", Tenant::North.id().uuid());
        let request = json!({
            "tenant": { "name": tenant, "hosts": ["help.example.com"] }, "updateMask": "hosts",
        });
        suite.operator(Tenant::North).call("UpdateTenant", request).await;
        let host = visitor.clone().with("host", "help.example.com");
        until("the host is known", async || (host.get("/en").await.status == 200).then_some(()))
            .await;
        assert_eq!(host.get(&at).await.status, 200);
        let metrics = metrics(suite.at("gateway")).await;
        assert!(metrics.contains("http_route=\"/l/{link}\""), "{metrics}");
        let secret = &linked.token[..20];
        assert!(!metrics.contains(secret) && !process.log().contains(secret));
    }
}

#[tokio::test]
async fn a_link_that_opens_nothing_says_so_kindly() {
    each(async |scene| {
        let linked = Linked::new(scene.desk).await;
        let alone = format!("/l/{}", linked.invitation_token().await);
        let zh = scene.visitor.clone().with("accept-language", "zh-CN,zh;q=0.9");
        for path in ["/l/ln_nonsense", "/l/nonsense", "/l/ln_AAAA/answers"] {
            let page = zh.get(path).await;
            assert_eq!(page.status, 404, "{path}");
            assert!(page.html.contains("链接无效"), "{path}: {}", page.html);
        }
        let keys = scene.desk.suite.keys();
        let link = Link::open(&linked.token, &keys).expect("it is ours");
        let over = Link { expires: Clock::system().real_now(), ..link }.seal(&keys);
        let page = zh.get(&Link::path(&over)).await;
        assert_eq!(page.status, 410);
        assert!(page.html.contains("链接已失效"));
        let missing = kernel::link::Opens::Ticket(new_id().into());
        let missing = Link { opens: missing, ..link }.seal(&keys);
        assert_eq!(zh.get(&Link::path(&missing)).await.status, 404);

        let form =
            format!("nonce={}&shown=overall&answers.overall=5", nonce(&zh.get(&alone).await));
        let invitation = json!({ "name": name(&linked.invitation().await) });
        scene.desk.system().call("RevokeInvitation", invitation).await;
        let page = zh.get(&alone).await;
        assert_eq!(page.status, 410);
        assert!(page.html.contains("问卷已结束"));
        assert_eq!(scene.post(&format!("{alone}/answers"), &form).await.status, 410);
        let page = scene.visitor.get(&format!("/l/{}", linked.token)).await;
        assert_eq!(page.status, 200);
        assert!(page.html.contains("mended canary-"), "the result stays");
        assert_eq!(scene.responses().await, Vec::<Value>::new());

        let operator = scene.desk.suite.operator(Tenant::South);
        let tenant = format!("tenants/{}", Tenant::North.id().uuid());
        operator.call("SuspendTenant", json!({ "name": tenant })).await;
        until("the tenant is gone", async || {
            (zh.get(&format!("/l/{}", linked.token)).await.status == 404).then_some(())
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn who_asks_too_often_waits() {
    let suite = Suite::new(Backend::Sqlite).await;
    let own = [("limits.visitor_rate", "1"), ("limits.visitor_burst", "4")];
    let _process = suite.serve_with(&[], &own.map(|(key, value)| (key, value.to_owned()))).await;
    let desk = Desk::new(&suite, Tenant::North);
    let ticket = desk.resolved().await;
    let link = desk.system().call("CreateTicketLink", json!({ "name": name(&ticket) })).await;
    let path = link["path"].as_str().unwrap();
    let visitor = Visitor::at(format!("http://{}", suite.at("gateway").public));
    let refused = until("that was too often", async || {
        Some(visitor.get(path).await).filter(|page| page.status == 429)
    })
    .await;
    assert!(refused.header("retry-after").parse::<u32>().unwrap() >= 1);
    assert!(refused.html.contains("That was a little fast"), "{}", refused.html);
}
