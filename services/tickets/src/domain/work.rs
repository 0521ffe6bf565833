//! Stretches of work: opened by a claim or a reply, kept open by the agent's next action, ended by a
//! release, a resolution or a lease. The ended ones are events, and the source of handling time.

use contracts::tickets::v1::{Channel, WorkKind, WorkSessionEnded, ticket_event::Change};
use kernel::Time;

use super::ticket::{Changed, Context, Session};

impl Changed {
    /// Notes that `member` works on it now. A stretch whose lease ran out before is over, whether its
    /// timer came or not.
    pub(super) fn work(&mut self, member: &str, cx: &Context<'_>) {
        self.lapse_sessions(cx.at);
        let until = cx.at.plus_micros(cx.policy.work_session_micros());
        let sessions = &mut self.ticket.body.sessions;
        match sessions.iter_mut().find(|session| session.member == member) {
            Some(session) => session.until = until,
            None => sessions.push(Session { member: member.to_owned(), started: cx.at, until }),
        }
    }

    /// Ends the work of one member.
    pub(super) fn end_sessions_of(&mut self, member: &str, at: Time) {
        self.end_sessions(|session| (session.member == member).then_some((at, false)));
    }

    /// Ends everybody's work.
    pub(super) fn end_all_sessions(&mut self, at: Time) {
        self.end_sessions(|_| Some((at, false)));
    }

    /// Ends the sessions whose lease has run out, at the end of the lease.
    pub(super) fn lapse_sessions(&mut self, now: Time) {
        self.end_sessions(|session| (session.until <= now).then_some((session.until, true)));
    }

    fn end_sessions(&mut self, ends: impl Fn(&Session) -> Option<(Time, bool)>) {
        let kind = work_kind(self.ticket.body.channel);
        for session in std::mem::take(&mut self.ticket.body.sessions) {
            let Some((at, lapsed)) = ends(&session) else {
                self.ticket.body.sessions.push(session);
                continue;
            };
            // A command may come after the lease ran out and before the timer: the lease holds.
            let (end, lapsed) =
                if session.until < at { (session.until, true) } else { (at, lapsed) };
            let ended = WorkSessionEnded {
                member: format!("members/{}", session.member),
                kind: kind.into(),
                start_time: Some(::rpc::wire::timestamp(session.started)),
                duration: Some(::rpc::wire::duration(end.since(session.started).max(0))),
                lapsed,
            };
            self.note("work_session.ended", Change::WorkSessionEnded(ended));
        }
    }
}

fn work_kind(channel: Channel) -> WorkKind {
    match channel {
        Channel::Phone | Channel::Video | Channel::InPerson => WorkKind::Talk,
        Channel::Unspecified
        | Channel::WebChat
        | Channel::Email
        | Channel::Sms
        | Channel::Wechat
        | Channel::Fax
        | Channel::Review
        | Channel::Api
        | Channel::SelfService => WorkKind::Write,
    }
}
