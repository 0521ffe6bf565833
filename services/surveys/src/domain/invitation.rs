//! An invitation's life: waiting, sent, answered, or not.
//!
//! Each step is a pure function of what stands and of the instant; what happened is noted on the way and
//! becomes the events of the invitation.

use contracts::surveys::v1::{
    DeliveryRequested, Disposition, InterviewRecorded, InvitationBlock, InvitationChanged,
    InvitationChannel, InvitationCreated, InvitationState, Standing, survey_event::Change,
};
use kernel::{CustomerId, InvitationId, LoopId, ResponseId, SurveyId, TicketId, Time};
use serde::{Deserialize, Serialize};

use super::{response::Origin, survey::version_name};

/// Answers that differ and come on one link within this time, in microseconds, are a machine's.
pub const MACHINE: i64 = 5_000_000;
/// So often one link is answered at most; whoever changes their mind more often is no customer.
const MOST_SUBMISSIONS: u32 = 50;
/// The longest wait before customers is asked again that was away, in microseconds.
const LONGEST_WAIT: i64 = 300_000_000;

/// One request to one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// Its id.
    pub id: InvitationId,
    /// Counts its changes.
    pub version: i64,
    /// The number of its last event.
    pub sequence: i64,
    /// The instant of that.
    pub last_at: Time,
    /// The survey.
    pub survey: SurveyId,
    /// The version that is asked.
    pub number: i64,
    /// Why it is asked; each reason asks once.
    pub cause: String,
    /// The ticket.
    pub ticket: TicketId,
    /// Where it stands.
    pub state: InvitationState,
    /// When it was made.
    pub created_at: Time,
    /// Everything else.
    pub body: Body,
}

/// What is not searched for. Stored as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Which resolution of the ticket.
    pub instance: i32,
    /// When that was, or the closing after which it asks again.
    pub since: Time,
    /// The loop after which it asks again.
    pub follows: Option<LoopId>,
    /// By what channel.
    #[serde(with = "super::code")]
    pub channel: InvitationChannel,
    /// What its answers are counted by.
    pub origin: Origin,
    /// The customer's language; empty where it is not known.
    pub locale: String,
    /// How long it may be answered once it was asked, in microseconds.
    pub valid_for: i64,
    /// When it is to be asked, while it waits.
    pub due: Time,
    /// When it can be answered no more.
    pub expires: Time,
    /// What stands in its way.
    pub blocks: Vec<Block>,
    /// How often customers was asked in vain, since it was away.
    pub tries: u32,
    /// What customers granted, `customers/{id}/contacts/{id}`; empty before.
    pub contact: String,
    /// Whether it was sent, as whoever sends it has said.
    pub sent: Option<bool>,
    /// What became of the delivery, until customers was told.
    pub tell: Option<Tell>,
    /// When it was handed over.
    pub requested: Option<Time>,
    /// When it was answered, or ended without.
    pub ended: Option<Time>,
    /// How often it was answered.
    pub submissions: u32,
    /// The last submission.
    pub last: Option<Submission>,
    /// The response that holds.
    pub response: Option<ResponseId>,
    /// The last call.
    pub interview: Option<Called>,
}

/// A rule in the way, as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Block(#[serde(with = "super::code")] pub InvitationBlock);

/// What customers is to be told of a contact, and when next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tell {
    /// Whether it was sent.
    pub sent: bool,
    /// When.
    pub at: Time,
}

/// A submission, as the next one is judged by it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submission {
    /// The response.
    pub response: ResponseId,
    /// When it came.
    pub at: Time,
    /// Tells its answers from others.
    pub hash: Vec<u8>,
    /// Whether a machine was suspected.
    pub suspected: bool,
    /// Whether it came by the link.
    pub by_link: bool,
    /// The response that held before it.
    pub before: Option<ResponseId>,
}

/// The last call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Called {
    /// How it ended.
    #[serde(with = "super::code")]
    pub disposition: Disposition,
    /// When to call again.
    pub again: Option<Time>,
    /// Who called.
    pub interviewer: String,
    /// When it was recorded.
    pub at: Time,
    /// How many calls there were.
    pub attempts: i32,
}

/// What becomes of responses by another submission.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What the new one is.
    pub standing: Standing,
    /// What others become that stood otherwise: from what, to what.
    pub others: Vec<(ResponseId, Standing, Standing)>,
}

/// An invitation after a step, with what happened on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The invitation.
    pub invitation: Invitation,
    /// What happened.
    pub changes: Vec<Change>,
}

impl Invitation {
    /// When time next does something to it; `None` where it never does.
    pub fn wake(&self) -> Option<Time> {
        let body = &self.body;
        let own = match self.state {
            InvitationState::Pending => Some(body.due.min(body.expires)),
            InvitationState::Requested | InvitationState::Delivered | InvitationState::Started => {
                Some(body.expires)
            }
            InvitationState::Unspecified
            | InvitationState::Completed
            | InvitationState::Expired
            | InvitationState::Cancelled
            | InvitationState::Suppressed
            | InvitationState::Revoked => None,
        };
        body.tell.map(|tell| tell.at).into_iter().chain(own).min()
    }

    /// Whether it can be answered at this instant.
    pub fn is_answerable(&self, at: Time) -> bool {
        let open = match self.state {
            InvitationState::Pending
            | InvitationState::Requested
            | InvitationState::Delivered
            | InvitationState::Started
            | InvitationState::Completed
            | InvitationState::Suppressed => true,
            InvitationState::Unspecified
            | InvitationState::Expired
            | InvitationState::Cancelled
            | InvitationState::Revoked => false,
        };
        open && at < self.body.expires && self.body.submissions < MOST_SUBMISSIONS
    }

    /// Whether it is over without an answer.
    pub fn is_withdrawn(&self) -> bool {
        matches!(self.state, InvitationState::Cancelled | InvitationState::Revoked)
    }

    /// Whether nothing comes of it any more.
    pub fn is_over(&self) -> bool {
        self.is_withdrawn() || self.state == InvitationState::Expired
    }

    /// The first event of a new one.
    pub fn created(self) -> Step {
        let created = InvitationCreated {
            version: version_name(self.survey, self.number),
            ticket: self.ticket.name(),
            instance: self.body.instance,
            customer: self.body.origin.customer.map(CustomerId::name).unwrap_or_default(),
            r#loop: self.body.follows.map(LoopId::name).unwrap_or_default(),
        };
        Step { invitation: self, changes: vec![Change::InvitationCreated(created)] }
    }

    /// It waits until `until`, because of these.
    pub fn put_off(mut self, blocks: &[InvitationBlock], until: Time) -> Step {
        let blocks: Vec<_> = blocks.iter().copied().map(Block).collect();
        self.body.due = until;
        // What is known already is not told again each time it is tried.
        if self.body.blocks == blocks {
            return Step { invitation: self, changes: Vec::new() };
        }
        self.body.blocks = blocks;
        self.changed()
    }

    /// Customers was away: it is asked again later, and later each time.
    pub fn wait_for_customers(mut self, at: Time) -> Step {
        self.body.tries += 1;
        let wait = (1_000_000_i64 << self.body.tries.min(10)).min(LONGEST_WAIT);
        self.put_off(&[InvitationBlock::CustomersAway], at.plus_micros(wait))
    }

    /// The customer is not asked, because of these.
    pub fn suppress(mut self, blocks: &[InvitationBlock], at: Time) -> Step {
        self.body.blocks = blocks.iter().copied().map(Block).collect();
        self.state = InvitationState::Suppressed;
        self.body.ended = Some(at);
        self.changed()
    }

    /// It is handed to whoever sends it, by what customers granted until then.
    pub fn request(mut self, contact: String, until: Time, at: Time) -> Step {
        self.state = InvitationState::Requested;
        let body = &mut self.body;
        body.blocks.clear();
        body.contact = contact;
        body.requested = Some(at);
        body.expires = at.plus_micros(body.valid_for);
        let requested = DeliveryRequested {
            invitation: self.id.name(),
            customer: body.origin.customer.map(CustomerId::name).unwrap_or_default(),
            channel: body.channel.into(),
            contact: body.contact.clone(),
            locale: body.locale.clone(),
            expire_time: Some(rpc::wire::timestamp(until)),
        };
        Step { invitation: self, changes: vec![Change::DeliveryRequested(requested)] }
    }

    /// It was sent, or could not be. What was told before is not told again.
    pub fn report(mut self, sent: bool, at: Time) -> Step {
        if self.body.sent.is_some() {
            return Step { invitation: self, changes: Vec::new() };
        }
        self.body.sent = Some(sent);
        self.body.tell = Some(Tell { sent, at });
        match self.state {
            InvitationState::Requested if sent => {
                self.state = InvitationState::Delivered;
                self.changed()
            }
            InvitationState::Requested => self.suppress(&[InvitationBlock::Undeliverable], at),
            InvitationState::Unspecified
            | InvitationState::Pending
            | InvitationState::Delivered
            | InvitationState::Started
            | InvitationState::Completed
            | InvitationState::Expired
            | InvitationState::Cancelled
            | InvitationState::Suppressed
            | InvitationState::Revoked => Step { invitation: self, changes: Vec::new() },
        }
    }

    /// The customer has begun to answer.
    pub fn start(mut self) -> Step {
        match self.state {
            InvitationState::Requested | InvitationState::Delivered => {
                self.state = InvitationState::Started;
                self.changed()
            }
            // One that still waits is not asked less for it.
            InvitationState::Unspecified
            | InvitationState::Pending
            | InvitationState::Started
            | InvitationState::Completed
            | InvitationState::Expired
            | InvitationState::Cancelled
            | InvitationState::Suppressed
            | InvitationState::Revoked => Step { invitation: self, changes: Vec::new() },
        }
    }

    /// Judges a submission by those before it: one that differs from the last and comes within seconds
    /// is a machine's, as that one is then, and what held before holds again; every other one replaces
    /// what held. A call, where `by_link` is false, is nobody's machine.
    pub fn judge(&self, hash: &[u8], by_link: bool, at: Time) -> Judgement {
        let last = self.body.last.as_ref().filter(|last| by_link && last.by_link);
        let last = last.filter(|last| at.since(last.at) < MACHINE);
        let suspect = last.filter(|last| last.suspected || last.hash != hash);
        let Some(last) = suspect else {
            let replaced = self.body.response.into_iter();
            let others = replaced.map(|id| (id, Standing::Counted, Standing::Superseded));
            return Judgement { standing: Standing::Counted, others: others.collect() };
        };
        let mut others = Vec::new();
        if !last.suspected {
            others.push((last.response, Standing::Counted, Standing::Suspected));
            let restored = last.before.into_iter();
            others.extend(restored.map(|id| (id, Standing::Superseded, Standing::Counted)));
        }
        Judgement { standing: Standing::Suspected, others }
    }

    /// It was answered by a response that was judged so, which came by the link or did not.
    pub fn answer(
        mut self,
        response: ResponseId,
        hash: Vec<u8>,
        (standing, by_link): (Standing, bool),
        at: Time,
    ) -> Step {
        let suspected = standing == Standing::Suspected;
        let body = &mut self.body;
        let unmasked = body.last.take().filter(|last| suspected && !last.suspected);
        if let Some(last) = unmasked {
            body.response = last.before;
        }
        let before = body.response;
        body.last = Some(Submission { response, at, hash, suspected, by_link, before });
        body.submissions += 1;
        if !suspected {
            body.response = Some(response);
        }
        if self.state == InvitationState::Completed {
            return Step { invitation: self, changes: Vec::new() };
        }
        self.state = InvitationState::Completed;
        self.body.ended = Some(at);
        self.changed()
    }

    /// Staff let this response count.
    pub fn hold(mut self, response: ResponseId) -> Step {
        self.body.response = Some(response);
        Step { invitation: self, changes: Vec::new() }
    }

    /// A call was made.
    pub fn call(mut self, called: Called) -> Step {
        let disposition = called.disposition;
        self.body.interview = Some(called);
        let recorded = InterviewRecorded { disposition: disposition.into() };
        let mut changes = vec![Change::InterviewRecorded(recorded)];
        let refused = matches!(disposition, Disposition::Refused | Disposition::WrongPerson);
        // What was answered stays answered.
        if refused && !self.is_withdrawn() && self.state != InvitationState::Completed {
            let at = self.body.interview.as_ref().map_or(self.last_at, |called| called.at);
            let revoked = self.revoke(at);
            self = revoked.invitation;
            changes.extend(revoked.changes);
        }
        Step { invitation: self, changes }
    }

    /// The ticket was reopened: who was not asked yet is not asked.
    pub fn cancel(self, at: Time) -> Step {
        if self.state == InvitationState::Pending {
            return self.end(InvitationState::Cancelled, at);
        }
        Step { invitation: self, changes: Vec::new() }
    }

    /// It is taken back.
    pub fn revoke(self, at: Time) -> Step {
        self.end(InvitationState::Revoked, at)
    }

    /// Its time is over.
    pub fn expire(self, at: Time) -> Step {
        self.end(InvitationState::Expired, at)
    }

    fn end(mut self, state: InvitationState, at: Time) -> Step {
        self.state = state;
        self.body.ended = Some(at);
        self.changed()
    }

    fn changed(self) -> Step {
        let blocks = self.body.blocks.iter().map(|block| block.0.into()).collect();
        let changed = InvitationChanged { state: self.state.into(), blocks };
        Step { invitation: self, changes: vec![Change::InvitationChanged(changed)] }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use uuid::Uuid;

    use super::*;

    /// Monday, 2 March 2026, 01:00 UTC.
    pub(crate) const START: Time = Time::from_micros(1_772_413_200_000_000);
    const DAY: i64 = 86_400_000_000;

    pub(crate) fn pending() -> Invitation {
        let id = |n| Uuid::from_u128(n);
        Invitation {
            id: id(1).into(),
            version: 1,
            sequence: 1,
            last_at: START,
            survey: id(2).into(),
            number: 1,
            cause: "tickets/3/resolutions/1".to_owned(),
            ticket: id(3).into(),
            state: InvitationState::Pending,
            created_at: START,
            body: Body {
                instance: 1,
                since: START,
                follows: None,
                channel: InvitationChannel::Email,
                origin: Origin { customer: Some(id(4).into()), ..Origin::default() },
                locale: "zh".to_owned(),
                valid_for: 14 * DAY,
                due: START.plus_micros(DAY),
                expires: START.plus_micros(15 * DAY),
                blocks: Vec::new(),
                tries: 0,
                contact: String::new(),
                sent: None,
                tell: None,
                requested: None,
                ended: None,
                submissions: 0,
                last: None,
                response: None,
                interview: None,
            },
        }
    }

    fn response(n: u128) -> ResponseId {
        Uuid::from_u128(n).into()
    }

    /// What stands of each response after these submissions: when, in seconds, and what was answered.
    fn standings(submissions: &[(i64, u8)]) -> Vec<Standing> {
        let mut invitation = pending();
        let mut standings: Vec<Standing> = Vec::new();
        for (index, (seconds, answer)) in submissions.iter().enumerate() {
            let (at, hash) = (START.plus_micros(seconds * 1_000_000), vec![*answer]);
            let Judgement { standing, others } = invitation.judge(&hash, true, at);
            for (other, from, to) in others {
                let place = usize::try_from(other.uuid().as_u128()).unwrap();
                assert_eq!(standings[place], from);
                standings[place] = to;
            }
            let id = response(index.try_into().unwrap());
            invitation = invitation.answer(id, hash, (standing, true), at).invitation;
            standings.push(standing);
            let counted = standings.iter().position(|one| *one == Standing::Counted);
            let held = invitation.body.response.map(|held| held.uuid().as_u128());
            assert_eq!(held, counted.map(|at| at as u128), "{submissions:?}");
            assert!(standings.iter().filter(|one| **one == Standing::Counted).count() <= 1);
        }
        standings
    }

    #[test]
    fn several_ratings_within_seconds_are_a_machines_and_who_comes_later_gets_through() {
        use Standing::{Counted, Superseded, Suspected};
        let machine = [(0, 1), (1, 2), (2, 3), (3, 4)];
        assert_eq!(standings(&machine), [Suspected; 4]);
        let person = [(0, 1), (1, 2), (2, 3), (60, 3)];
        assert_eq!(standings(&person), [Suspected, Suspected, Suspected, Counted]);
        assert_eq!(standings(&[(0, 4), (60, 5)]), [Superseded, Counted], "a change of mind");
        assert_eq!(standings(&[(0, 4), (1, 4)]), [Superseded, Counted], "the same twice");
        // What a person said before a machine came holds again.
        let later = [(0, 5), (60, 1), (61, 2), (62, 3)];
        assert_eq!(standings(&later), [Counted, Suspected, Suspected, Suspected]);
        assert_eq!(
            standings(&[(0, 5), (60, 1), (61, 2), (90, 4)]),
            [Superseded, Suspected, Suspected, Counted]
        );
    }

    #[test]
    fn a_call_is_nobodys_machine_and_a_link_is_not_answered_for_ever() {
        let (id, hash) = (response(1), vec![1]);
        let called = pending().answer(id, hash, (Standing::Counted, false), START).invitation;
        let judged = called.judge(&[2], true, START.plus_micros(1_000_000));
        assert_eq!(judged.standing, Standing::Counted);
        let mut invitation = pending();
        for n in 0..50_u8 {
            assert!(invitation.is_answerable(START));
            let step = invitation.answer(id, vec![n], (Standing::Suspected, true), START);
            invitation = step.invitation;
        }
        assert!(!invitation.is_answerable(START));
    }

    #[test]
    fn a_reopening_takes_back_what_was_not_asked_yet() {
        let cancelled = pending().cancel(START).invitation;
        assert_eq!((cancelled.state, cancelled.wake()), (InvitationState::Cancelled, None));
        assert!(!cancelled.is_answerable(START));
        let asked = pending().request("customers/4/contacts/5".to_owned(), START, START).invitation;
        assert_eq!(asked.clone().cancel(START).invitation, asked);
    }

    #[test]
    fn it_wakes_when_it_is_due_and_when_it_ends() {
        let waiting = pending();
        assert_eq!(waiting.wake(), Some(waiting.body.due));
        let late = waiting.body.expires.plus_micros(DAY);
        let put_off = waiting.put_off(&[InvitationBlock::Cap], late).invitation;
        assert_eq!(put_off.wake(), Some(put_off.body.expires));
        let asked = pending().request(String::new(), START, START).invitation;
        assert_eq!(asked.wake(), Some(START.plus_micros(14 * DAY)));
        let told = asked.report(true, START).invitation;
        assert_eq!((told.state, told.wake()), (InvitationState::Delivered, Some(START)));
        let failed = pending().request(String::new(), START, START).invitation.report(false, START);
        assert_eq!(failed.invitation.state, InvitationState::Suppressed);
        assert!(failed.invitation.is_answerable(START), "by the ticket's own link");
    }

    #[test]
    fn what_stands_in_the_way_is_told_once() {
        let first = pending().wait_for_customers(START);
        assert_eq!(first.changes.len(), 1);
        assert_eq!(first.invitation.body.due, START.plus_micros(2_000_000));
        let second = first.invitation.wait_for_customers(START);
        assert_eq!(second.changes, []);
        assert_eq!(second.invitation.body.due, START.plus_micros(4_000_000));
    }

    #[test]
    fn who_would_not_be_asked_is_asked_no_more() {
        let call = |disposition| Called {
            disposition,
            again: None,
            interviewer: "members/lin".to_owned(),
            at: START,
            attempts: 1,
        };
        let none = pending().call(call(Disposition::NoAnswer));
        assert_eq!((none.invitation.state, none.changes.len()), (InvitationState::Pending, 1));
        let refused = pending().call(call(Disposition::Refused));
        assert_eq!(
            (refused.invitation.state, refused.changes.len()),
            (InvitationState::Revoked, 2)
        );
        let answered = pending().answer(response(1), vec![1], (Standing::Counted, true), START);
        let late = answered.invitation.call(call(Disposition::Refused));
        assert_eq!((late.invitation.state, late.changes.len()), (InvitationState::Completed, 1));
    }
}
