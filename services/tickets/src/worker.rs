//! The timer: one per ticket, kept on its row. Whatever is due is done in one transaction with the
//! ticket held, so that each notice is given once, however many replicas look.

use std::{collections::HashMap, time::Duration};

use ::store::{events, transact};
use kernel::{CustomerId, TenantId, TicketId, Time, fault::chain};
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
/// The longest that a ticket whose timer failed is left alone.
const LONGEST_REST: Duration = Duration::from_mins(10);

/// The tickets whose timers failed: how often in a row, and when each is tried again. Without it each
/// would be tried, and complained of, in every pass.
type Failing = HashMap<TicketId, (u32, Time)>;

/// Runs until `stop`: lets what is due happen.
pub async fn run(app: App, stop: CancellationToken) {
    let mut failing = Failing::new();
    loop {
        let pause = match pass(&app, &stop, &mut failing).await {
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
    pass(app, &CancellationToken::new(), &mut Failing::new()).await
}

async fn pass(app: &App, stop: &CancellationToken, failing: &mut Failing) -> Result<usize, Error> {
    let db = app.db().queue();
    let (now, mut after, mut moved) = (app.clock().now(), None, 0);
    // Tenants that are not configured any more, and another installation's, are not ours to wake.
    let tenants = app.tenants();
    // A customers that does not answer is asked once in a pass, or it would hold up all timers.
    let mut away = false;
    loop {
        let due = tickets::due(&db, &tenants, now, after, BATCH).await?;
        if after.is_none() {
            measure(app, due.first().map_or(0, |oldest| now.since(oldest.at)));
        }
        for one in &due {
            if stop.is_cancelled() {
                return Ok(moved);
            }
            if failing.get(&one.id).is_some_and(|(_, again)| *again > now) {
                continue;
            }
            match wake(app, one.tenant, one.id, &mut away).await {
                Ok(happened) => {
                    moved += usize::from(happened);
                    failing.remove(&one.id);
                }
                // One ticket must not hold up the others.
                Err(error) => {
                    let times = failing.get(&one.id).map_or(0, |(times, _)| *times) + 1;
                    let rest = Duration::from_secs(1 << times.min(10)).min(LONGEST_REST);
                    failing.insert(one.id, (times, now + rest));
                    tracing::error!(ticket = %one.id, times, error = %chain(&error), "timer of a ticket failed");
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
    let Some(settings) = app.settings(tenant) else { return Ok(false) };
    let asked = ask(app, tenant, id, away).await?;
    let actor = Actor::suite();
    let happened = transact!(app.db(), "ticket.tick", |tx| {
        let Some(stored) = tickets::lock(tx, tenant, id).await? else { return Ok(None) };
        let now = app.clock().now();
        if stored.ticket.wake().is_none_or(|at| at > now) {
            return Ok(None);
        }
        let at = events::monotone(now, stored.ticket.last_at);
        let cx = context(&settings, &actor, at);
        let changed = stored.ticket.clone().tick(&cx);
        let mut changed = changed.map_err(|refusal| Error::refused(&id.name(), refusal))?;
        if tickets::link_is_due(&changed.ticket, now) {
            changed = link_now(changed, asked, &cx);
        }
        let happened = changed.happened.clone();
        save(tx, app, &Author::suite(), at, stored, Decision::from(changed)).await?;
        Ok::<_, Error>(Some(happened))
    })?;
    count(app, happened.as_deref().unwrap_or_default());
    Ok(happened.is_some())
}

/// What customers was asked for a ticket, and what it said.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// Whether there is this customer; `None` where it was asked whose the contact is.
    customer: Option<CustomerId>,
    outcome: link::Outcome,
}

/// Applies what customers said to a ticket that waits for it.
fn link_now(
    ticked: Changed,
    asked: Option<Asked>,
    cx: &crate::domain::ticket::Context<'_>,
) -> Changed {
    use link::Outcome::{Away, Customer, Nobody};
    let Changed { mut ticket, mut happened, moves } = ticked;
    let Some(Asked { customer: named, outcome }) = asked else {
        ticket.link_later(cx.at);
        return Changed { ticket, happened, moves };
    };
    // Another customer was named meanwhile: what was asked does not matter any more.
    if named != ticket.customer {
        return Changed { ticket, happened, moves };
    }
    match (outcome, named) {
        (Away, _) => ticket.link_later(cx.at),
        (Customer(_), Some(_)) => ticket.body.link = None,
        (Customer(found), None) => {
            let linked = ticket.link(found, cx);
            happened.extend(linked.happened);
            ticket = linked.ticket;
        }
        (Nobody, Some(_)) => {
            let unlinked = ticket.unlink(cx);
            happened.extend(unlinked.happened);
            ticket = unlinked.ticket;
        }
        (Nobody, None) => {
            let told = ticket.reach_nobody(cx);
            happened.extend(told.happened);
            ticket = told.ticket;
        }
    }
    Changed { ticket, happened, moves }
}

/// Asks customers what is pending for a ticket, before any transaction is open.
async fn ask(
    app: &App,
    tenant: TenantId,
    id: TicketId,
    away: &mut bool,
) -> Result<Option<Asked>, Error> {
    let Some(Stored { ticket, texts }) = tickets::get(app.db(), tenant, id).await? else {
        return Ok(None);
    };
    if !tickets::link_is_due(&ticket, app.clock().now()) {
        return Ok(None);
    }
    let answered = |outcome| Ok(Some(Asked { customer: ticket.customer, outcome }));
    if *away {
        return answered(link::Outcome::Away);
    }
    let outcome = if let Some(customer) = ticket.customer {
        link::check(app, tenant, customer, None).await
    } else {
        match convert::open_contact(app, &ticket, &texts) {
            Ok(Some(contact)) => link::resolve(app, tenant, &contact, None).await,
            Ok(None) => link::Outcome::Nobody,
            // Its clocks must not wait until the contact can be read again.
            Err(error) => {
                tracing::error!(ticket = %id, error = %chain(&error), "contact cannot be read, and is tried later");
                return answered(link::Outcome::Away);
            }
        }
    };
    *away = outcome == link::Outcome::Away;
    answered(outcome)
}

/// Tells how late the oldest timer that is due is.
#[expect(clippy::cast_precision_loss, reason = "a lag in seconds needs no 53 bits")]
fn measure(app: &App, micros: i64) {
    app.metrics().timer_lag.with_label_values(&["tickets"]).set(micros as f64 / 1e6);
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

#[cfg(test)]
mod tests {
    use ::store::{Sql, args};
    use contracts::tickets::v1 as pb;

    use super::*;
    use crate::fixture::*;

    /// A ticket with a clock of two minutes whose contact is still to be resolved.
    async fn urgent(house: &House) -> TicketId {
        house.customers_away(true);
        let chat = pb::Ticket {
            channel: pb::Channel::WebChat.into(),
            contact: Some(contact()),
            ..inquiry()
        };
        let ticket = house.client(system(1)).create(chat).await;
        house.customers_away(false);
        TicketId::parse_name(&ticket.name).unwrap()
    }

    async fn spoil(house: &House, sql: Sql, ticket: TicketId) {
        transact!(house.app.db(), "test.spoil", |tx| {
            tx.execute(sql, args![tenant(1), ticket]).await
        })
        .unwrap();
    }

    #[tokio::test]
    async fn a_contact_that_cannot_be_read_does_not_stop_the_clocks() {
        const SPOIL: Sql =
            Sql::both("UPDATE ticket_texts SET contact = ticket WHERE tenant = $1 AND ticket = $2");
        let house = House::new().await;
        let id = urgent(&house).await;
        spoil(&house, SPOIL, id).await;
        house.later(Duration::from_hours(1)).await;
        assert!(house.history(&id.name()).await.contains(&"clock.breached".to_owned()));
    }

    #[tokio::test]
    async fn a_ticket_whose_timer_fails_is_left_alone_for_longer_and_longer() {
        const SPOIL: Sql =
            Sql::both("UPDATE tickets SET category = 'SPOILT' WHERE tenant = $1 AND id = $2");
        let house = House::new().await;
        let id = urgent(&house).await;
        let other = urgent(&house).await;
        spoil(&house, SPOIL, id).await;
        house.clock.advance(Duration::from_hours(1));
        let (stop, mut failing) = (CancellationToken::new(), Failing::new());
        for (later, times) in [(0, 1), (1, 1), (1, 2), (2, 2), (2, 3)] {
            house.clock.advance(Duration::from_secs(later));
            pass(&house.app, &stop, &mut failing).await.unwrap();
            assert_eq!(failing.get(&id).map(|(times, _)| *times), Some(times));
        }
        assert_eq!(failing.len(), 1);
        assert!(house.history(&other.name()).await.contains(&"clock.breached".to_owned()));
    }
}
