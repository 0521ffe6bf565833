//! The log of searches, and what was chosen of what they found.

use std::collections::HashMap;

use contracts::knowledge::v1::{AudienceLevel, SearchStage};
use kernel::{ArticleId, SearchId, TenantId, Time};
use sqlx::{FromRow, types::Json};
use store::{Db, List, Sql, Tx, args};
use uuid::Uuid;

use super::number;
use crate::{Error, domain::revision};

const DELETE: Sql = Sql::both("DELETE FROM searches WHERE tenant = $1 AND id = $2");
const CHOOSE: Sql = Sql::both(
    "INSERT INTO choices (tenant, search, article, revision, at) VALUES ($1, $2, $3, $4, $5) \
     ON CONFLICT (tenant, search, article, revision) DO NOTHING",
);
const LIST: Sql = Sql::both(
    "SELECT id, at, query, locale, level, stage, total, shown FROM searches \
     WHERE tenant = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
);
const EMPTY: Sql = Sql::both(
    "SELECT id, at, query, locale, level, stage, total, shown FROM searches \
     WHERE tenant = $1 AND id < $2 AND total = 0 ORDER BY id DESC LIMIT $3",
);

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[DELETE, CHOOSE, LIST, EMPTY];

/// How many rows one statement takes: 9 values each, well below the engines' limits.
const CHUNK: usize = 500;

/// What somebody searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Search {
    pub(crate) id: SearchId,
    pub(crate) at: Time,
    pub(crate) query: String,
    pub(crate) locale: String,
    pub(crate) level: AudienceLevel,
    pub(crate) stage: SearchStage,
    pub(crate) total: i64,
    /// The revisions that were shown first, by name.
    pub(crate) shown: Vec<String>,
    /// Those that were chosen.
    pub(crate) chosen: Vec<String>,
}

#[derive(FromRow)]
struct Row {
    id: Uuid,
    at: i64,
    query: String,
    locale: String,
    level: i64,
    stage: i64,
    total: i64,
    shown: Json<Vec<String>>,
}

impl TryFrom<Row> for Search {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            id: SearchId::from(row.id),
            at: Time::from_micros(row.at),
            query: row.query,
            locale: row.locale,
            level: number(row.level).ok_or(Error::Corrupt("audience"))?,
            stage: number(row.stage).ok_or(Error::Corrupt("stage"))?,
            total: row.total,
            shown: row.shown.0,
            chosen: Vec::new(),
        })
    }
}

/// Writes searches, each in place of the one that it goes on from.
pub(crate) async fn add(
    tx: &mut Tx,
    searches: &[(TenantId, Search)],
    replaced: &[(TenantId, SearchId)],
) -> Result<(), Error> {
    for (tenant, id) in replaced {
        tx.execute(DELETE, args![*tenant, *id]).await?;
    }
    for chunk in searches.chunks(CHUNK) {
        let mut list = List::new(
            "INSERT INTO searches (tenant, id, at, query, locale, level, stage, total, shown) VALUES ",
        );
        list.rows(chunk.iter().map(|(tenant, search)| {
            args![
                *tenant,
                search.id,
                search.at,
                &search.query,
                &search.locale,
                search.level as i32,
                search.stage as i32,
                search.total,
                serde_json::Value::from(search.shown.clone()),
            ]
        }));
        list.push(" ON CONFLICT (tenant, id) DO NOTHING");
        let (text, values) = list.finish();
        tx.execute(text, values).await?;
    }
    Ok(())
}

/// Notes that a revision was chosen of what a search found.
pub(crate) async fn choose(
    tx: &mut Tx,
    tenant: TenantId,
    search: SearchId,
    (article, revision): (ArticleId, i64),
    at: Time,
) -> Result<(), Error> {
    tx.execute(CHOOSE, args![tenant, search, article, revision, at]).await?;
    Ok(())
}

/// The searches before `start`, the latest first, with what was chosen.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    only_empty: bool,
    start: Uuid,
    limit: i64,
) -> Result<Vec<Search>, Error> {
    let sql = if only_empty { EMPTY } else { LIST };
    let rows = db.all::<Row>(sql, args![tenant, start, limit]).await?;
    let mut found: Vec<_> = rows.into_iter().map(Search::try_from).collect::<Result<_, _>>()?;
    let ids: Vec<_> = found.iter().map(|search| search.id).collect();
    let mut chosen = chosen(db, tenant, &ids).await?;
    for search in &mut found {
        search.chosen = chosen.remove(&search.id.uuid()).unwrap_or_default();
    }
    Ok(found)
}

/// What was chosen of these searches, by name, in the order in which it was.
async fn chosen(
    db: &Db,
    tenant: TenantId,
    ids: &[SearchId],
) -> Result<HashMap<Uuid, Vec<String>>, Error> {
    let mut found: HashMap<_, Vec<_>> = HashMap::new();
    if ids.is_empty() {
        return Ok(found);
    }
    let mut list = List::new("SELECT search, article, revision FROM choices WHERE tenant = ");
    list.bind(tenant).push(" AND search IN (").binds(ids.iter().copied());
    list.push(") ORDER BY search, at, article, revision");
    let (text, values) = list.finish();
    let rows: Vec<(Uuid, Uuid, i64)> = db.all(text, values).await?;
    for (search, article, number) in rows {
        let name = revision::name(ArticleId::from(article), number);
        found.entry(search).or_default().push(name);
    }
    Ok(found)
}
