//! What was answered so far to invitations that are not submitted.

use kernel::{InvitationId, TenantId, Time};
use sqlx::types::Json;
use store::{Db, Sql, Tx, args};

use crate::{
    Error,
    domain::{invitation::Invitation, logic::Answers},
};

const PUT: Sql = Sql::both(
    "INSERT INTO drafts (tenant, invitation, answers, saved_at, expires_at) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant, invitation) DO UPDATE \
     SET answers = excluded.answers, saved_at = excluded.saved_at, expires_at = excluded.expires_at",
);
const GET: Sql = Sql::both("SELECT answers FROM drafts WHERE tenant = $1 AND invitation = $2");
const KEEP_UNTIL: Sql =
    Sql::both("UPDATE drafts SET expires_at = $3 WHERE tenant = $1 AND invitation = $2");
const PRUNE: Sql = Sql::both("DELETE FROM drafts WHERE expires_at <= $1");
const REMOVE: Sql = Sql::both("DELETE FROM drafts WHERE tenant = $1 AND invitation = $2");

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] = &[PUT, GET, KEEP_UNTIL, PRUNE, REMOVE];

/// Writes what was answered so far, until the invitation ends.
pub(crate) async fn put(
    tx: &mut Tx,
    tenant: TenantId,
    invitation: &Invitation,
    answers: &Answers,
    at: Time,
) -> Result<(), Error> {
    let Invitation { id, body, .. } = invitation;
    tx.execute(PUT, args![tenant, *id, super::json(answers)?, at, body.expires]).await?;
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

/// Keeps what was answered as long as its invitation, which ends at another instant now.
pub(crate) async fn keep_until(
    tx: &mut Tx,
    tenant: TenantId,
    invitation: &Invitation,
) -> Result<(), Error> {
    tx.execute(KEEP_UNTIL, args![tenant, invitation.id, invitation.body.expires]).await?;
    Ok(())
}

/// Forgets what was answered to invitations of whatever tenant that have ended by now.
pub(crate) async fn prune(tx: &mut Tx, now: Time) -> Result<(), Error> {
    tx.execute(PRUNE, args![now]).await?;
    Ok(())
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
