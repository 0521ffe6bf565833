//! What time does to a ticket. One timer per ticket: the earliest instant at which anything is due.

use contracts::tickets::v1::{
    Category, ClockChanged, ClockState, CloseReason, Metric, ticket_event::Change,
};
use kernel::Time;

use super::{
    clock::{Clock, Notice, Target},
    ticket::{Changed, Context, PendingLink, Refusal, Resolved, Ticket},
};

/// The longest that a link to a customer waits for its next attempt.
const LINK_PATIENCE_MICROS: i64 = 60_000_000;

impl Clock {
    pub(super) fn target_if_running(&self) -> Option<Target> {
        self.target.filter(|_| self.state == ClockState::Running)
    }
}

impl Ticket {
    /// When this ticket next needs looking at; `None` where time does nothing to it.
    pub fn wake(&self) -> Option<Time> {
        let body = &self.body;
        let notices = body.clocks.iter().filter_map(Clock::next_notice).map(|(at, _)| at);
        let leases = body.sessions.iter().map(|session| session.until);
        let silent = body.resolution.as_ref().and_then(|resolved| resolved.silent_close);
        let link = body.link.as_ref().map(|link| link.next);
        notices.chain(leases).chain(silent).chain(link).min()
    }

    /// Lets everything happen that is due at `cx.at`; each notice is given once.
    pub fn tick(self, cx: &Context<'_>) -> Result<Changed, Refusal> {
        let mut changed = Changed::start(self);
        for index in 0..changed.ticket.body.clocks.len() {
            while let Some((at, notice)) = changed.ticket.body.clocks[index].next_notice() {
                if at > cx.at {
                    break;
                }
                let clock = &mut changed.ticket.body.clocks[index];
                let kind = match notice {
                    Notice::Warned => {
                        clock.warned = true;
                        "clock.warned"
                    }
                    Notice::Breached => {
                        clock.breached = true;
                        "clock.breached"
                    }
                };
                let change = describe(clock);
                changed.note(kind, change);
            }
        }
        changed.lapse_sessions(cx.at);
        let silent = changed.ticket.body.resolution.and_then(|resolved| resolved.silent_close);
        if changed.ticket.category == Category::Resolved && silent.is_some_and(|at| at <= cx.at) {
            changed.settle(CloseReason::Silent, cx);
        }
        Ok(changed)
    }

    /// Puts off the next question to customers about it: two seconds, then twice as long each
    /// time, at most a minute.
    pub fn link_later(&mut self, at: Time) {
        let attempts = self.body.link.map_or(0, |link| link.attempts) + 1;
        let wait = (1_000_000_i64 << attempts.min(10)).min(LINK_PATIENCE_MICROS);
        self.body.link = Some(PendingLink { attempts, next: at.plus_micros(wait) });
    }
}

impl Changed {
    /// Starts the clocks of an instance: first response only for the first.
    pub(super) fn start_clocks(&mut self, cx: &Context<'_>, instance: i32) -> Result<(), Refusal> {
        for metric in [Metric::FirstResponse, Metric::Resolution] {
            if metric == Metric::FirstResponse && instance > 1 {
                continue;
            }
            let body = &self.ticket.body;
            let clock =
                cx.policy.start(metric, instance, body.kind, body.channel, cx.at, cx.calendars)?;
            if let Some(clock) = clock {
                let change = describe(&clock);
                self.ticket.body.clocks.push(clock);
                self.note("clock.started", change);
            }
        }
        Ok(())
    }

    /// Gives the present instance the clocks of the ticket's kind, as if it had been of that kind from
    /// the start: one that another rule makes takes the old one's place, and what was answered or
    /// settled already is not measured again.
    pub(super) fn change_clocks(&mut self, cx: &Context<'_>) -> Result<(), Refusal> {
        if self.ticket.is_settled() {
            return Ok(());
        }
        for metric in [Metric::FirstResponse, Metric::Resolution] {
            let body = &self.ticket.body;
            let instance = body.reopened + 1;
            let old = body.clocks.iter().find(|clock| clock.metric == metric && clock.is_open());
            if metric == Metric::FirstResponse && old.is_none() {
                continue;
            }
            let (kind, channel) = (body.kind, body.channel);
            let clock =
                cx.policy.start(metric, instance, kind, channel, body.began, cx.calendars)?;
            let same = |clock: &Clock| old.is_some_and(|old| old.policy == clock.policy);
            if clock.as_ref().is_some_and(same) {
                continue;
            }
            let waits = body.waits.clone();
            self.cancel(metric, cx.at);
            let Some(mut clock) = clock else { continue };
            if metric == Metric::Resolution {
                let calendar = cx.calendars.named(&clock.calendar);
                for wait in waits {
                    clock.pause(wait.from, calendar)?;
                    if let Some(until) = wait.until {
                        clock.resume(until, calendar)?;
                    }
                }
            }
            let (change, broken) = (describe(&clock), clock.breached);
            self.ticket.body.clocks.push(clock);
            self.note("clock.started", change.clone());
            // A wait began only after it was due.
            if broken {
                self.note("clock.breached", change);
            }
        }
        Ok(())
    }

    /// Ends the open clocks of a metric as kept or broken.
    pub(super) fn fulfil(&mut self, metric: Metric, at: Time) {
        self.end_clocks(at, |clock| clock.metric == metric, ClockState::Fulfilled);
    }

    /// Ends the open clocks of a metric: what it measures will not happen.
    pub(super) fn cancel(&mut self, metric: Metric, at: Time) {
        self.end_clocks(at, |clock| clock.metric == metric, ClockState::Cancelled);
    }

    /// Ends all open clocks: what they measure will not happen.
    pub(super) fn cancel_clocks(&mut self, at: Time) {
        self.end_clocks(at, |_| true, ClockState::Cancelled);
    }

    fn end_clocks(&mut self, at: Time, which: impl Fn(&Clock) -> bool, state: ClockState) {
        let mut notes = Vec::new();
        for clock in self.ticket.body.clocks.iter_mut().filter(|c| c.is_open() && which(c)) {
            let noticed = clock.breached;
            let kind = if state == ClockState::Fulfilled {
                clock.fulfil(at);
                "clock.fulfilled"
            } else {
                clock.cancel(at);
                "clock.cancelled"
            };
            // A clock that is found broken only now gives its notice now, once.
            if clock.breached && !noticed {
                notes.push(("clock.breached", describe(clock)));
            }
            notes.push((kind, describe(clock)));
        }
        for (kind, change) in notes {
            self.note(kind, change);
        }
    }

    /// The customer's own time is not counted against the resolution.
    pub(super) fn pause_clocks(&mut self, cx: &Context<'_>) -> Result<(), Refusal> {
        self.each_resolution_clock("clock.paused", |clock| {
            let running = clock.state == ClockState::Running;
            let calendar = cx.calendars.named(&clock.calendar);
            clock.pause(cx.at, calendar).map(|()| running)
        })
    }

    pub(super) fn resume_clocks(&mut self, cx: &Context<'_>) -> Result<(), Refusal> {
        self.each_resolution_clock("clock.resumed", |clock| {
            let paused = clock.state == ClockState::Paused;
            let calendar = cx.calendars.named(&clock.calendar);
            clock.resume(cx.at, calendar).map(|()| paused)
        })
    }

    fn each_resolution_clock(
        &mut self,
        kind: &'static str,
        mut change: impl FnMut(&mut Clock) -> Result<bool, calendar::CalendarError>,
    ) -> Result<(), Refusal> {
        let mut notes = Vec::new();
        for clock in &mut self.ticket.body.clocks {
            let noticed = clock.breached;
            if clock.metric == Metric::Resolution && change(clock)? {
                if clock.breached && !noticed {
                    notes.push(("clock.breached", describe(clock)));
                }
                notes.push((kind, describe(clock)));
            }
        }
        for (kind, change) in notes {
            self.note(kind, change);
        }
        Ok(())
    }

    /// Closes it for `reason`: nobody works on it, no clock runs, nothing is due.
    pub(super) fn settle(&mut self, reason: CloseReason, cx: &Context<'_>) {
        self.cancel_clocks(cx.at);
        self.end_all_sessions(cx.at);
        self.free_capacity();
        let body = &mut self.ticket.body;
        body.close_reason = reason;
        body.closed = Some(cx.at);
        body.resolution =
            body.resolution.map(|resolved| Resolved { silent_close: None, ..resolved });
        self.ticket.category = Category::Closed;
        self.touch(cx.at);
        let closed = contracts::tickets::v1::TicketClosed {
            reason: reason.into(),
            r#loop: self.ticket.body.loop_name(),
            instance: self.ticket.body.resolution.map_or(0, |resolved| resolved.instance),
        };
        self.note("ticket.closed", Change::Closed(closed));
    }
}

fn describe(clock: &Clock) -> Change {
    Change::ClockChanged(ClockChanged {
        metric: clock.metric.into(),
        instance: clock.instance,
        state: clock.state.into(),
        due_time: clock.target_if_running().map(|target| ::rpc::wire::timestamp(target.due)),
        breached: clock.breached,
        policy: clock.policy.clone(),
    })
}
