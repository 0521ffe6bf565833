//! The ledger of what customers said of being contacted. Rows are added and never changed.

use kernel::{CustomerId, TenantId, Time};
use sqlx::FromRow;
use store::{Arg, Db, Sql, Tx, args};
use uuid::Uuid;

use super::customers::number;
use crate::{
    Error,
    domain::consent::{Consent, Subject},
};

const INSERT: Sql = Sql::both(
    "INSERT INTO consents (tenant, customer, sequence, purpose, channel, state, policy_version, \
     evidence, actor_kind, actor, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
);
const GET: Sql = Sql::both(
    "SELECT customer, sequence, purpose, channel, state, policy_version, evidence, actor_kind, actor, \
     at FROM consents WHERE tenant = $1 AND customer = $2 AND sequence = $3",
);
const LATEST: Sql = Sql::both(
    "SELECT customer, sequence, purpose, channel, state, policy_version, evidence, actor_kind, actor, \
     at FROM consents \
     WHERE tenant = $1 AND customer = $2 AND purpose = $3 AND channel = $4 AND at <= $5 \
     ORDER BY at DESC, sequence DESC LIMIT 1",
);
const LIST: Sql = Sql::both(
    "SELECT customer, sequence, purpose, channel, state, policy_version, evidence, actor_kind, actor, \
     at FROM consents WHERE tenant = $1 AND customer = $2 AND sequence < $3 \
     ORDER BY sequence DESC LIMIT $4",
);

/// Every statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[INSERT, GET, LATEST, LIST];

#[derive(FromRow)]
struct Row {
    customer: Uuid,
    sequence: i64,
    purpose: i64,
    channel: i64,
    state: i64,
    policy_version: String,
    evidence: String,
    actor_kind: String,
    actor: String,
    at: i64,
}

impl TryFrom<Row> for Consent {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        Ok(Self {
            customer: CustomerId::from(row.customer),
            sequence: row.sequence,
            subject: subject(row.purpose, row.channel)?,
            state: number(row.state).ok_or(Error::Corrupt("state of a consent"))?,
            policy_version: row.policy_version,
            evidence: row.evidence,
            actor_kind: row.actor_kind,
            actor: row.actor,
            at: Time::from_micros(row.at),
        })
    }
}

/// What consent is given for, by its stored numbers.
pub(super) fn subject(purpose: i64, channel: i64) -> Result<Subject, Error> {
    Ok(Subject {
        purpose: number(purpose).ok_or(Error::Corrupt("purpose"))?,
        channel: number(channel).ok_or(Error::Corrupt("channel"))?,
    })
}

/// Adds an entry, whose customer's row is held.
pub(crate) async fn insert(tx: &mut Tx, tenant: TenantId, consent: &Consent) -> Result<(), Error> {
    let Consent { customer, sequence, subject, state, policy_version, evidence, .. } = consent;
    let values = args![
        tenant,
        *customer,
        *sequence,
        subject.purpose as i32,
        subject.channel as i32,
        *state as i32,
        policy_version,
        evidence,
        &consent.actor_kind,
        &consent.actor,
        consent.at,
    ];
    tx.execute(INSERT, values).await?;
    Ok(())
}

/// An entry.
pub(crate) async fn get(
    db: &Db,
    tenant: TenantId,
    customer: CustomerId,
    sequence: i64,
) -> Result<Option<Consent>, Error> {
    let row = db.optional::<Row>(GET, args![tenant, customer, sequence]).await?;
    row.map(Consent::try_from).transpose()
}

/// What held of a subject at an instant.
pub(crate) async fn latest(
    db: &Db,
    tenant: TenantId,
    customer: CustomerId,
    subject: Subject,
    at: Time,
) -> Result<Option<Consent>, Error> {
    let row = db.optional::<Row>(LATEST, of(tenant, customer, subject, at)).await?;
    row.map(Consent::try_from).transpose()
}

/// What holds of a subject, where the customer's row is held.
pub(crate) async fn latest_held(
    tx: &mut Tx,
    tenant: TenantId,
    customer: CustomerId,
    subject: Subject,
) -> Result<Option<Consent>, Error> {
    let ever = Time::from_micros(i64::MAX);
    let row = tx.optional::<Row>(LATEST, of(tenant, customer, subject, ever)).await?;
    row.map(Consent::try_from).transpose()
}

fn of(tenant: TenantId, customer: CustomerId, subject: Subject, at: Time) -> Vec<Arg> {
    args![tenant, customer, subject.purpose as i32, subject.channel as i32, at]
}

/// The entries of a customer before the one of this sequence, newest first.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    customer: CustomerId,
    before: i64,
    limit: i64,
) -> Result<Vec<Consent>, Error> {
    let rows = db.all::<Row>(LIST, args![tenant, customer, before, limit]).await?;
    rows.into_iter().map(Consent::try_from).collect()
}
