//! A loop: a bad answer, the ticket that follows it up, and what the customer says then.

use contracts::surveys::v1::{LoopChanged, LoopOpened, LoopState, survey_event::Change};
use kernel::{CustomerId, InvitationId, LoopId, ResponseId, SurveyId, TicketId, Time};

/// What becomes of a bad answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Loop {
    /// Its id.
    pub id: LoopId,
    /// The number of its last event.
    pub sequence: i64,
    /// The instant of that.
    pub last_at: Time,
    /// What opened it: an invitation or a response. Each opens one.
    pub cause: String,
    /// The response.
    pub response: ResponseId,
    /// The survey.
    pub survey: SurveyId,
    /// The ticket that was asked about.
    pub ticket: Option<TicketId>,
    /// Who answered.
    pub customer: Option<CustomerId>,
    /// Where it stands.
    pub state: LoopState,
    /// The ticket that follows it up.
    pub follow_up: Option<TicketId>,
    /// By which the customer is asked again.
    pub invitation: Option<InvitationId>,
    /// When it was opened.
    pub opened_at: Time,
    /// When its ticket was closed.
    pub closed_at: Option<Time>,
    /// When the customer answered again.
    pub answered_at: Option<Time>,
}

impl Loop {
    /// The first event of a new one.
    pub fn opened(&self, locale: &str) -> Change {
        Change::LoopOpened(LoopOpened {
            r#loop: self.id.name(),
            response: self.response.name(),
            survey: self.survey.name(),
            ticket: self.ticket.map(TicketId::name).unwrap_or_default(),
            customer: self.customer.map(CustomerId::name).unwrap_or_default(),
            locale: locale.to_owned(),
        })
    }

    /// Tickets has made its ticket; `None` where that is known.
    pub fn followed_up(&self, ticket: TicketId, at: Time) -> Option<Self> {
        let new = self.follow_up != Some(ticket);
        new.then(|| Self { follow_up: Some(ticket), ..self.next(self.state, at) })
    }

    /// Its ticket was closed; `None` where it was closed before. The customer is asked again by
    /// `invitation`, where one is asked.
    pub fn closed(&self, invitation: Option<InvitationId>, at: Time) -> Option<Self> {
        let closed =
            || Self { invitation, closed_at: Some(at), ..self.next(LoopState::Closed, at) };
        (self.state == LoopState::Open).then(closed)
    }

    /// Its ticket was reopened; `None` where it is open, or the customer has answered meanwhile.
    pub fn reopened(&self, at: Time) -> Option<Self> {
        let open = || Self { invitation: None, closed_at: None, ..self.next(LoopState::Open, at) };
        (self.state == LoopState::Closed).then(open)
    }

    /// The customer answered again, badly or not; whoever answers once more has the last word.
    #[must_use]
    pub fn answered(&self, badly: bool, at: Time) -> Self {
        let state = if badly { LoopState::NotRecovered } else { LoopState::Recovered };
        Self { answered_at: Some(at), ..self.next(state, at) }
    }

    /// What happened last.
    pub fn changed(&self) -> Change {
        let follow_up = self.follow_up.map(TicketId::name).unwrap_or_default();
        Change::LoopChanged(LoopChanged { state: self.state.into(), follow_up })
    }

    fn next(&self, state: LoopState, at: Time) -> Self {
        Self { sequence: self.sequence + 1, last_at: at, state, ..self.clone() }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_loop_is_closed_once_and_answered_by_the_last_word() {
        let at = Time::from_micros(1_772_413_200_000_000);
        let id = |n| Uuid::from_u128(n);
        let open = Loop {
            id: id(1).into(),
            sequence: 1,
            last_at: at,
            cause: "invitations/1".to_owned(),
            response: id(2).into(),
            survey: id(3).into(),
            ticket: Some(id(4).into()),
            customer: None,
            state: LoopState::Open,
            follow_up: None,
            invitation: None,
            opened_at: at,
            closed_at: None,
            answered_at: None,
        };
        assert_eq!(open.reopened(at), None);
        let ticketed = open.followed_up(id(1).into(), at).unwrap();
        assert_eq!(ticketed.followed_up(id(1).into(), at), None);
        let closed = ticketed.closed(Some(id(5).into()), at).unwrap();
        assert_eq!(closed.closed(None, at), None);
        let again = closed.reopened(at).unwrap();
        assert_eq!((again.state, again.invitation), (LoopState::Open, None));
        let bad = closed.answered(true, at);
        assert_eq!(bad.state, LoopState::NotRecovered);
        assert_eq!(bad.reopened(at), None, "what the customer said stays");
        assert_eq!(bad.answered(false, at).state, LoopState::Recovered);
        assert_eq!(bad.sequence, 4);
    }
}
