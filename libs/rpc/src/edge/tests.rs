//! The wall as clients and services meet it, with credentials that are the names of their callers.

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, StreamBody};
use kernel::{CallerKind, Code, CustomerId, Locale, Role, TenantId, Time, keys::RootKeys};
use tokio::{sync::mpsc, time::Instant};
use tonic::Code as Wire;
use tower::service_fn;
use uuid::Uuid;

use super::*;
use crate::{link::link, token::Verifier};

const NOW: Time = Time::from_micros(1_763_770_000_000_000);
const GET: &str = "/aftercare.tickets.v1.TicketService/GetTicket";
const ASSIGN: &str = "/aftercare.tickets.v1.TicketService/AssignTicket";
const WATCH: &str = "/aftercare.tickets.v1.TicketService/WatchTickets";

fn tenant() -> TenantId {
    TenantId::from(Uuid::from_u128(1))
}

fn known(kind: CallerKind, role: Role) -> Known {
    let caller = Caller {
        tenant: tenant(),
        kind,
        subject: "lin".to_owned(),
        roles: vec![role],
        teams: Vec::new(),
        scopes: None,
        customer: Some(CustomerId::from(Uuid::from_u128(9))),
        link: None,
        locale: Locale::Zh,
    };
    Known { caller, credential: "local", expires: None, quota: None }
}

/// Knows `agent`, `operator` and `service`; counts how often it is asked.
#[derive(Default)]
struct Names {
    asked: AtomicUsize,
    suspended: Mutex<bool>,
    away: Mutex<bool>,
    expires: Mutex<Option<Time>>,
}

impl Callers for Names {
    fn caller<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Known, Refused>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async move {
            tokio::task::yield_now().await;
            if *self.away.lock().unwrap() {
                return Err(Refused::Away);
            }
            if *self.suspended.lock().unwrap() {
                return Err(Refused::Suspended);
            }
            let known = match token {
                "agent" => known(CallerKind::Member, Role::Agent),
                "operator" => known(CallerKind::Operator, Role::Agent),
                "service" => known(CallerKind::Service, Role::Service),
                "climber" => {
                    let mut known = known(CallerKind::Member, Role::Agent);
                    known.caller.roles.extend([Role::Service, Role::Operator]);
                    known
                }
                "slow" => std::future::pending().await,
                _ => return Err(Refused::Credential),
            };
            Ok(Known { expires: *self.expires.lock().unwrap(), ..known })
        })
    }
}

/// Writes down what happens; refuses everybody once it is full.
#[derive(Default)]
struct Book {
    lines: Mutex<Vec<String>>,
    full: Mutex<bool>,
    crowded: Mutex<bool>,
}

impl Book {
    fn write(&self, line: String) {
        self.lines.lock().unwrap().push(line);
    }

    fn read(&self) -> Vec<String> {
        std::mem::take(&mut self.lines.lock().unwrap())
    }
}

struct Permit(Arc<Book>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.write("released".to_owned());
    }
}

impl super::Permit for Permit {
    fn answered(&mut self, _: Option<Wire>) {}
}

struct Door(Arc<Book>);

impl Admission for Door {
    fn room(&self, _: &Method) -> Result<(), Status> {
        if *self.0.crowded.lock().unwrap() {
            Err(status::overloaded(Duration::from_secs(1)))
        } else {
            Ok(())
        }
    }

    fn admit(&self, _: &Known, _: &Method) -> Result<Admitted, Status> {
        if *self.0.full.lock().unwrap() {
            let mut status = status::plain(Code::ResourceExhausted, "QUOTA", "too many");
            status.metadata_mut().insert("ratelimit", "r=0".parse().unwrap());
            return Err(status);
        }
        let mut headers = HeaderMap::new();
        headers.insert("ratelimit", HeaderValue::from_static("r=1"));
        Ok(Admitted { headers, permit: Some(Box::new(Permit(self.0.clone()))) })
    }

    fn signed_in(&self, known: &Known) {
        self.0.write(format!("{} signed in", known.caller.principal()));
    }

    fn ended(&self, _: &Known, method: &Method, code: Wire) {
        let name = method.path.rsplit('/').next().unwrap();
        self.0.write(format!("{name} {code:?}"));
    }
}

type Frames = mpsc::UnboundedReceiver<Frame<Bytes>>;

/// A wall in front of a service whose answers the test writes.
struct House {
    edge: Edge,
    names: Arc<Names>,
    book: Arc<Book>,
    /// The heads of the requests that came through.
    came: Arc<Mutex<Vec<http::request::Parts>>>,
    answers: Arc<Mutex<Vec<Frames>>>,
    verifier: Verifier,
}

fn house() -> House {
    let (names, book) = (Arc::new(Names::default()), Arc::new(Book::default()));
    let came = Arc::new(Mutex::new(Vec::new()));
    let answers = Arc::new(Mutex::new(Vec::<Frames>::new()));
    let (heads, waiting) = (came.clone(), answers.clone());
    let service = service_fn(move |request: Request<Body>| {
        heads.lock().unwrap().push(request.into_parts().0);
        let frames = waiting.lock().unwrap().pop();
        async move {
            let status = status::plain(Code::NotFound, "NOT_FOUND", "no such ticket");
            let Some(mut frames) = frames else { return Ok(status.into_http()) };
            let frames = stream::poll_fn(move |cx| frames.poll_recv(cx)).map(Ok::<_, Status>);
            Ok::<_, Infallible>(Response::new(Body::new(StreamBody::new(frames))))
        }
    });
    let keys = RootKeys::parse(&"07".repeat(32), &[]).unwrap();
    let clock = Clock::manual(NOW);
    let edge = Edge::new(Parts {
        services: HashMap::from([("tickets".to_owned(), link(service))]),
        methods: Arc::new(Methods::read(&contracts::POOL)),
        grants: Arc::new(Grants::shipped()),
        callers: names.clone(),
        admission: Arc::new(Door(book.clone())),
        minter: Minter::new("edge", &keys, clock.clone()),
        clock: clock.clone(),
        ids: Ids::seeded(clock.clone(), 1),
    });
    let verifier = Verifier::new(&["edge"], &["tickets"], &keys, clock);
    House { edge, names, book, came, answers, verifier }
}

impl House {
    async fn call(&self, path: &str, headers: &[(&'static str, &str)]) -> Response<Body> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = path.parse().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(*name, value.parse().unwrap());
        }
        self.edge.clone().oneshot(request).await.unwrap()
    }

    async fn by(&self, token: &str, path: &str) -> Response<Body> {
        self.call(path, &[("authorization", &format!("Bearer {token}"))]).await
    }

    /// The next answer is what is sent here.
    fn answer(&self) -> mpsc::UnboundedSender<Frame<Bytes>> {
        let (send, receive) = mpsc::unbounded_channel();
        self.answers.lock().unwrap().push(receive);
        send
    }

    fn asked(&self) -> usize {
        self.names.asked.load(Ordering::SeqCst)
    }

    /// The head of the last request that came through, and its caller.
    fn came(&self) -> (http::request::Parts, Caller) {
        let head = self.came.lock().unwrap().pop().unwrap();
        let token = head.headers["authorization"].to_str().unwrap();
        let caller = self.verifier.verify(token.strip_prefix("Call ").unwrap()).unwrap();
        (head, (*caller).clone())
    }
}

fn status_of(response: &Response<Body>) -> Status {
    Status::from_header_map(response.headers()).unwrap()
}

fn code(response: &Response<Body>) -> Wire {
    status_of(response).code()
}

fn trailers(code: Wire) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", (code as i32).into());
    Frame::trailers(trailers)
}

#[tokio::test(start_paused = true)]
async fn who_is_vouched_for_needs_no_credential_and_all_else_holds() {
    let house = house();
    let visitor = |role| Arc::new(known(CallerKind::Anonymous, role));
    let ask = async |role, path: &str| {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = path.parse().unwrap();
        // Whatever stands here, it is not looked at.
        request.headers_mut().insert("authorization", HeaderValue::from_static("Bearer operator"));
        code(&house.edge.let_in(visitor(role)).oneshot(request).await.unwrap())
    };
    assert_eq!(ask(Role::Agent, GET).await, Wire::NotFound, "the service was asked");
    assert_eq!(house.came().1.kind, CallerKind::Anonymous);
    assert_eq!(house.asked(), 0);
    assert_eq!(house.book.read(), ["GetTicket NotFound", "released"]);
    assert_eq!(ask(Role::Anonymous, GET).await, Wire::PermissionDenied);
    let internal = "/aftercare.tickets.v1.FeedService/Read";
    assert_eq!(ask(Role::Agent, internal).await, Wire::Unimplemented);
    *house.book.full.lock().unwrap() = true;
    assert_eq!(ask(Role::Agent, GET).await, Wire::ResourceExhausted);
    *house.book.crowded.lock().unwrap() = true;
    assert_eq!(ask(Role::Agent, GET).await, Wire::Unavailable);
    assert!(house.came.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_believed_for_a_few_seconds_and_a_refusal_for_one() {
    let house = house();
    for _ in 0..3 {
        assert_eq!(code(&house.by("agent", GET).await), Wire::NotFound);
        assert_eq!(code(&house.by("stranger", GET).await), Wire::Unauthenticated);
    }
    assert_eq!(house.asked(), 2);
    tokio::time::advance(Duration::from_secs(1)).await;
    house.by("agent", GET).await;
    house.by("stranger", GET).await;
    assert_eq!(house.asked(), 3);
    tokio::time::advance(Duration::from_secs(2)).await;
    house.by("agent", GET).await;
    assert_eq!(house.asked(), 4);
}

#[tokio::test(start_paused = true)]
async fn whoever_comes_during_a_look_up_waits_for_its_answer() {
    let house = house();
    let calls = (0..50).map(|_| house.by("agent", GET));
    let answers = futures::future::join_all(calls).await;
    assert!(answers.iter().all(|answer| code(answer) == Wire::NotFound));
    assert_eq!(house.asked(), 1);
    let signed = house.book.read();
    assert_eq!(signed.iter().filter(|line| line.ends_with("signed in")).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_flood_of_bad_credentials_does_not_drive_out_good_ones() {
    let house = house();
    house.by("agent", GET).await;
    for n in 0..10_000 {
        let refused = house.edge.shared.believed.look(&format!("stranger-{n}")).await;
        assert_eq!(refused.0, Err(Refused::Credential));
    }
    let before = house.asked();
    house.by("agent", GET).await;
    assert_eq!(house.asked(), before);
}

#[tokio::test(start_paused = true)]
async fn no_credential_is_believed_beyond_its_end() {
    let house = house();
    *house.names.expires.lock().unwrap() = Some(NOW);
    assert_eq!(code(&house.by("agent", GET).await), Wire::Unauthenticated);
}

#[tokio::test(start_paused = true)]
async fn an_operator_belongs_to_no_tenant_and_nobody_is_a_service() {
    let house = house();
    house.by("operator", GET).await;
    assert_eq!(house.came().1.tenant, TenantId::from(Uuid::nil()));
    assert_eq!(code(&house.by("service", GET).await), Wire::Unauthenticated);
    house.by("climber", GET).await;
    assert_eq!(house.came().1.roles, [Role::Agent]);
}

#[tokio::test(start_paused = true)]
async fn a_look_up_that_does_not_end_is_given_up() {
    let house = house();
    let began = Instant::now();
    assert_eq!(code(&house.by("slow", GET).await), Wire::Unavailable);
    assert!(began.elapsed() <= Duration::from_secs(6));
}

#[tokio::test(start_paused = true)]
async fn the_client_chooses_the_language_and_else_the_caller_has_their_own() {
    let house = house();
    house.by("agent", GET).await;
    assert_eq!(house.came().1.locale, Locale::Zh);
    let english = [("authorization", "bearer agent"), ("accept-language", "en")];
    house.call(GET, &english).await;
    assert_eq!(house.came().1.locale, Locale::En);
}

#[tokio::test(start_paused = true)]
async fn what_goes_further_is_the_call_token_the_request_id_and_what_the_wall_names() {
    let house = house();
    let told = [
        ("authorization", "Bearer agent"),
        ("x-request-id", "mine-1"),
        ("x-tenant-id", "other"),
        ("te", "trailers"),
    ];
    let answer = house.call(GET, &told).await;
    assert_eq!(answer.headers()["x-request-id"], "mine-1");
    let (head, caller) = house.came();
    let mut names: Vec<_> = head.headers.keys().map(http::HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["authorization", "te", "traceparent", "x-request-id"]);
    assert_eq!((head.uri.path(), caller.tenant), (GET, tenant()));

    let answer =
        house.call(GET, &[("authorization", "Bearer agent"), ("x-request-id", "a b")]).await;
    let id = answer.headers()["x-request-id"].to_str().unwrap().to_owned();
    assert!(Uuid::try_parse(&id).is_ok());
    assert_eq!(house.came().0.headers["x-request-id"], id.as_str());
    let refused = house.call(GET, &[]).await;
    assert_eq!(code(&refused), Wire::Unauthenticated);
    assert!(refused.headers().contains_key("x-request-id"));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_the_contracts_or_not_for_outside_is_unknown() {
    let house = house();
    for path in [
        "/aftercare.tickets.v1.TicketService/gettickets",
        "/aftercare.type.v1.FeedService/Read",
        "/aftercare.customers.v1.CustomerService/GetCustomer",
        "//aftercare.tickets.v1.TicketService/GetTicket",
        "/aftercare.tickets.v1.TicketService/GetTicket/",
        "/aftercare.tickets.v1.TicketService%2FGetTicket",
    ] {
        assert_eq!(code(&house.by("agent", path).await), Wire::Unimplemented, "{path}");
    }
    assert_eq!(house.asked(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_caller_without_the_permission_goes_no_further() {
    let house = house();
    let refused = house.by("agent", ASSIGN).await;
    let status = status_of(&refused);
    assert_eq!(status.code(), Wire::PermissionDenied);
    assert_eq!(status.message(), "this needs the permission `tickets.assign`");
    assert!(house.came.lock().unwrap().is_empty());
    let lines = ["member/lin signed in", "AssignTicket PermissionDenied"];
    assert_eq!(house.book.read(), lines);
}

#[tokio::test(start_paused = true)]
async fn whether_a_call_would_be_let_in_is_told_without_making_it() {
    let house = house();
    let mut headers = HeaderMap::new();
    let refused = house.edge.admit(GET, &headers).await.unwrap_err();
    assert_eq!(refused.code(), Wire::Unauthenticated);
    headers.insert("authorization", "Bearer agent".parse().unwrap());
    house.edge.admit(GET, &headers).await.unwrap();
    let refused = house.edge.admit(ASSIGN, &headers).await.unwrap_err();
    assert_eq!(refused.code(), Wire::PermissionDenied);
    let refused = house.edge.admit("/nothing", &headers).await.unwrap_err();
    assert_eq!(refused.code(), Wire::Unimplemented);
    assert!(house.came.lock().unwrap().is_empty());
    let lines = ["member/lin signed in", "AssignTicket PermissionDenied"];
    assert_eq!(house.book.read(), lines);
}

#[tokio::test(start_paused = true)]
async fn the_limits_see_every_call_and_its_end() {
    let house = house();
    let answer = house.by("agent", GET).await;
    assert_eq!(
        (code(&answer), &answer.headers()["ratelimit"]),
        (Wire::NotFound, &"r=1".parse().unwrap())
    );
    let lines = ["member/lin signed in", "GetTicket NotFound", "released"];
    assert_eq!(house.book.read(), lines);

    let send = house.answer();
    let answer = house.by("agent", GET).await;
    assert!(house.book.read().is_empty());
    send.send(Frame::data(Bytes::from_static(b"x"))).unwrap();
    send.send(trailers(Wire::Ok)).unwrap();
    drop(send);
    answer.into_body().collect().await.unwrap();
    assert_eq!(house.book.read(), ["GetTicket Ok", "released"]);

    let _open = house.answer();
    drop(house.by("agent", WATCH).await);
    assert_eq!(house.book.read(), ["WatchTickets Cancelled", "released"]);

    *house.book.full.lock().unwrap() = true;
    let refused = house.by("agent", GET).await;
    assert_eq!(code(&refused), Wire::ResourceExhausted);
    assert_eq!(refused.headers()["ratelimit"], "r=0");
    assert_eq!(house.book.read(), ["GetTicket ResourceExhausted"]);
}

#[tokio::test(start_paused = true)]
async fn a_crowded_process_does_nothing_for_a_call() {
    let house = house();
    *house.book.crowded.lock().unwrap() = true;
    let answer = house.by("agent", GET).await;
    let status = status_of(&answer);
    assert_eq!(status.code(), Wire::Unavailable);
    assert!(status.metadata().contains_key(status::PUSHBACK));
    assert_eq!((house.asked(), house.book.read()), (0, Vec::new()));
    // What is none of the contract's is still unknown.
    assert_eq!(code(&house.by("staff", "/x/Y").await), Wire::Unimplemented);
}

/// What a stream ends with, after how long.
async fn end_of(mut body: Body) -> (Status, Duration) {
    let began = Instant::now();
    while let Some(frame) = body.frame().await {
        if let Some(trailers) = frame.unwrap().trailers_ref() {
            let status = Status::from_header_map(trailers).unwrap();
            assert!(body.frame().await.is_none() && body.is_end_stream());
            return (status, began.elapsed());
        }
    }
    panic!("no trailers");
}

#[tokio::test(start_paused = true)]
async fn a_suspended_tenant_is_refused_and_its_streams_end_within_five_seconds() {
    let house = house();
    let quiet = house.answer();
    let stream = house.by("agent", WATCH).await;
    *house.names.suspended.lock().unwrap() = true;
    let (status, after) = end_of(stream.into_body()).await;
    assert_eq!(status.code(), Wire::PermissionDenied);
    assert_eq!(status.message(), status_of(&house.by("agent", GET).await).message());
    assert!(after <= Duration::from_secs(4), "{after:?}");
    assert!(quiet.is_closed(), "what is behind the stream is let go");
    assert!(house.book.read().contains(&"WatchTickets PermissionDenied".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_always_has_something_to_say_ends_as_well() {
    let house = house();
    let busy = house.answer();
    let mut stream = house.by("agent", WATCH).await.into_body();
    *house.names.suspended.lock().unwrap() = true;
    let began = Instant::now();
    loop {
        let _ = busy.send(Frame::data(Bytes::from_static(b"x")));
        let frame = stream.frame().await.unwrap().unwrap();
        if frame.is_trailers() {
            break;
        }
        tokio::time::advance(Duration::from_millis(100)).await;
    }
    assert!(began.elapsed() <= Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn a_stream_outlives_a_directory_that_is_away() {
    let house = house();
    let send = house.answer();
    let mut stream = house.by("agent", WATCH).await.into_body();
    *house.names.away.lock().unwrap() = true;
    let nothing = tokio::time::timeout(Duration::from_mins(1), stream.frame()).await;
    assert!(nothing.is_err());
    assert_eq!(code(&house.by("agent", GET).await), Wire::Unavailable);
    *house.names.away.lock().unwrap() = false;
    send.send(Frame::data(Bytes::from_static(b"x"))).unwrap();
    assert!(stream.frame().await.unwrap().unwrap().is_data());
}
