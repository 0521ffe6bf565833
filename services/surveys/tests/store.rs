//! The service as its callers meet it, on both databases: through the generated client, with only the
//! wall in front of it replaced.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail its test")]

use std::{collections::HashMap, sync::Arc, time::Duration};

use aftercare_surveys::{App, MIGRATIONS, Parts, STATEMENTS, routes};
use contracts::surveys::v1::{self as pb, survey_service_client::SurveyServiceClient};
use futures::future::join_all;
use kernel::{
    Caller, CallerKind, Clock, Ids, Locale, Role, RowScope, SurveyId, TenantId, keys::RootKeys,
};
use rpc::{Call, Grants, Link, Outbound, token::Minter};
use store::{Engine, Sql, args};
use telemetry::Metrics;
use testing::{TestDb, each_db};
use tokio_util::task::TaskTracker;
use tonic::codegen::{Service, http};
use uuid::Uuid;

const SEQUENCES: Sql =
    Sql::both("SELECT sequence FROM events WHERE tenant = $1 AND aggregate = $2 ORDER BY sequence");

fn tenant() -> TenantId {
    TenantId::from(Uuid::from_u128(1))
}

/// Customers, which is away.
fn nobody() -> Link {
    rpc::link::link(tower::service_fn(async |_: http::Request<tonic::body::Body>| {
        Err::<http::Response<tonic::body::Body>, _>(tower::BoxError::from("nobody listens there"))
    }))
}

async fn client(database: &TestDb) -> SurveyServiceClient<Link> {
    let clock = Clock::system();
    let keys = RootKeys::parse(&"42".repeat(32), &[]).unwrap();
    let app = App::new(Parts {
        lasting: store::meta::lasting_key(database, &keys).await.unwrap(),
        db: database.db.clone(),
        partitions: store::meta::partitions(database).await.unwrap(),
        ids: Ids::random(clock.clone()),
        clock: clock.clone(),
        tasks: TaskTracker::new(),
        customers: Outbound::new(
            nobody(),
            Minter::new("surveys", &keys, clock.clone()),
            "customers",
        ),
        homes: HashMap::new(),
        metrics: Metrics::new(),
        keys,
    });
    let caller = Caller {
        tenant: tenant(),
        kind: CallerKind::Integration,
        subject: "test".to_owned(),
        roles: vec![Role::Integration],
        teams: Vec::new(),
        scopes: None,
        customer: None,
        link: None,
        locale: Locale::En,
    };
    let call = Call {
        caller: Arc::new(caller),
        scope: RowScope::Tenant,
        method: "".into(),
        deadline: tokio::time::Instant::now() + Duration::from_mins(1),
        traceparent: "".into(),
        grants: Arc::new(Grants::shipped()),
    };
    let routes = routes(&app).prepare();
    let link = tower::service_fn(move |mut request: http::Request<tonic::body::Body>| {
        request.extensions_mut().insert(call.clone());
        routes.clone().call(request)
    });
    SurveyServiceClient::new(rpc::link::link(link))
}

fn survey(title: &str, question: &str) -> pb::Survey {
    let text = pb::Text { locale: "zh".to_owned(), text: "您满意吗？".to_owned() };
    let scale = pb::Scale { min: 1, max: 5, ..pb::Scale::default() };
    let question = pb::Question {
        id: question.to_owned(),
        kind: pb::QuestionKind::Csat.into(),
        title: vec![text],
        scale: Some(scale),
        ..pb::Question::default()
    };
    let draft = pb::Questionnaire {
        default_locale: "zh".to_owned(),
        questions: vec![question],
        ..pb::Questionnaire::default()
    };
    pb::Survey { title: title.to_owned(), draft: Some(draft), ..pb::Survey::default() }
}

#[tokio::test]
async fn every_statement_is_valid() {
    each_db(MIGRATIONS, async |database| {
        for statements in STATEMENTS {
            store::prepare_all(database, statements).await.unwrap();
        }
    })
    .await;
}

/// No read of a list or of one row goes through more than it answers with.
#[tokio::test]
async fn every_read_goes_by_an_index() {
    let database = TestDb::migrated(Engine::Sqlite, MIGRATIONS).await;
    for statement in STATEMENTS.iter().copied().flatten() {
        let text = statement.text(Engine::Sqlite);
        // Of tenants all are wanted.
        if !text.starts_with("SELECT") || text.ends_with("FROM tenants") {
            continue;
        }
        let explain = Sql::both(Box::leak(format!("EXPLAIN QUERY PLAN {text}").into_boxed_str()));
        let plan: Vec<(i64, i64, i64, String)> = database.all(explain, Vec::new()).await.unwrap();
        for (_, _, _, step) in plan {
            // What was found in the order of an index may still have to be summed in another.
            let looked_up = step.starts_with("SEARCH") || step.contains("FOR GROUP BY");
            assert!(looked_up, "{step}: {text}");
        }
    }
}

#[tokio::test]
async fn a_survey_goes_its_way() {
    each_db(MIGRATIONS, async |database| {
        let mut client = client(database).await;
        let request = pb::CreateSurveyRequest {
            survey: Some(survey("维修之后", "overall")),
            ..Default::default()
        };
        let made = client.create_survey(request).await.unwrap().into_inner();
        assert_eq!(made.draft, survey("维修之后", "overall").draft);
        let publish = pb::PublishSurveyRequest { name: made.name.clone(), ..Default::default() };
        let live = client.publish_survey(publish).await.unwrap().into_inner();
        let version = pb::GetSurveyVersionRequest { name: live.live_version.clone() };
        let version = client.get_survey_version(version).await.unwrap().into_inner();
        assert_eq!(version.questionnaire, made.draft);
        let list =
            pb::ListSurveysRequest { state: pb::SurveyState::Live.into(), ..Default::default() };
        let listed = client.list_surveys(list).await.unwrap().into_inner().surveys;
        assert_eq!(listed, [pb::Survey { draft: None, ..live }]);
    })
    .await;
}

#[tokio::test]
async fn however_many_publish_at_once_each_version_is_made_once() {
    each_db(MIGRATIONS, async |database| {
        let mut client = client(database).await;
        let request =
            pb::CreateSurveyRequest { survey: Some(survey("a", "q0")), ..Default::default() };
        let made = client.create_survey(request).await.unwrap().into_inner();
        let publish = pb::PublishSurveyRequest { name: made.name.clone(), ..Default::default() };
        for round in 1..=3_usize {
            let draft = survey("a", &format!("q{round}")).draft;
            let written = pb::Survey { name: made.name.clone(), draft, ..Default::default() };
            let update = pb::UpdateSurveyRequest { survey: Some(written), ..Default::default() };
            client.update_survey(update).await.unwrap();
            let all = (0..8).map(|_| {
                let (mut client, publish) = (client.clone(), publish.clone());
                async move { client.publish_survey(publish).await.unwrap().into_inner() }
            });
            let last = format!("{}/versions/{round}", made.name);
            assert!(join_all(all).await.iter().all(|survey| survey.live_version == last));
        }
        let id = SurveyId::parse_name(&made.name).unwrap();
        let sequences: Vec<(i64,)> = database.db.all(SEQUENCES, args![tenant(), id]).await.unwrap();
        assert_eq!(sequences, (1..=7).map(|number| (number,)).collect::<Vec<_>>());
    })
    .await;
}
