//! Ticket numbers: given out from blocks, one block per tenant and process at a time, so that
//! numbering costs no write per ticket. A number is not an id; a block that a process did not use up
//! leaves a gap.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
};

use ::store::{Db, Error, Sql, Tx, args, transact};
use kernel::TenantId;

const TAKE: Sql = Sql::both(
    "INSERT INTO numbers (tenant, next) VALUES ($1, $2) \
     ON CONFLICT (tenant) DO UPDATE SET next = numbers.next + $3 RETURNING next",
);

/// Every statement of this module.
pub const STATEMENTS: &[Sql] = &[TAKE];

const FIRST: i64 = 100_001;
const BLOCK: i64 = 100;

/// The blocks of a process.
#[derive(Clone, Debug, Default)]
pub struct Numbers {
    blocks: Arc<Mutex<HashMap<TenantId, Range<i64>>>>,
    /// Held while a block is fetched, so that those who come at once share it.
    fetching: Arc<tokio::sync::Mutex<()>>,
}

/// A number of a tenant, taken in a transaction that is open already.
pub async fn one(tx: &mut Tx, tenant: TenantId) -> Result<i64, Error> {
    let (end,): (i64,) = tx.one(TAKE, args![tenant, FIRST + 1, 1_i64]).await?;
    Ok(end - 1)
}

impl Numbers {
    /// The next number of a tenant.
    pub async fn next(&self, db: &Db, tenant: TenantId) -> Result<i64, Error> {
        if let Some(number) = self.take(tenant) {
            return Ok(number);
        }
        let _fetching = self.fetching.lock().await;
        if let Some(number) = self.take(tenant) {
            return Ok(number);
        }
        let end: i64 = transact!(db, "numbers.take", |tx| {
            tx.one::<(i64,)>(TAKE, args![tenant, FIRST + BLOCK, BLOCK]).await.map(|(end,)| end)
        })?;
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.insert(tenant, end - BLOCK + 1..end);
        Ok(end - BLOCK)
    }

    fn take(&self, tenant: TenantId) -> Option<i64> {
        let mut blocks = self.blocks.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.get_mut(&tenant)?.next()
    }
}
