//! What every command on something that exists does around its decision: the row held, the request
//! id, the etag, the write with its event. In one transaction.

use contracts::gateway::v1::gateway_event::Change;
use kernel::{ApiKeyId, TenantId, Time, etag::Demand};
use rpc::Call;
use store::{Tx, events::monotone, idempotency::Once, transact};

use crate::{
    App, Error,
    authority::{self, is_own, reaches, reaches_staff},
    domain::{
        Refusal,
        api_key::ApiKey,
        member::{Member, Team, name as member_name, team_name},
        tenant::Tenant,
    },
    error::Kind,
    events::{self, Place},
    store::{
        api_keys, members,
        names::{self, NameKind},
        teams, tenants,
    },
};

/// A command on one resource, as its request names it.
#[derive(Debug)]
pub(crate) struct Command<I> {
    pub(crate) id: I,
    pub(crate) etag: Demand,
    pub(crate) once: Once,
}

/// What was decided: the resource as it is then, and what happened to it; `None` for nothing.
pub(crate) type Decision<T> = Option<(T, Change)>;

/// Whether a request is to be carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Admitted {
    /// It is new, and the caller knows the present version if that matters.
    New,
    /// The same was carried out before: the answer is the resource as it is now.
    Done,
}

/// Claims the request id and compares the etag.
async fn admit<I>(
    command: &Command<I>,
    tx: &mut Tx,
    name: &str,
    version: i64,
) -> Result<Admitted, Error> {
    if command.once.claim(tx, name, version + 1).await?.is_some() {
        return Ok(Admitted::Done);
    }
    if !command.etag.admits(version) {
        return Err(Error::StaleEtag { name: name.to_owned() });
    }
    Ok(Admitted::New)
}

/// Runs a command on a tenant that the caller reaches.
pub(crate) async fn on_tenant(
    app: &App,
    call: &Call,
    command: &Command<TenantId>,
    decide: impl Fn(Tenant, Time) -> Result<Decision<Tenant>, Error> + Send + Sync,
) -> Result<Tenant, Error> {
    let name = command.id.name();
    if !reaches(call, command.id) {
        return Err(Error::missing(Kind::Tenant, &name));
    }
    transact!(app.db, "tenant.command", |tx| {
        let before = tenants::lock(tx, command.id).await?;
        let before = before.ok_or_else(|| Error::missing(Kind::Tenant, &name))?;
        if admit(command, tx, &name, before.version).await? == Admitted::Done {
            return Ok(before);
        }
        let at = monotone(app.clock.now(), before.last_at);
        let Some((after, change)) = decide(before.clone(), at)? else { return Ok(before) };
        let (old, new) = (&before.profile.hosts, &after.profile.hosts);
        names::give_up(tx, after.id, NameKind::Host, &without(old, new)).await?;
        names::take(tx, after.id, NameKind::Host, &without(new, old)).await?;
        tenants::update(tx, &after).await?;
        events::append(app, call, tx, Place::of_tenant(&after), change).await?;
        Ok::<_, Error>(after)
    })
}

/// What is in `all` and not in `others`.
fn without(all: &[String], others: &[String]) -> Vec<String> {
    all.iter().filter(|one| !others.contains(one)).cloned().collect()
}

/// Runs a command on a person of the caller's staff. `decide` is told whether it is the caller. The
/// caller covers what the person holds before and after it, and one active admin is left.
pub(crate) async fn on_member(
    app: &App,
    call: &Call,
    command: &Command<String>,
    decide: impl Fn(Member, bool, Time) -> Result<Decision<Member>, Error> + Send + Sync,
) -> Result<Member, Error> {
    let (tenant, name) = (call.tenant(), member_name(&command.id));
    let secrets = app.secrets(tenant);
    if !reaches_staff(call) {
        return Err(Error::missing(Kind::Member, &name));
    }
    transact!(app.db, "member.command", |tx| {
        let before = members::lock(tx, tenant, &secrets.sealer, &command.id).await?;
        let before = before.ok_or_else(|| Error::missing(Kind::Member, &name))?;
        if admit(command, tx, &name, before.version).await? == Admitted::Done {
            return Ok(before);
        }
        let at = monotone(app.clock.now(), before.last_at);
        authority::check_roles(app, call, &before.profile.roles)?;
        let decided = decide(before.clone(), is_own(call, &before), at)?;
        let Some((after, change)) = decided else { return Ok(before) };
        authority::check_roles(app, call, &after.profile.roles)?;
        check_links(tx, tenant, &secrets, &before, &after).await?;
        let more = i64::from(after.runs_tenant()) - i64::from(before.runs_tenant());
        if !tenants::count_admins(tx, tenant, more).await? {
            return Err(last_admin(&name));
        }
        let moves = before.profile.teams != after.profile.teams;
        members::update(tx, tenant, &secrets, &after, moves).await?;
        events::append(app, call, tx, Place::of_member(tenant, &after), change).await?;
        Ok::<_, Error>(after)
    })
}

/// Refuses teams that there are not, and the login of somebody else.
async fn check_links(
    tx: &mut Tx,
    tenant: TenantId,
    secrets: &members::Secrets,
    before: &Member,
    after: &Member,
) -> Result<(), Error> {
    let joined = without(&after.profile.teams, &before.profile.teams);
    if let Some(missing) = teams::first_missing(tx, tenant, &joined).await? {
        return Err(Error::missing(Kind::Team, &team_name(missing)));
    }
    if after.profile.login == before.profile.login {
        return Ok(());
    }
    match members::owner(tx, tenant, secrets, &after.profile).await? {
        Some(owner) if owner != after.id => Err(Error::LoginTaken { member: member_name(&owner) }),
        _ => Ok(()),
    }
}

fn last_admin(name: &str) -> Error {
    let why = "this is the last active person with the role admin";
    Error::refused(name, Refusal::one("LAST_ADMIN", name, why))
}

/// Runs a command on a team of the caller's staff.
pub(crate) async fn on_team(
    app: &App,
    call: &Call,
    command: &Command<String>,
    decide: impl Fn(Team, Time) -> Decision<Team> + Send + Sync,
) -> Result<Team, Error> {
    let (tenant, name) = (call.tenant(), team_name(&command.id));
    if !reaches_staff(call) {
        return Err(Error::missing(Kind::Team, &name));
    }
    transact!(app.db, "team.command", |tx| {
        let before = teams::lock(tx, tenant, &command.id).await?;
        let before = before.ok_or_else(|| Error::missing(Kind::Team, &name))?;
        if admit(command, tx, &name, before.version).await? == Admitted::Done {
            return Ok(before);
        }
        let at = monotone(app.clock.now(), before.last_at);
        let Some((after, change)) = decide(before.clone(), at) else { return Ok(before) };
        teams::update(tx, tenant, &after).await?;
        events::append(app, call, tx, Place::of_team(tenant, &after), change).await?;
        Ok::<_, Error>(after)
    })
}

/// Runs a command on a key of the caller's tenant; also says whether anything happened.
pub(crate) async fn on_key(
    app: &App,
    call: &Call,
    command: &Command<ApiKeyId>,
    decide: impl Fn(ApiKey, Time) -> Result<Decision<ApiKey>, Error> + Send + Sync,
) -> Result<(ApiKey, bool), Error> {
    let (tenant, name) = (call.tenant(), command.id.name());
    if !reaches_staff(call) {
        return Err(Error::missing(Kind::ApiKey, &name));
    }
    transact!(app.db, "api_key.command", |tx| {
        let before = api_keys::lock(tx, tenant, command.id).await?;
        let before = before.ok_or_else(|| Error::missing(Kind::ApiKey, &name))?;
        if admit(command, tx, &name, before.version).await? == Admitted::Done {
            return Ok((before, false));
        }
        let at = monotone(app.clock.now(), before.last_at);
        let Some((after, change)) = decide(before.clone(), at)? else { return Ok((before, false)) };
        api_keys::update(tx, tenant, &after).await?;
        events::append(app, call, tx, Place::of_key(tenant, &after), change).await?;
        Ok::<_, Error>((after, true))
    })
}
