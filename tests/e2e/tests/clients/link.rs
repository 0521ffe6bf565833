//! The pages of sealed links on a phone, by keyboard alone, in headless Chromium: in both languages,
//! light and dark, with scripts and without; axe-core looks for what would shut somebody out.

use std::{fs, path::PathBuf};

use aftercare_e2e::{
    Backend, Suite, Tenant,
    desk::{Desk, name},
    linked::{Linked, publish},
    node,
    suite::{finish, free},
};
use serde_json::{Value, json};

const WORDS: &str = "It still leaks <b>badly</b>";

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

/// What a customer is asked after each resolution: every kind of question, some only where it was bad.
fn survey() -> Value {
    let text = |en: &str, zh: &str| json!([{ "locale": "en", "text": en }, { "locale": "zh", "text": zh }]);
    let choice = |id: &str, en: &str, zh: &str| json!({ "id": id, "title": text(en, zh) });
    json!({
        "title": "After a resolution",
        "afterResolution": { "delay": "0s" },
        "draft": {
            "defaultLocale": "en",
            "welcome": text("Two minutes help us more than you think.", "只需两分钟，对我们很有帮助。"),
            "thanks": text("We read every word of it.", "我们会认真阅读每一条。"),
            "questions": [
                { "id": "overall", "kind": "QUESTION_KIND_CSAT", "required": true,
                  "title": text("How satisfied are you?", "您对本次服务满意吗？"),
                  "scale": { "min": 1, "max": 5,
                             "low": text("Not at all", "非常不满意"),
                             "high": text("Very much so", "非常满意") } },
                { "id": "reasons", "kind": "QUESTION_KIND_MULTIPLE_CHOICE", "maxChoices": 2,
                  "required": true, "visibleIf": "answers.overall <= 2",
                  "title": text("What was bad?", "哪里不满意？"),
                  "choices": [choice("slow", "It took too long", "处理太慢"),
                              choice("unkind", "Nobody was kind", "态度不好"),
                              choice("unsolved", "It is not solved", "问题没有解决")] },
                { "id": "recommend", "kind": "QUESTION_KIND_NPS",
                  "title": text("How likely are you to recommend us to somebody you know?",
                                "您有多大可能向亲友推荐我们？") },
                // Nobody has translated this one.
                { "id": "way", "kind": "QUESTION_KIND_SINGLE_CHOICE",
                  "title": [{ "locale": "en", "text": "How shall we reach you next time?" }],
                  "help": [{ "locale": "en", "text": "We keep to it where we can." }],
                  "choices": [choice("phone", "By telephone", "电话"),
                              choice("mail", "By e-mail", "邮件")] },
                { "id": "effort", "kind": "QUESTION_KIND_CES",
                  "title": text("It was easy to have it settled.", "解决问题很轻松。"),
                  "scale": { "min": 1, "max": 7, "low": text("I disagree", "不同意"),
                             "high": text("I agree", "同意") } },
                { "id": "city", "kind": "QUESTION_KIND_SHORT_TEXT",
                  "title": text("In which city do you live?", "您在哪个城市？") },
                { "id": "words", "kind": "QUESTION_KIND_LONG_TEXT",
                  "title": text("What else is there to say?", "还有什么想说的吗？") },
            ],
        },
    })
}

/// Where the pictures go, to be looked at.
fn screenshots() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("link");
    fs::create_dir_all(&folder).expect("a folder for the pictures");
    folder
}

async fn read(desk: &Desk<'_>, reader: &Reader, shop: &str) -> Vec<Value> {
    let origin = format!("http://{}", desk.suite.at("gateway").public);
    let at = |token: &str| format!("{origin}/l/{token}");
    let ticket = async || at(&Linked::new(desk).await.token);
    let alone = Linked::new(desk).await.invitation_token().await;
    let told = json!({
        "origin": origin, "chromium": node::chromium(), "screenshots": screenshots(),
        "locale": reader.locale, "scheme": reader.scheme, "script": reader.script,
        "ticket": ticket().await, "objected": ticket().await, "framed": ticket().await,
        "invitation": at(&alone), "bad": at("ln_x"), "words": WORDS, "shop": shop,
    });
    let done = finish(node::script("browser/link.js").arg(told.to_string()));
    assert_eq!(done.code, 0, "{}{}", done.out, done.err);
    done.out.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// What each page must be.
fn check(reader: &Reader, seen: &[Value]) {
    let of = |name: &str| seen.iter().find(|page| page["page"] == name).expect("it was seen");
    assert_eq!(of("")["complaints"], json!([]), "what the browser complains of");
    let pages = [
        "result",
        "objecting",
        "objected",
        "confirmed",
        "faulty",
        "next",
        "answered",
        "again",
        "other",
        "invited",
        "nothing",
    ];
    for name in pages {
        let page = of(name);
        let other = if reader.locale == "zh" { "en" } else { "zh" };
        let lang = if name == "other" { other } else { reader.locale };
        assert_eq!(page["lang"], lang, "{page:#}");
        assert_eq!(page["headings"], 1, "{page:#}");
        assert_eq!(page["wide"], false, "it is wider than the screen: {page:#}");
        assert_eq!(page["faults"], json!([]), "{page:#}");
    }
    let notices = match reader.locale {
        "zh" => [
            ("objected", "已记录您的异议，我们会继续处理。"),
            ("confirmed", "谢谢，已记录您的确认。"),
            ("faulty", "请检查以下回答 您对本次服务满意吗？ – 请回答此题。"),
            ("next", "谢谢，请继续回答以下问题。"),
            ("answered", "谢谢，您的回答已提交。"),
        ],
        _ => [
            ("objected", "Your objection is recorded. We are working on it again."),
            ("confirmed", "Thank you. It is recorded that the matter is settled."),
            ("faulty", "Please check these answers How satisfied are you? – Please answer this."),
            ("next", "Thank you. Please answer these as well."),
            ("answered", "Thank you. Your answers are recorded."),
        ],
    };
    for (name, notice) in notices {
        assert_eq!(of(name)["notice"], notice);
        assert_eq!(of(name)["focus"], "next", "a reader of the screen is told: {name}");
    }
    let visible = ["overall", "recommend", "way", "effort", "city", "words"];
    assert_eq!(of("confirmed")["questions"], json!(visible));
    assert_eq!(of("next")["questions"][1], "reasons");
    assert_eq!(of("next")["checked"], json!(["answers.overall=1"]));
    assert_eq!(of("again")["checked"], json!(["answers.overall=1", "answers.reasons=slow"]));
    assert_eq!(of("invited")["checked"], json!(["answers.recommend=9"]));
    assert_eq!((&of("evil")["shown"], &of("shop")["shown"]), (&json!(false), &json!(true)));
    assert_eq!(of("shop")["notice"], of("confirmed")["notice"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_can_say_how_it_was() {
    // What a page looks like does not depend on the database. The suite is this test's own, since what
    // is asked after a resolution is asked after every other test's.
    let suite = Suite::new(Backend::Sqlite).await;
    let _process = suite.serve(&[]).await;
    let desk = Desk::new(&suite, Tenant::North);
    let made = publish(&desk, survey()).await;
    let shop = format!("http://shop.localhost:{}", free().port());
    let tenant = format!("tenants/{}", Tenant::North.id().uuid());
    let request =
        json!({ "tenant": { "name": tenant, "origins": [shop] }, "updateMask": "origins" });
    suite.operator(Tenant::North).call("UpdateTenant", request).await;
    for reader in &READERS {
        check(reader, &read(&desk, reader, &shop).await);
    }
    let responses = desk.system().call("ListResponses", json!({ "parent": name(&made) })).await;
    let responses = responses["responses"].as_array().cloned().unwrap_or_default();
    let mut locales: Vec<_> = responses.iter().map(|one| one["locale"].as_str().unwrap()).collect();
    locales.sort_unstable();
    assert_eq!(locales, ["en", "en", "zh", "zh"]);
    for response in &responses {
        assert_eq!(response["evidence"], "EVIDENCE_HUMAN_CONFIRMED");
        assert_eq!(response["path"][1], "reasons");
        let words = response["answers"].as_array().unwrap().last().unwrap();
        assert_eq!((&words["question"], &words["text"]), (&json!("words"), &json!(WORDS)));
    }
}
