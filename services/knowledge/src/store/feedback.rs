//! Votes' rows.

use kernel::{ArticleId, SearchId, TenantId, Time};
use sqlx::FromRow;
use store::{Db, Sql, Tx, args};
use uuid::Uuid;

use crate::{Error, position::Latest};

const PUT: Sql = Sql::both(
    "INSERT INTO votes (tenant, article, revision, voter, helpful, comment, search, actor_kind, \
     actor, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) \
     ON CONFLICT (tenant, article, revision, voter) DO UPDATE SET helpful = excluded.helpful, \
     comment = excluded.comment, search = excluded.search, at = excluded.at",
);
const GET: Sql = Sql::both(
    "SELECT helpful, comment, search FROM votes \
     WHERE tenant = $1 AND article = $2 AND revision = $3 AND voter = $4",
);
const LIST: Sql = Sql::both(
    "SELECT v.revision, v.voter, r.locale, v.helpful, v.comment, v.search, s.query, v.actor_kind, \
     v.actor, v.at FROM votes v JOIN revisions r ON r.tenant = v.tenant \
     AND r.article = v.article AND r.number = v.revision \
     LEFT JOIN searches s ON s.tenant = v.tenant AND s.id = v.search \
     WHERE v.tenant = $1 AND v.article = $2 AND (v.at, v.revision, v.voter) < ($3, $4, $5) \
     ORDER BY v.at DESC, v.revision DESC, v.voter DESC LIMIT $6",
);
const COUNT: Sql = Sql::both(
    "SELECT v.revision, r.locale, SUM(CASE WHEN v.helpful THEN 1 ELSE 0 END), COUNT(*) \
     FROM votes v JOIN revisions r ON r.tenant = v.tenant AND r.article = v.article \
     AND r.number = v.revision WHERE v.tenant = $1 AND v.article = $2 \
     GROUP BY v.revision, r.locale ORDER BY v.revision DESC",
);

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[PUT, GET, LIST, COUNT];

/// What somebody thinks of a revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vote {
    pub(crate) article: ArticleId,
    pub(crate) revision: i64,
    /// Whose vote it is: one voter has one on each revision.
    pub(crate) voter: String,
    pub(crate) helpful: bool,
    pub(crate) comment: String,
    pub(crate) search: Option<SearchId>,
    pub(crate) actor_kind: String,
    pub(crate) actor: String,
    pub(crate) at: Time,
}

/// A vote as it is listed.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct Listed {
    pub(crate) revision: i64,
    pub(crate) voter: String,
    pub(crate) locale: String,
    pub(crate) helpful: bool,
    pub(crate) comment: String,
    pub(crate) search: Option<Uuid>,
    pub(crate) query: Option<String>,
    pub(crate) actor_kind: String,
    pub(crate) actor: String,
    #[sqlx(try_from = "i64")]
    pub(crate) at: Time,
}

/// The votes on a revision.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct Count {
    pub(crate) revision: i64,
    pub(crate) locale: String,
    pub(crate) helpful: i64,
    pub(crate) all: i64,
}

/// Writes a vote, in place of an earlier one of the same voter; false where it says the same. The
/// article's row is locked.
pub(crate) async fn put(tx: &mut Tx, tenant: TenantId, vote: &Vote) -> Result<bool, Error> {
    let Vote { article, revision, voter, helpful, comment, search, actor_kind, actor, at } = vote;
    let key = args![tenant, *article, *revision, voter];
    let before: Option<(bool, String, Option<Uuid>)> = tx.optional(GET, key).await?;
    if before == Some((*helpful, comment.clone(), search.map(SearchId::uuid))) {
        return Ok(false);
    }
    let values = args![
        tenant, *article, *revision, voter, *helpful, comment, *search, actor_kind, actor, *at
    ];
    tx.execute(PUT, values).await?;
    Ok(true)
}

/// The votes on an article after `start`, the latest first.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    article: ArticleId,
    start: &Latest,
    limit: i64,
) -> Result<Vec<Listed>, Error> {
    let values = args![tenant, article, start.at, start.revision, &start.voter, limit];
    Ok(db.all(LIST, values).await?)
}

/// The votes on an article, counted by revision.
pub(crate) async fn count(
    db: &Db,
    tenant: TenantId,
    article: ArticleId,
) -> Result<Vec<Count>, Error> {
    let rows: Vec<(i64, String, i64, i64)> = db.all(COUNT, args![tenant, article]).await?;
    let count = |(revision, locale, helpful, all)| Count { revision, locale, helpful, all };
    Ok(rows.into_iter().map(count).collect())
}
