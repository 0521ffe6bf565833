//! Who works on a ticket: given, taken, given back; and what that takes of an agent's capacity.

use contracts::tickets::v1::{AssignmentChanged, AssignmentReason, Category, ticket_event::Change};

use super::ticket::{Changed, Context, Move, Refusal, Ticket};

/// How an assignment came about.
#[derive(Clone, Copy, Debug)]
pub struct Assignment {
    /// By whom or by what.
    pub reason: AssignmentReason,
    /// How many tickets were weighed.
    pub candidates: i32,
    /// Whether the agent's capacity may be exceeded.
    pub over_capacity: bool,
}

impl Assignment {
    /// An assignment without a choice among several.
    pub fn plain(reason: AssignmentReason) -> Self {
        Self { reason, candidates: 1, over_capacity: false }
    }
}

impl Ticket {
    /// Gives it to `member`. Who has it already keeps it, and nothing happens.
    pub fn assign(
        self,
        member: &str,
        how: Assignment,
        cx: &Context<'_>,
    ) -> Result<Changed, Refusal> {
        if self.is_settled() {
            return Err(Refusal::state(self.category, "nobody works on a settled ticket"));
        }
        if self.assignee.as_deref() == Some(member) {
            return Ok(Changed::start(self));
        }
        let claims = how.reason != AssignmentReason::Assigned;
        if let Some(owner) = self.assignee.clone().filter(|_| claims) {
            return Err(Refusal::Claimed(owner));
        }
        let mut changed = Changed::start(self);
        changed.free_capacity();
        if let Some(previous) = changed.ticket.assignee.clone() {
            changed.end_sessions_of(&previous, cx.at);
        }
        let previous = changed.ticket.assignee.replace(member.to_owned());
        let units = cx.policy.weight(changed.ticket.body.channel);
        changed.ticket.body.held = units;
        changed.moves.push(Move { member: member.to_owned(), units, force: how.over_capacity });
        if changed.ticket.category == Category::New {
            changed.ticket.category = Category::Open;
        }
        changed.touch(cx.at);
        changed.note_assignment(previous.as_deref(), how);
        if claims {
            changed.work(member, cx);
        }
        Ok(changed)
    }

    /// Puts it back into its queue, where it keeps its age.
    pub fn release(self, cx: &Context<'_>) -> Result<Changed, Refusal> {
        if self.is_settled() {
            return Err(Refusal::state(self.category, "nobody works on a settled ticket"));
        }
        if self.assignee.is_none() {
            return Err(Refusal::one("ASSIGNEE", "", "nobody has it"));
        }
        let mut changed = Changed::start(self);
        changed.unassign(AssignmentReason::Released, cx);
        changed.touch(cx.at);
        Ok(changed)
    }
}

impl Changed {
    /// Notes that no capacity was exceeded after all, though it might have been.
    pub fn stays_within_capacity(&mut self) {
        for one in &mut self.happened {
            if let Change::AssignmentChanged(changed) = &mut one.change {
                changed.over_capacity = false;
            }
        }
    }

    pub(super) fn free_capacity(&mut self) {
        if let Some(member) = self.ticket.assignee.clone()
            && self.ticket.body.held > 0
        {
            self.moves.push(Move { member, units: -self.ticket.body.held, force: true });
        }
        self.ticket.body.held = 0;
    }

    pub(super) fn unassign(&mut self, reason: AssignmentReason, cx: &Context<'_>) {
        self.free_capacity();
        if let Some(previous) = self.ticket.assignee.take() {
            self.end_sessions_of(&previous, cx.at);
            self.note_assignment(Some(&previous), Assignment::plain(reason));
        }
    }

    pub(super) fn note_assignment(&mut self, previous: Option<&str>, how: Assignment) {
        self.note(
            "assignment.changed",
            Change::AssignmentChanged(AssignmentChanged {
                previous: previous.map(|slug| format!("members/{slug}")).unwrap_or_default(),
                reason: how.reason.into(),
                candidates: how.candidates,
                over_capacity: how.over_capacity,
            }),
        );
    }
}
