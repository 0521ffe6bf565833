//! Members' rows. Names and logins are sealed here and nowhere else; a login is found by its blind
//! index.

use kernel::{
    Role, TenantId, Time,
    keys::{BlindIndex, Sealer},
};
use sqlx::{FromRow, types::Json};
use store::{Arg, Db, List, Sql, Tx, Unique, args};
use uuid::Uuid;

use super::tenants::json;
use crate::{
    Error,
    domain::member::{Login, Member, Profile},
};

const INSERT: Sql = Sql::both(
    "INSERT INTO members (tenant, id, aggregate, version, sequence, last_at, display_name, issuer, \
     subject, login, roles, teams, locale, active, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
     ON CONFLICT DO NOTHING",
);
const GET: Sql = Sql::both(
    "SELECT id, aggregate, version, sequence, last_at, display_name, issuer, subject, roles, teams, \
     locale, active, created_at, updated_at FROM members WHERE tenant = $1 AND id = $2",
);
const LOCK: Sql = Sql::split(
    "SELECT id, aggregate, version, sequence, last_at, display_name, issuer, subject, roles, teams, \
     locale, active, created_at, updated_at FROM members WHERE tenant = $1 AND id = $2",
    "SELECT id, aggregate, version, sequence, last_at, display_name, issuer, subject, roles, teams, \
     locale, active, created_at, updated_at FROM members WHERE tenant = $1 AND id = $2 \
     FOR NO KEY UPDATE",
);
const LIST: Sql = Sql::both(
    "SELECT id, aggregate, version, sequence, last_at, display_name, issuer, subject, roles, teams, \
     locale, active, created_at, updated_at FROM members WHERE tenant = $1 AND id > $2 \
     ORDER BY id LIMIT $3",
);
const LIST_TEAM: Sql = Sql::both(
    "SELECT m.id, m.aggregate, m.version, m.sequence, m.last_at, m.display_name, m.issuer, \
     m.subject, m.roles, m.teams, m.locale, m.active, m.created_at, m.updated_at \
     FROM team_members t JOIN members m ON m.tenant = $1 AND m.id = t.member \
     WHERE t.tenant = $1 AND t.team = $2 AND t.member > $3 ORDER BY t.member LIMIT $4",
);
const BY_LOGIN: Sql = Sql::both(
    "SELECT id, roles, teams, locale, active FROM members WHERE tenant = $1 AND login = $2",
);
const BY_ID: Sql =
    Sql::both("SELECT id, roles, teams, locale, active FROM members WHERE tenant = $1 AND id = $2");
const OWNER: Sql = Sql::both("SELECT id FROM members WHERE tenant = $1 AND login = $2");
const UPDATE: Sql = Sql::both(
    "UPDATE members SET version = $3, sequence = $4, last_at = $5, display_name = $6, issuer = $7, \
     subject = $8, login = $9, roles = $10, teams = $11, locale = $12, active = $13, \
     updated_at = $14 WHERE tenant = $1 AND id = $2",
);
const LEAVE: Sql = Sql::both("DELETE FROM team_members WHERE tenant = $1 AND member = $2");

const LOGIN: Unique = Unique { name: "members_login", columns: "members.tenant, members.login" };

/// Every fixed statement of this module.
pub(crate) const STATEMENTS: &[Sql] =
    &[INSERT, GET, LOCK, LIST, LIST_TEAM, BY_LOGIN, BY_ID, OWNER, UPDATE, LEAVE];

#[derive(FromRow)]
struct Row {
    id: String,
    aggregate: Uuid,
    version: i64,
    sequence: i64,
    last_at: i64,
    display_name: Vec<u8>,
    issuer: String,
    subject: Vec<u8>,
    roles: Json<Vec<Role>>,
    teams: Json<Vec<String>>,
    locale: String,
    active: bool,
    created_at: i64,
    updated_at: i64,
}

/// What the door needs to know of a member.
#[derive(FromRow)]
pub(crate) struct Facts {
    pub(crate) id: String,
    pub(crate) roles: Json<Vec<Role>>,
    pub(crate) teams: Json<Vec<String>>,
    pub(crate) locale: String,
    pub(crate) active: bool,
}

/// What one tenant's names and logins are sealed and found by.
#[derive(Debug)]
pub(crate) struct Secrets {
    pub(crate) sealer: Sealer,
    pub(crate) logins: BlindIndex,
}

/// Why a member was not written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Conflict {
    /// There is one of this id.
    Id,
    /// Another one signs in by this login.
    Login {
        /// Who.
        member: String,
    },
}

/// Writes a new member, who is in the teams that the profile names; or says what stands against it,
/// and nothing is written.
pub(crate) async fn insert(
    tx: &mut Tx,
    tenant: TenantId,
    secrets: &Secrets,
    member: &Member,
) -> Result<Option<Conflict>, Error> {
    let key = args![tenant, &member.id, member.aggregate];
    let times = args![member.created_at, member.updated_at];
    let values = [key, values(secrets, member), times].concat();
    if tx.execute(INSERT, values).await? == 1 {
        join(tx, tenant, member).await?;
        return Ok(None);
    }
    match owner(tx, tenant, secrets, &member.profile).await? {
        Some(owner) if owner != member.id => Ok(Some(Conflict::Login { member: owner })),
        _ => Ok(Some(Conflict::Id)),
    }
}

/// A member.
pub(crate) async fn get(
    db: &Db,
    tenant: TenantId,
    sealer: &Sealer,
    id: &str,
) -> Result<Option<Member>, Error> {
    let found = db.optional::<Row>(GET, args![tenant, id]).await?;
    found.map(|row| opened(sealer, row)).transpose()
}

/// A member, the row locked until the transaction ends.
pub(crate) async fn lock(
    tx: &mut Tx,
    tenant: TenantId,
    sealer: &Sealer,
    id: &str,
) -> Result<Option<Member>, Error> {
    let found = tx.optional::<Row>(LOCK, args![tenant, id]).await?;
    found.map(|row| opened(sealer, row)).transpose()
}

/// The members after `start`, by id; those of one team where it is named.
pub(crate) async fn list(
    db: &Db,
    tenant: TenantId,
    sealer: &Sealer,
    team: Option<&str>,
    start: &str,
    limit: i64,
) -> Result<Vec<Member>, Error> {
    let rows: Vec<Row> = match team {
        None => db.all(LIST, args![tenant, start, limit]).await?,
        Some(team) => db.all(LIST_TEAM, args![tenant, team, start, limit]).await?,
    };
    rows.into_iter().map(|row| opened(sealer, row)).collect()
}

/// What the door needs to know of a member.
pub(crate) async fn facts(db: &Db, tenant: TenantId, id: &str) -> Result<Option<Facts>, Error> {
    Ok(db.optional(BY_ID, args![tenant, id]).await?)
}

/// The same of whoever signs in by this login.
pub(crate) async fn facts_by_login(
    db: &Db,
    tenant: TenantId,
    login: [u8; 32],
) -> Result<Option<Facts>, Error> {
    Ok(db.optional(BY_LOGIN, args![tenant, login]).await?)
}

/// Who signs in by the login of this profile.
pub(crate) async fn owner(
    tx: &mut Tx,
    tenant: TenantId,
    secrets: &Secrets,
    profile: &Profile,
) -> Result<Option<String>, Error> {
    let Some(login) = blind(secrets, profile) else { return Ok(None) };
    let found: Option<(String,)> = tx.optional(OWNER, args![tenant, login]).await?;
    Ok(found.map(|(id,)| id))
}

/// Writes what changed of a member whose row is locked, and who is in which team where `moves`.
pub(crate) async fn update(
    tx: &mut Tx,
    tenant: TenantId,
    secrets: &Secrets,
    member: &Member,
    moves: bool,
) -> Result<(), Error> {
    let key = args![tenant, &member.id];
    let values = [key, values(secrets, member), args![member.updated_at]].concat();
    tx.execute(UPDATE, values).await.map_err(|cause| {
        // Somebody took the login since we looked: look again.
        if cause.is_unique_violation(&LOGIN) { Error::LostRace } else { cause.into() }
    })?;
    if moves {
        tx.execute(LEAVE, args![tenant, &member.id]).await?;
        join(tx, tenant, member).await?;
    }
    Ok(())
}

async fn join(tx: &mut Tx, tenant: TenantId, member: &Member) -> Result<(), Error> {
    let teams = &member.profile.teams;
    if teams.is_empty() {
        return Ok(());
    }
    let mut list = List::new("INSERT INTO team_members (tenant, team, member) VALUES ");
    list.rows(teams.iter().map(|team| args![tenant, team, &member.id]));
    let (text, values) = list.finish();
    tx.execute(text, values).await?;
    Ok(())
}

/// The columns from `version` to `active`, in the order of INSERT and UPDATE.
fn values(secrets: &Secrets, member: &Member) -> Vec<Arg> {
    let Member { id, profile, .. } = member;
    let seal = |column: &str, text: &str| {
        secrets.sealer.seal(text.as_bytes(), place(column, id).as_bytes())
    };
    let login = profile.login.as_ref();
    let roles: Vec<_> = profile.roles.iter().map(|role| role.as_str().to_owned()).collect();
    args![
        member.version,
        member.sequence,
        member.last_at,
        seal("display_name", &profile.display_name),
        login.map_or("", |login| login.issuer.as_str()),
        login.map_or_else(Vec::new, |login| seal("subject", &login.subject)),
        blind(secrets, profile),
        json(&roles),
        json(&profile.teams),
        &profile.locale,
        member.active,
    ]
}

fn blind(secrets: &Secrets, profile: &Profile) -> Option<[u8; 32]> {
    profile.login.as_ref().map(|login| secrets.logins.of(&login.key()))
}

fn opened(sealer: &Sealer, row: Row) -> Result<Member, Error> {
    let open = |column: &str, stored: &[u8]| {
        let plain = sealer.open(stored, place(column, &row.id).as_bytes())?;
        String::from_utf8(plain).map_err(|_| Error::Corrupt("name"))
    };
    let login = if row.subject.is_empty() {
        None
    } else {
        Some(Login { issuer: row.issuer.clone(), subject: open("subject", &row.subject)? })
    };
    let profile = Profile {
        display_name: open("display_name", &row.display_name)?,
        login,
        roles: row.roles.0,
        teams: row.teams.0,
        locale: row.locale,
    };
    Ok(Member {
        id: row.id,
        aggregate: row.aggregate,
        version: row.version,
        sequence: row.sequence,
        last_at: Time::from_micros(row.last_at),
        profile,
        active: row.active,
        created_at: Time::from_micros(row.created_at),
        updated_at: Time::from_micros(row.updated_at),
    })
}

fn place(column: &str, id: &str) -> String {
    format!("members|{column}|{id}")
}
