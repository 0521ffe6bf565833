//! Responses' rows, and the words of their answers.

use std::collections::{BTreeMap, HashMap};

use contracts::surveys::v1::Standing;
use kernel::{ResponseId, SurveyId, TenantId, Time};
use sqlx::{FromRow, types::Json};
use store::{
    Arg, Db, List, Sql, Tx, Unique, args,
    events::{self, Inserts, NewEvent},
};
use uuid::Uuid;

use crate::{
    Error,
    domain::response::{Origin, Response, join, split},
    position::Latest,
};

const JUDGE: Sql = Sql::both(
    "UPDATE responses SET sequence = $3, last_at = $4, standing = $5, exclusion = $6 \
     WHERE tenant = $1 AND id = $2",
);
const GET: Sql = Sql::both(
    "SELECT id, sequence, last_at, survey, number, series, invitation, ticket, customer, team, agent, \
     product, channel, locale, evidence, standing, exclusion, answers, path, day, hash, submitted_at, \
     created_at FROM responses WHERE tenant = $1 AND id = $2",
);
const LOCK: Sql = Sql::split(
    "SELECT id, sequence, last_at, survey, number, series, invitation, ticket, customer, team, agent, \
     product, channel, locale, evidence, standing, exclusion, answers, path, day, hash, submitted_at, \
     created_at FROM responses WHERE tenant = $1 AND id = $2",
    "SELECT id, sequence, last_at, survey, number, series, invitation, ticket, customer, team, agent, \
     product, channel, locale, evidence, standing, exclusion, answers, path, day, hash, submitted_at, \
     created_at FROM responses WHERE tenant = $1 AND id = $2 FOR UPDATE",
);
const LIST: Sql = Sql::both(
    "SELECT id, sequence, last_at, survey, number, series, invitation, ticket, customer, team, agent, \
     product, channel, locale, evidence, standing, exclusion, answers, path, day, hash, submitted_at, \
     created_at FROM responses WHERE tenant = $1 AND survey = $2 AND (submitted_at, id) < ($3, $4) \
     ORDER BY submitted_at DESC, id DESC LIMIT $5",
);
const LIST_BY_STANDING: Sql = Sql::both(
    "SELECT id, sequence, last_at, survey, number, series, invitation, ticket, customer, team, agent, \
     product, channel, locale, evidence, standing, exclusion, answers, path, day, hash, submitted_at, \
     created_at FROM responses WHERE tenant = $1 AND survey = $2 AND standing = $3 \
     AND (submitted_at, id) < ($4, $5) ORDER BY submitted_at DESC, id DESC LIMIT $6",
);
const WORDS: Sql =
    Sql::both("SELECT question, words FROM response_texts WHERE tenant = $1 AND response = $2");

const INTO_RESPONSES: &str = "INSERT INTO responses (tenant, id, sequence, last_at, survey, number, \
     series, invitation, ticket, customer, team, agent, product, channel, locale, evidence, standing, \
     exclusion, answers, path, day, hash, submitted_at, created_at) VALUES ";
const INTO_WORDS: &str = "INSERT INTO response_texts (tenant, response, question, words) VALUES ";
/// Two responses have one id.
const KEY: Unique = Unique { name: "responses_key", columns: "responses.tenant, responses.id" };

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[JUDGE, GET, LOCK, LIST, LIST_BY_STANDING, WORDS];

#[derive(FromRow)]
struct Row {
    id: Uuid,
    sequence: i64,
    last_at: i64,
    survey: Uuid,
    number: i64,
    series: i64,
    invitation: Option<Uuid>,
    ticket: Option<Uuid>,
    customer: Option<Uuid>,
    team: String,
    agent: String,
    product: String,
    channel: String,
    locale: String,
    evidence: i64,
    standing: i64,
    exclusion: String,
    answers: Json<BTreeMap<String, serde_json::Value>>,
    path: Json<Vec<String>>,
    day: i64,
    hash: Vec<u8>,
    submitted_at: i64,
    created_at: i64,
}

/// The words of a response, by question.
type Words = Vec<(String, String)>;

impl Row {
    fn with(self, words: Words) -> Result<Response, Error> {
        let origin = Origin {
            ticket: self.ticket.map(Into::into),
            customer: self.customer.map(Into::into),
            team: self.team,
            agent: self.agent,
            product: self.product,
            channel: self.channel,
        };
        Ok(Response {
            id: self.id.into(),
            sequence: self.sequence,
            last_at: Time::from_micros(self.last_at),
            survey: self.survey.into(),
            number: self.number,
            series: self.series,
            invitation: self.invitation.map(Into::into),
            origin,
            locale: self.locale,
            evidence: super::code(self.evidence, "responses.evidence")?,
            standing: super::code(self.standing, "responses.standing")?,
            exclusion: self.exclusion,
            answers: join(self.answers.0, words).ok_or(Error::Corrupt("responses.answers"))?,
            path: self.path.0,
            day: self.day,
            hash: self.hash,
            submitted_at: Time::from_micros(self.submitted_at),
            created_at: Time::from_micros(self.created_at),
        })
    }
}

/// Writes a new one with its words; false where the id is taken.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    response: &Response,
) -> Result<bool, Error> {
    let (plain, words) = split(&response.answers);
    let mut list = List::new(INTO_RESPONSES);
    list.rows([values(tenant, response, &plain)?]).push(" ON CONFLICT (tenant, id) DO NOTHING");
    let (text, values) = list.finish();
    if tx.execute(text, values).await? == 0 {
        return Ok(false);
    }
    if !words.is_empty() {
        let mut list = List::new(INTO_WORDS);
        list.rows(rows_of(tenant, response, &words));
        let (text, values) = list.finish();
        tx.execute(text, values).await?;
    }
    Ok(true)
}

/// Writes a new one with its words and its events, as a transaction of its own. False where the id is
/// taken.
pub(crate) async fn record(
    db: &Db,
    partitions: u32,
    tenant: TenantId,
    response: &Response,
    happened: &[NewEvent],
) -> Result<bool, Error> {
    let (plain, words) = split(&response.answers);
    let row = values(tenant, response, &plain)?;
    let mut inserts = Inserts::new(db.engine());
    inserts.and("response", |list| {
        list.push(INTO_RESPONSES).rows([row]);
    });
    if !words.is_empty() {
        inserts.and("words", |list| {
            list.push(INTO_WORDS).rows(rows_of(tenant, response, &words));
        });
    }
    match events::append_alone(db, inserts, partitions, happened).await {
        Ok(()) => Ok(true),
        Err(error) if error.is_unique_violation(&KEY) || events::is_taken(&error) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn values(
    tenant: TenantId,
    response: &Response,
    plain: &BTreeMap<String, serde_json::Value>,
) -> Result<Vec<Arg>, Error> {
    let origin = &response.origin;
    Ok(args![
        tenant,
        response.id,
        response.sequence,
        response.last_at,
        response.survey,
        response.number,
        response.series,
        response.invitation,
        origin.ticket,
        origin.customer,
        &origin.team,
        &origin.agent,
        &origin.product,
        &origin.channel,
        &response.locale,
        response.evidence as i32,
        response.standing as i32,
        &response.exclusion,
        super::json(plain)?,
        super::json(&response.path)?,
        response.day,
        response.hash.as_slice(),
        response.submitted_at,
        response.created_at,
    ])
}

fn rows_of(
    tenant: TenantId,
    response: &Response,
    words: &[(String, String)],
) -> impl Iterator<Item = Vec<Arg>> {
    words.iter().map(move |(question, words)| args![tenant, response.id, question, words])
}

/// Writes how one stands whose row is locked.
pub(crate) async fn judge(tx: &mut Tx, tenant: TenantId, response: &Response) -> Result<(), Error> {
    let Response { id, sequence, last_at, standing, exclusion, .. } = response;
    let values = args![tenant, *id, *sequence, *last_at, *standing as i32, exclusion];
    tx.execute(JUDGE, values).await?;
    Ok(())
}

/// One.
pub(crate) async fn get(
    db: &Db,
    tenant: TenantId,
    id: ResponseId,
) -> Result<Option<Response>, Error> {
    let Some(row) = db.optional::<Row>(GET, args![tenant, id]).await? else { return Ok(None) };
    let words: Words = db.all(WORDS, args![tenant, id]).await?;
    row.with(words).map(Some)
}

/// One, without its words, its row locked until the transaction ends.
pub(crate) async fn lock(
    tx: &mut Tx,
    tenant: TenantId,
    id: ResponseId,
) -> Result<Option<Response>, Error> {
    let row: Option<Row> = tx.optional(LOCK, args![tenant, id]).await?;
    row.map(|row| row.with(Words::new())).transpose()
}

/// Those of a survey before `start`, the latest answered first; of one standing where one is said.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    survey: SurveyId,
    standing: Standing,
    start: Latest,
    limit: i64,
) -> Result<Vec<Response>, Error> {
    let Latest(at, id) = start;
    let rows: Vec<Row> = match standing {
        Standing::Unspecified => db.all(LIST, args![tenant, survey, at, id, limit]).await?,
        standing => {
            let values = args![tenant, survey, standing as i32, at, id, limit];
            db.all(LIST_BY_STANDING, values).await?
        }
    };
    let mut words = words_of(db, tenant, rows.iter().map(|row| row.id)).await?;
    let whole = |row: Row| {
        let words = words.remove(&row.id).unwrap_or_default();
        row.with(words)
    };
    rows.into_iter().map(whole).collect()
}

/// The words of these responses.
async fn words_of(
    db: &Db,
    tenant: TenantId,
    responses: impl Iterator<Item = Uuid>,
) -> Result<HashMap<Uuid, Words>, Error> {
    let mut all: HashMap<Uuid, Words> = HashMap::new();
    let ids: Vec<Uuid> = responses.collect();
    for ids in ids.chunks(500) {
        let mut list =
            List::new("SELECT response, question, words FROM response_texts WHERE tenant = ");
        list.bind(tenant).push(" AND response IN (");
        list.binds(ids.iter().copied()).push(")");
        let (text, values) = list.finish();
        let rows: Vec<(Uuid, String, String)> = db.all(text, values).await?;
        for (response, question, words) in rows {
            all.entry(response).or_default().push((question, words));
        }
    }
    Ok(all)
}
