//! What time does to invitations: they come due, end, and what customers is to be told is told. Each
//! step is taken with the invitation held, so that it happens once, however many replicas look.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use contracts::surveys::v1::{InvitationBlock, InvitationState};
use kernel::{InvitationId, TenantId, Time, fault::chain};
use store::{events::monotone, transact};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    App, Error,
    contact::{self, Verdict},
    domain::invitation::{Invitation, Step, Tell},
    events::{self, Author},
    invitations,
    store::{drafts, invitations as rows, surveys, tenants},
};

/// How many due invitations are looked at in one round.
const BATCH: i64 = 100;
/// The shortest and longest pause between two rounds; the clock may be moved, and others write too.
const PAUSE: [Duration; 2] = [Duration::from_millis(20), Duration::from_millis(500)];
/// How long one whose step failed is left alone, and what customers could not be told.
const REST: Duration = Duration::from_secs(30);

/// How often drafts of what has ended are forgotten.
const PRUNED_EVERY: Duration = Duration::from_mins(1);

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
    let (mut failing, mut pruned) = (Failing::new(), None::<Instant>);
    loop {
        if pruned.is_none_or(|at| at.elapsed() >= PRUNED_EVERY) {
            pruned = Some(Instant::now());
            if let Err(error) = prune(&app).await {
                tracing::warn!(error = %chain(&error), "drafts cannot be forgotten now");
            }
        }
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
    prune(app).await?;
    pass(app, &CancellationToken::new(), &mut Failing::new()).await
}

/// Forgets what was answered so far to invitations that have ended.
async fn prune(app: &App) -> Result<(), Error> {
    let now = app.clock.now();
    transact!(app.db.queue(), "drafts.prune", |tx| drafts::prune(tx, now).await)
}

#[expect(clippy::cast_precision_loss, reason = "a lag in seconds needs no 53 bits")]
async fn pass(app: &App, stop: &CancellationToken, failing: &mut Failing) -> Result<usize, Error> {
    let db = app.db.queue();
    let (now, mut after, mut moved) = (app.clock.now(), None, 0);
    failing.retain(|_, again| *again > now);
    // Those of another installation on the same database are not ours to ask.
    let mut ours: HashSet<_> = app.homes.keys().copied().collect();
    ours.extend(tenants::all(&db).await?);
    let ours: Vec<_> = ours.into_iter().collect();
    loop {
        let due = rows::due(&db, &ours, now, after, BATCH).await?;
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
    let taken = transact!(app.db, "invitation.step", |tx| {
        let (before, at) = invitations::hold(app, &author, tx, id).await?;
        // Somebody else took a step meanwhile.
        if before.version != seen.version {
            return Ok(false);
        }
        let Some(step) = step(before.clone(), &what, at) else { return Ok(false) };
        let (_, happened) = invitations::save(&author, tx, &before, step, at).await?;
        events::append(app, &author, tx, happened).await?;
        Ok::<_, Error>(true)
    })?;
    if let Do::Ask(Verdict::Granted { contact, .. }) = &what
        && !taken
    {
        give_back(app, tenant, id, contact).await?;
    }
    Ok(taken)
}

/// Gives back a contact that was granted for a step that somebody else came before, unless that was the
/// same step: its place is another's.
async fn give_back(
    app: &App,
    tenant: TenantId,
    id: InvitationId,
    contact: &str,
) -> Result<(), Error> {
    let now = rows::get(&app.db, tenant, id).await?;
    if now.is_none_or(|now| now.body.contact != contact) {
        contact::complete(app, tenant, contact, false).await;
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use contracts::{
        surveys::v1::{
            ArchiveSurveyRequest, DeliveryOutcome, ReportDeliveryRequest, RevokeInvitationRequest,
        },
        tickets::v1::{TicketReopened, ticket_event::Change},
    };

    use super::*;
    use crate::rpc::{
        archive_survey, create_invitation_link,
        fixture::{Fixture, editor},
        report_delivery, revoke_invitation,
    };

    const DAY: Duration = Duration::from_hours(24);

    #[tokio::test]
    async fn a_resolution_asks_once_after_its_delay() {
        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        fixture.live("Nobody is asked this").await;
        let customer = fixture.customer(1).await;
        let ticket = fixture.resolve(1, Some(customer)).await;
        fixture.resolve(1, Some(customer)).await;
        fixture.later(Duration::from_secs(24 * 3_600 - 1)).await;
        let waiting = fixture.invitation(&ticket).await;
        assert_eq!(waiting.state(), InvitationState::Pending);
        fixture.later(Duration::from_secs(1)).await;
        let asked = fixture.invitation(&ticket).await;
        assert_eq!(asked.name, waiting.name, "however often it is told");
        assert_eq!(asked.state(), InvitationState::Requested);
        assert_eq!(
            fixture.events_of(&asked.name).await,
            ["invitation.created", "delivery.requested"]
        );
        let report = |outcome: DeliveryOutcome| ReportDeliveryRequest {
            name: asked.name.clone(),
            outcome: outcome.into(),
        };
        let app = || fixture.app.clone();
        let sent = report_delivery::handle(app(), editor(), report(DeliveryOutcome::Sent)).await;
        assert_eq!(sent.unwrap().state(), InvitationState::Delivered);
        fixture.later(Duration::from_secs(1)).await;
        let told = fixture.app.db.clone();
        let id = InvitationId::parse_name(&asked.name).unwrap();
        let tenant = crate::rpc::fixture::tenant(1);
        let kept = rows::get(&told, tenant, id).await.unwrap().unwrap();
        assert_eq!(kept.body.tell, None, "customers knows");
        fixture.later(DAY * 15).await;
        assert_eq!(fixture.invitation(&ticket).await.state(), InvitationState::Expired);
    }

    #[tokio::test]
    async fn a_reopening_takes_it_back_and_the_next_resolution_asks_anew() {
        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        let customer = fixture.customer(1).await;
        let ticket = fixture.resolve(1, Some(customer)).await;
        let first = fixture.invitation(&ticket).await;
        let (reopened, then) =
            (Change::Reopened(TicketReopened { reopen_count: 1 }), fixture.clock.now());
        fixture.happens(1, Some(customer), reopened.clone()).await;
        assert_eq!(fixture.invitation(&ticket).await.state(), InvitationState::Cancelled);
        fixture.clock.advance(Duration::from_secs(1));
        let again = contracts::tickets::v1::TicketResolved { instance: 2, ..Default::default() };
        fixture.happens(1, Some(customer), Change::Resolved(again)).await;
        // What is told again after a rewind takes nothing back that came later.
        fixture.happened(1, Some(customer), reopened, then).await;
        let second = fixture.invitation(&ticket).await;
        assert_ne!(second.name, first.name);
        fixture.later(DAY).await;
        assert_eq!(fixture.invitation(&ticket).await.state(), InvitationState::Requested);
    }

    #[tokio::test]
    async fn who_must_not_be_asked_is_not_and_the_reason_is_kept() {
        use InvitationState::{Pending, Requested, Suppressed};

        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        let customer = fixture.customer(1).await;
        let first = fixture.resolve(1, Some(customer)).await;
        fixture.later(Duration::from_secs(1)).await;
        let second = fixture.resolve(2, Some(customer)).await;
        let nobodys = fixture.resolve(3, None).await;
        let unknown = fixture.resolve(4, Some(uuid::Uuid::from_u128(77).into())).await;
        fixture.later(DAY).await;
        let state = async |ticket: &str| {
            let one = fixture.invitation(ticket).await;
            let blocks: Vec<_> = one.blocks().collect();
            (one.state(), blocks)
        };
        assert_eq!(state(&first).await, (Requested, vec![]));
        assert_eq!(state(&second).await, (Pending, vec![InvitationBlock::Cap]));
        assert_eq!(state(&nobodys).await, (Suppressed, vec![InvitationBlock::NoCustomer]));
        assert_eq!(state(&unknown).await, (Suppressed, vec![InvitationBlock::NoCustomer]));
        fixture.later(DAY * 7).await;
        assert_eq!(state(&second).await, (Requested, vec![]), "a week later there is room again");
    }

    #[tokio::test]
    async fn customers_may_be_away_and_nothing_is_lost() {
        let fixture = Fixture::new().await;
        fixture.asking("After a repair").await;
        let customer = fixture.customer(1).await;
        let ticket = fixture.resolve(1, Some(customer)).await;
        fixture.customers_away(true);
        for _ in 0..20 {
            fixture.later(DAY / 20).await;
        }
        fixture.later(Duration::from_secs(1)).await;
        let waiting = fixture.invitation(&ticket).await;
        assert_eq!(waiting.blocks().collect::<Vec<_>>(), [InvitationBlock::CustomersAway]);
        fixture.later(Duration::from_hours(1)).await;
        let kinds = fixture.events_of(&waiting.name).await;
        assert_eq!(kinds, ["invitation.created", "invitation.put_off"], "it is told once");
        fixture.customers_away(false);
        fixture.later(Duration::from_mins(5)).await;
        assert_eq!(fixture.invitation(&ticket).await.state(), InvitationState::Requested);
    }

    #[tokio::test]
    async fn what_is_archived_or_revoked_is_not_asked() {
        let fixture = Fixture::new().await;
        let survey = fixture.asking("After a repair").await;
        let (one, two) = (fixture.customer(1).await, fixture.customer(2).await);
        let revoked = fixture.resolve(1, Some(one)).await;
        let archived = fixture.resolve(2, Some(two)).await;
        let name = fixture.invitation(&revoked).await.name;
        let link = contracts::surveys::v1::CreateInvitationLinkRequest { name: name.clone() };
        let app = || fixture.app.clone();
        create_invitation_link::handle(app(), editor(), link.clone()).await.unwrap();
        let revoke = RevokeInvitationRequest { name, ..Default::default() };
        let after = revoke_invitation::handle(app(), editor(), revoke.clone()).await.unwrap();
        assert_eq!(after.state(), InvitationState::Revoked);
        assert!(revoke_invitation::handle(app(), editor(), revoke).await.is_err());
        assert!(create_invitation_link::handle(app(), editor(), link).await.is_err());
        let archive = ArchiveSurveyRequest { name: survey.name, ..Default::default() };
        archive_survey::handle(app(), editor(), archive).await.unwrap();
        fixture.later(DAY).await;
        let suppressed = fixture.invitation(&archived).await;
        assert_eq!(suppressed.state(), InvitationState::Suppressed);
        assert_eq!(suppressed.blocks().collect::<Vec<_>>(), [InvitationBlock::Archived]);
        assert_eq!(fixture.invitation(&revoked).await.state(), InvitationState::Revoked);
    }
}
