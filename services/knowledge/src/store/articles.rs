//! Articles' rows, and who sees which of them.

use contracts::knowledge::v1::ArticleKind;
use kernel::{ArticleId, TenantId, Time};
use sqlx::{FromRow, types::Json};
use store::{Db, List, Sql, Tx, args};
use uuid::Uuid;

use super::number;
use crate::{
    Error,
    domain::{
        article::{Article, Profile},
        audience::{Audience, Reader},
    },
};

const INSERT: Sql = Sql::both(
    "INSERT INTO articles (tenant, id, version, sequence, last_at, kind, level, team_count, teams, \
     products, tags, external_id, valid_from, valid_until, archived_at, revisions, created_at, \
     updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
     ON CONFLICT (tenant, external_id) DO NOTHING",
);
const UPDATE: Sql = Sql::both(
    "UPDATE articles SET version = $3, sequence = $4, last_at = $5, kind = $6, level = $7, \
     team_count = $8, teams = $9, products = $10, tags = $11, valid_from = $12, valid_until = $13, \
     archived_at = $14, revisions = $15, updated_at = $16 WHERE tenant = $1 AND id = $2",
);
const GET: Sql = Sql::both(
    "SELECT id, version, sequence, last_at, kind, level, teams, products, tags, external_id, \
     valid_from, valid_until, archived_at, revisions, created_at, updated_at \
     FROM articles WHERE tenant = $1 AND id = $2",
);
const LOCK: Sql = Sql::split(
    "SELECT id, version, sequence, last_at, kind, level, teams, products, tags, external_id, \
     valid_from, valid_until, archived_at, revisions, created_at, updated_at \
     FROM articles WHERE tenant = $1 AND id = $2",
    "SELECT id, version, sequence, last_at, kind, level, teams, products, tags, external_id, \
     valid_from, valid_until, archived_at, revisions, created_at, updated_at \
     FROM articles WHERE tenant = $1 AND id = $2 FOR NO KEY UPDATE",
);
const BY_EXTERNAL_ID: Sql =
    Sql::both("SELECT id FROM articles WHERE tenant = $1 AND external_id = $2");
const AFTER: Sql = Sql::both(
    "SELECT id, version, sequence, last_at, kind, level, teams, products, tags, external_id, \
     valid_from, valid_until, archived_at, revisions, created_at, updated_at \
     FROM articles WHERE tenant = $1 AND id > $2 ORDER BY id LIMIT $3",
);

const NEXT_TENANT: Sql =
    Sql::both("SELECT tenant FROM articles WHERE tenant > $1 ORDER BY tenant LIMIT 1");

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] =
    &[INSERT, UPDATE, GET, LOCK, BY_EXTERNAL_ID, AFTER, NEXT_TENANT];

/// The tenants that have articles.
pub(crate) async fn tenants(db: &Db) -> Result<Vec<TenantId>, store::Error> {
    let (mut tenants, mut last) = (Vec::new(), Uuid::nil());
    while let Some((tenant,)) = db.optional::<(Uuid,)>(NEXT_TENANT, args![last]).await? {
        tenants.push(tenant.into());
        last = tenant;
    }
    Ok(tenants)
}

/// The start of a statement over articles; what follows is bound after the tenant.
const OF_TENANT: &str = "SELECT a.id, a.version, a.sequence, a.last_at, a.kind, a.level, a.teams, \
     a.products, a.tags, a.external_id, a.valid_from, a.valid_until, a.archived_at, a.revisions, \
     a.created_at, a.updated_at FROM articles a WHERE a.tenant = ";
/// The same over those that are filed under something.
const LABELLED: &str = "SELECT a.id, a.version, a.sequence, a.last_at, a.kind, a.level, a.teams, \
     a.products, a.tags, a.external_id, a.valid_from, a.valid_until, a.archived_at, a.revisions, \
     a.created_at, a.updated_at FROM labels l JOIN articles a ON a.tenant = l.tenant \
     AND a.id = l.article WHERE l.tenant = ";

#[derive(FromRow)]
struct Row {
    id: Uuid,
    version: i64,
    sequence: i64,
    last_at: i64,
    kind: i64,
    level: i64,
    teams: Json<Vec<String>>,
    products: Json<Vec<String>>,
    tags: Json<Vec<String>>,
    external_id: Option<String>,
    valid_from: i64,
    valid_until: i64,
    archived_at: i64,
    revisions: i64,
    created_at: i64,
    updated_at: i64,
}

impl TryFrom<Row> for Article {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let kind: Option<ArticleKind> = number(row.kind);
        let level = number(row.level).ok_or(Error::Corrupt("audience"))?;
        Ok(Self {
            id: ArticleId::from(row.id),
            version: row.version,
            sequence: row.sequence,
            last_at: Time::from_micros(row.last_at),
            profile: Profile {
                kind: kind.ok_or(Error::Corrupt("kind"))?,
                audience: Audience { level, teams: row.teams.0 },
                products: row.products.0,
                tags: row.tags.0,
                valid_from: Time::from_micros(row.valid_from),
                valid_until: Time::from_micros(row.valid_until),
            },
            external_id: row.external_id,
            archived_at: Time::from_micros(row.archived_at),
            revisions: row.revisions,
            created_at: Time::from_micros(row.created_at),
            updated_at: Time::from_micros(row.updated_at),
        })
    }
}

/// Which articles are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    /// All of them.
    All,
    /// Those of a kind.
    Kind(ArticleKind),
    /// Those about a product, by its id.
    Product(String),
    /// Those with a tag.
    Tag(String),
    /// The one that another system calls so.
    ExternalId(String),
    /// Those that are live in a language or in one that narrows it, by tag.
    Locale(String),
}

/// Whose eyes a list is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Eyes {
    /// Of who may write articles: everything.
    Writer,
    /// Of this reader: what is live for them.
    Reader(Reader),
}

/// Writes a new article; false where its external id is taken.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    article: &Article,
) -> Result<bool, Error> {
    let Profile { kind, audience, products, tags, valid_from, valid_until } = &article.profile;
    let values = args![
        tenant,
        article.id,
        article.version,
        article.sequence,
        article.last_at,
        *kind as i32,
        audience.level as i32,
        count(&audience.teams),
        json(&audience.teams),
        json(products),
        json(tags),
        article.external_id.clone(),
        *valid_from,
        *valid_until,
        article.archived_at,
        article.revisions,
        article.created_at,
        article.updated_at,
    ];
    Ok(tx.execute(INSERT, values).await? == 1)
}

/// Writes what changed of an article whose row is locked.
pub(crate) async fn update(tx: &mut Tx, tenant: TenantId, article: &Article) -> Result<(), Error> {
    let Profile { kind, audience, products, tags, valid_from, valid_until } = &article.profile;
    let values = args![
        tenant,
        article.id,
        article.version,
        article.sequence,
        article.last_at,
        *kind as i32,
        audience.level as i32,
        count(&audience.teams),
        json(&audience.teams),
        json(products),
        json(tags),
        *valid_from,
        *valid_until,
        article.archived_at,
        article.revisions,
        article.updated_at,
    ];
    tx.execute(UPDATE, values).await?;
    Ok(())
}

/// An article.
pub(crate) async fn get(
    db: &Db,
    tenant: TenantId,
    id: ArticleId,
) -> Result<Option<Article>, Error> {
    db.optional::<Row>(GET, args![tenant, id]).await?.map(Article::try_from).transpose()
}

/// An article, its row locked until the transaction ends.
pub(crate) async fn lock(
    tx: &mut Tx,
    tenant: TenantId,
    id: ArticleId,
) -> Result<Option<Article>, Error> {
    tx.optional::<Row>(LOCK, args![tenant, id]).await?.map(Article::try_from).transpose()
}

/// The article that another system calls so.
pub(crate) async fn by_external_id(
    tx: &mut Tx,
    tenant: TenantId,
    external_id: &str,
) -> Result<Option<ArticleId>, Error> {
    let row: Option<(Uuid,)> = tx.optional(BY_EXTERNAL_ID, args![tenant, external_id]).await?;
    Ok(row.map(|(id,)| ArticleId::from(id)))
}

/// Those of these articles that there are, in no order; at most a hundred may be asked for.
pub(crate) async fn get_many(
    db: &Db,
    tenant: TenantId,
    ids: &[ArticleId],
) -> Result<Vec<Article>, Error> {
    let mut list = List::new(OF_TENANT);
    list.bind(tenant).push(" AND a.id IN (").binds(ids.iter().copied()).push(")");
    all(db, list).await
}

/// The articles after `start` by id, which is as they were recorded.
pub(crate) async fn after(
    db: &Db,
    tenant: TenantId,
    start: Uuid,
    limit: i64,
) -> Result<Vec<Article>, Error> {
    let rows = db.all::<Row>(AFTER, args![tenant, start, limit]).await?;
    rows.into_iter().map(Article::try_from).collect()
}

/// The articles before `start`, newest first.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    path: &Path,
    eyes: &Eyes,
    at: Time,
    start: Uuid,
    limit: i64,
) -> Result<Vec<Article>, Error> {
    let id = of_path(path);
    let label = match path {
        Path::Product(id) => Some(("product", id)),
        Path::Tag(tag) => Some(("tag", tag)),
        Path::All | Path::Kind(_) | Path::ExternalId(_) | Path::Locale(_) => None,
    };
    let mut list = List::new(if label.is_some() { LABELLED } else { OF_TENANT });
    list.bind(tenant);
    if let Some((kind, value)) = label {
        list.push(" AND l.kind = ").bind(kind).push(" AND l.value = ").bind(value);
    }
    match path {
        Path::Kind(kind) => _ = list.push(" AND a.kind = ").bind(*kind as i32),
        Path::ExternalId(id) => _ = list.push(" AND a.external_id = ").bind(id),
        Path::Locale(tag) => live_in(&mut list, tag, at),
        Path::All | Path::Product(_) | Path::Tag(_) => {}
    }
    list.push(" AND ").push(id).push(" < ").bind(start);
    if let Eyes::Reader(reader) = eyes {
        seen_by(&mut list, reader, at);
    }
    list.push(" ORDER BY ").push(id).push(" DESC").limit(limit);
    all(db, list).await
}

/// The column by which the articles of a path are in order, that of its index.
fn of_path(path: &Path) -> &'static str {
    match path {
        Path::Product(_) | Path::Tag(_) => "l.article",
        Path::All | Path::Kind(_) | Path::ExternalId(_) | Path::Locale(_) => "a.id",
    }
}

/// Leaves only what is live at an instant in a language or in one that narrows it. A tag has no
/// character that means something to LIKE.
fn live_in(list: &mut List, tag: &str, at: Time) {
    list.push(
        " AND EXISTS (SELECT 1 FROM publications n WHERE n.tenant = a.tenant \
         AND n.article = a.id AND (n.locale = ",
    );
    list.bind(tag).push(" OR n.locale LIKE ").bind(format!("{tag}-%"));
    list.push(") AND n.from_at <= ").bind(at).push(" AND n.until_at > ").bind(at).push(")");
}

/// Leaves only what is live at an instant for this reader: [`Reader::may_read`],
/// [`Article::is_open`] and a publication that is live.
fn seen_by(list: &mut List, reader: &Reader, at: Time) {
    list.push(" AND a.level <= ").bind(reader.level as i32);
    match reader.teams.as_deref() {
        None => {}
        Some([]) => _ = list.push(" AND a.team_count = 0"),
        Some(teams) => {
            list.push(
                " AND (a.team_count = 0 OR EXISTS (SELECT 1 FROM labels t \
                 WHERE t.tenant = a.tenant AND t.article = a.id AND t.kind = 'team' \
                 AND t.value IN (",
            );
            list.binds(teams.iter()).push(")))");
        }
    }
    list.push(" AND a.valid_from <= ").bind(at).push(" AND a.valid_until > ").bind(at);
    list.push(" AND a.archived_at > ").bind(at);
    list.push(
        " AND EXISTS (SELECT 1 FROM publications p WHERE p.tenant = a.tenant \
         AND p.article = a.id AND p.from_at <= ",
    );
    list.bind(at).push(" AND p.until_at > ").bind(at).push(")");
}

async fn all(db: &Db, list: List) -> Result<Vec<Article>, Error> {
    let (text, values) = list.finish();
    let rows = db.all::<Row>(text, values).await?;
    rows.into_iter().map(Article::try_from).collect()
}

fn count(items: &[String]) -> i64 {
    i64::try_from(items.len()).unwrap_or(i64::MAX)
}

fn json(items: &[String]) -> serde_json::Value {
    serde_json::Value::from(items.to_vec())
}
