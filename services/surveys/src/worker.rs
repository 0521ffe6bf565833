//! What time does to invitations: they come due, end, and what customers is to be told is told. Each
//! step is taken with the invitation held, so that it happens once, however many replicas look.

use std::{collections::HashMap, time::Duration};

use contracts::surveys::v1::{InvitationBlock, InvitationState};
use kernel::{InvitationId, TenantId, Time, fault::chain};
use store::{events::monotone, transact};
use tokio_util::sync::CancellationToken;

use crate::{
    App, Error,
    contact::{self, Verdict},
    domain::invitation::{Invitation, Step, Tell},
    events::{self, Author},
    invitations,
    store::{invitations as rows, surveys},
};

/// How many due invitations are looked at in one round.
const BATCH: i64 = 100;
/// The shortest and longest pause between two rounds; the clock may be moved, and others write too.
const PAUSE: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(500)];
/// How long one whose step failed is left alone, and what customers could not be told.
const REST: Duration = Duration::from_secs(30);

/// Those whose step failed, and when each is tried again.
type Failing = HashMap<InvitationId, Time>;

/// What is done to an invitation that is due, found out before it is held.
enum Do {
    Nothing,
    Expire,
    Suppress(Vec<InvitationBlock>),
    Ask(Verdict),
    Told(bool),
}

/// Runs until `stop`: lets what is due happen.
pub async fn run(app: App, stop: CancellationToken) {
    let mut failing = Failing::new();
    loop {
        let pause = match pass(&app, &stop, &mut failing).await {
            Ok(0) => PAUSE[1],
            Ok(_) => PAUSE[0],
            Err(error) => {
                tracing::warn!(error = %chain(&error), "invitations cannot be read, and are tried again");
                PAUSE[1]
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Lets everything happen that is due now; returns to how many something did.
pub async fn round(app: &App) -> Result<usize, Error> {
    pass(app, &CancellationToken::new(), &mut Failing::new()).await
}

#[expect(clippy::cast_precision_loss, reason = "a lag in seconds needs no 53 bits")]
async fn pass(app: &App, stop: &CancellationToken, failing: &mut Failing) -> Result<usize, Error> {
    let db = app.db.queue();
    let (now, mut after, mut moved) = (app.clock.now(), None, 0);
    failing.retain(|_, again| *again > now);
    loop {
        let due = rows::due(&db, now, after, BATCH).await?;
        if after.is_none() {
            let lag = due.first().map_or(0, |oldest| now.since(oldest.at));
            app.metrics.timer_lag.with_label_values(&["surveys"]).set(lag as f64 / 1e6);
        }
        for one in &due {
            if stop.is_cancelled() {
                return Ok(moved);
            }
            if failing.contains_key(&one.id) {
                continue;
            }
            match wake(app, one.tenant, one.id).await {
                Ok(happened) => moved += usize::from(happened),
                // One must not hold up the others.
                Err(error) => {
                    failing.insert(one.id, now + REST);
                    tracing::error!(invitation = %one.id, error = %chain(&error), "step of an invitation failed");
                }
            }
        }
        after = due.last().copied();
        if due.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            return Ok(moved);
        }
    }
}

/// Takes the step that is due; false where none was.
async fn wake(app: &App, tenant: TenantId, id: InvitationId) -> Result<bool, Error> {
    let Some(seen) = rows::get(&app.db, tenant, id).await? else { return Ok(false) };
    let what = find_out(app, tenant, &seen).await?;
    let author = Author::suite(tenant, "");
    transact!(app.db, "invitation.step", |tx| {
        let (before, at) = invitations::hold(app, &author, tx, id).await?;
        // Somebody else took a step meanwhile.
        if before.version != seen.version {
            return Ok(false);
        }
        let Some(step) = step(before.clone(), &what, at) else { return Ok(false) };
        let (_, happened) = invitations::save(&author, tx, &before, step, at).await?;
        events::append(app, &author, tx, happened).await?;
        Ok::<_, Error>(true)
    })
}

/// What is to be done, asked of others before anything is held.
async fn find_out(app: &App, tenant: TenantId, seen: &Invitation) -> Result<Do, Error> {
    let now = app.clock.now();
    if let Some(tell) = seen.body.tell.filter(|tell| tell.at <= now) {
        return Ok(Do::Told(contact::complete(app, tenant, &seen.body.contact, tell.sent).await));
    }
    if seen.wake().is_none_or(|at| at > now) {
        return Ok(Do::Nothing);
    }
    if now >= seen.body.expires {
        return Ok(Do::Expire);
    }
    if seen.state != InvitationState::Pending {
        return Ok(Do::Nothing);
    }
    let survey = surveys::get(&app.db, tenant, seen.survey).await?;
    if survey.is_none_or(|survey| survey.archived) {
        return Ok(Do::Suppress(vec![InvitationBlock::Archived]));
    }
    let Some(customer) = seen.body.origin.customer else {
        return Ok(Do::Suppress(vec![InvitationBlock::NoCustomer]));
    };
    Ok(Do::Ask(contact::reserve(app, tenant, customer, seen).await))
}

fn step(before: Invitation, what: &Do, at: Time) -> Option<Step> {
    Some(match what {
        Do::Nothing => return None,
        Do::Expire => before.expire(at),
        Do::Suppress(blocks) => before.suppress(blocks, at),
        Do::Ask(Verdict::Granted { contact, until }) => before.request(contact.clone(), *until, at),
        Do::Ask(Verdict::Nobody) => before.suppress(&[InvitationBlock::NoCustomer], at),
        Do::Ask(Verdict::Away) => before.wait_for_customers(at),
        Do::Ask(Verdict::Refused { blocks, again }) => match again {
            Some(again) if *again < before.body.expires => {
                before.put_off(blocks, monotone(*again, at))
            }
            Some(_) | None => before.suppress(blocks, at),
        },
        Do::Told(told) => {
            let mut after = before;
            let later = after.body.tell.map(|tell| Tell { at: at + REST, ..tell });
            after.body.tell = later.filter(|_| !told);
            Step { invitation: after, changes: Vec::new() }
        }
    })
}
