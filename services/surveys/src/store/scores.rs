//! The table of scores, and how far each response is in it.

use std::collections::{BTreeMap, BTreeSet};

use contracts::surveys::v1::Dimension;
use kernel::{SurveyId, TenantId};
use serde_json::json;
use sqlx::{FromRow, types::Json};
use store::{Db, List, Sql, Tx, args};
use uuid::Uuid;

use crate::{
    Error,
    domain::rollup::{About, Answered, Cell, Changes, Grain},
};

/// Rows come as one JSON list, so that the statement is the same however many there are: one of
/// thousands of values would be planned anew for each number of rows.
const ADD: Sql = Sql::split(
    "INSERT INTO scores (tenant, survey, series, question, grain, dimension, period, key, value, n) \
     SELECT unhex(r.value ->> 'tenant'), unhex(r.value ->> 'survey'), r.value ->> 'series', \
     r.value ->> 'question', r.value ->> 'grain', r.value ->> 'dimension', r.value ->> 'period', \
     r.value ->> 'key', r.value ->> 'value', r.value ->> 'n' FROM json_each($1) r WHERE true \
     ON CONFLICT (tenant, survey, series, question, grain, dimension, period, key, value) \
     DO UPDATE SET n = n + excluded.n",
    "INSERT INTO scores (tenant, survey, series, question, grain, dimension, period, key, value, n) \
     SELECT r.tenant, r.survey, r.series, r.question, r.grain, r.dimension, r.period, r.key, r.value, \
     r.n FROM jsonb_to_recordset($1) AS r (tenant UUID, survey UUID, series BIGINT, question TEXT, \
     grain BIGINT, dimension BIGINT, period BIGINT, key TEXT, value BIGINT, n BIGINT) \
     ON CONFLICT (tenant, survey, series, question, grain, dimension, period, key, value) \
     DO UPDATE SET n = scores.n + excluded.n",
);
/// The counts of each period. Limits are more than [`MOST`] figures can have rows.
const BY_PERIOD: Sql = Sql::both(
    "SELECT period, key, value, n FROM scores \
     WHERE tenant = $1 AND survey = $2 AND series = $3 AND question = $4 AND grain = $5 \
     AND dimension = $6 AND period >= $7 AND period < $8 AND n <> 0 LIMIT 150000",
);
/// The counts of all months as one period.
const IN_ALL: Sql = Sql::both(
    "SELECT MIN(period) AS period, key, value, CAST(SUM(n) AS BIGINT) AS n FROM scores \
     WHERE tenant = $1 AND survey = $2 AND series = $3 AND question = $4 AND grain = $5 \
     AND dimension = $6 AND period >= $7 AND period < $8 GROUP BY key, value \
     HAVING SUM(n) <> 0 LIMIT 150000",
);

/// The responses of a survey, by id.
const OF_SURVEY: Sql = Sql::both(
    "SELECT r.tenant, r.id, r.survey, r.number, r.series, r.team, r.agent, r.product, r.channel, \
     r.answers, r.path, r.day, COALESCE(s.sequence, 0) AS scored FROM responses r \
     LEFT JOIN scored s ON s.tenant = r.tenant AND s.response = r.id \
     WHERE r.tenant = $1 AND r.survey = $2 AND r.id > $3 ORDER BY r.id LIMIT $4",
);
/// All that the table has of a survey.
const TABLE: Sql = Sql::both(
    "SELECT series, question, grain, dimension, period, key, value, n FROM scores \
     WHERE tenant = $1 AND survey = $2 AND n <> 0",
);

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[ADD, BY_PERIOD, IN_ALL, OF_SURVEY, TABLE];

/// The most figures of one answer, each of at most 14 rows: eleven numbers and three reasons for none.
pub(crate) const MOST: usize = 10_000;
/// Whose response it is, and which.
pub(crate) type Key = (TenantId, Uuid);

/// A response as scores see it, and how far it is among them.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) answered: Answered,
    /// The version that was answered.
    pub(crate) number: i64,
    /// The last of its events that was counted; 0 where none was.
    pub(crate) scored: i64,
}

#[derive(FromRow)]
struct Row {
    tenant: Uuid,
    id: Uuid,
    survey: Uuid,
    number: i64,
    series: i64,
    team: String,
    agent: String,
    product: String,
    channel: String,
    answers: Json<BTreeMap<String, serde_json::Value>>,
    path: Json<Vec<String>>,
    day: i64,
    scored: i64,
}

impl From<Row> for Found {
    fn from(row: Row) -> Self {
        let answers = row.answers.0.into_iter();
        let numbers = answers.filter_map(|(question, answer)| Some((question, answer.as_i64()?)));
        let answered = Answered {
            tenant: row.tenant.into(),
            survey: row.survey.into(),
            series: row.series,
            day: row.day,
            about: About {
                team: row.team,
                agent: row.agent,
                product: row.product,
                channel: row.channel,
            },
            path: row.path.0,
            numbers: numbers.collect(),
        };
        Self { answered, number: row.number, scored: row.scored }
    }
}

/// These responses, as far as there are any.
pub(crate) async fn responses(
    tx: &mut Tx,
    keys: &BTreeSet<Key>,
) -> Result<BTreeMap<Key, Found>, store::Error> {
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let (text, values) = find(keys).finish();
    let rows: Vec<Row> = tx.all(text, values).await?;
    Ok(rows.into_iter().map(|row| ((row.tenant.into(), row.id), row.into())).collect())
}

/// The next responses of a survey behind this id, at most so many.
pub(crate) async fn of_survey(
    tx: &mut Tx,
    tenant: TenantId,
    survey: SurveyId,
    after: Uuid,
    limit: u32,
) -> Result<Vec<(Key, Found)>, store::Error> {
    let rows: Vec<Row> = tx.all(OF_SURVEY, args![tenant, survey, after, limit]).await?;
    Ok(rows.into_iter().map(|row| ((row.tenant.into(), row.id), row.into())).collect())
}

/// A row of the table without its survey: series, question, grain, dimension, period, key, value, and
/// how often.
pub(crate) type Counted = (i64, String, i64, i64, i64, String, i64, i64);

/// All that the table has of a survey.
pub(crate) async fn table(
    tx: &mut Tx,
    tenant: TenantId,
    survey: SurveyId,
) -> Result<Vec<Counted>, store::Error> {
    tx.all(TABLE, args![tenant, survey]).await
}

/// The statement that finds responses.
pub(crate) fn find(keys: &BTreeSet<Key>) -> List {
    let mut list = List::new(
        "SELECT r.tenant, r.id, r.survey, r.number, r.series, r.team, r.agent, r.product, r.channel, \
         r.answers, r.path, r.day, COALESCE(s.sequence, 0) AS scored FROM responses r \
         LEFT JOIN scored s ON s.tenant = r.tenant AND s.response = r.id \
         WHERE (r.tenant, r.id) IN (VALUES ",
    );
    list.rows(keys.iter().map(|(tenant, id)| args![*tenant, *id])).push(")");
    list
}

/// Adds to the table, in the order of its key, so that two who write never wait for each other.
pub(crate) async fn add(tx: &mut Tx, changes: &Changes) -> Result<(), store::Error> {
    let row = |(cell, by): (&Cell, i64)| {
        json!({
            "tenant": cell.tenant.uuid().simple().to_string(),
            "survey": cell.survey.uuid().simple().to_string(),
            "series": cell.series,
            "question": cell.question,
            "grain": cell.grain as i32,
            "dimension": cell.dimension,
            "period": cell.period,
            "key": cell.key,
            "value": cell.value,
            "n": by,
        })
    };
    let rows: Vec<_> = changes.rows().map(row).collect();
    if !rows.is_empty() {
        tx.execute(ADD, args![json!(rows)]).await?;
    }
    Ok(())
}

/// Notes how far responses are among the scores.
pub(crate) async fn note(tx: &mut Tx, sequences: &BTreeMap<Key, i64>) -> Result<(), store::Error> {
    if sequences.is_empty() {
        return Ok(());
    }
    let mut list = List::new("INSERT INTO scored (tenant, response, sequence) VALUES ");
    list.rows(sequences.iter().map(|((tenant, id), sequence)| args![*tenant, *id, *sequence]));
    list.push(" ON CONFLICT (tenant, response) DO UPDATE SET sequence = excluded.sequence");
    let (text, values) = list.finish();
    tx.execute(text, values).await.map(drop)
}

/// Which figures are asked for.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) tenant: TenantId,
    pub(crate) survey: SurveyId,
    pub(crate) series: i64,
    pub(crate) question: String,
    pub(crate) by: Dimension,
    /// The first day, in days since 1970.
    pub(crate) start: i64,
    /// The day after the last.
    pub(crate) end: i64,
    pub(crate) cut: Cut,
}

/// Into which periods the days are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Into those of the table.
    By(Grain),
    /// Into one, from months.
    Not,
}

/// How often something was answered, in one period and of one key.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub(crate) struct Count {
    /// The period's first day, in days since 1970.
    pub(crate) period: i64,
    /// The value of the dimension.
    pub(crate) key: String,
    /// The number, or one of the constants of [`crate::domain::rollup`].
    pub(crate) value: i64,
    pub(crate) n: i64,
}

/// The counts that are asked for, in no order.
pub(crate) async fn counts(db: &Db, asked: &Asked) -> Result<Vec<Count>, Error> {
    let (sql, grain) = match asked.cut {
        Cut::By(grain) => (BY_PERIOD, grain),
        Cut::Not => (IN_ALL, Grain::Month),
    };
    let values = args![
        asked.tenant,
        asked.survey,
        asked.series,
        &asked.question,
        grain as i32,
        i32::from(asked.by),
        asked.start,
        asked.end,
    ];
    let mut counts: Vec<Count> = db.all(sql, values).await?;
    if asked.cut == Cut::Not {
        for count in &mut counts {
            count.period = asked.start;
        }
    }
    Ok(counts)
}
