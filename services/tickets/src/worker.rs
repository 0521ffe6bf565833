//! The timer: one per ticket, kept on its row. Whatever is due is done in one transaction with the
//! ticket held, so that each notice is given once, however many replicas look.

use std::time::Duration;

use ::store::{events, transact};
use kernel::{TenantId, TicketId, Time};
use tokio_util::sync::CancellationToken;

use crate::{
    app::App,
    command::{Author, Decision, context, save},
    convert,
    domain::{
        Actor,
        ticket::{Changed, Happening},
    },
    error::Error,
    link,
    store::{tickets, tickets::Stored},
};

/// How many due tickets are looked at in one round.
const BATCH: i64 = 100;
/// The longest and shortest pause between two rounds. The clock may be moved, and other replicas
/// write too, so the next time is looked up again and again rather than slept for.
const PAUSE: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(500)];

/// Runs until `stop`: lets what is due happen.
pub async fn run(app: App, stop: CancellationToken) {
    loop {
        let pause = match pass(&app, &stop).await {
            Ok(0) => PAUSE[1],
            Ok(_) => PAUSE[0],
            Err(error) => {
                tracing::warn!(error = %chain(&error), "timers could not be run, and are tried again");
                PAUSE[1]
            }
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Lets everything happen that is due now; returns to how many tickets something did.
pub async fn round(app: &App) -> Result<usize, Error> {
    pass(app, &CancellationToken::new()).await
}

async fn pass(app: &App, stop: &CancellationToken) -> Result<usize, Error> {
    let db = app.db().queue();
    let (now, mut after, mut moved) = (app.clock().now(), None, 0);
    // A customers that does not answer is asked once in a pass, or it would hold up all timers.
    let mut away = false;
    loop {
        let due = tickets::due(&db, now, after, BATCH).await?;
        for one in &due {
            if stop.is_cancelled() {
                return Ok(moved);
            }
            match wake(app, one.tenant, one.id, &mut away).await {
                Ok(happened) => moved += usize::from(happened),
                // One ticket must not hold up the others; it is due again in the next pass.
                Err(error) => {
                    tracing::error!(error = %chain(&error), "timer of a ticket failed");
                }
            }
        }
        after = due.last().copied();
        if due.len() < usize::try_from(BATCH).unwrap_or(usize::MAX) {
            return Ok(moved);
        }
    }
}

/// Lets happen what is due to one ticket; false where nothing was.
async fn wake(app: &App, tenant: TenantId, id: TicketId, away: &mut bool) -> Result<bool, Error> {
    // Another installation's tenant, or one that is not configured any more.
    let Some(settings) = app.settings(tenant) else { return Ok(false) };
    let customer = linked(app, tenant, id, away).await?;
    let actor = Actor::suite();
    let happened = transact!(app.db(), "ticket.tick", |tx| {
        let Some(stored) = tickets::lock(tx, tenant, id).await? else { return Ok(None) };
        let now = app.clock().now();
        if stored.ticket.wake().is_none_or(|at| at > now) {
            return Ok(None);
        }
        let at = events::monotone(now, stored.ticket.last_at);
        let cx = context(settings, &actor, at);
        let changed = stored.ticket.clone().tick(&cx);
        let mut changed = changed.map_err(|refusal| Error::refused(&id.name(), refusal))?;
        if tickets::link_is_due(&changed.ticket, now) {
            changed = link_now(changed, customer, &cx);
        }
        let happened = changed.happened.clone();
        save(tx, app, &Author::suite(), at, stored, Decision::from(changed)).await?;
        Ok::<_, Error>(Some(happened))
    })?;
    count(app, happened.as_deref().unwrap_or_default());
    Ok(happened.is_some())
}

/// Applies what became of the contact to a ticket whose link is due.
fn link_now(
    ticked: Changed,
    outcome: Option<link::Outcome>,
    cx: &crate::domain::ticket::Context<'_>,
) -> Changed {
    let Changed { mut ticket, mut happened, moves } = ticked;
    match outcome {
        Some(link::Outcome::Customer(customer)) if ticket.customer.is_none() => {
            let linked = ticket.link(customer, cx);
            happened.extend(linked.happened);
            ticket = linked.ticket;
        }
        Some(link::Outcome::Away) | None => ticket.link_later(cx.at),
        Some(link::Outcome::Customer(_) | link::Outcome::Nobody) => ticket.body.link = None,
    }
    Changed { ticket, happened, moves }
}

/// Asks customers for a ticket whose contact is to be resolved now, before any transaction is open.
async fn linked(
    app: &App,
    tenant: TenantId,
    id: TicketId,
    away: &mut bool,
) -> Result<Option<link::Outcome>, Error> {
    let Some(Stored { ticket, texts }) = tickets::get(app.db(), tenant, id).await? else {
        return Ok(None);
    };
    if !tickets::link_is_due(&ticket, app.clock().now()) {
        return Ok(None);
    }
    let Some(contact) = convert::open_contact(app, &ticket, &texts)? else {
        return Ok(Some(link::Outcome::Nobody));
    };
    if *away {
        return Ok(Some(link::Outcome::Away));
    }
    let outcome = link::resolve(app, tenant, &contact, None).await;
    *away = outcome == link::Outcome::Away;
    Ok(Some(outcome))
}

fn count(app: &App, happened: &[Happening]) {
    use contracts::tickets::v1::ticket_event::Change;
    for one in happened {
        let Change::ClockChanged(clock) = &one.change else { continue };
        let notice = one.kind.trim_start_matches("clock.");
        if matches!(notice, "warned" | "breached") {
            let metric = clock.metric().as_str_name();
            app.metrics().clock_notices.with_label_values(&[metric, notice]).inc();
        }
    }
}

/// When the next timer is due, for tests and for the curious.
pub async fn next_wake(app: &App) -> Result<Option<Time>, Error> {
    Ok(tickets::next_wake(app.db()).await?)
}

fn chain(error: &Error) -> String {
    let mut chain = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(here) = cause {
        chain.push_str(": ");
        chain.push_str(&here.to_string());
        cause = here.source();
    }
    chain
}
