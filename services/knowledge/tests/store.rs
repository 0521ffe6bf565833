//! The service as its callers meet it, on both databases: through the generated clients, with only
//! the wall in front of it replaced.

#![expect(clippy::unwrap_used, reason = "a test's helpers fail its test")]

use std::{path::Path, sync::Arc, time::Duration};

use aftercare_knowledge::{
    App, MIGRATIONS, Parts, STATEMENTS,
    index::{self, Indexes},
    routes,
};
use contracts::{
    knowledge::v1::{
        self as pb, article_service_client::ArticleServiceClient,
        feedback_service_client::FeedbackServiceClient, search_service_client::SearchServiceClient,
        transfer_service_client::TransferServiceClient,
    },
    r#type::v1::{RebuildIndexRequest, index_admin_service_server::IndexAdminService as _},
};
use feed::{Sequencer, Source};
use futures::{TryStreamExt as _, future::join_all};
use kernel::{
    ArticleId, Caller, CallerKind, Clock, Ids, Locale, Role, RowScope, TenantId, keys::RootKeys,
};
use rpc::{Call, Grants, Link};
use store::{Engine, Sql, args};
use telemetry::Metrics;
use testing::{TestDb, each_db};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tonic::codegen::{Service, http};
use uuid::Uuid;

const SEQUENCES: Sql =
    Sql::both("SELECT sequence FROM events WHERE tenant = $1 AND aggregate = $2 ORDER BY sequence");

/// The service on one database at work, and the ways to it.
struct Suite {
    app: App,
    indexes: Indexes,
    stop: CancellationToken,
    work: TaskTracker,
}

impl Suite {
    async fn on(database: &TestDb, folder: &Path) -> Self {
        let clock = Clock::system();
        let keys = RootKeys::parse(&"42".repeat(32), &[]).unwrap();
        let source = Source::new("knowledge", database.db.clone());
        let indexes = Indexes::open(index::Parts {
            folder: folder.to_owned(),
            db: database.db.clone(),
            source: source.clone(),
            clock: clock.clone(),
            metrics: Metrics::new(),
        })
        .unwrap();
        let ids = Ids::random(clock.clone());
        let holder = ids.next().to_string();
        let parts = Parts {
            lasting: store::meta::lasting_key(database, &keys).await.unwrap(),
            db: database.db.clone(),
            partitions: store::meta::partitions(database).await.unwrap(),
            ids,
            clock: clock.clone(),
            keys,
            tasks: TaskTracker::new(),
        };
        let (stop, work) = (CancellationToken::new(), TaskTracker::new());
        let sequencer = Sequencer::new(source, clock, holder, Metrics::new());
        work.spawn(sequencer.run(stop.clone()));
        work.spawn(indexes.clone().follow(stop.clone()));
        Self { app: App::new(parts, indexes.clone()), indexes, stop, work }
    }

    async fn end(self) {
        self.stop.cancel();
        self.work.close();
        self.work.wait().await;
    }

    fn link(&self, kind: CallerKind, role: Role) -> Link {
        let call = call(kind, role);
        let routes = routes(&self.app).prepare();
        rpc::link::link(tower::service_fn(move |mut request: http::Request<tonic::body::Body>| {
            request.extensions_mut().insert(call.clone());
            routes.clone().call(request)
        }))
    }

    fn articles(&self) -> ArticleServiceClient<Link> {
        ArticleServiceClient::new(self.link(CallerKind::Integration, Role::Integration))
    }

    /// A published article for everybody.
    async fn published(&self, title: &str) -> pb::Article {
        let revision = pb::Revision {
            locale: "zh".to_owned(),
            title: title.to_owned(),
            body: format!("{title}: 见说明书"),
            similar_questions: vec![format!("{title}怎么办")],
            ..Default::default()
        };
        let audience = pb::Audience { level: pb::AudienceLevel::Public.into(), teams: Vec::new() };
        let article = pb::Article {
            audience: Some(audience),
            tags: vec!["家电".to_owned()],
            products: vec!["products/X-1".to_owned()],
            revision: Some(revision),
            ..Default::default()
        };
        let request = pb::CreateArticleRequest { article: Some(article), ..Default::default() };
        let made = self.articles().create_article(request).await.unwrap().into_inner();
        let name = made.revision.unwrap().name;
        let request = pb::PublishRevisionRequest { name, ..Default::default() };
        self.articles().publish_revision(request).await.unwrap().into_inner()
    }

    /// What an import of lines of JSON tells of each row.
    async fn imported(&self, content: String) -> Vec<pb::ImportVerdict> {
        let format = pb::TransferFormat::JsonLines.into();
        let request = pb::ImportArticlesRequest { format, content, ..Default::default() };
        let link = self.link(CallerKind::Integration, Role::Integration);
        let verdicts = TransferServiceClient::new(link).import_articles(request).await.unwrap();
        let told: Vec<_> = verdicts.into_inner().try_collect().await.unwrap();
        told.iter().map(pb::ImportArticlesResponse::verdict).collect()
    }

    /// What is exported as lines of JSON.
    async fn exported(&self) -> String {
        let format = pb::TransferFormat::JsonLines.into();
        let request = pb::ExportArticlesRequest { format, ..Default::default() };
        let link = self.link(CallerKind::Integration, Role::Integration);
        let pieces = TransferServiceClient::new(link).export_articles(request).await.unwrap();
        let pieces: Vec<_> = pieces.into_inner().try_collect().await.unwrap();
        pieces.into_iter().map(|piece| piece.content).collect()
    }

    /// The titles that a visitor finds, sorted.
    async fn found(&self, query: &str) -> Vec<String> {
        let link = self.link(CallerKind::Anonymous, Role::Anonymous);
        let request = pb::SearchRequest {
            query: query.to_owned(),
            locale: "zh".to_owned(),
            page_size: 50,
            ..Default::default()
        };
        let found = SearchServiceClient::new(link).search(request).await.unwrap().into_inner();
        let mut titles: Vec<_> = found.results.into_iter().map(|one| one.title).collect();
        titles.sort_unstable();
        titles
    }

    /// Waits until a query finds exactly so many.
    async fn finds(&self, query: &str, count: usize) {
        let looked = async {
            while self.found(query).await.len() != count {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let found = tokio::time::timeout(Duration::from_secs(20), looked).await;
        assert!(found.is_ok(), "{query}: {:?}", self.found(query).await);
    }

    async fn rebuild(&self) {
        let mut request = tonic::Request::new(RebuildIndexRequest { tenant: tenant().name() });
        request.extensions_mut().insert(call(CallerKind::Operator, Role::Operator));
        self.indexes.rebuild_index(request).await.unwrap();
    }
}

fn tenant() -> TenantId {
    TenantId::from(Uuid::from_u128(1))
}

fn call(kind: CallerKind, role: Role) -> Call {
    let caller = Caller {
        tenant: tenant(),
        kind,
        subject: "test".to_owned(),
        roles: vec![role],
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
        deadline: tokio::time::Instant::now() + Duration::from_secs(30),
        traceparent: "".into(),
        grants: Arc::new(Grants::shipped()),
    }
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
        if !text.starts_with("SELECT") {
            continue;
        }
        let explain = Sql::both(Box::leak(format!("EXPLAIN QUERY PLAN {text}").into_boxed_str()));
        let plan: Vec<(i64, i64, i64, String)> = database.all(explain, Vec::new()).await.unwrap();
        for (_, _, _, step) in plan {
            // The votes on one article are counted among themselves.
            let within =
                step.starts_with("USE TEMP B-TREE") && text.contains("COUNT(*) FROM votes");
            assert!(step.starts_with("SEARCH") || within, "{text}\n{step}");
        }
    }
    database.drop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_revisions_on_one_base_one_is_written_and_no_history_has_a_gap() {
    each_db(MIGRATIONS, async |database| {
        let folder = tempfile::tempdir().unwrap();
        let suite = Suite::on(database, folder.path()).await;
        let article = suite.published("洗衣机漏水").await;
        let base = format!("{}/revisions/1", article.name);
        let answers = join_all((0..16).map(|n| {
            let revision = pb::Revision {
                locale: "zh".to_owned(),
                title: format!("洗衣机漏水 {n}"),
                body: "拧紧进水管".to_owned(),
                base_revision: base.clone(),
                ..Default::default()
            };
            let request = pb::CreateRevisionRequest {
                parent: article.name.clone(),
                revision: Some(revision),
                request_id: String::new(),
            };
            let mut client = suite.articles();
            async move { client.create_revision(request).await }
        }))
        .await;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1);
        let mut refused = answers.into_iter().filter_map(Result::err);
        assert!(refused.all(|status| status.code() == tonic::Code::Aborted));
        join_all((0..16).map(|n| {
            let link = suite.link(CallerKind::Anonymous, Role::Anonymous);
            let request = pb::VoteRequest {
                name: base.clone(),
                helpful: n % 2 == 0,
                vote_id: Uuid::from_u128(n).to_string(),
                ..Default::default()
            };
            async move { FeedbackServiceClient::new(link).vote(request).await.unwrap() }
        }))
        .await;
        let id = ArticleId::parse_name(&article.name).unwrap();
        let rows: Vec<(i64,)> = database.all(SEQUENCES, args![tenant(), id]).await.unwrap();
        let sequences: Vec<_> = rows.into_iter().map(|(sequence,)| sequence).collect();
        assert_eq!(sequences, (1..=19).collect::<Vec<_>>());
        suite.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_exported_is_imported_as_what_it_is() {
    use pb::ImportVerdict::{Created, Refused, Unchanged, Updated};

    each_db(MIGRATIONS, async |database| {
        let folder = tempfile::tempdir().unwrap();
        let suite = Suite::on(database, folder.path()).await;
        let article = suite.published("洗衣机漏水").await;
        let row = r#"{"title":"a","body":"b","tags":["t","t"],"products":["P-1","P-1"]}"#;
        assert_eq!(suite.imported(format!("{row}\n{row}\n")).await, [Created, Refused]);
        let exported = suite.exported().await;
        assert_eq!(exported.lines().count(), 2);
        assert_eq!(suite.imported(exported.clone()).await, [Unchanged, Unchanged]);

        let revision = pb::Revision {
            locale: "zh".to_owned(),
            title: "洗衣机".to_owned(),
            body: "拧紧进水管".to_owned(),
            base_revision: format!("{}/revisions/1", article.name),
            ..Default::default()
        };
        let request = pb::CreateRevisionRequest {
            parent: article.name.clone(),
            revision: Some(revision),
            request_id: String::new(),
        };
        suite.articles().create_revision(request).await.unwrap();
        assert_eq!(suite.imported(exported.clone()).await, [Unchanged, Unchanged]);
        let changed = exported.replace("见说明书", "请看说明书");
        assert_eq!(suite.imported(changed).await, [Refused, Unchanged]);
        let published = exported.replace(r#""publish":false"#, r#""publish":true"#);
        assert_eq!(suite.imported(published.clone()).await, [Unchanged, Updated]);
        assert_eq!(suite.exported().await, published);
        suite.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_is_found_whatever_becomes_of_the_index() {
    each_db(MIGRATIONS, async |database| {
        let folder = tempfile::tempdir().unwrap();
        let suite = Suite::on(database, folder.path()).await;
        for n in 0..3 {
            suite.published(&format!("洗衣机漏水{n}")).await;
        }
        suite.finds("漏水", 3).await;
        suite.end().await;

        // It goes on from where it was.
        let suite = Suite::on(database, folder.path()).await;
        assert_eq!(suite.found("漏水").await.len(), 3);
        suite.published("洗衣机漏水3").await;
        suite.finds("漏水", 4).await;
        let before = suite.found("洗衣机").await;
        suite.rebuild().await;
        assert_eq!(suite.found("洗衣机").await, before);
        suite.published("洗衣机漏水4").await;
        suite.finds("漏水", 5).await;
        suite.end().await;

        // What was damaged or lost is made again.
        let index = folder.path().join(tenant().uuid().to_string());
        for file in std::fs::read_dir(&index).unwrap() {
            let path = file.unwrap().path();
            if path.is_file() {
                std::fs::write(path, "rubbish").unwrap();
            }
        }
        let suite = Suite::on(database, folder.path()).await;
        suite.finds("漏水", 5).await;
        suite.end().await;
        std::fs::remove_dir_all(&index).unwrap();
        let suite = Suite::on(database, folder.path()).await;
        suite.finds("漏水", 5).await;
        suite.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restored_database_makes_its_index_anew() {
    each_db(MIGRATIONS, async |database| {
        let folder = tempfile::tempdir().unwrap();
        let suite = Suite::on(database, folder.path()).await;
        suite.published("洗衣机漏水").await;
        suite.finds("漏水", 1).await;
        suite.end().await;
        let renewed: Result<(), store::Error> = store::transact!(database.db, "test", |tx| {
            store::meta::renew_incarnation(tx, Uuid::from_u128(9)).await
        });
        renewed.unwrap();
        let suite = Suite::on(database, folder.path()).await;
        suite.finds("漏水", 1).await;
        suite.published("洗衣机漏水2").await;
        suite.finds("漏水", 2).await;
        suite.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_replica_has_its_indexes_before_the_first_call() {
    each_db(MIGRATIONS, async |database| {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = Suite::on(database, one.path()).await;
        first.published("洗衣机漏水").await;
        first.end().await;
        let second = Suite::on(database, other.path()).await;
        second.indexes.prepare(Duration::from_mins(1)).await.unwrap();
        assert!(other.path().join(tenant().uuid().to_string()).is_dir());
        assert_eq!(second.found("漏水").await, ["洗衣机漏水"]);
        second.end().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_replicas_find_the_same_and_each_has_its_own_folder() {
    each_db(MIGRATIONS, async |database| {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let first = Suite::on(database, one.path()).await;
        let second = Suite::on(database, other.path()).await;
        first.published("洗衣机漏水").await;
        second.published("洗碗机漏水").await;
        for suite in [&first, &second] {
            suite.finds("漏水", 2).await;
        }
        let taken = Indexes::open(index::Parts {
            folder: one.path().to_owned(),
            db: database.db.clone(),
            source: Source::new("knowledge", database.db.clone()),
            clock: Clock::system(),
            metrics: Metrics::new(),
        });
        assert!(taken.unwrap_err().to_string().contains("another process"));
        first.end().await;
        second.end().await;
    })
    .await;
}
