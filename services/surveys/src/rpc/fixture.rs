//! What the tests of the operations share: the service on a fresh `SQLite` file with a clock that
//! stands still.

use std::{sync::Arc, time::Duration};

use contracts::surveys::v1 as pb;
use kernel::{
    Caller, CallerKind, Clock, Ids, Locale, Role, RowScope, SurveyId, TenantId, Time,
    keys::RootKeys,
};
use rpc::{Call, Grants};
use store::{Engine, Sql, args};
use testing::TestDb;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{App, Error, MIGRATIONS, Parts};

/// 2025-11-22 00:06:40 UTC.
const START: Time = Time::from_micros(1_763_770_000_000_000);

/// The service with what its tests look at.
pub(crate) struct Fixture {
    pub(crate) app: App,
    _database: TestDb,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let database = TestDb::migrated(Engine::Sqlite, MIGRATIONS).await;
        let clock = Clock::manual(START);
        let keys = RootKeys::parse(&"42".repeat(32), &[]).unwrap();
        let parts = Parts {
            lasting: store::meta::lasting_key(&database, &keys).await.unwrap(),
            db: database.db.clone(),
            partitions: 1,
            ids: Ids::seeded(clock.clone(), 1),
            clock,
            keys,
            tasks: TaskTracker::new(),
        };
        Self { app: App::new(parts), _database: database }
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

fn tenant(n: u128) -> TenantId {
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

/// The fields that a refused request is wrong in.
pub(crate) fn fields(error: &Error) -> Vec<&str> {
    let Error::Invalid(violations) = error else { panic!("not a wrong request: {error:?}") };
    violations.as_slice().iter().map(|violation| violation.field.as_str()).collect()
}
