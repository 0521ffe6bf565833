//! The pages in front of services that remember what they are told.

use std::sync::Mutex;

use contracts::{
    surveys::v1::{self as surveys, answer::Value},
    tickets::v1 as tickets,
};
use http::Method;
use http_body_util::{BodyExt as _, Full};
use kernel::{Code, Fault, Time, Violation, Violations, link::Opens};
use prost::Message;
use tonic::Status;
use tower::service_fn;
use uuid::Uuid;

use super::*;
use crate::{
    pages::framed::framed,
    rpc::fixture::{Fixture, START, tenant},
};

const HOUR: i64 = 3_600_000_000;

/// What the services hold, and what they were told.
#[derive(Clone, Debug)]
struct World {
    result: tickets::TicketResult,
    survey: Option<surveys::InvitedSurvey>,
    closed: bool,
    /// What changed something, by method and id.
    told: Vec<(String, String)>,
    submitted: Vec<(String, Vec<surveys::Answer>)>,
    objection: String,
    languages: Vec<String>,
}

#[derive(Debug, thiserror::Error)]
#[error("it is refused")]
struct Bad(Code, Violations);

impl Fault for Bad {
    fn code(&self) -> Code {
        self.0
    }

    fn reason(&self) -> &'static str {
        "REFUSED"
    }

    fn domain(&self) -> &'static str {
        "test"
    }

    fn violations(&self) -> &[Violation] {
        self.1.as_slice()
    }
}

fn refused(code: Code) -> Status {
    rpc::status::of(&Bad(code, Violations::new()), Locale::En)
}

fn texts(text: &str) -> Vec<surveys::Text> {
    vec![surveys::Text { locale: "en".to_owned(), text: text.to_owned() }]
}

/// How satisfied somebody is, which must be answered, and why not, which is asked then.
fn survey() -> surveys::InvitedSurvey {
    let scale =
        surveys::Scale { min: 1, max: 5, low: texts("Bad"), high: texts("Good"), direction: 0 };
    let overall = surveys::Question {
        id: "overall".to_owned(),
        kind: surveys::QuestionKind::Csat.into(),
        title: texts("How was it?"),
        scale: Some(scale),
        required: true,
        ..surveys::Question::default()
    };
    let why = surveys::Question {
        id: "why".to_owned(),
        kind: surveys::QuestionKind::ShortText.into(),
        title: texts("Why not?"),
        ..surveys::Question::default()
    };
    let mut survey = surveys::InvitedSurvey {
        version: "surveys/1/versions/1".to_owned(),
        questionnaire: Some(surveys::Questionnaire {
            default_locale: "en".to_owned(),
            questions: vec![overall, why],
            thanks: texts("We read everything."),
            ..surveys::Questionnaire::default()
        }),
        ..surveys::InvitedSurvey::default()
    };
    replay(&mut survey);
    survey
}

fn replay(survey: &mut surveys::InvitedSurvey) {
    let given = |id: &str| survey.answers.iter().find(|answer| answer.question == id);
    let overall = match given("overall").and_then(|answer| answer.value.clone()) {
        Some(Value::Number(number)) => Some(number),
        _ => None,
    };
    let step = |question: &str, visible, required, answered| surveys::SurveyStep {
        question: question.to_owned(),
        visible,
        required,
        answered,
        unknown: false,
    };
    let right = overall.is_some_and(|number| (1..=5).contains(&number));
    let bad = overall.is_some_and(|number| number <= 2);
    survey.steps =
        vec![step("overall", true, true, right), step("why", bad, false, given("why").is_some())];
}

impl World {
    fn new() -> Self {
        let result = tickets::TicketResult {
            number: "T-1".to_owned(),
            title: "The <door> is broken".to_owned(),
            language: "zh".to_owned(),
            status: tickets::CustomerStatus::AwaitingConfirmation.into(),
            resolution: Some(tickets::Resolution {
                instance: 1,
                answer: "We mended it.".to_owned(),
                ..tickets::Resolution::default()
            }),
            answerable: true,
            ..tickets::TicketResult::default()
        };
        Self {
            result,
            survey: Some(survey()),
            closed: false,
            told: Vec::new(),
            submitted: Vec::new(),
            objection: String::new(),
            languages: Vec::new(),
        }
    }

    fn answer(&mut self, method: &str, body: &[u8]) -> Result<Vec<u8>, Status> {
        fn read<T: Message + Default>(body: &[u8]) -> T {
            T::decode(body).unwrap()
        }
        match method {
            "GetResult" => return Ok(self.result.encode_to_vec()),
            "ConfirmResult" => {
                let request: tickets::ConfirmResultRequest = read(body);
                self.decide(method, request.instance, request.request_id)?;
                self.result.status = tickets::CustomerStatus::Settled.into();
                self.result.close_reason = tickets::CloseReason::Confirmed.into();
                return Ok(self.result.encode_to_vec());
            }
            "ObjectToResult" => {
                let request: tickets::ObjectToResultRequest = read(body);
                self.decide(method, request.instance, request.request_id)?;
                self.result.status = tickets::CustomerStatus::InProgress.into();
                self.objection = request.objection;
                return Ok(self.result.encode_to_vec());
            }
            _ => {}
        }
        if self.closed {
            return Err(refused(Code::FailedPrecondition));
        }
        let told = &mut self.told;
        let survey = self.survey.as_mut().ok_or_else(|| refused(Code::NotFound))?;
        match method {
            "GetInvitedSurvey" => {}
            "SaveProgress" => {
                told.push((method.to_owned(), String::new()));
                survey.answers = read::<surveys::SaveProgressRequest>(body).answers;
                replay(survey);
            }
            "SubmitResponse" => {
                let request: surveys::SubmitResponseRequest = read(body);
                let sent = (request.response_id, request.answers.clone());
                if self.submitted.iter().any(|one| one.0 == sent.0 && one.1 != sent.1) {
                    return Err(refused(Code::AlreadyExists));
                }
                told.push((method.to_owned(), sent.0.clone()));
                self.submitted.push(sent);
                survey.answers = request.answers;
                survey.submitted = true;
            }
            other => panic!("{other} is called"),
        }
        Ok(survey.encode_to_vec())
    }

    fn decide(&mut self, method: &str, instance: i32, id: String) -> Result<(), Status> {
        let told = (method.to_owned(), id);
        if self.told.contains(&told) {
            return Ok(());
        }
        if instance != 1 || !self.result.answerable {
            return Err(refused(Code::FailedPrecondition));
        }
        self.told.push(told);
        self.result.answerable = false;
        Ok(())
    }
}

struct Scene {
    world: Arc<Mutex<World>>,
    pages: LinkPages,
    token: String,
    _fixture: Fixture,
}

struct Seen {
    status: StatusCode,
    headers: HeaderMap,
    html: String,
}

impl Scene {
    async fn new(opens: Opens) -> Self {
        let fixture = Fixture::new().await;
        let world = Arc::new(Mutex::new(World::new()));
        let app = &fixture.app;
        let link = Link { tenant: tenant(1), opens, expires: START.plus_micros(HOUR) };
        let token = link.seal(&app.keys);
        let pages = LinkPages::new(Parts {
            edge: services(world.clone(), format!("Link {token}")),
            directory: app.directory(),
            keys: app.keys.clone(),
            clock: app.clock.clone(),
            ids: app.ids.clone(),
        });
        Self { world, pages, token, _fixture: fixture }
    }

    async fn of_ticket() -> Self {
        Self::new(Opens::Ticket(Uuid::from_u128(2).into())).await
    }

    async fn of_invitation() -> Self {
        Self::new(Opens::Invitation(Uuid::from_u128(3).into())).await
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], form: &str) -> Seen {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::new(Full::from(form.to_owned()))).unwrap();
        let place = LinkPages::place(request.uri()).unwrap();
        let (head, body) = self.pages.answer(place, request).await.into_parts();
        let html = body.collect().await.unwrap().to_bytes().to_vec();
        Seen { status: head.status, headers: head.headers, html: String::from_utf8(html).unwrap() }
    }

    fn at(&self, end: &str) -> String {
        format!("/l/{}{end}", self.token)
    }

    async fn get(&self, end: &str) -> Seen {
        self.ask(Method::GET, &self.at(end), &[], "").await
    }

    async fn post(&self, end: &str, form: &str) -> Seen {
        let kind = ("content-type", "application/x-www-form-urlencoded");
        self.ask(Method::POST, &self.at(end), &[kind], form).await
    }

    fn told(&self) -> Vec<String> {
        let told = &self.world.lock().unwrap().told;
        told.iter().map(|(method, _)| method.clone()).collect()
    }
}

impl Seen {
    fn nonce(&self) -> &str {
        let after = self.html.split("name=\"nonce\" value=\"").nth(1).expect("a form has one");
        after.split('"').next().unwrap()
    }

    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn says(&self, text: &str) -> bool {
        self.html.contains(text)
    }
}

/// The two services, for who calls with this credential.
fn services(world: Arc<Mutex<World>>, credential: String) -> rpc::Link {
    let service = service_fn(move |request: Request<Body>| {
        let (world, credential) = (world.clone(), credential.clone());
        async move {
            let (head, body) = request.into_parts();
            assert_eq!(head.headers[header::AUTHORIZATION], credential);
            let method = head.uri.path().rsplit('/').next().unwrap().to_owned();
            let language = head.headers[header::ACCEPT_LANGUAGE].to_str().unwrap().to_owned();
            let body = body.collect().await?.to_bytes();
            let mut world = world.lock().unwrap();
            world.languages.push(language);
            Ok::<_, Status>(match world.answer(&method, &body[5..]) {
                Ok(message) => framed(&message),
                Err(status) => status.into_http(),
            })
        }
    });
    rpc::link::link(service)
}

#[tokio::test]
async fn looking_changes_nothing_and_an_address_only_preselects() {
    let scene = Scene::of_ticket().await;
    for end in ["", "/", "?overall=4", "?overall=4&done=answered", "?lang=en&done=confirmed"] {
        for method in [Method::GET, Method::HEAD] {
            let seen = scene.ask(method, &scene.at(end), &[], "").await;
            assert_eq!(seen.status, 200, "{end}");
            assert!(!seen.says("class=\"notice\""), "nothing was done: {end}");
        }
    }
    assert_eq!(scene.told(), Vec::<String>::new());
    let seen = scene.get("?overall=4").await;
    assert_eq!(seen.html.matches(" checked").count(), 1);
    assert!(seen.says("value=\"4\" checked"));
    let seen = scene.get("?overall=6").await;
    assert!(!seen.says(" checked"), "there is no such number");
    for end in ["/confirm", "/object", "/answers"] {
        let seen = scene.get(end).await;
        assert_eq!(
            (seen.status, seen.header(header::ALLOW)),
            (StatusCode::METHOD_NOT_ALLOWED, "POST")
        );
    }
    let seen = scene.post("", "a=1").await;
    assert_eq!(
        (seen.status, seen.header(header::ALLOW)),
        (StatusCode::METHOD_NOT_ALLOWED, "GET, HEAD")
    );
}

#[tokio::test]
async fn the_page_speaks_what_is_asked_for_else_what_the_customer_speaks() {
    let scene = Scene::of_ticket().await;
    let lang = async |end: &str, headers: &[(&str, &str)]| {
        let seen = scene.ask(Method::GET, &scene.at(end), headers, "").await;
        assert_eq!(seen.says("<html lang=\"zh\">"), seen.header(header::CONTENT_LANGUAGE) == "zh");
        seen.header(header::CONTENT_LANGUAGE).to_owned()
    };
    assert_eq!(lang("", &[]).await, "zh", "the customer's");
    assert_eq!(lang("", &[("accept-language", "en-GB,zh;q=0.5")]).await, "en");
    assert_eq!(lang("", &[("accept-language", "fr")]).await, "zh");
    assert_eq!(lang("?lang=en", &[("accept-language", "zh")]).await, "en");
    assert_eq!(lang("?lang=zh", &[("accept-language", "en")]).await, "zh");
    scene.world.lock().unwrap().result.language = String::new();
    let own = scene.pages.site(&scene.token).await.map(|site| site.tenant.locale.tag());
    assert_eq!(lang("", &[]).await, own.unwrap(), "the tenant's");
    let languages = scene.world.lock().unwrap().languages.clone();
    assert!(languages.iter().any(|one| one == "zh") && languages.iter().any(|one| one == "en"));
}

#[tokio::test]
async fn a_resolution_is_confirmed_once_however_often_it_is_sent() {
    let scene = Scene::of_ticket().await;
    let page = scene.get("?lang=en").await;
    assert!(page.says("The &lt;door&gt; is broken") && page.says("We mended it."));
    let form = format!("instance=1&nonce={}", page.nonce());
    for _ in 0..2 {
        let sent = scene.post("/confirm?lang=en", &form).await;
        assert_eq!(sent.status, 303);
        assert_eq!(sent.header(header::LOCATION), scene.at("?lang=en&done=confirmed#next"));
    }
    assert_eq!(scene.told(), ["ConfirmResult"]);
    let page = scene.get("?lang=en&done=confirmed").await;
    assert!(page.says("It is recorded that the matter is settled."));
    assert!(!page.says("/confirm"), "it can be confirmed no more");
    // What comes next is to say how it was.
    let at = |text: &str| page.html.find(text).unwrap();
    assert!(at("survey-title") < at("answer-title"));
}

#[tokio::test]
async fn an_objection_keeps_its_words_until_it_is_recorded() {
    let scene = Scene::of_ticket().await;
    let nonce = scene.get("?lang=en").await.nonce().to_owned();
    let seen = scene.post("/object?lang=en", "instance=1&nonce=x&objection=It+%3Cleaks%3E").await;
    assert_eq!(seen.status, 422);
    assert!(
        seen.says("It &lt;leaks&gt;</textarea>") && seen.says("The page was open for too long")
    );
    let seen =
        scene.post("/object?lang=en", &format!("instance=2&nonce={nonce}&objection=a")).await;
    assert_eq!(seen.status, 409);
    assert!(seen.says("Something has changed"));
    assert_eq!(scene.told(), Vec::<String>::new());
    let seen =
        scene.post("/object?lang=en", &format!("instance=1&nonce={nonce}&objection=a")).await;
    assert_eq!(seen.header(header::LOCATION), scene.at("?lang=en&done=objected#next"));
    assert_eq!(scene.world.lock().unwrap().objection, "a");
    assert!(scene.get("?lang=en&done=objected").await.says("Your objection is recorded."));
}

#[tokio::test]
async fn a_survey_goes_on_until_it_is_whole() {
    let scene = Scene::of_invitation().await;
    let page = scene.get("?lang=en").await;
    assert!(!page.says("Why not?") && page.says("(required)"));
    let form = |page: &Seen, rest: &str| format!("nonce={}&shown=overall{rest}", page.nonce());

    let empty = scene.post("/answers?lang=en", &form(&page, "")).await;
    assert_eq!(empty.status, 422);
    assert!(empty.says("href=\"#answers.overall\"") && empty.says("Please answer this."));
    assert!(empty.says("aria-describedby=\"answers.overall-error answers.overall-ends\""));

    let next = scene.post("/answers?lang=en", &form(&page, "&answers.overall=1")).await;
    assert_eq!(next.status, 200);
    assert!(next.says("value=\"1\" checked") && next.says("Why not?"));
    assert_eq!(scene.told(), ["SaveProgress"], "what was not changed need not be kept");
    assert!(scene.get("?lang=en").await.says("Why not?"), "it goes on elsewhere");

    let rest = "&answers.overall=1&shown=why&answers.why=late";
    for _ in 0..2 {
        let sent = scene.post("/answers?lang=en", &form(&next, rest)).await;
        assert_eq!(sent.header(header::LOCATION), scene.at("?lang=en&done=answered#next"));
    }
    let told = scene.world.lock().unwrap().told.clone();
    let ids: Vec<_> = told.iter().filter(|(method, _)| method == "SubmitResponse").collect();
    assert_eq!((ids.len(), ids[0]), (2, ids[1]), "the same response");
    let page = scene.get("?lang=en&done=answered").await;
    assert!(page.says("Your answers are recorded.") && page.says("We read everything."));

    // The same page with other answers: those that were sent stand, until it is sent from a new one.
    let other = "&answers.overall=5";
    let seen = scene.post("/answers?lang=en", &form(&next, other)).await;
    assert_eq!(seen.status, 409);
    assert!(seen.says("was sent before with other answers") && seen.says("value=\"5\" checked"));
    assert!(seen.says("<details open>"));
    let sent = scene.post("/answers?lang=en", &form(&seen, other)).await;
    assert_eq!(sent.status, 303);
}

#[tokio::test]
async fn a_form_that_is_not_of_the_link_is_shown_again_with_what_it_held() {
    let scene = Scene::of_invitation().await;
    let foreign = Scene::of_ticket().await;
    let nonce = foreign.get("").await.nonce().to_owned();
    let old = {
        let site = scene.pages.site(&scene.token).await;
        let link = site.map(|site| site.link).unwrap();
        let day = Time::from_micros(START.micros() - 25 * HOUR);
        scene.pages.nonces.seal(&link, Uuid::from_u128(9), day)
    };
    for nonce in ["", "nonsense", &nonce, &old] {
        let form = format!("nonce={nonce}&shown=overall&answers.overall=5");
        let seen = scene.post("/answers?lang=en", &form).await;
        assert_eq!(seen.status, 422, "{nonce}");
        assert!(seen.says("value=\"5\" checked") && seen.says("please send it again"), "{nonce}");
    }
    assert_eq!(scene.told(), Vec::<String>::new());
}

#[tokio::test]
async fn who_answers_as_a_machine_does_is_asked_once_more() {
    let scene = Scene::of_invitation().await;
    for submitted in [false, true] {
        let survey = surveys::InvitedSurvey { submitted, suspected: true, ..survey() };
        scene.world.lock().unwrap().survey = Some(survey);
        let page = scene.get("?lang=en&done=answered").await;
        assert!(page.says("Please send yours once more."), "{}", page.html);
        assert!(!page.says("Your answers are recorded."));
    }
    assert!(!scene.get("?lang=en").await.says("once more"), "only who has just answered is told");
}

#[tokio::test]
async fn what_can_be_answered_no_more_is_said_beside_what_stays() {
    let scene = Scene::of_ticket().await;
    scene.world.lock().unwrap().closed = true;
    let page = scene.get("?lang=en").await;
    assert_eq!(page.status, 200);
    assert!(page.says("The survey can be answered no more.") && page.says("We mended it."));
    scene.world.lock().unwrap().closed = false;
    scene.world.lock().unwrap().survey = None;
    let page = scene.get("?lang=en").await;
    assert!(!page.says("survey-title"), "nothing is asked");

    let scene = Scene::of_invitation().await;
    scene.world.lock().unwrap().closed = true;
    let page = scene.get("?lang=en").await;
    assert_eq!(page.status, 410);
    assert!(page.says("This survey can be answered no more"));
    assert_eq!(scene.post("/confirm", "a=1").await.status, 404, "there is nothing to confirm");
}

#[tokio::test]
async fn a_link_that_opens_nothing_is_told_in_the_visitors_language() {
    let scene = Scene::of_ticket().await;
    let zh = [("accept-language", "zh-CN")];
    for (path, status, says) in [
        ("/l/nonsense".to_owned(), 404, "链接无效"),
        (scene.at("x"), 404, "链接无效"),
        (scene.at("/nothing"), 404, "没有这个页面"),
    ] {
        let seen = scene.ask(Method::GET, &path, &zh, "").await;
        assert_eq!(seen.status, status, "{path}");
        assert!(seen.says(says), "{path}: {}", seen.html);
    }
    let over =
        Link { tenant: tenant(1), opens: Opens::Ticket(Uuid::from_u128(2).into()), expires: START };
    let path = Link::path(&over.seal(&scene.pages.keys));
    let seen = scene.ask(Method::GET, &path, &[], "").await;
    assert!(seen.status == 410 && seen.says("This link is no longer valid"));
    let nobodys = Link { tenant: tenant(77), expires: START.plus_micros(HOUR), ..over };
    let path = Link::path(&nobodys.seal(&scene.pages.keys));
    assert_eq!(scene.ask(Method::GET, &path, &[], "").await.status, 404);
}

#[tokio::test]
async fn a_page_is_framed_by_the_tenant_and_kept_by_nobody() {
    let scene = Scene::of_ticket().await;
    let seen = scene.get("").await;
    let policy = seen.header(header::CONTENT_SECURITY_POLICY);
    assert!(
        policy.contains("frame-ancestors 'self'") && !policy.contains("script-src"),
        "{policy}"
    );
    assert!(!seen.headers.contains_key(header::X_FRAME_OPTIONS));
    assert_eq!(seen.header(header::CACHE_CONTROL), "no-store");
    assert_eq!(seen.header(header::REFERRER_POLICY), "no-referrer");
    assert!(seen.says("name=\"robots\" content=\"noindex, nofollow\""));
    assert!(!seen.headers.contains_key(header::SET_COOKIE));
    let kind = ("content-type", "application/x-www-form-urlencoded");
    let across = [kind, ("sec-fetch-site", "cross-site"), ("origin", "https://evil.example.com")];
    let form = format!("instance=1&nonce={}", seen.nonce());
    let seen = scene.ask(Method::POST, &scene.at("/confirm"), &across, &form).await;
    assert_eq!((seen.status.as_u16(), scene.told()), (400, Vec::new()));
}

#[test]
fn a_policy_names_the_origins_that_may_frame_a_page() {
    let origins = ["https://shop.example.com".to_owned(), "http://localhost:3000".to_owned()];
    let policy = view::policy(&origins).unwrap();
    let policy = policy.to_str().unwrap();
    let ancestors = "frame-ancestors 'self' https://shop.example.com http://localhost:3000";
    assert!(policy.ends_with(ancestors), "{policy}");
}
