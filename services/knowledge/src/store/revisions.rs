//! Revisions' rows, and the languages that they are in.

use std::collections::HashMap;

use kernel::{ArticleId, TenantId, Time};
use sqlx::{FromRow, types::Json};
use store::{Db, List, Sql, Tx, args};
use uuid::Uuid;

use crate::{
    Error,
    domain::revision::{Revision, Words},
};

const INSERT: Sql = Sql::both(
    "INSERT INTO revisions (tenant, article, number, locale, title, body, questions, base, note, \
     actor_kind, actor, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
);
const PUT_LATEST: Sql = Sql::both(
    "INSERT INTO translations (tenant, article, locale, latest) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (tenant, article, locale) DO UPDATE SET latest = excluded.latest",
);
const LATEST: Sql =
    Sql::both("SELECT latest FROM translations WHERE tenant = $1 AND article = $2 AND locale = $3");
const GET: Sql = Sql::both(
    "SELECT article, number, locale, title, body, questions, base, note, actor_kind, actor, \
     created_at FROM revisions WHERE tenant = $1 AND article = $2 AND number = $3",
);
const LIST: Sql = Sql::both(
    "SELECT article, number, locale, title, body, questions, base, note, actor_kind, actor, \
     created_at FROM revisions WHERE tenant = $1 AND article = $2 AND number < $3 \
     ORDER BY number DESC LIMIT $4",
);

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[INSERT, PUT_LATEST, LATEST, GET, LIST];

#[derive(FromRow)]
struct Row {
    article: Uuid,
    number: i64,
    locale: String,
    title: String,
    body: String,
    questions: Json<Vec<String>>,
    base: i64,
    note: String,
    actor_kind: String,
    actor: String,
    created_at: i64,
}

impl From<Row> for Revision {
    fn from(row: Row) -> Self {
        Self {
            article: ArticleId::from(row.article),
            number: row.number,
            locale: row.locale,
            words: Words { title: row.title, body: row.body, questions: row.questions.0 },
            base: row.base,
            note: row.note,
            actor_kind: row.actor_kind,
            actor: row.actor,
            created_at: Time::from_micros(row.created_at),
        }
    }
}

/// A language of an article: its latest revision, and the title of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Latest {
    pub(crate) locale: String,
    pub(crate) number: i64,
    pub(crate) title: String,
}

/// Writes a revision, the latest in its language from now on. The article's row is locked.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    revision: &Revision,
) -> Result<(), Error> {
    let Words { title, body, questions } = &revision.words;
    let values = args![
        tenant,
        revision.article,
        revision.number,
        &revision.locale,
        title,
        body,
        serde_json::Value::from(questions.clone()),
        revision.base,
        &revision.note,
        &revision.actor_kind,
        &revision.actor,
        revision.created_at,
    ];
    tx.execute(INSERT, values).await?;
    let values = args![tenant, revision.article, &revision.locale, revision.number];
    tx.execute(PUT_LATEST, values).await?;
    Ok(())
}

/// The number of the latest revision in a language; 0 where there is none. The article's row is locked.
pub(crate) async fn latest(
    tx: &mut Tx,
    tenant: TenantId,
    article: ArticleId,
    locale: &str,
) -> Result<i64, Error> {
    let row: Option<(i64,)> = tx.optional(LATEST, args![tenant, article, locale]).await?;
    Ok(row.map_or(0, |(latest,)| latest))
}

/// A revision.
pub(crate) async fn get(
    db: &Db,
    tenant: TenantId,
    article: ArticleId,
    number: i64,
) -> Result<Option<Revision>, Error> {
    Ok(db.optional::<Row>(GET, args![tenant, article, number]).await?.map(Revision::from))
}

/// The same within a transaction.
pub(crate) async fn get_in(
    tx: &mut Tx,
    tenant: TenantId,
    article: ArticleId,
    number: i64,
) -> Result<Option<Revision>, Error> {
    Ok(tx.optional::<Row>(GET, args![tenant, article, number]).await?.map(Revision::from))
}

/// The revisions of an article before `start`, the latest first.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    article: ArticleId,
    start: i64,
    limit: i64,
) -> Result<Vec<Revision>, Error> {
    let rows = db.all::<Row>(LIST, args![tenant, article, start, limit]).await?;
    Ok(rows.into_iter().map(Revision::from).collect())
}

/// These revisions, in no order.
pub(crate) async fn get_many(
    db: &Db,
    tenant: TenantId,
    wanted: &[(ArticleId, i64)],
) -> Result<Vec<Revision>, Error> {
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let mut list = List::new(
        "SELECT article, number, locale, title, body, questions, base, note, actor_kind, actor, \
         created_at FROM revisions WHERE tenant = ",
    );
    list.bind(tenant).push(" AND (article, number) IN (VALUES ");
    list.rows(wanted.iter().map(|(article, number)| args![*article, *number])).push(")");
    let (text, values) = list.finish();
    let rows = db.all::<Row>(text, values).await?;
    Ok(rows.into_iter().map(Revision::from).collect())
}

/// The languages of these articles, by tag.
pub(crate) async fn languages(
    db: &Db,
    tenant: TenantId,
    ids: &[ArticleId],
) -> Result<HashMap<ArticleId, Vec<Latest>>, Error> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let mut list = List::new(
        "SELECT t.article, t.locale, t.latest, r.title FROM translations t \
         JOIN revisions r ON r.tenant = t.tenant AND r.article = t.article \
         AND r.number = t.latest WHERE t.tenant = ",
    );
    list.bind(tenant).push(" AND t.article IN (").binds(ids.iter().copied());
    list.push(") ORDER BY t.article, t.locale");
    let (text, values) = list.finish();
    let rows: Vec<(Uuid, String, i64, String)> = db.all(text, values).await?;
    for (article, locale, number, title) in rows {
        found.entry(ArticleId::from(article)).or_default().push(Latest { locale, number, title });
    }
    Ok(found)
}
