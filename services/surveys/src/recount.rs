//! The table of scores held against a recount of all responses: what an operator may ask of a database
//! that came back from somewhere.
//!
//! A response counts as it stood at the last of its events that is among the scores, so that a consumer
//! that is behind is no fault.

use std::collections::BTreeMap;

use contracts::surveys::v1::{Standing, SurveyEvent};
use kernel::{SurveyId, TenantId};
use prost::Message as _;
use store::{List, Tx};
use uuid::Uuid;

use crate::{
    Error,
    domain::rollup::Changes,
    measures::Measured,
    scores::judgement,
    store::{
        scores::{self, Found, Key},
        surveys, versions,
    },
};

const PAGE: u32 = 500;

/// What a recount came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recount {
    /// How many rows the table has, or should have.
    pub rows: u64,
    /// How many of them are wrong, missing or too many.
    pub wrong: u64,
    /// The first survey with such a row.
    pub first: Option<String>,
}

/// Counts everything anew, within one view of the database.
pub async fn recount(tx: &mut Tx) -> Result<Recount, Error> {
    let mut total = Recount::default();
    let mut last = (TenantId::from(Uuid::nil()), SurveyId::from(Uuid::nil()));
    loop {
        let page = surveys::every(tx, last, PAGE).await?;
        let Some(next) = page.last() else { return Ok(total) };
        last = *next;
        for (tenant, survey) in page {
            let (rows, wrong) = compare(tx, tenant, survey).await?;
            total.rows += rows;
            total.wrong += wrong;
            if wrong > 0 && total.first.is_none() {
                total.first = Some(survey.name());
            }
        }
    }
}

/// How many rows a survey has, and how many of them are not as they should be.
async fn compare(tx: &mut Tx, tenant: TenantId, survey: SurveyId) -> Result<(u64, u64), Error> {
    let expected = count(tx, tenant, survey).await?;
    let mut rows: BTreeMap<_, i64> = BTreeMap::new();
    for (cell, by) in expected.rows() {
        let (grain, dimension) = (cell.grain as i64, i64::from(cell.dimension));
        let key = (cell.series, cell.question.clone(), grain, dimension, cell.period);
        rows.insert((key, cell.key.clone(), cell.value), by);
    }
    let (mut all, mut wrong) = (rows.len() as u64, 0);
    for (series, question, grain, dimension, period, key, value, n) in
        scores::table(tx, tenant, survey).await?
    {
        let found = rows.remove(&((series, question, grain, dimension, period), key, value));
        all += u64::from(found.is_none());
        wrong += u64::from(found != Some(n));
    }
    Ok((all, wrong + rows.len() as u64))
}

/// What the table should have of a survey.
async fn count(tx: &mut Tx, tenant: TenantId, survey: SurveyId) -> Result<Changes, Error> {
    let (mut changes, mut last, mut known) = (Changes::default(), Uuid::nil(), BTreeMap::new());
    loop {
        let page = scores::of_survey(tx, tenant, survey, last, PAGE).await?;
        let Some(((_, id), _)) = page.last() else { return Ok(changes) };
        last = *id;
        let standings = standings(tx, tenant, &page).await?;
        for (key, Found { answered, number, .. }) in &page {
            let Some(standing) = standings.get(key) else { continue };
            if !known.contains_key(number) {
                let version = versions::get_in(tx, tenant, survey, *number).await?;
                let version = version.ok_or(Error::Corrupt("responses.number"))?;
                known.insert(*number, Measured::of(&version.questionnaire).ids);
            }
            if let Some(ids) = known.get(number) {
                changes.count(answered, ids, *standing, 1);
            }
        }
    }
}

/// How each of these responses stood at the last of its events that was counted; none of those of which
/// nothing was.
async fn standings(
    tx: &mut Tx,
    tenant: TenantId,
    page: &[(Key, Found)],
) -> Result<BTreeMap<Key, Standing>, Error> {
    let mut list = List::new("SELECT aggregate, sequence, payload FROM events WHERE tenant = ");
    list.bind(tenant).push(" AND aggregate IN (").binds(page.iter().map(|((_, id), _)| *id));
    list.push(") ORDER BY aggregate, sequence");
    let (text, values) = list.finish();
    let events: Vec<(Uuid, i64, Vec<u8>)> = tx.all(text, values).await?;
    let counted: BTreeMap<Uuid, i64> =
        page.iter().map(|((_, id), found)| (*id, found.scored)).collect();
    let mut standings = BTreeMap::new();
    for (id, sequence, payload) in events {
        if counted.get(&id).is_none_or(|counted| sequence > *counted) {
            continue;
        }
        let event = SurveyEvent::decode(payload.as_slice());
        let event = event.map_err(|_| Error::Corrupt("events.payload"))?;
        if let Some(judged) = judgement(event.change) {
            standings.insert((tenant, id), judged.after);
        }
    }
    Ok(standings)
}
