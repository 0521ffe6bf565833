//! How a matter comes to its end: proposed, confirmed or objected to, opened again, closed.

use contracts::tickets::v1::{
    AssignmentReason, Category, CloseReason, Kind, Metric, TicketConfirmed, TicketRejected,
    TicketReopened, TicketResolved, ticket_event::Change,
};
use kernel::Blocker;

use super::ticket::{Changed, Context, Move, Refusal, Resolved, Ticket};

const DAY_MICROS: i64 = 86_400_000_000;

impl Ticket {
    /// Proposes a resolution. A complaint must have been judged, and somebody must answer for it.
    pub fn resolve(self, cx: &Context<'_>) -> Result<Changed, Refusal> {
        if self.is_settled() {
            return Err(Refusal::state(self.category, "it is settled already"));
        }
        let mut blockers = Vec::new();
        if self.assignee.is_none() {
            blockers.push(blocker("MISSING_FIELD", "assignee", "somebody must have it"));
        }
        if self.body.kind == Kind::Complaint && self.body.triage.is_none() {
            blockers.push(blocker("MISSING_FIELD", "triage", "a complaint must be judged first"));
        }
        if !blockers.is_empty() {
            return Err(Refusal::Blocked(blockers));
        }
        let silent_close =
            cx.calendars.after_working_days(cx.at, cx.policy.silent_close_working_days)?;
        let mut changed = Changed::start(self);
        let instance = changed.ticket.body.resolution.map_or(0, |last| last.instance) + 1;
        // Only people answer: what a program proposes is no response, and none will come any more.
        if cx.actor.member.is_some() {
            changed.fulfil(Metric::FirstResponse, cx.at);
        } else {
            changed.cancel(Metric::FirstResponse, cx.at);
        }
        changed.fulfil(Metric::Resolution, cx.at);
        changed.end_all_sessions(cx.at);
        changed.free_capacity();
        changed.ticket.category = Category::Resolved;
        changed.ticket.body.resolution =
            Some(Resolved { instance, at: cx.at, silent_close: Some(silent_close) });
        changed.touch(cx.at);
        let (body, team) = (&changed.ticket.body, &changed.ticket.team);
        let resolved = TicketResolved {
            instance,
            channel: body.channel.into(),
            product: body.subject.product.clone(),
            team: if team.is_empty() { String::new() } else { format!("teams/{team}") },
            language: body.language.clone(),
            r#loop: body.loop_name(),
        };
        changed.note("ticket.resolved", Change::Resolved(resolved));
        Ok(changed)
    }

    /// The customer agrees.
    pub fn confirm(self, cx: &Context<'_>) -> Result<Changed, Refusal> {
        let instance = self.proposed()?;
        let mut changed = Changed::start(self);
        let confirmed = TicketConfirmed { instance, on_behalf: cx.actor.on_behalf() };
        changed.note("ticket.confirmed", Change::Confirmed(confirmed));
        changed.settle(CloseReason::Confirmed, cx);
        Ok(changed)
    }

    /// The customer objects: open again, with the clocks of a new resolution. `keep` says whether
    /// the assignee's capacity was found to have room.
    pub fn reject(self, keep: bool, cx: &Context<'_>) -> Result<Changed, Refusal> {
        let instance = self.proposed()?;
        let mut changed = Changed::start(self);
        let rejected = TicketRejected { instance, on_behalf: cx.actor.on_behalf() };
        changed.note("ticket.rejected", Change::Rejected(rejected));
        changed.go_on(keep, cx)?;
        Ok(changed)
    }

    /// Opens a closed ticket again, within the policy's time.
    pub fn reopen(self, keep: bool, cx: &Context<'_>) -> Result<Changed, Refusal> {
        if self.category != Category::Closed {
            return Err(Refusal::state(self.category, "only a closed ticket is opened again"));
        }
        self.check_follow_up(cx)?;
        let mut changed = Changed::start(self);
        changed.go_on(keep, cx)?;
        Ok(changed)
    }

    /// Closes a ticket that needs no resolution.
    pub fn close(self, reason: CloseReason, cx: &Context<'_>) -> Result<Changed, Refusal> {
        match self.category {
            Category::Closed => Err(Refusal::state(self.category, "it is closed already")),
            Category::Resolved => Err(Refusal::state(
                self.category,
                "a resolved ticket closes when the customer confirms or stays silent",
            )),
            Category::Unspecified
            | Category::New
            | Category::Open
            | Category::WaitingCustomer
            | Category::WaitingInternal => {
                let mut changed = Changed::start(self);
                changed.settle(reason, cx);
                Ok(changed)
            }
        }
    }

    /// What its assignee's capacity would have to take if it were opened again.
    pub fn claim_of_owner(&self, cx: &Context<'_>) -> Option<Move> {
        let member = self.assignee.clone()?;
        Some(Move { member, units: cx.policy.weight(self.body.channel), force: false })
    }

    /// Refuses a follow-up that comes too late.
    pub(super) fn check_follow_up(&self, cx: &Context<'_>) -> Result<(), Refusal> {
        let days = cx.policy.reopen_within_days;
        let closed = self.body.closed.unwrap_or(cx.at);
        if cx.at.since(closed) > days * DAY_MICROS {
            return Err(Refusal::one(
                "FOLLOW_UP_WINDOW",
                format!("{days} days"),
                "it was closed too long ago; record a new ticket",
            ));
        }
        Ok(())
    }

    /// Refuses an answer to another resolution than the one that is proposed now.
    pub fn check_instance(&self, seen: i32) -> Result<(), Refusal> {
        let now = self.proposed()?;
        if seen == now {
            return Ok(());
        }
        let why = "another resolution was proposed since; read it again";
        Err(Refusal::one("INSTANCE", now.to_string(), why))
    }

    fn proposed(&self) -> Result<i32, Refusal> {
        match self.body.resolution {
            Some(resolved) if self.category == Category::Resolved => Ok(resolved.instance),
            _ => Err(Refusal::state(self.category, "no resolution is proposed")),
        }
    }
}

impl Changed {
    /// Open again. The owner keeps it if there is room, else it waits in its queue from now on.
    pub(super) fn go_on(&mut self, keep: bool, cx: &Context<'_>) -> Result<(), Refusal> {
        let body = &mut self.ticket.body;
        body.reopened += 1;
        body.close_reason = CloseReason::Unspecified;
        body.closed = None;
        body.resolution =
            body.resolution.map(|resolved| Resolved { silent_close: None, ..resolved });
        let (reopen_count, instance) = (body.reopened, body.reopened + 1);
        body.began = cx.at;
        body.waits.clear();
        self.ticket.category = Category::Open;
        self.touch(cx.at);
        self.note("ticket.reopened", Change::Reopened(TicketReopened { reopen_count }));
        self.start_clocks(cx, instance)?;
        if keep && self.ticket.assignee.is_some() {
            self.ticket.body.held = cx.policy.weight(self.ticket.body.channel);
        } else {
            self.unassign(AssignmentReason::Reopened, cx);
            self.ticket.queued_at = cx.at;
        }
        Ok(())
    }
}

fn blocker(kind: &'static str, subject: &str, why: &str) -> Blocker {
    Blocker { kind, subject: subject.to_owned(), description: why.to_owned() }
}
