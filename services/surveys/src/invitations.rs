//! What every step of an invitation does around its decision: the row held, the write with its events.
//! In one transaction.

use contracts::surveys::v1 as pb;
use kernel::{InvitationId, Time, etag::Demand, link::Opens};
use rpc::Call;
use store::{Tx, events::monotone, idempotency::Once};

use crate::{
    App, Error,
    command::reaches,
    convert,
    domain::invitation::{Invitation, Step},
    events::{self, Author, Happened},
    store::{drafts, invitations},
};

/// A command on an invitation, as its request names it.
#[derive(Debug)]
pub(crate) struct Command {
    pub(crate) id: InvitationId,
    pub(crate) etag: Demand,
    pub(crate) once: Once,
}

/// An invitation that the caller may read.
pub(crate) async fn find(app: &App, call: &Call, id: InvitationId) -> Result<Invitation, Error> {
    let found =
        if reaches(call) { invitations::get(&app.db, call.tenant(), id).await? } else { None };
    found.ok_or_else(|| Error::no_invitation(&id.name()))
}

/// The same on the wire.
pub(crate) async fn read(
    app: &App,
    call: &Call,
    id: InvitationId,
) -> Result<pb::Invitation, Error> {
    Ok(convert::invitation(&find(app, call, id).await?))
}

/// The invitation that the caller's link opens, and whether it can be answered: that of a ticket is the
/// one about its last resolution.
pub(crate) async fn opened(app: &App, call: &Call) -> Result<Invitation, Error> {
    let (tenant, now) = (call.tenant(), app.clock.now());
    let found = match call.caller.link {
        Some(Opens::Invitation(id)) => invitations::get(&app.db, tenant, id).await?,
        Some(Opens::Ticket(ticket)) => {
            about(invitations::newest_of(&app.db, tenant, ticket).await?, now)
        }
        None => None,
    };
    let found = found.ok_or_else(|| Error::no_invitation("invitations/-"))?;
    if found.is_answerable(now) { Ok(found) } else { Err(Error::invitation_state(&found, now)) }
}

/// Of a ticket's invitations, newest first, the one that its page speaks of: about its last resolution,
/// and if several surveys ask about it, one that can be answered. What was taken back is none.
fn about(newest: Vec<Invitation>, now: Time) -> Option<Invitation> {
    let last = newest.first()?.body.instance;
    let of_last = newest.into_iter().take_while(|one| one.body.instance == last);
    let mut standing: Vec<_> = of_last.filter(|one| !one.is_withdrawn()).collect();
    let open = standing.iter().position(|one| one.is_answerable(now)).unwrap_or(0);
    (!standing.is_empty()).then(|| standing.swap_remove(open))
}

/// Holds an invitation for a step, with the instant of its next event.
pub(crate) async fn hold(
    app: &App,
    author: &Author,
    tx: &mut Tx,
    id: InvitationId,
) -> Result<(Invitation, Time), Error> {
    let held = invitations::lock(tx, author.tenant, id).await?;
    let held = held.ok_or_else(|| Error::no_invitation(&id.name()))?;
    let at = monotone(app.clock.now(), held.last_at);
    Ok((held, at))
}

/// Holds the invitation of a command; `None` where the same request was carried out before.
pub(crate) async fn hold_for(
    app: &App,
    call: &Call,
    tx: &mut Tx,
    command: &Command,
) -> Result<Option<(Invitation, Time)>, Error> {
    let name = command.id.name();
    if !reaches(call) {
        return Err(Error::no_invitation(&name));
    }
    let (held, at) = hold(app, &Author::of(call), tx, command.id).await?;
    if command.once.claim(tx, &name, held.version + 1).await?.is_some() {
        return Ok(None);
    }
    if !command.etag.admits(held.version) {
        return Err(Error::StaleEtag { name });
    }
    Ok(Some((held, at)))
}

/// Writes a new invitation with its first event; false where its reason has asked already.
pub(crate) async fn create(
    app: &App,
    author: &Author,
    tx: &mut Tx,
    invitation: Invitation,
) -> Result<bool, Error> {
    let Step { invitation, changes } = invitation.created();
    if !invitations::insert(tx, author.tenant, &invitation).await? {
        return Ok(false);
    }
    let happened = numbered(&invitation, changes, invitation.last_at, 1);
    events::append(app, author, tx, happened).await?;
    Ok(true)
}

/// Writes an invitation as it is after a step, and gives what happened on it, which is appended with
/// whatever else happened.
pub(crate) async fn save(
    author: &Author,
    tx: &mut Tx,
    before: &Invitation,
    step: Step,
    at: Time,
) -> Result<(Invitation, Vec<Happened>), Error> {
    let Step { invitation: mut after, changes } = step;
    if changes.is_empty() && after == *before {
        return Ok((after, Vec::new()));
    }
    let happened = numbered(&after, changes, at, before.sequence + 1);
    // What nobody sees of it is no other version.
    if convert::invitation(&after) != convert::invitation(before) {
        after.version = before.version + 1;
    }
    if let Some(last) = happened.last() {
        (after.sequence, after.last_at) = (last.sequence, last.at);
    }
    invitations::update(tx, author.tenant, &after).await?;
    if after.is_over() {
        // Words that nobody submitted are nobody's to keep.
        drafts::remove(tx, author.tenant, after.id).await?;
    } else if after.body.expires != before.body.expires {
        drafts::keep_until(tx, author.tenant, &after).await?;
    }
    Ok((after, happened))
}

fn numbered(
    invitation: &Invitation,
    changes: Vec<pb::survey_event::Change>,
    at: Time,
    first: i64,
) -> Vec<Happened> {
    let happened =
        |(change, sequence)| Happened { aggregate: invitation.id.uuid(), sequence, at, change };
    changes.into_iter().zip(first..).map(happened).collect()
}
