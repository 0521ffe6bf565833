//! What the tests of the operations share: the service on a fresh `SQLite` file with a clock that
//! stands still, and the real customers beside it, which may go away.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use contracts::{
    customers::v1::{self as customers_pb, customer_service_client::CustomerServiceClient},
    surveys::v1 as pb,
    tickets::v1::{self as tickets_pb, ticket_event::Change},
};
use customers::domain::contact::Policy;
use feed::{Event, Handler as _};
use kernel::{
    Caller, CallerKind, Clock, CustomerId, Ids, Locale, LoopId, Role, RowScope, SurveyId, TenantId,
    TicketId, Time, keys::RootKeys, link::Opens,
};
use prost::Message as _;
use rpc::{
    Call, Grants, Inbound, Link, Methods, Outbound,
    inbound::Trust,
    link,
    token::{Minter, Verifier},
};
use store::{Engine, Sql, args, transact};
use telemetry::Metrics;
use testing::TestDb;
use tokio_util::task::TaskTracker;
use tonic::body::Body;
use tower::{BoxError, ServiceExt as _};
use uuid::Uuid;

use crate::{App, Error, MIGRATIONS, Parts, tickets::Tickets, worker};

pub(crate) const DAY: i64 = 86_400_000_000;
/// 2025-11-22 00:06:40 UTC.
const START: Time = Time::from_micros(1_763_770_000_000_000);

/// The service with what its tests look at.
pub(crate) struct Fixture {
    pub(crate) app: App,
    pub(crate) clock: Clock,
    /// Whether customers cannot be reached.
    away: Arc<AtomicBool>,
    _databases: [TestDb; 2],
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let database = TestDb::migrated(Engine::Sqlite, MIGRATIONS).await;
        let customers_db = TestDb::migrated(Engine::Sqlite, customers::MIGRATIONS).await;
        let clock = Clock::manual(START);
        let keys = RootKeys::parse(&"42".repeat(32), &[]).unwrap();
        let away = Arc::new(AtomicBool::new(false));
        let customers = customers_link(&customers_db, &clock, &keys, away.clone()).await;
        let minter = Minter::new("surveys", &keys, clock.clone());
        let parts = Parts {
            lasting: store::meta::lasting_key(&database, &keys).await.unwrap(),
            db: database.db.clone(),
            partitions: 1,
            ids: Ids::seeded(clock.clone(), 1),
            clock: clock.clone(),
            keys,
            tasks: TaskTracker::new(),
            customers: Outbound::new(customers, minter, "customers"),
            homes: HashMap::from([(tenant(1), "Asia/Shanghai".to_owned())]),
            metrics: Metrics::new(),
        };
        let app = App::new(parts);
        Self { app, clock, away, _databases: [database, customers_db] }
    }

    /// Customers goes away, or comes back.
    pub(crate) fn customers_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// A customer whom customers knows, one for each number.
    pub(crate) async fn customer(&self, number: u128) -> CustomerId {
        let identifier = customers_pb::Identifier {
            kind: customers_pb::IdentifierKind::Email.into(),
            value: format!("c{number}@example.com"),
            ..Default::default()
        };
        let request = customers_pb::ResolveCustomerRequest {
            identifiers: vec![identifier],
            create: true,
            ..Default::default()
        };
        let link = self.app.customers.as_service("surveys", tenant(1));
        let mut client = CustomerServiceClient::new(link);
        let known = client.resolve_customer(request).await.unwrap().into_inner().customer.unwrap();
        CustomerId::parse_name(&known.name).unwrap()
    }

    /// A live survey that asks a day after each resolution how satisfied somebody is, why not, and
    /// follows up whoever is not.
    pub(crate) async fn asking(&self, title: &str) -> pb::Survey {
        let scale = pb::Scale { min: 1, max: 5, ..Default::default() };
        let mut overall = question("overall", pb::QuestionKind::Csat);
        overall.scale = Some(scale);
        overall.required = true;
        let mut why = question("why", pb::QuestionKind::LongText);
        why.visible_if = "answers.overall <= 2".to_owned();
        let mut asked = with(title, vec![overall, why]);
        if let Some(survey) = &mut asked.survey {
            survey.after_resolution = Some(pb::AfterResolution {
                delay: Some(rpc::wire::duration(DAY)),
                ..Default::default()
            });
            if let Some(draft) = &mut survey.draft {
                draft.follow_up_if = "answers.overall <= 2".to_owned();
            }
        }
        let made = self.made(asked).await;
        self.publish(&made.name).await.unwrap()
    }

    /// Something happens to the ticket of this number; its name.
    pub(crate) async fn happens(
        &self,
        number: u128,
        customer: Option<CustomerId>,
        change: Change,
    ) -> String {
        self.happened(number, customer, change, self.clock.now()).await
    }

    /// It is told that this happened then.
    pub(crate) async fn happened(
        &self,
        number: u128,
        customer: Option<CustomerId>,
        change: Change,
        at: Time,
    ) -> String {
        let id = TicketId::from(Uuid::from_u128(number));
        let payload = tickets_pb::TicketEvent {
            customer: customer.map(CustomerId::name).unwrap_or_default(),
            assignee: "members/lin".to_owned(),
            change: Some(change),
            ..Default::default()
        };
        let event = Event {
            source: "tickets".into(),
            partition: 0,
            position: 1,
            tenant: tenant(1),
            aggregate: id.uuid(),
            sequence: 1,
            kind: String::new(),
            payload: payload.encode_to_vec(),
            actor_kind: CallerKind::Member,
            actor: String::new(),
            at,
            trace: String::new(),
        };
        let tickets = Tickets(self.app.clone());
        transact!(self.app.db, "test.apply", |tx| tickets.apply(tx, &event).await).unwrap();
        id.name()
    }

    /// The ticket of this number is resolved; its name.
    pub(crate) async fn resolve(&self, number: u128, customer: Option<CustomerId>) -> String {
        let resolved = tickets_pb::TicketResolved {
            instance: 1,
            channel: tickets_pb::Channel::Phone.into(),
            product: "products/kettle".to_owned(),
            team: "teams/first-line".to_owned(),
            language: "zh".to_owned(),
            ..Default::default()
        };
        self.happens(number, customer, Change::Resolved(resolved)).await
    }

    /// The newest invitation about a ticket.
    pub(crate) async fn invitation(&self, ticket: &str) -> pb::Invitation {
        let asked = pb::ListInvitationsRequest { ticket: ticket.to_owned(), ..Default::default() };
        let all = super::list_invitations::handle(self.app.clone(), editor(), asked).await.unwrap();
        all.invitations.into_iter().next().unwrap()
    }

    /// Time passes, and whatever is due happens.
    pub(crate) async fn later(&self, by: Duration) {
        self.clock.advance(by);
        worker::round(&self.app).await.unwrap();
    }

    /// The loops, newest first.
    pub(crate) async fn loops(&self) -> Vec<pb::Loop> {
        let asked = pb::ListLoopsRequest::default();
        super::list_loops::handle(self.app.clone(), editor(), asked).await.unwrap().loops
    }

    /// Somebody who holds a link submits answers.
    pub(crate) async fn submit(
        &self,
        holder: Call,
        id: u128,
        answers: Vec<pb::Answer>,
    ) -> Result<pb::InvitedSurvey, Error> {
        let asked = pb::SubmitResponseRequest {
            response_id: Uuid::from_u128(id).to_string(),
            answers,
            locale: "zh".to_owned(),
        };
        super::submit_response::handle(self.app.clone(), holder, asked).await
    }

    /// A response, as staff read it.
    pub(crate) async fn response(&self, id: u128) -> pb::Response {
        let name = format!("responses/{}", Uuid::from_u128(id));
        let asked = pb::GetResponseRequest { name };
        super::get_response::handle(self.app.clone(), editor(), asked).await.unwrap()
    }

    /// The kinds of the events of whatever has this name, oldest first.
    pub(crate) async fn events_of(&self, name: &str) -> Vec<String> {
        let id = name.rsplit('/').next().unwrap();
        self.events(&format!("surveys/{id}")).await
    }

    /// A survey as it was asked for.
    pub(crate) async fn made(&self, asked: pb::CreateSurveyRequest) -> pb::Survey {
        super::create_survey::handle(self.app.clone(), editor(), asked).await.unwrap()
    }

    /// A survey that is only written.
    pub(crate) async fn draft(&self, title: &str) -> pb::Survey {
        self.made(create(title)).await
    }

    /// A survey that is asked.
    pub(crate) async fn live(&self, title: &str) -> pb::Survey {
        let draft = self.draft(title).await;
        self.publish(&draft.name).await.unwrap()
    }

    /// The draft goes live.
    pub(crate) async fn publish(&self, name: &str) -> Result<pb::Survey, Error> {
        let asked = pb::PublishSurveyRequest { name: name.to_owned(), ..Default::default() };
        super::publish_survey::handle(self.app.clone(), editor(), asked).await
    }

    /// Another version goes live, with a question more.
    pub(crate) async fn publish_changed(&self, name: &str) {
        let mut survey = self.read(editor(), name).await.unwrap();
        survey.draft.as_mut().unwrap().questions.push(question("more", pb::QuestionKind::Nps));
        let draft = pb::Survey { name: name.to_owned(), draft: survey.draft, ..Default::default() };
        let asked = pb::UpdateSurveyRequest { survey: Some(draft), ..Default::default() };
        super::update_survey::handle(self.app.clone(), editor(), asked).await.unwrap();
        self.publish(name).await.unwrap();
    }

    /// What was published.
    pub(crate) async fn version(&self, name: &str, number: i64) -> pb::SurveyVersion {
        let asked = pb::GetSurveyVersionRequest { name: format!("{name}/versions/{number}") };
        super::get_survey_version::handle(self.app.clone(), editor(), asked).await.unwrap()
    }

    /// What somebody reads, if anything.
    pub(crate) async fn read(&self, call: Call, name: &str) -> Option<pb::Survey> {
        let asked = pb::GetSurveyRequest { name: name.to_owned() };
        match super::get_survey::handle(self.app.clone(), call, asked).await {
            Ok(survey) => Some(survey),
            Err(Error::SurveyNotFound { .. }) => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// The kinds of a survey's events, oldest first.
    pub(crate) async fn events(&self, name: &str) -> Vec<String> {
        const EVENTS: Sql = Sql::both(
            "SELECT kind FROM events WHERE tenant = $1 AND aggregate = $2 ORDER BY sequence",
        );
        let id = SurveyId::parse_name(name).unwrap();
        let rows: Vec<(String,)> = self.app.db.all(EVENTS, args![tenant(1), id]).await.unwrap();
        rows.into_iter().map(|(kind,)| kind).collect()
    }
}

/// Customers behind a wall of its own.
async fn customers_link(
    db: &TestDb,
    clock: &Clock,
    keys: &RootKeys,
    away: Arc<AtomicBool>,
) -> Link {
    let app = customers::App::new(customers::Parts {
        lasting: store::meta::lasting_key(db, keys).await.unwrap(),
        db: db.db.clone(),
        partitions: 1,
        clock: clock.clone(),
        ids: Ids::seeded(clock.clone(), 99),
        keys: keys.clone(),
        tasks: TaskTracker::new(),
        homes: HashMap::new(),
        contact: Policy {
            cap: 1,
            period: Duration::from_hours(7 * 24),
            quiet_hours: None,
            grant: Duration::from_hours(1),
        },
    });
    let trust = Trust::CallTokens(Verifier::new(&["surveys"], &["customers"], keys, clock.clone()));
    let (methods, grants) =
        (Arc::new(Methods::read(&contracts::POOL)), Arc::new(Grants::shipped()));
    let routes = customers::routes(&app);
    let wall = link::link(Inbound::new(routes, methods, grants, trust, Metrics::new()));
    link::link(tower::service_fn(move |request: http::Request<Body>| {
        let (wall, away) = (wall.clone(), away.load(Ordering::SeqCst));
        async move {
            if away {
                return Err(BoxError::from("nobody listens there"));
            }
            wall.oneshot(request).await.map_err(BoxError::from)
        }
    }))
}

pub(crate) fn tenant(n: u128) -> TenantId {
    TenantId::from(Uuid::from_u128(n))
}

/// A request to record a survey with one question.
pub(crate) fn create(title: &str) -> pb::CreateSurveyRequest {
    with(title, vec![question("recommend", pb::QuestionKind::Nps)])
}

/// A request to record a survey in English with these questions.
pub(crate) fn with(title: &str, questions: Vec<pb::Question>) -> pb::CreateSurveyRequest {
    let draft = pb::Questionnaire {
        default_locale: "en".to_owned(),
        questions,
        ..pb::Questionnaire::default()
    };
    let survey =
        pb::Survey { title: title.to_owned(), draft: Some(draft), ..pb::Survey::default() };
    pb::CreateSurveyRequest { survey: Some(survey), request_id: String::new() }
}

/// A question that is always asked.
pub(crate) fn question(id: &str, kind: pb::QuestionKind) -> pb::Question {
    let text = pb::Text { locale: "en".to_owned(), text: format!("{id}?") };
    pb::Question {
        id: id.to_owned(),
        kind: kind.into(),
        title: vec![text],
        ..pb::Question::default()
    }
}

/// A request id; the same for the same number.
pub(crate) fn request_id(n: u128) -> String {
    Uuid::from_u128(n).to_string()
}

/// Who writes surveys.
pub(crate) fn editor() -> Call {
    call(1)
}

/// Who writes those of another tenant.
pub(crate) fn stranger() -> Call {
    call(2)
}

fn call(tenant_number: u128) -> Call {
    let caller = Caller {
        tenant: tenant(tenant_number),
        kind: CallerKind::Member,
        subject: "test".to_owned(),
        roles: vec![Role::Editor],
        teams: Vec::new(),
        scopes: None,
        customer: None,
        link: None,
        locale: Locale::Zh,
    };
    Call {
        caller: Arc::new(caller),
        scope: RowScope::Tenant,
        method: "".into(),
        deadline: tokio::time::Instant::now() + Duration::from_secs(10),
        traceparent: "".into(),
        grants: Arc::new(Grants::shipped()),
    }
}

/// Whoever holds a link that opens this.
pub(crate) fn holder(opens: Opens) -> Call {
    let mut call = call(1);
    let caller = Caller {
        kind: CallerKind::Anonymous,
        subject: opens.name(),
        roles: vec![Role::LinkHolder],
        link: Some(opens),
        ..Caller::clone(&call.caller)
    };
    call.caller = Arc::new(caller);
    call
}

/// Whoever holds the link of an invitation.
pub(crate) fn invited(invitation: &pb::Invitation) -> Call {
    holder(Opens::Invitation(kernel::InvitationId::parse_name(&invitation.name).unwrap()))
}

/// A number as an answer.
pub(crate) fn number(question: &str, number: i32) -> pb::Answer {
    let value = Some(pb::answer::Value::Number(number));
    pb::Answer { question: question.to_owned(), value }
}

/// Words as an answer.
pub(crate) fn words(question: &str, words: &str) -> pb::Answer {
    let value = Some(pb::answer::Value::Text(words.to_owned()));
    pb::Answer { question: question.to_owned(), value }
}

/// The loop of this name, as the follow-up ticket's number.
pub(crate) fn follow_up_of(one: &pb::Loop) -> u128 {
    LoopId::parse_name(&one.name).unwrap().uuid().as_u128()
}

/// The fields that a refused request is wrong in.
pub(crate) fn fields(error: &Error) -> Vec<&str> {
    let Error::Invalid(violations) = error else { panic!("not a wrong request: {error:?}") };
    violations.as_slice().iter().map(|violation| violation.field.as_str()).collect()
}
