//! What was answered so far to invitations that are not submitted.

use kernel::{InvitationId, TenantId, Time};
use sqlx::types::Json;
use store::{Db, Sql, Tx, args};

use crate::{Error, domain::logic::Answers};

const PUT: Sql = Sql::both(
    "INSERT INTO drafts (tenant, invitation, answers, saved_at) VALUES ($1, $2, $3, $4) \
     ON CONFLICT (tenant, invitation) DO UPDATE \
     SET answers = excluded.answers, saved_at = excluded.saved_at",
);
const GET: Sql = Sql::both("SELECT answers FROM drafts WHERE tenant = $1 AND invitation = $2");
const REMOVE: Sql = Sql::both("DELETE FROM drafts WHERE tenant = $1 AND invitation = $2");

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[PUT, GET, REMOVE];

/// Writes what was answered so far.
pub(crate) async fn put(
    tx: &mut Tx,
    tenant: TenantId,
    invitation: InvitationId,
    answers: &Answers,
    at: Time,
) -> Result<(), Error> {
    tx.execute(PUT, args![tenant, invitation, super::json(answers)?, at]).await?;
    Ok(())
}

/// What was answered so far.
pub(crate) async fn get(
    db: &Db,
    tenant: TenantId,
    invitation: InvitationId,
) -> Result<Option<Answers>, Error> {
    let row: Option<(Json<Answers>,)> = db.optional(GET, args![tenant, invitation]).await?;
    Ok(row.map(|(Json(answers),)| answers))
}

/// Forgets it.
pub(crate) async fn remove(
    tx: &mut Tx,
    tenant: TenantId,
    invitation: InvitationId,
) -> Result<(), Error> {
    tx.execute(REMOVE, args![tenant, invitation]).await?;
    Ok(())
}
