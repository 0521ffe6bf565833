//! Which revision is live when.

use std::collections::HashMap;

use kernel::{ArticleId, TenantId, Time};
use sqlx::FromRow;
use store::{Db, List, Sql, Tx, args};
use uuid::Uuid;

use crate::{
    Error,
    domain::publication::{ALWAYS, NEVER, Publication},
};

const REPLACE: Sql = Sql::both(
    "DELETE FROM publications WHERE tenant = $1 AND article = $2 AND locale = $3 AND from_at >= $4",
);
const CUT: Sql = Sql::both(
    "UPDATE publications SET until_at = $4 \
     WHERE tenant = $1 AND article = $2 AND locale = $3 AND until_at > $4",
);
const INSERT: Sql = Sql::both(
    "INSERT INTO publications (tenant, article, locale, from_at, until_at, revision) \
     VALUES ($1, $2, $3, $4, $5, $6)",
);
const WITHDRAW: Sql = Sql::both(
    "DELETE FROM publications WHERE tenant = $1 AND article = $2 AND locale = $3 AND from_at = $4",
);
const REOPEN: Sql = Sql::both(
    "UPDATE publications SET until_at = $5 \
     WHERE tenant = $1 AND article = $2 AND locale = $3 AND until_at = $4",
);
const LAST: Sql = Sql::both(
    "SELECT revision, from_at FROM publications \
     WHERE tenant = $1 AND article = $2 AND locale = $3 AND until_at = $4",
);
const LIVE: Sql = Sql::both(
    "SELECT revision FROM publications \
     WHERE tenant = $1 AND article = $2 AND locale = $3 AND from_at <= $4 AND until_at > $4",
);
const SEEN_SINCE: Sql = Sql::both(
    "SELECT 1 FROM publications WHERE tenant = $1 AND article = $2 AND revision = $3 \
     AND from_at <= $4 AND until_at > $5",
);

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] =
    &[REPLACE, CUT, INSERT, WITHDRAW, REOPEN, LAST, LIVE, SEEN_SINCE];

#[derive(FromRow)]
struct Row {
    article: Uuid,
    locale: String,
    from_at: i64,
    until_at: i64,
    revision: i64,
    title: String,
}

/// A publication with the title of its revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Titled {
    pub(crate) publication: Publication,
    pub(crate) title: String,
}

/// Makes a revision the one that is seen in its language from `from` on: what was to follow is
/// replaced, what was before ends there.
pub(crate) async fn publish(
    tx: &mut Tx,
    tenant: TenantId,
    article: ArticleId,
    locale: &str,
    revision: i64,
    from: Time,
) -> Result<(), Error> {
    tx.execute(REPLACE, args![tenant, article, locale, from]).await?;
    tx.execute(CUT, args![tenant, article, locale, from]).await?;
    tx.execute(INSERT, args![tenant, article, locale, from, NEVER, revision]).await?;
    Ok(())
}

/// Calls off what is seen last in a language, from `from` on: what was before has no end then.
pub(crate) async fn withdraw(
    tx: &mut Tx,
    tenant: TenantId,
    article: ArticleId,
    locale: &str,
    from: Time,
) -> Result<(), Error> {
    tx.execute(WITHDRAW, args![tenant, article, locale, from]).await?;
    tx.execute(REOPEN, args![tenant, article, locale, from, NEVER]).await?;
    Ok(())
}

/// What is seen last in a language, without end.
pub(crate) async fn last(
    tx: &mut Tx,
    tenant: TenantId,
    article: ArticleId,
    locale: &str,
) -> Result<Option<Publication>, Error> {
    let row: Option<(i64, i64)> = tx.optional(LAST, args![tenant, article, locale, NEVER]).await?;
    Ok(row.map(|(revision, from)| Publication {
        locale: locale.to_owned(),
        revision,
        from: Time::from_micros(from),
        until: NEVER,
    }))
}

/// The number of the revision that is live in a language; `None` where none is.
pub(crate) async fn live(
    tx: &mut Tx,
    tenant: TenantId,
    article: ArticleId,
    locale: &str,
    now: Time,
) -> Result<Option<i64>, Error> {
    let row: Option<(i64,)> = tx.optional(LIVE, args![tenant, article, locale, now]).await?;
    Ok(row.map(|(revision,)| revision))
}

/// Whether a revision is live or ever was, within a transaction.
pub(crate) async fn was_seen(
    tx: &mut Tx,
    tenant: TenantId,
    article: ArticleId,
    revision: i64,
    now: Time,
) -> Result<bool, Error> {
    let values = args![tenant, article, revision, now, ALWAYS];
    Ok(tx.optional::<(i32,)>(SEEN_SINCE, values).await?.is_some())
}

/// Whether a revision was live at any time from `since` until `now`.
pub(crate) async fn was_live(
    db: &Db,
    tenant: TenantId,
    article: ArticleId,
    revision: i64,
    since: Time,
    now: Time,
) -> Result<bool, Error> {
    let values = args![tenant, article, revision, now, since];
    Ok(db.optional::<(i32,)>(SEEN_SINCE, values).await?.is_some())
}

/// What of these articles is live at an instant or later, by language and time.
pub(crate) async fn from(
    db: &Db,
    tenant: TenantId,
    ids: &[ArticleId],
    at: Time,
) -> Result<HashMap<ArticleId, Vec<Titled>>, Error> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let mut list = List::new(
        "SELECT p.article, p.locale, p.from_at, p.until_at, p.revision, r.title \
         FROM publications p JOIN revisions r ON r.tenant = p.tenant AND r.article = p.article \
         AND r.number = p.revision WHERE p.tenant = ",
    );
    list.bind(tenant).push(" AND p.article IN (").binds(ids.iter().copied());
    list.push(") AND p.until_at > ").bind(at).push(" ORDER BY p.article, p.locale, p.from_at");
    let (text, values) = list.finish();
    for row in db.all::<Row>(text, values).await? {
        let Row { article, locale, from_at, until_at, revision, title } = row;
        let (from, until) = (Time::from_micros(from_at), Time::from_micros(until_at));
        let publication = Publication { locale, revision, from, until };
        found.entry(ArticleId::from(article)).or_default().push(Titled { publication, title });
    }
    Ok(found)
}
