//! The overview in front of services that answer as they are told.

use std::sync::Mutex;

use contracts::{surveys::v1 as surveys, tickets::v1 as tickets};
use http_body_util::{BodyExt as _, Full};
use kernel::{CustomerId, Role, TenantId};
use prost::Message;
use rpc::{
    Directory as Members, DirectoryCallers, Grants, Member as Staff, Methods, edge,
    issuer::{LocalIssuer, Principal},
    token::Minter,
};
use tonic::Status;
use tower::service_fn;
use uuid::Uuid;

use super::*;
use crate::{
    pages::framed::framed,
    rpc::fixture::{Fixture, tenant},
};

const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");

/// What the services answer.
#[derive(Clone, Copy, Debug, Default)]
struct World {
    tickets_away: bool,
    surveys_away: bool,
}

impl World {
    fn answer(self, method: &str) -> Result<Vec<u8>, Status> {
        let away = || Err(rpc::status::away());
        match method {
            "GetBacklog" | "GetFigures" if self.tickets_away => away(),
            "GetBacklog" => Ok(backlog().encode_to_vec()),
            "GetFigures" => Ok(figures().encode_to_vec()),
            _ if self.surveys_away => away(),
            "ListLoops" => Ok(loops().encode_to_vec()),
            "GetResponse" => Ok(response().encode_to_vec()),
            "GetSurveyVersion" => Ok(version().encode_to_vec()),
            "GetTicket" => Ok(ticket().encode_to_vec()),
            other => panic!("{other} is called"),
        }
    }
}

fn backlog() -> tickets::GetBacklogResponse {
    let queue = tickets::QueueBacklog {
        queue: "queues/complaints".to_owned(),
        title: "complaints & such".to_owned(),
        team: "teams/resolution".to_owned(),
        new: 1_001,
        in_progress: 7,
        with_customer: 3,
        due_soon: 2,
        breached: 4,
        next_due_time: Some(prost_types::Timestamp { seconds: 1_763_770_000, nanos: 0 }),
    };
    tickets::GetBacklogResponse {
        queues: vec![queue],
        time: Some(prost_types::Timestamp { seconds: 1_763_770_000, nanos: 0 }),
    }
}

fn figures() -> tickets::GetFiguresResponse {
    let day = |day: &str, created| tickets::DayFigures {
        day: day.to_owned(),
        created,
        first_response: Some(tickets::Kept { numerator: created, denominator: 2 * created }),
        ..tickets::DayFigures::default()
    };
    tickets::GetFiguresResponse { days: vec![day("2025-11-20", 10), day("2025-11-21", 31)] }
}

fn loops() -> surveys::ListLoopsResponse {
    let one = surveys::Loop {
        name: "loops/1".to_owned(),
        response: "responses/1".to_owned(),
        ticket: "tickets/1".to_owned(),
        state: surveys::LoopState::Open.into(),
        open_time: Some(prost_types::Timestamp { seconds: 1_763_770_000, nanos: 0 }),
        ..surveys::Loop::default()
    };
    surveys::ListLoopsResponse { loops: vec![one], ..surveys::ListLoopsResponse::default() }
}

fn ticket() -> tickets::Ticket {
    tickets::Ticket { number: "100042".to_owned(), ..tickets::Ticket::default() }
}

fn response() -> surveys::Response {
    use surveys::answer::Value;
    let answer = |question: &str, value| surveys::Answer {
        question: question.to_owned(),
        value: Some(value),
    };
    surveys::Response {
        version: "surveys/1/versions/1".to_owned(),
        answers: vec![
            answer("overall", Value::Number(1)),
            answer("why", Value::Text("<script>alert(1)</script>".to_owned())),
        ],
        ..surveys::Response::default()
    }
}

fn version() -> surveys::SurveyVersion {
    let text = |text: &str| surveys::Text { locale: "en".to_owned(), text: text.to_owned() };
    let overall = surveys::Question {
        id: "overall".to_owned(),
        title: vec![text("How was it?")],
        scale: Some(surveys::Scale { min: 1, max: 5, ..surveys::Scale::default() }),
        ..surveys::Question::default()
    };
    let questionnaire = surveys::Questionnaire {
        default_locale: "en".to_owned(),
        questions: vec![overall],
        ..surveys::Questionnaire::default()
    };
    surveys::SurveyVersion {
        questionnaire: Some(questionnaire),
        ..surveys::SurveyVersion::default()
    }
}

struct Scene {
    pages: OverviewPages,
    issuer: LocalIssuer,
    world: Arc<Mutex<World>>,
    _fixture: Fixture,
}

struct Seen {
    status: StatusCode,
    headers: HeaderMap,
    html: String,
}

impl Scene {
    /// Tenant 1 with the supervisor `frank` and the agent `amy`.
    async fn new() -> Self {
        let fixture = Fixture::new().await;
        let (keys, clock) = (fixture.app.keys.clone(), fixture.app.clock.clone());
        let world = Arc::new(Mutex::new(World::default()));
        let members = Members::new();
        for (slug, role) in [("frank", Role::Supervisor), ("amy", Role::Agent)] {
            let (roles, teams) = (vec![role], vec!["resolution".to_owned()]);
            let staff = Staff { roles, teams, locale: Locale::En, active: true };
            members.put_member(tenant(1), slug, staff);
        }
        let issuer = LocalIssuer::new(&keys, clock.clone());
        let services = ["tickets", "surveys"];
        let edge = Edge::new(edge::Parts {
            services: services.map(|name| (name.to_owned(), service(world.clone()))).into(),
            methods: Arc::new(Methods::read(&contracts::POOL)),
            grants: Arc::new(Grants::shipped()),
            callers: Arc::new(DirectoryCallers::new(Some(issuer.clone()), members)),
            admission: Arc::new(edge::Unlimited),
            minter: Minter::new("edge", &keys, clock.clone()),
            ids: fixture.app.ids.clone(),
            clock: clock.clone(),
        });
        let directory = fixture.app.directory();
        let pages = OverviewPages::new(Parts { edge, directory, keys, clock });
        Self { pages, issuer, world, _fixture: fixture }
    }

    fn token(&self, subject: &str, tenant: TenantId) -> String {
        let principal = Principal {
            tenant,
            kind: CallerKind::Member,
            subject: subject.to_owned(),
            roles: Vec::new(),
            customer: None,
        };
        self.issuer.issue(&principal, Duration::from_hours(1)).unwrap()
    }

    fn customers(&self) -> String {
        let customer = CustomerId::from(Uuid::from_u128(7));
        let principal = Principal {
            tenant: tenant(1),
            kind: CallerKind::Customer,
            subject: customer.name(),
            roles: vec![Role::Customer],
            customer: Some(customer),
        };
        self.issuer.issue(&principal, Duration::from_hours(1)).unwrap()
    }

    async fn ask(&self, method: Method, path: &str, headers: &[(&str, &str)], form: &str) -> Seen {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in [&[("host", "localhost:8080")], headers].concat() {
            request = request.header(name, value);
        }
        let request = request.body(Body::new(Full::from(form.to_owned()))).unwrap();
        let place = OverviewPages::place(request.uri().path()).unwrap();
        let (head, body) = self.pages.answer(place, request).await.into_parts();
        let html = body.collect().await.unwrap().to_bytes().to_vec();
        Seen { status: head.status, headers: head.headers, html: String::from_utf8(html).unwrap() }
    }

    /// The page as whoever has this token sees it.
    async fn seen_by(&self, token: &str, query: &str) -> Seen {
        let bearer = format!("Bearer {token}");
        let path = format!("/overview{query}");
        self.ask(Method::GET, &path, &[("authorization", &bearer)], "").await
    }
}

impl Seen {
    fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    fn says(&self, text: &str) -> bool {
        self.html.contains(text)
    }
}

/// A service that answers, whoever calls.
fn service(world: Arc<Mutex<World>>) -> rpc::Link {
    rpc::link::link(service_fn(move |request: Request<Body>| {
        let method = request.uri().path().rsplit('/').next().unwrap().to_owned();
        let answer = world.lock().unwrap().answer(&method);
        async move { Ok::<_, Status>(answer.map_or_else(Status::into_http, |message| framed(&message))) }
    }))
}

#[tokio::test]
async fn a_member_signs_in_once_and_out_again() {
    let scene = Scene::new().await;
    let led = scene.ask(Method::GET, "/overview?lang=zh", &[], "").await;
    assert_eq!(led.header(header::LOCATION), "/overview/sign-in?lang=zh");
    let form = scene.ask(Method::GET, "/overview/sign-in?lang=zh", &[], "").await;
    assert!(form.says("访问令牌") && form.says("action=\"/overview/sign-in?lang=zh\""));

    let token = format!("token=Bearer+{}", scene.token("frank", tenant(1)));
    let sent = scene.ask(Method::POST, "/overview/sign-in", &[FORM], &token).await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER);
    assert_eq!(sent.header(header::LOCATION), "/overview?signed-in=1");
    let kept = sent.header(header::SET_COOKIE).to_owned();
    assert!(kept.contains("; Max-Age=3600; HttpOnly; SameSite=Lax; Secure"), "{kept}");
    let cookie = kept.split(';').next().unwrap();
    let with = [("cookie", cookie)];
    let led = scene.ask(Method::GET, "/overview?signed-in=1", &with, "").await;
    assert_eq!(led.header(header::LOCATION), "/overview");
    // What a proxy in front asks for is no credential of ours.
    let basic = [with[0], ("authorization", "Basic YTpi")];
    assert_eq!(scene.ask(Method::GET, "/overview", &basic, "").await.status, StatusCode::OK);
    let page = scene.ask(Method::GET, "/overview", &with, "").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.says("Tenant 1") && page.says("frank") && page.says("/overview/sign-out"));
    assert_eq!(page.header(header::CACHE_CONTROL), "no-store");
    assert!(page.header(header::CONTENT_SECURITY_POLICY).ends_with("frame-ancestors 'none'"));

    let out = scene.ask(Method::POST, "/overview/sign-out", &[with[0], FORM], "").await;
    assert_eq!(out.header(header::LOCATION), "/overview/sign-in");
    assert!(out.header(header::SET_COOKIE).starts_with("aftercare_overview=; "));
    // A browser that keeps nothing is told so, rather than led in a circle.
    let kept = scene.ask(Method::GET, "/overview?signed-in=1", &[], "").await;
    assert!(kept.says("The browser has kept nothing"), "{}", kept.html);
}

#[tokio::test]
async fn nobody_else_is_let_in() {
    let scene = Scene::new().await;
    let sign_in = async |token: &str, headers: &[(&str, &str)]| {
        let form = format!("token={token}");
        scene.ask(Method::POST, "/overview/sign-in", headers, &form).await
    };
    for (token, says) in [
        ("", "This token is not valid"),
        ("nonsense", "This token is not valid"),
        (scene.token("nobody", tenant(1)).as_str(), "This token is not valid"),
        (scene.customers().as_str(), "This token does not belong to a member"),
    ] {
        let refused = sign_in(token, &[FORM]).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(refused.says(says) && refused.header(header::SET_COOKIE).is_empty(), "{says}");
        assert!(token.is_empty() || !refused.says(token), "what was typed is not told again");
    }
    let token = scene.token("frank", tenant(1));
    for across in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example.com"),
        ("origin", "null"),
    ] {
        assert_eq!(sign_in(&token, &[FORM, across]).await.status, StatusCode::BAD_REQUEST);
    }
    let customers = scene.seen_by(&scene.customers(), "").await;
    assert_eq!(customers.status, StatusCode::SEE_OTHER);
    for (method, path, allowed) in [
        (Method::POST, "/overview", "GET, HEAD"),
        (Method::PUT, "/overview/sign-in", "GET, HEAD, POST"),
        (Method::GET, "/overview/sign-out", "POST"),
    ] {
        let refused = scene.ask(method, path, &[], "").await;
        assert_eq!(refused.header(header::ALLOW), allowed);
    }
    assert!(OverviewPages::place("/overview/").is_some());
    for other in ["/overview/x", "/overviews", "/"] {
        assert_eq!(OverviewPages::place(other), None);
    }
}

#[tokio::test]
async fn the_page_tells_what_the_services_answer() {
    let scene = Scene::new().await;
    let frank = scene.token("frank", tenant(1));
    let page = scene.seen_by(&frank, "?lang=en").await;
    for told in
        ["complaints &amp; such", "&gt; 1000", ">4</td>", "As of 21 Nov, 19:06 (America/New_York)"]
    {
        assert!(page.says(told), "{told}: {}", page.html);
    }
    assert!(page.says("<td class=\"n\">41</td>"), "what the week came to");
    assert!(page.says("50 % (41 of 82)") && page.says("50 % (31 of 62)"));
    assert!(page.says("How was it? <strong>1</strong> / 5") && page.says("Ticket 100042"));
    let weeks = scene.seen_by(&frank, "?lang=en&days=28").await;
    assert!(weeks.says("The last 7 days") && page.says("The last 28 days"));
    assert!(page.says("&lt;script&gt;alert(1)") && !page.says("<script>"));
    assert!(!page.says("sign-out"), "who comes with a header has nothing to sign out of");
    let page = scene.seen_by(&frank, "?lang=zh").await;
    assert!(page.says("lang=\"zh\"") && page.says("50%（82 件中 41 件）"));
    assert!(page.says("<span lang=\"en\">How was it?</span>"));

    // An agent sees the queues, and nothing that is for supervisors.
    let page = scene.seen_by(&scene.token("amy", tenant(1)), "").await;
    assert!(page.says("complaints") && !page.says("Latest low scores") && !page.says("<svg"));
}

#[tokio::test]
async fn a_service_that_is_away_costs_its_part_only() {
    let scene = Scene::new().await;
    let frank = scene.token("frank", tenant(1));
    let away = "This cannot be shown just now.";
    *scene.world.lock().unwrap() = World { surveys_away: true, ..World::default() };
    let page = scene.seen_by(&frank, "").await;
    assert!(page.says("complaints") && page.html.matches(away).count() == 1);
    *scene.world.lock().unwrap() = World { tickets_away: true, ..World::default() };
    let page = scene.seen_by(&frank, "").await;
    assert!(page.says("How was it?") && page.html.matches(away).count() == 2);
}
