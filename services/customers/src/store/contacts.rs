//! Contacts that were asked for, and the places that granted ones take.

use contracts::customers::v1::{ContactPurpose, ContactState};
use kernel::{CustomerId, TenantId, Time};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, types::Json};
use store::{Arg, Db, Sql, Tx, args};
use uuid::Uuid;

use super::{consents::subject, customers::number};
use crate::{
    Error,
    domain::contact::{Block, Contact, Verdict},
    position::Position,
};

const INSERT: Sql = Sql::both(
    "INSERT INTO contacts (tenant, id, customer, purpose, channel, caller_key, attempt, state, blocks, \
     retry_at, at, expires_at, actor_kind, actor, created_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
     ON CONFLICT (tenant, caller_key, attempt) DO NOTHING",
);
const GET: Sql = Sql::both(
    "SELECT id, customer, purpose, channel, caller_key, attempt, state, blocks, retry_at, at, \
     expires_at, actor_kind, actor, created_at, completed_at \
     FROM contacts WHERE tenant = $1 AND id = $2",
);
const BY_KEY: Sql = Sql::both(
    "SELECT id, customer, purpose, channel, caller_key, attempt, state, blocks, retry_at, at, \
     expires_at, actor_kind, actor, created_at, completed_at \
     FROM contacts WHERE tenant = $1 AND caller_key = $2 ORDER BY attempt DESC LIMIT 1",
);
const LIST: Sql = Sql::both(
    "SELECT id, customer, purpose, channel, caller_key, attempt, state, blocks, retry_at, at, \
     expires_at, actor_kind, actor, created_at, completed_at \
     FROM contacts WHERE tenant = $1 AND customer = $2 AND (created_at, id) < ($3, $4) \
     ORDER BY created_at DESC, id DESC LIMIT $5",
);
/// What is decided anew of a refusal.
const REFUSE: Sql = Sql::both(
    "UPDATE contacts SET blocks = $3, retry_at = $4, at = $5 \
     WHERE tenant = $1 AND id = $2 AND state = 1",
);
const COMPLETE: Sql = Sql::both(
    "UPDATE contacts SET state = $4, completed_at = $5 \
     WHERE tenant = $1 AND id = $2 AND state = $3",
);
/// The states are those that count.
const COUNTED: Sql = Sql::both(
    "SELECT places.version, contacts.at FROM contact_places places \
     LEFT JOIN contacts ON contacts.tenant = $1 AND contacts.customer = $2 \
     AND contacts.purpose = $3 AND contacts.at > $4 AND contacts.state IN (2, 3, 5) \
     WHERE places.tenant = $1 AND places.customer = $2 AND places.purpose = $3",
);
const TAKE: Sql = Sql::both(
    "INSERT INTO contact_places (tenant, customer, purpose, version) VALUES ($1, $2, $3, 1) \
     ON CONFLICT (tenant, customer, purpose) DO UPDATE \
     SET version = contact_places.version + 1 WHERE contact_places.version = $4",
);

/// Every statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[INSERT, GET, BY_KEY, LIST, REFUSE, COMPLETE, COUNTED, TAKE];

#[derive(FromRow)]
struct Row {
    id: Uuid,
    customer: Uuid,
    purpose: i64,
    channel: i64,
    caller_key: String,
    attempt: i64,
    state: i64,
    blocks: Json<Vec<Stored>>,
    retry_at: Option<i64>,
    at: i64,
    expires_at: i64,
    actor_kind: String,
    actor: String,
    created_at: i64,
    completed_at: Option<i64>,
}

/// A rule in the way. Stored as JSON, so its fields are never renamed.
#[derive(Serialize, Deserialize)]
struct Stored {
    rule: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ends: Option<i64>,
}

impl TryFrom<Stored> for Block {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self, Error> {
        let rule = number(stored.rule).ok_or(Error::Corrupt("rule"))?;
        Ok(Self { rule, ends: stored.ends.map(Time::from_micros) })
    }
}

impl TryFrom<Row> for Contact {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let state: ContactState = number(row.state).ok_or(Error::Corrupt("state of a contact"))?;
        let verdict = if state == ContactState::Denied {
            Verdict::Denied {
                blocks: row.blocks.0.into_iter().map(Block::try_from).collect::<Result<_, _>>()?,
                retry_at: row.retry_at.map(Time::from_micros),
            }
        } else {
            Verdict::Granted { until: Time::from_micros(row.expires_at) }
        };
        Ok(Self {
            id: row.id,
            customer: CustomerId::from(row.customer),
            subject: subject(row.purpose, row.channel)?,
            key: row.caller_key,
            attempt: row.attempt,
            state,
            verdict,
            at: Time::from_micros(row.at),
            actor_kind: row.actor_kind,
            actor: row.actor,
            created_at: Time::from_micros(row.created_at),
            completed_at: row.completed_at.map(Time::from_micros),
        })
    }
}

/// A verdict in the order of its columns: rules in the way, when to try next, when the grant ends.
fn columns(verdict: &Verdict) -> Result<(Arg, Arg, Arg), Error> {
    let (blocks, retry_at, until) = match verdict {
        Verdict::Granted { until } => (&[][..], None, *until),
        Verdict::Denied { blocks, retry_at } => (blocks.as_slice(), *retry_at, Time::EPOCH),
    };
    let stored = blocks.iter().map(|block| Stored {
        rule: i64::from(block.rule as i32),
        ends: block.ends.map(Time::micros),
    });
    let stored: Vec<_> = stored.collect();
    let json = serde_json::to_value(stored).map_err(|_| Error::Corrupt("list of rules"))?;
    Ok((Arg::from(json), Arg::from(retry_at), Arg::from(until)))
}

/// Writes a decision; false where its key was decided meanwhile.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    contact: &Contact,
) -> Result<bool, Error> {
    let Contact { id, customer, subject, key, attempt, state, at, .. } = contact;
    let (blocks, retry_at, until) = columns(&contact.verdict)?;
    let mut values = args![
        tenant,
        *id,
        *customer,
        subject.purpose as i32,
        subject.channel as i32,
        key,
        *attempt,
        *state as i32,
    ];
    values.extend([blocks, retry_at, Arg::from(*at), until]);
    values.extend(args![&contact.actor_kind, &contact.actor, contact.created_at]);
    Ok(tx.execute(INSERT, values).await? == 1)
}

/// Writes what is decided anew of a refusal; false where it is none.
pub(crate) async fn refuse(
    tx: &mut Tx,
    tenant: TenantId,
    contact: &Contact,
) -> Result<bool, Error> {
    let (blocks, retry_at, _) = columns(&contact.verdict)?;
    let mut values = args![tenant, contact.id];
    values.extend([blocks, retry_at, Arg::from(contact.at)]);
    Ok(tx.execute(REFUSE, values).await? == 1)
}

/// Writes what became of a contact that was `before`; false where that was told meanwhile.
pub(crate) async fn complete(
    tx: &mut Tx,
    tenant: TenantId,
    contact: &Contact,
    before: ContactState,
) -> Result<bool, Error> {
    let (state, at) = (contact.state as i32, contact.completed_at);
    let values = args![tenant, contact.id, before as i32, state, at];
    Ok(tx.execute(COMPLETE, values).await? == 1)
}

/// A contact.
pub(crate) async fn get(tx: &mut Tx, tenant: TenantId, id: Uuid) -> Result<Option<Contact>, Error> {
    tx.optional::<Row>(GET, args![tenant, id]).await?.map(Contact::try_from).transpose()
}

/// The latest decision on a key.
pub(crate) async fn by_key(
    tx: &mut Tx,
    tenant: TenantId,
    key: &str,
) -> Result<Option<Contact>, Error> {
    tx.optional::<Row>(BY_KEY, args![tenant, key]).await?.map(Contact::try_from).transpose()
}

/// The contacts of a customer before `start`, newest first.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    customer: CustomerId,
    start: Position,
    limit: i64,
) -> Result<Vec<Contact>, Error> {
    let values = args![tenant, customer, start.at, start.id, limit];
    let rows = db.all::<Row>(LIST, values).await?;
    rows.into_iter().map(Contact::try_from).collect()
}

/// The places of one purpose as they were read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// Rises whenever one is taken or given back.
    version: i64,
    /// The instants of the contacts that count, in no order.
    pub(crate) taken: Vec<Time>,
}

impl From<Vec<(i64, Option<i64>)>> for Places {
    fn from(rows: Vec<(i64, Option<i64>)>) -> Self {
        let version = rows.first().map_or(0, |(version, _)| *version);
        let taken = rows.iter().filter_map(|(_, at)| at.map(Time::from_micros)).collect();
        Self { version, taken }
    }
}

/// The places that are taken by contacts of later than `after`.
pub(crate) async fn places(
    db: &Db,
    tenant: TenantId,
    customer: CustomerId,
    purpose: ContactPurpose,
    after: Time,
) -> Result<Places, Error> {
    let rows = db.all(COUNTED, args![tenant, customer, purpose as i32, after]).await?;
    Ok(Places::from(rows))
}

/// The same, to take or give back one in this transaction.
pub(crate) async fn places_held(
    tx: &mut Tx,
    tenant: TenantId,
    customer: CustomerId,
    purpose: ContactPurpose,
    after: Time,
) -> Result<Places, Error> {
    let rows = tx.all(COUNTED, args![tenant, customer, purpose as i32, after]).await?;
    Ok(Places::from(rows))
}

/// Takes or gives back a place; false where somebody else did so since they were read.
pub(crate) async fn take(
    tx: &mut Tx,
    tenant: TenantId,
    customer: CustomerId,
    purpose: ContactPurpose,
    places: &Places,
) -> Result<bool, Error> {
    let values = args![tenant, customer, purpose as i32, places.version];
    Ok(tx.execute(TAKE, values).await? == 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::contact::counts;

    #[test]
    fn the_states_that_count_are_those_of_the_statement() {
        let states = (0..).map_while(|number| ContactState::try_from(number).ok());
        let counted: Vec<_> =
            states.filter(|state| counts(*state)).map(|state| (state as i32).to_string()).collect();
        let sql = COUNTED.text(store::Engine::Sqlite);
        assert!(sql.contains(&format!("IN ({})", counted.join(", "))), "{sql}");
    }
}
