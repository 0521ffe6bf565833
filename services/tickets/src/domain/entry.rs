//! What an entry does to its ticket.

use contracts::tickets::v1::{
    AuthorRole, Category, EntryAdded, Metric, TicketRejected, Turn, Visibility,
    ticket_event::Change,
};
use kernel::{CallerKind, EntryId};

use super::ticket::{Changed, Context, Refusal, Ticket};

/// Something that was said.
#[derive(Clone, Debug)]
pub struct Said {
    /// Its id.
    pub id: EntryId,
    /// In what role.
    pub role: AuthorRole,
    /// Who may read it.
    pub visibility: Visibility,
    /// Whose turn it is then.
    pub turn: Turn,
    /// Whether it says thank you and nothing else.
    pub thanks: bool,
}

impl Ticket {
    /// Adds an entry. `keep` says whether the assignee's capacity would have room for the ticket if
    /// the entry opens it again.
    pub fn say(self, said: &Said, keep: bool, cx: &Context<'_>) -> Result<Changed, Refusal> {
        let category = self.category;
        let heard = said.visibility == Visibility::Public;
        let customer = said.role == AuthorRole::Customer && heard && !self.merely_thanked(said);
        if category == Category::Closed && customer {
            self.check_follow_up(cx)?;
        }
        if category == Category::Closed && heard && said.role != AuthorRole::Customer {
            return Err(Refusal::state(
                category,
                "nothing more is said to the customer; reopen it first",
            ));
        }
        if self.is_settled() && said.turn != Turn::Unspecified {
            return Err(Refusal::state(category, "it is nobody's turn on a settled ticket"));
        }

        let mut changed = Changed::start(self);
        changed.ticket.body.entries += 1;
        let position = changed.ticket.body.entries;
        let added = EntryAdded {
            entry: format!("{}/entries/{}", changed.ticket.id.name(), said.id),
            position,
            author_role: said.role.into(),
            visibility: said.visibility.into(),
        };
        changed.note("entry.added", Change::EntryAdded(added));
        if customer {
            changed.hear_customer(keep, cx)?;
        }
        if said.role == AuthorRole::Staff
            && let Some(member) = &cx.actor.member
        {
            if heard && cx.actor.kind == CallerKind::Member {
                changed.fulfil(Metric::FirstResponse, cx.at);
            }
            if !changed.ticket.is_settled() {
                changed.work(member, cx);
            }
        }
        match said.turn {
            Turn::Unspecified => {}
            Turn::Staff => changed.turn(Category::Open, cx)?,
            Turn::Customer => changed.turn(Category::WaitingCustomer, cx)?,
            Turn::Internal => changed.turn(Category::WaitingInternal, cx)?,
        }
        Ok(changed)
    }

    /// Whether this entry would open the ticket again, so that the owner's capacity matters.
    pub fn would_reopen(&self, said: &Said) -> bool {
        self.is_settled()
            && said.role == AuthorRole::Customer
            && said.visibility == Visibility::Public
            && !said.thanks
    }

    /// Whether it says thank you and so changes nothing. Where the customer was asked something,
    /// whatever comes back is the answer.
    fn merely_thanked(&self, said: &Said) -> bool {
        said.thanks && self.category != Category::WaitingCustomer
    }
}

impl Changed {
    /// Adds an entry to what happened already.
    pub fn and_say(self, said: &Said, cx: &Context<'_>) -> Result<Self, Refusal> {
        let Self { ticket, mut happened, mut moves } = self;
        let next = ticket.say(said, false, cx)?;
        happened.extend(next.happened);
        moves.extend(next.moves);
        Ok(Self { ticket: next.ticket, happened, moves })
    }

    fn hear_customer(&mut self, keep: bool, cx: &Context<'_>) -> Result<(), Refusal> {
        match self.ticket.category {
            Category::WaitingCustomer => self.turn(Category::Open, cx),
            Category::Resolved => {
                let instance = self.ticket.body.resolution.map_or(0, |resolved| resolved.instance);
                let rejected = TicketRejected { instance, on_behalf: cx.actor.on_behalf() };
                self.note("ticket.rejected", Change::Rejected(rejected));
                self.go_on(keep, cx)
            }
            Category::Closed => self.go_on(keep, cx),
            Category::Unspecified | Category::New | Category::Open | Category::WaitingInternal => {
                Ok(())
            }
        }
    }
}
