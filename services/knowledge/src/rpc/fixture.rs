//! What the tests of the operations share: the service on a fresh `SQLite` file with a clock that
//! stands still, and readers of several kinds.

use std::{sync::Arc, time::Duration};

use contracts::knowledge::v1::{self as pb, AudienceLevel, KnowledgeEvent};
use feed::{Sequencer, Source};
use futures::StreamExt as _;
use kernel::{
    ArticleId, Caller, CallerKind, Clock, Ids, Locale, Role, RowScope, TenantId, Time,
    keys::RootKeys,
};
use prost::Message;
use rpc::{Call, Grants};
use store::{Engine, Sql, args};
use telemetry::Metrics;
use testing::TestDb;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use crate::{
    App, Error, MIGRATIONS, Parts,
    index::{self, Indexes},
};

/// 2025-11-22 00:06:40 UTC.
pub(crate) const START: Time = Time::from_micros(1_763_770_000_000_000);

/// The service with what its tests look at.
pub(crate) struct Fixture {
    pub(crate) app: App,
    _database: TestDb,
    _folder: tempfile::TempDir,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let database = TestDb::migrated(Engine::Sqlite, MIGRATIONS).await;
        let clock = Clock::manual(START);
        let keys = RootKeys::parse(&"42".repeat(32), &[]).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let indexes = Indexes::open(index::Parts {
            folder: folder.path().to_owned(),
            db: database.db.clone(),
            source: Source::new("knowledge", database.db.clone()),
            clock: clock.clone(),
            metrics: Metrics::new(),
        });
        let parts = Parts {
            lasting: store::meta::lasting_key(&database, &keys).await.unwrap(),
            db: database.db.clone(),
            partitions: 1,
            ids: Ids::seeded(clock.clone(), 1),
            clock,
            keys,
            tasks: TaskTracker::new(),
        };
        let app = App::new(parts, indexes.unwrap());
        Self { app, _database: database, _folder: folder }
    }

    /// The clock moves on.
    pub(crate) fn later(&self) {
        self.app.clock.advance(Duration::from_secs(1));
    }

    /// An article that is only written.
    pub(crate) async fn draft(&self, title: &str, level: AudienceLevel) -> pb::Article {
        let mut asked = create(title);
        asked.article.as_mut().unwrap().audience = Some(audience(level, &[]));
        super::create_article::handle(self.app.clone(), editor(), asked).await.unwrap()
    }

    /// An article that its readers see.
    pub(crate) async fn published(&self, title: &str, level: AudienceLevel) -> pb::Article {
        let article = self.draft(title, level).await;
        self.publish(&format!("{}/revisions/1", article.name)).await
    }

    /// A revision goes live.
    pub(crate) async fn publish(&self, revision: &str) -> pb::Article {
        let asked = pb::PublishRevisionRequest { name: revision.to_owned(), ..Default::default() };
        super::publish_revision::handle(self.app.clone(), editor(), asked).await.unwrap()
    }

    /// What a reader reads, if anything.
    pub(crate) async fn read(&self, call: Call, name: &str) -> Option<pb::Article> {
        let asked = pb::GetArticleRequest { name: name.to_owned(), ..Default::default() };
        match super::get_article::handle(self.app.clone(), call, asked).await {
            Ok(article) => Some(article),
            Err(Error::ArticleNotFound { .. }) => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    /// What was published so far can be found.
    pub(crate) async fn indexed(&self) {
        let (source, clock) =
            (Source::new("knowledge", self.app.db.clone()), self.app.clock.clone());
        let mut sequencer = Sequencer::new(source, clock, "only".to_owned(), Metrics::new());
        while sequencer.tick().await.unwrap() {}
        for number in [1, 2] {
            self.app.indexes.bring_up(tenant(number)).await.unwrap();
        }
    }

    /// The titles that a reader finds.
    pub(crate) async fn finds(&self, call: Call, query: &str) -> Vec<String> {
        let asked = pb::SearchRequest { query: query.to_owned(), ..Default::default() };
        let found = super::search::handle(self.app.clone(), call, asked).await.unwrap();
        found.results.into_iter().map(|result| result.title).collect()
    }

    /// What an export writes down for a caller, piece by piece.
    pub(crate) async fn exported(&self, call: Call, format: pb::TransferFormat) -> Vec<String> {
        let asked = pb::ExportArticlesRequest { format: format.into(), ..Default::default() };
        let pieces = super::export_articles::handle(&self.app, &call, &asked).unwrap();
        pieces.map(|piece| piece.unwrap().content).collect().await
    }

    /// What becomes of each row of an import.
    pub(crate) async fn imported(
        &self,
        call: Call,
        format: pb::TransferFormat,
        content: &str,
        validate_only: bool,
    ) -> Vec<pb::ImportArticlesResponse> {
        let asked = pb::ImportArticlesRequest {
            format: format.into(),
            content: content.to_owned(),
            validate_only,
            ..Default::default()
        };
        let verdicts = super::import_articles::handle(&self.app, &call, &asked).unwrap();
        verdicts.map(|verdict| verdict.unwrap()).collect().await
    }

    /// The kinds of an article's events, oldest first, each with what changed.
    pub(crate) async fn events(&self, name: &str) -> Vec<(String, KnowledgeEvent)> {
        const EVENTS: Sql = Sql::both(
            "SELECT kind, payload FROM events WHERE tenant = $1 AND aggregate = $2 \
             ORDER BY sequence",
        );
        let id = ArticleId::parse_name(name).unwrap();
        let rows: Vec<(String, Vec<u8>)> =
            self.app.db.all(EVENTS, args![tenant(1), id]).await.unwrap();
        rows.into_iter()
            .map(|(kind, payload)| (kind, KnowledgeEvent::decode(payload.as_slice()).unwrap()))
            .collect()
    }
}

pub(crate) fn tenant(n: u128) -> TenantId {
    TenantId::from(Uuid::from_u128(n))
}

/// A request to record an article in Chinese.
pub(crate) fn create(title: &str) -> pb::CreateArticleRequest {
    let article = pb::Article { revision: Some(words("zh", title)), ..Default::default() };
    pb::CreateArticleRequest { article: Some(article), request_id: String::new() }
}

/// A revision of this title.
pub(crate) fn words(locale: &str, title: &str) -> pb::Revision {
    pb::Revision {
        locale: locale.to_owned(),
        title: title.to_owned(),
        body: format!("{title}: 见说明书"),
        ..Default::default()
    }
}

pub(crate) fn audience(level: AudienceLevel, teams: &[&str]) -> pb::Audience {
    let teams = teams.iter().map(|team| format!("teams/{team}")).collect();
    pb::Audience { level: level.into(), teams }
}

/// A request id; the same for the same number.
pub(crate) fn request_id(n: u128) -> String {
    Uuid::from_u128(n).to_string()
}

/// Nobody in particular.
pub(crate) fn anonymous() -> Call {
    call(1, CallerKind::Anonymous, Role::Anonymous, &[])
}

/// A customer.
pub(crate) fn customer() -> Call {
    call(1, CallerKind::Customer, Role::Customer, &[])
}

/// An agent in these teams.
pub(crate) fn agent(teams: &[&str]) -> Call {
    call(1, CallerKind::Member, Role::Agent, teams)
}

/// Somebody who may read everything that is live, and write nothing.
pub(crate) fn supervisor() -> Call {
    call(1, CallerKind::Member, Role::Supervisor, &[])
}

/// Who writes articles.
pub(crate) fn editor() -> Call {
    call(1, CallerKind::Member, Role::Editor, &[])
}

/// Who writes those of another tenant.
pub(crate) fn stranger() -> Call {
    call(2, CallerKind::Member, Role::Editor, &[])
}

fn call(tenant_number: u128, kind: CallerKind, role: Role, teams: &[&str]) -> Call {
    let caller = Caller {
        tenant: tenant(tenant_number),
        kind,
        subject: "test".to_owned(),
        roles: vec![role],
        teams: teams.iter().map(|team| (*team).to_owned()).collect(),
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
