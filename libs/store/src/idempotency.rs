//! `request_id`: the same request twice has one effect. The row is claimed in the transaction of the
//! effect, so that both commit or neither; 64 at once wait for the first on the row's key.

use std::time::Duration;

use kernel::{TenantId, Time};

use crate::{Arg, Db, Error, Retry, Sql, Tx, Unique, args, events::Inserts};

/// How long a `request_id` is remembered.
pub const KEPT_FOR: Duration = Duration::from_hours(7 * 24);

/// An expired row is taken over, a live one left as it is.
const CLAIM: Sql = Sql::both(
    "INSERT INTO idempotency \
     (tenant, principal, method, request_id, hash, resource, version, expires) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
     ON CONFLICT (tenant, principal, method, request_id) DO UPDATE \
     SET hash = excluded.hash, resource = excluded.resource, version = excluded.version, \
     expires = excluded.expires \
     WHERE idempotency.expires <= $9",
);
const GET: Sql = Sql::both(
    "SELECT hash, resource, version FROM idempotency \
     WHERE tenant = $1 AND principal = $2 AND method = $3 AND request_id = $4",
);
const NAME: Sql = Sql::both(
    "UPDATE idempotency SET resource = $5 \
     WHERE tenant = $1 AND principal = $2 AND method = $3 AND request_id = $4",
);
const PRUNE: Sql = Sql::both(
    "DELETE FROM idempotency WHERE (tenant, principal, method, request_id) IN \
     (SELECT tenant, principal, method, request_id FROM idempotency \
     WHERE expires <= $1 ORDER BY expires LIMIT $2)",
);
const KEY: Unique = Unique {
    name: "idempotency_key",
    columns: "idempotency.tenant, idempotency.principal, idempotency.method, idempotency.request_id",
};

/// Every statement of this module.
pub const STATEMENTS: &[Sql] = &[CLAIM, GET, NAME, PRUNE];

/// A request that carries a `request_id`, and what it is about to make.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Whose data it changes.
    pub tenant: TenantId,
    /// Who sent it; two principals may use the same `request_id`.
    pub principal: &'a str,
    /// The RPC's full name.
    pub method: &'a str,
    /// What the client chose.
    pub request_id: &'a str,
    /// A keyed hash of the body without the `request_id`: equal for equal requests, and of no use to
    /// who reads the table.
    pub hash: [u8; 32],
    /// The resource that this request makes or changes, by name.
    pub resource: &'a str,
    /// The resource's version after it.
    pub version: i64,
    /// The real time, which the suite's may be far ahead of; the row is kept for [`KEPT_FOR`].
    pub now: Time,
}

/// What a `request_id` means now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It is new: go on, the row commits with the effect.
    First,
    /// The same request was carried out: read its resource again and answer with that.
    Replay {
        /// The resource that the first request made or changed.
        resource: String,
        /// The version that it gave the resource.
        version: i64,
    },
    /// Another body came with this `request_id` before.
    Conflict {
        /// The resource that the first request made or changed.
        resource: String,
    },
}

/// Claims a `request_id` in the transaction of its effect; do it before anything else there. Waits
/// while another transaction holds the same one.
pub async fn claim(tx: &mut Tx, request: &Request<'_>) -> Result<Claim, Error> {
    let values = [row(request), args![request.now]].concat();
    if tx.execute(CLAIM, values).await? == 1 {
        return Ok(Claim::First);
    }
    let key = args![request.tenant, request.principal, request.method, request.request_id];
    let (hash, resource, version): (Vec<u8>, String, i64) = tx.one(GET, key).await?;
    // The hash is keyed and the answer tells equal from unequal anyway: no constant time needed.
    if hash == request.hash {
        Ok(Claim::Replay { resource, version })
    } else {
        Ok(Claim::Conflict { resource })
    }
}

fn row(request: &Request<'_>) -> Vec<Arg> {
    args![
        request.tenant,
        request.principal,
        request.method,
        request.request_id,
        request.hash,
        request.resource,
        request.version,
        request.now + KEPT_FOR,
    ]
}

/// True where `error` says that a request id has been claimed before, see [`Once::claim_with`].
pub fn is_claimed(error: &Error) -> bool {
    error.is_unique_violation(&KEY)
}

/// Names the resource of a request that this transaction has claimed, where it was not known then:
/// which ticket came next, or which earlier entry a message turned out to be.
pub async fn name(tx: &mut Tx, request: &Request<'_>) -> Result<(), Error> {
    let key = args![request.tenant, request.principal, request.method, request.request_id];
    tx.execute(NAME, [key, args![request.resource]].concat()).await.map(drop)
}

/// A request by what makes it the same as another: who sent it, by which method, under which
/// `request_id`, with which body.
#[derive(Clone, Debug)]
pub struct Once {
    tenant: TenantId,
    principal: String,
    method: String,
    /// Empty where the caller does without.
    request_id: String,
    hash: [u8; 32],
    now: Time,
}

/// What the same request led to when it came first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// The resource that it made or changed.
    pub resource: String,
    /// The version that it noted.
    pub version: i64,
}

/// Why a `request_id` could not be claimed.
#[derive(Debug, thiserror::Error)]
pub enum NotClaimed {
    /// It was used before with another body.
    #[error("the request id was used before with another body")]
    Reused {
        /// The request id.
        request_id: String,
        /// What the first request made or changed.
        resource: String,
    },
    /// The database failed.
    #[error(transparent)]
    Store(#[from] Error),
}

impl Retry for NotClaimed {
    fn lost_race(&self) -> bool {
        match self {
            Self::Reused { .. } => false,
            Self::Store(error) => error.lost_race(),
        }
    }
}

impl Once {
    /// The request of `principal` in `tenant`, at the real time `now`; `hash` is the keyed one of its
    /// body without the `request_id`. Two spellings of one UUID are one id, and what is no UUID is
    /// none.
    pub fn new(
        tenant: TenantId,
        principal: String,
        method: &str,
        request_id: &str,
        hash: [u8; 32],
        now: Time,
    ) -> Self {
        let request_id =
            uuid::Uuid::try_parse(request_id).map_or_else(|_| String::new(), |id| id.to_string());
        Self { tenant, principal, method: method.to_owned(), request_id, hash, now }
    }

    /// Whether the caller did without.
    pub fn is_absent(&self) -> bool {
        self.request_id.is_empty()
    }

    /// Claims the id in the transaction of its effect, which is to make or change `resource`. `Some`
    /// where the same request was carried out before: answer with what it led to and change nothing.
    pub async fn claim(
        &self,
        tx: &mut Tx,
        resource: &str,
        version: i64,
    ) -> Result<Option<Earlier>, NotClaimed> {
        if self.is_absent() {
            return Ok(None);
        }
        match claim(tx, &self.row(resource, version)).await? {
            Claim::First => Ok(None),
            Claim::Replay { resource, version } => Ok(Some(Earlier { resource, version })),
            Claim::Conflict { resource } => {
                Err(NotClaimed::Reused { request_id: self.request_id.clone(), resource })
            }
        }
    }

    /// Claims the id in the one round trip of its effect, for whoever expects to be the first: where it
    /// was claimed before, all of it fails, see [`is_claimed`], and [`claim`](Self::claim) tells more.
    pub fn claim_with(&self, inserts: &mut Inserts, resource: &str, version: i64) {
        if self.is_absent() {
            return;
        }
        inserts.and("claim", |list| {
            list.push(
                "INSERT INTO idempotency (tenant, principal, method, request_id, hash, resource, \
                 version, expires) VALUES ",
            );
            list.rows([row(&self.row(resource, version))]);
        });
    }

    /// Names the resource of a claimed id, where it was not known then; nothing where there is no id.
    pub async fn name(&self, tx: &mut Tx, resource: &str) -> Result<(), Error> {
        if self.is_absent() {
            return Ok(());
        }
        name(tx, &self.row(resource, 0)).await
    }

    fn row<'a>(&'a self, resource: &'a str, version: i64) -> Request<'a> {
        Request {
            tenant: self.tenant,
            principal: &self.principal,
            method: &self.method,
            request_id: &self.request_id,
            hash: self.hash,
            resource,
            version,
            now: self.now,
        }
    }
}

/// Deletes up to `limit` rows that have expired by `now`, the real time, and returns how many it
/// deleted; call it again while it returns `limit`.
pub async fn prune(db: &Db, now: Time, limit: u32) -> Result<u64, Error> {
    crate::transact!(db, "idempotency.prune", |tx| tx.execute(PRUNE, args![now, limit]).await)
}
