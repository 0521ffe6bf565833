//! Whatever is done to a ticket in whatever order, it never stands where it must not.

use std::collections::BTreeMap;

use contracts::tickets::v1::{
    AssignmentReason, AuthorRole, Category, Channel, ClockState, CloseReason, Kind, Metric, Nature,
    ServiceType, Stage, Turn, Visibility, ticket_event::Change,
};
use kernel::{CallerKind, CustomerId, EntryId, TicketId, Time};
use proptest::prelude::*;
use uuid::Uuid;

use crate::{
    command::{Author, number},
    domain::{
        Actor, Refusal, Ticket,
        assign::Assignment,
        entry::Said,
        facts::Told,
        policy::{Calendars, Policy},
        routing,
        ticket::{Body, Changed, Context, Draft, PendingLink, Subject},
    },
    fixture::{START, tenant},
};

const MEMBERS: [&str; 3] = ["lin", "mei", "gen"];

#[derive(Clone, Debug)]
enum Deed {
    Assign { member: usize, claims: bool },
    Release,
    Say { role: AuthorRole, kind: CallerKind, public: bool, turn: Turn, thanks: bool },
    Resolve { human: bool },
    Confirm,
    Reject,
    Reopen,
    Close,
    Judge,
    Update { language: bool },
    Link,
    Tick,
}

fn deed() -> impl Strategy<Value = Deed> {
    let role = prop_oneof![
        Just((AuthorRole::Customer, CallerKind::Customer)),
        Just((AuthorRole::Customer, CallerKind::Member)),
        Just((AuthorRole::Staff, CallerKind::Member)),
        Just((AuthorRole::System, CallerKind::Integration)),
    ];
    let turn = prop_oneof![
        3 => Just(Turn::Unspecified),
        1 => Just(Turn::Staff),
        3 => Just(Turn::Customer),
        1 => Just(Turn::Internal),
    ];
    let say = (role, any::<bool>(), turn, prop::bool::weighted(0.2)).prop_map(
        |((role, kind), public, turn, thanks)| {
            let customer = role == AuthorRole::Customer;
            Deed::Say { role, kind, public: public || customer, turn, thanks: customer && thanks }
        },
    );
    prop_oneof![
        4 => (0..MEMBERS.len(), any::<bool>())
            .prop_map(|(member, claims)| Deed::Assign { member, claims }),
        2 => Just(Deed::Release),
        8 => say,
        3 => any::<bool>().prop_map(|human| Deed::Resolve { human }),
        2 => Just(Deed::Confirm),
        2 => Just(Deed::Reject),
        2 => Just(Deed::Reopen),
        1 => Just(Deed::Close),
        1 => Just(Deed::Judge),
        1 => any::<bool>().prop_map(|language| Deed::Update { language }),
        1 => Just(Deed::Link),
        4 => Just(Deed::Tick),
    ]
}

/// How long until the next deed: nothing, seconds, hours, days.
fn pause() -> impl Strategy<Value = i64> {
    prop_oneof![Just(0), 1..120_000_000_i64, 1..20 * 3_600_000_000_i64, 1..6 * 86_400_000_000_i64,]
}

/// A ticket with what the world around it knows.
struct World {
    policy: Policy,
    calendars: Calendars,
    now: Time,
    ticket: Ticket,
    /// What each agent holds.
    ledger: BTreeMap<String, i32>,
    /// How much room each agent has besides.
    room: i32,
    /// Notices by metric, instance and kind.
    notices: BTreeMap<(i32, i32, String), usize>,
    /// For how long each clock ran, and since when it runs.
    ran: BTreeMap<(i32, i32), (i64, Option<Time>)>,
    sequence: i64,
}

impl World {
    fn new(kind: Kind, channel: Channel, room: i32, zone: &str) -> Self {
        let (policy, calendars) = (Policy::shipped(), Calendars::of_zone(zone).unwrap());
        let actor = Actor { kind: CallerKind::Integration, member: None };
        let changed = Draft {
            tenant: tenant(1),
            id: TicketId::from(Uuid::from_u128(1)),
            queue: "general".to_owned(),
            team: "front-line".to_owned(),
            customer: None,
            body: body(kind, channel),
        }
        .record(&Context { at: START, actor: &actor, policy: &policy, calendars: &calendars })
        .unwrap();
        let mut world = Self {
            policy,
            calendars,
            now: START,
            ticket: changed.ticket.clone(),
            ledger: BTreeMap::new(),
            room,
            notices: BTreeMap::new(),
            ran: BTreeMap::new(),
            sequence: 0,
        };
        world.take(changed);
        world
    }

    fn weight(&self) -> i32 {
        self.policy.weight(self.ticket.body.channel)
    }

    /// Does it; false where it is refused, and then nothing has changed.
    fn act(&mut self, deed: &Deed) -> bool {
        let member = |slug: &str| Actor { kind: CallerKind::Member, member: Some(slug.to_owned()) };
        let actor = match deed {
            Deed::Assign { member: n, .. } => member(MEMBERS[*n]),
            Deed::Say { kind: CallerKind::Member, .. } => member("lin"),
            Deed::Say { kind, .. } => Actor { kind: *kind, member: None },
            Deed::Resolve { human: false } => Actor { kind: CallerKind::Integration, member: None },
            Deed::Tick | Deed::Link => Actor::suite(),
            _ => member("mei"),
        };
        let (policy, calendars) = (self.policy.clone(), self.calendars.clone());
        let cx = Context { at: self.now, actor: &actor, policy: &policy, calendars: &calendars };
        let said = said(deed);
        let reopens = match deed {
            Deed::Reject | Deed::Reopen => true,
            Deed::Say { .. } => self.ticket.would_reopen(said.as_ref().unwrap()),
            _ => false,
        };
        let mut ledger = self.ledger.clone();
        let mut keep = false;
        if reopens && let Some(owner) = self.ticket.assignee.clone() {
            let held = ledger.entry(owner).or_default();
            keep = self.ticket.body.held > 0 || *held + self.weight() <= self.room;
            *held += if keep && self.ticket.body.held == 0 { self.weight() } else { 0 };
        }
        let Ok(changed) = decide(self.ticket.clone(), deed, said.as_ref(), keep, &cx) else {
            return false;
        };
        for one in &changed.moves {
            let held = ledger.entry(one.member.clone()).or_default();
            *held += one.units;
            if one.units > 0 && !one.force && *held > self.room {
                return false;
            }
        }
        self.ledger = ledger;
        self.take(changed);
        true
    }

    /// Takes over what happened, and holds it against what was before.
    fn take(&mut self, mut changed: Changed) {
        let before = self.ticket.clone();
        let after = &changed.ticket;
        if changed.happened.is_empty() {
            // Only an attempt to link may pass without notice.
            assert_eq!(after.version, before.version);
        } else if after.version == before.version {
            let stands = |t: &Ticket| (t.category, t.assignee.clone(), t.customer, t.lane.clone());
            assert_eq!(stands(after), stands(&before), "a change is a new version");
        }
        assert!(after.version >= before.version);
        for one in &changed.happened {
            let Change::ClockChanged(clock) = &one.change else { continue };
            let key = (clock.metric, clock.instance);
            match one.kind {
                "clock.started" | "clock.resumed" => {
                    self.ran.entry(key).or_default().1 = Some(self.now);
                }
                "clock.warned" | "clock.breached" => {
                    let key = (key.0, key.1, one.kind.to_owned());
                    *self.notices.entry(key).or_default() += 1;
                }
                _ => {
                    let ran = self.ran.get_mut(&key).unwrap();
                    if let Some(since) = ran.1.take() {
                        ran.0 += self.now.since(since);
                    }
                }
            }
        }
        let events = number(&mut changed, &Author::suite(), self.now);
        for event in events {
            self.sequence += 1;
            assert_eq!(event.sequence, self.sequence);
        }
        self.ticket = changed.ticket;
        self.hold();
    }

    /// What must always be so.
    fn hold(&self) {
        let ticket = &self.ticket;
        let body = &ticket.body;
        let settled = ticket.is_settled();
        let open = body.clocks.iter().filter(|clock| clock.is_open()).count();
        assert!(!settled || open == 0, "a clock runs on a settled ticket");
        assert!(!settled || body.sessions.is_empty(), "somebody works on a settled ticket");
        assert_eq!(
            ticket.is_waiting(),
            ticket.assignee.is_none() && matches!(ticket.category, Category::New | Category::Open)
        );
        let held = if ticket.assignee.is_some() && !settled { self.weight() } else { 0 };
        assert_eq!(body.held, held);
        for member in MEMBERS {
            let mine = if ticket.assignee.as_deref() == Some(member) { held } else { 0 };
            assert_eq!(self.ledger.get(member).copied().unwrap_or(0), mine, "{member}");
        }
        let lane = routing::lane(&ticket.queue, &body.language, &body.skills, self.weight());
        assert_eq!(ticket.lane, lane);
        assert_eq!(body.closed.is_some(), ticket.category == Category::Closed);
        assert_eq!(body.close_reason != CloseReason::Unspecified, body.closed.is_some());
        let silent = body.resolution.and_then(|resolved| resolved.silent_close);
        assert_eq!(silent.is_some(), ticket.category == Category::Resolved);
        for clock in &body.clocks {
            let waits = ticket.category == Category::WaitingCustomer;
            let resolution = clock.metric == Metric::Resolution;
            assert_eq!(clock.state == ClockState::Paused, clock.is_open() && waits && resolution);
            let notices = |kind: &str| {
                let key = (clock.metric.into(), clock.instance, kind.to_owned());
                self.notices.get(&key).copied().unwrap_or(0)
            };
            assert!(notices("clock.warned") <= 1);
            assert_eq!(notices("clock.breached"), usize::from(clock.breached));
            self.breach_is_exact(clock);
        }
    }

    /// On a calendar without nights a clock is broken if and only if it ran for longer than allowed.
    fn breach_is_exact(&self, clock: &crate::domain::clock::Clock) {
        let due: i64 = match clock.policy.as_str() {
            "shipped@1/chat" => 120_000_000,
            "shipped@1/complaint" => 72 * 3_600_000_000,
            _ => return,
        };
        let (ran, since) = self.ran[&(clock.metric.into(), clock.instance)];
        if since.is_none() {
            assert_eq!(clock.breached, ran > due, "ran {ran} of {due}");
        }
        if clock.state == ClockState::Fulfilled
            && let (Some(target), Some(ended)) = (clock.target, clock.ended)
            && ran <= due
        {
            assert!(ended <= target.due);
        }
    }

    /// A timer that comes too early does nothing, one that comes in time leaves nothing undone.
    fn tick(&mut self) {
        let early = self.ticket.wake().is_none_or(|at| at > self.now);
        let before = self.ticket.clone();
        assert!(self.act(&Deed::Tick));
        if early {
            assert_eq!(self.ticket, before);
        }
        let next = self.ticket.wake();
        assert!(next.is_none_or(|at| at > self.now), "the timer is due again at once");
    }
}

fn decide(
    ticket: Ticket,
    deed: &Deed,
    said: Option<&Said>,
    keep: bool,
    cx: &Context<'_>,
) -> Result<Changed, Refusal> {
    match deed {
        Deed::Assign { member, claims } => {
            let reason =
                if *claims { AssignmentReason::Claimed } else { AssignmentReason::Assigned };
            ticket.assign(MEMBERS[*member], Assignment::plain(reason), cx)
        }
        Deed::Release => ticket.release(cx),
        Deed::Say { .. } => ticket.say(said.unwrap(), keep, cx),
        Deed::Resolve { .. } => ticket.resolve(cx),
        Deed::Confirm => ticket.confirm(cx),
        Deed::Reject => ticket.reject(keep, cx),
        Deed::Reopen => ticket.reopen(keep, cx),
        Deed::Close => ticket.close(CloseReason::Cancelled, cx),
        Deed::Judge => ticket.judge(Nature::Other, 3, cx),
        Deed::Update { language } => {
            let mut ticket = ticket;
            if *language { "zh" } else { "en" }.clone_into(&mut ticket.body.language);
            let before = ticket.clone();
            ticket.update(vec!["language".to_owned()], &before, &routing::Routing::default(), cx)
        }
        Deed::Link => Ok(ticket.link(CustomerId::from(Uuid::from_u128(7)), cx)),
        Deed::Tick => {
            let mut changed = ticket.tick(cx)?;
            if changed.ticket.body.link.is_some_and(|link| link.next <= cx.at) {
                changed.ticket.link_later(cx.at);
            }
            Ok(changed)
        }
    }
}

fn said(deed: &Deed) -> Option<Said> {
    let Deed::Say { role, public, turn, thanks, .. } = deed else { return None };
    Some(Said {
        id: EntryId::from(Uuid::from_u128(3)),
        role: *role,
        visibility: if *public { Visibility::Public } else { Visibility::Internal },
        turn: *turn,
        thanks: *thanks,
    })
}

fn body(kind: Kind, channel: Channel) -> Body {
    Body {
        kind,
        service_type: ServiceType::Unspecified,
        stage: Stage::Unspecified,
        channel,
        subject: Subject::default(),
        language: String::new(),
        skills: Vec::new(),
        told: Told::default(),
        occurred: None,
        triage: None,
        close_reason: CloseReason::Unspecified,
        closed: None,
        clocks: Vec::new(),
        sessions: Vec::new(),
        held: 0,
        reopened: 0,
        resolution: None,
        entries: 0,
        link: Some(PendingLink { attempts: 0, next: START }),
        queue_named: false,
        began: START,
        waits: Vec::new(),
        follows: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn it_never_stands_where_it_must_not(
        deeds in proptest::collection::vec((pause(), deed()), 1..60),
        complaint in any::<bool>(),
        chat in any::<bool>(),
        room in 1_i32..3,
    ) {
        let kind = if complaint { Kind::Complaint } else { Kind::Inquiry };
        let channel = if chat { Channel::WebChat } else { Channel::Email };
        let mut world = World::new(kind, channel, room * 2, "Asia/Shanghai");
        for (pause, deed) in deeds {
            // Commands on one ticket never come at the same instant.
            world.now = world.now.plus_micros(pause.max(1));
            match deed {
                Deed::Tick => world.tick(),
                deed => {
                    world.act(&deed);
                }
            }
        }
    }
}

#[test]
fn silence_is_counted_over_the_make_up_days_of_china() {
    // Thursday, 17 September 2026: Friday and, made up for, Sunday the 20th are worked, and Monday.
    let mut world = World::new(Kind::Inquiry, Channel::Email, 9, "Asia/Shanghai");
    world.now = Time::from("2026-09-17T02:00:00Z".parse::<jiff::Timestamp>().unwrap());
    assert!(world.act(&Deed::Assign { member: 0, claims: true }));
    assert!(world.act(&Deed::Resolve { human: true }));
    let silent = world.ticket.body.resolution.unwrap().silent_close.unwrap();
    let expected = "2026-09-21T10:00:00Z".parse::<jiff::Timestamp>().unwrap();
    assert_eq!(silent, Time::from(expected));
    world.now = silent.plus_micros(-1);
    world.tick();
    assert_eq!(world.ticket.category, Category::Resolved);
    world.now = silent;
    world.tick();
    assert_eq!(world.ticket.body.close_reason, CloseReason::Silent);
}

#[test]
fn work_ends_with_its_lease_a_release_or_a_resolution() {
    let ended = |deeds: &[(i64, Deed)]| {
        let mut world = World::new(Kind::Inquiry, Channel::Email, 9, "UTC");
        let mut durations = Vec::new();
        for (minutes, deed) in deeds {
            world.now = world.now.plus_micros(minutes * 60_000_000);
            let actor = Actor { kind: CallerKind::Member, member: Some("lin".to_owned()) };
            let cx = Context {
                at: world.now,
                actor: &actor,
                policy: &world.policy,
                calendars: &world.calendars,
            };
            let said = said(deed);
            let changed = decide(world.ticket.clone(), deed, said.as_ref(), false, &cx).unwrap();
            for one in changed.happened {
                if let Change::WorkSessionEnded(ended) = one.change {
                    durations.push((ended.duration.unwrap().seconds / 60, ended.lapsed));
                }
            }
            world.ticket = changed.ticket;
        }
        durations
    };
    let claim = || Deed::Assign { member: 0, claims: true };
    let reply = || Deed::Say {
        role: AuthorRole::Staff,
        kind: CallerKind::Member,
        public: true,
        turn: Turn::Unspecified,
        thanks: false,
    };
    assert_eq!(ended(&[(1, claim()), (7, Deed::Release)]), [(7, false)]);
    assert_eq!(
        ended(&[(1, claim()), (10, reply()), (10, Deed::Resolve { human: true })]),
        [(20, false)]
    );
    assert_eq!(ended(&[(1, claim()), (15, Deed::Tick)]), [(15, true)]);
    // The timer was late: what came after the lease is another stretch.
    assert_eq!(ended(&[(1, claim()), (60, reply()), (5, Deed::Release)]), [(15, true), (5, false)]);
    assert_eq!(ended(&[(1, claim()), (60, Deed::Release)]), [(15, true)]);
}

#[test]
fn each_notice_comes_once_however_often_the_timer_does() {
    let mut world = World::new(Kind::Complaint, Channel::WebChat, 9, "UTC");
    for _ in 0..200 {
        world.now = world.now.plus_micros(3_600_000_000);
        world.tick();
        world.tick();
    }
    let counts: Vec<_> = world.notices.values().copied().collect();
    assert_eq!(counts, [1; 4]);
}
