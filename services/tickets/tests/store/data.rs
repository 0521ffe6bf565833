//! Tickets that tests put into a store: many, each different, each the same in every run.

use ::tickets::{
    domain::{
        Ticket,
        clock::{Clock, Target},
        facts::Told,
        routing,
        ticket::{Body, Judgement, Resolved, Subject, Wait},
    },
    store::{
        lists::Path,
        tickets::{self as rows, Stored, Texts},
    },
};
use contracts::tickets::v1::{
    Category, Channel, ClockState, CloseReason, Kind, Metric, Nature, ServiceType, Stage,
};
use kernel::{CallerKind, CustomerId, TenantId, TicketId, Time};
use store::{Db, Error, events::NewEvent, transact};
use uuid::Uuid;

pub(crate) const QUEUES: [&str; 3] = ["complaints", "general", "returns"];
pub(crate) const AGENTS: [&str; 4] = ["", "gen", "lin", "mei"];
pub(crate) const CATEGORIES: [Category; 6] = [
    Category::New,
    Category::Open,
    Category::WaitingCustomer,
    Category::WaitingInternal,
    Category::Resolved,
    Category::Closed,
];

pub(crate) fn tenant(n: u128) -> TenantId {
    TenantId::from(Uuid::from_u128(n))
}

pub(crate) fn at(micros: i64) -> Time {
    Time::from_micros(1_772_413_200_000_000 + micros)
}

/// A number that looks random and is always the same for `n`.
pub(crate) fn mixed(n: u64, salt: u64) -> u64 {
    let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 31;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 29)
}

pub(crate) fn pick<T: Copy>(list: &[T], n: u64, salt: u64) -> T {
    list[usize::try_from(mixed(n, salt) % list.len() as u64).unwrap()]
}

pub(crate) fn clock(started: Time, due: Time) -> Clock {
    Clock {
        metric: Metric::Resolution,
        instance: 1,
        state: ClockState::Running,
        started,
        target: Some(Target { goal: due.plus_micros(-5), due }),
        left: None,
        ended: None,
        warned: true,
        breached: false,
        policy: "test@1/x".to_owned(),
        calendar: "always".to_owned(),
    }
}

/// The n-th of many tickets, each different.
pub(crate) fn ticket(tenant: TenantId, n: u64) -> Ticket {
    let category = pick(&CATEGORIES, n, 1);
    let settled = matches!(category, Category::Resolved | Category::Closed);
    // Several are recorded in one instant, and several are due in one.
    let created = at(i64::try_from(mixed(n, 2) % 500).unwrap());
    let due = at(1_000 + i64::try_from(mixed(n, 3) % 500).unwrap());
    let queue = pick(&QUEUES, n, 4);
    let assignee = Some(pick(&AGENTS, n, 5)).filter(|slug| !slug.is_empty()).map(str::to_owned);
    Ticket {
        tenant,
        id: TicketId::from(Uuid::from_u128(u128::from(mixed(n, 6)) << 64 | u128::from(n))),
        number: 100_001 + i64::try_from(n).unwrap(),
        version: 1,
        sequence: 3,
        last_at: created,
        category,
        queue: queue.to_owned(),
        team: if queue == "general" { "front-line" } else { "resolution" }.to_owned(),
        lane: routing::lane(queue, "", &[], 1),
        assignee,
        customer: n
            .is_multiple_of(3)
            .then(|| CustomerId::from(Uuid::from_u128(u128::from(mixed(n, 7) % 100)))),
        queued_at: created,
        created_at: created,
        updated_at: created,
        body: Body {
            clocks: if settled { Vec::new() } else { vec![clock(created, due)] },
            ..full_body()
        },
    }
}

/// Every field set to something else than nothing.
pub(crate) fn full_body() -> Body {
    Body {
        kind: Kind::ServiceRequest,
        service_type: ServiceType::Refund,
        stage: Stage::AfterSale,
        channel: Channel::Wechat,
        subject: Subject {
            product: "products/p-1".to_owned(),
            purchase: "purchases/1".to_owned(),
            lot: "L/7".to_owned(),
            component: "handle".to_owned(),
            fault_code: "H155".to_owned(),
        },
        language: "zh".to_owned(),
        skills: vec!["batteries".to_owned(), "refunds".to_owned()],
        told: Told { who: true, reachable: true, what: true, when: true, expectation: true },
        occurred: Some(at(-1)),
        triage: Some(Judgement { nature: Nature::Logistics, severity: 2, at: at(1) }),
        close_reason: CloseReason::Silent,
        closed: Some(at(2)),
        clocks: vec![clock(at(0), at(9))],
        sessions: Vec::new(),
        held: 2,
        reopened: 1,
        resolution: Some(Resolved { instance: 2, at: at(3), silent_close: None }),
        entries: 4,
        link: None,
        queue_named: true,
        began: at(4),
        waits: vec![Wait { from: at(5), until: Some(at(6)) }],
        follows: Some(Uuid::from_u128(12).into()),
    }
}

pub(crate) fn texts() -> Texts {
    Texts {
        title: "一句话".to_owned(),
        who: "who".to_owned(),
        what: "what\nhappened".to_owned(),
        expectation: "\"quoted\"".to_owned(),
        cause: "cause".to_owned(),
        evidence: "evidence".to_owned(),
        answer: "answer".to_owned(),
        contact: Some(vec![0, 255, 7]),
    }
}

fn created(ticket: &Ticket) -> NewEvent {
    NewEvent {
        tenant: ticket.tenant,
        aggregate: ticket.id.uuid(),
        sequence: ticket.sequence,
        at: ticket.last_at,
        kind: "ticket.created",
        payload: Vec::new(),
        actor_kind: CallerKind::Service,
        actor: "test".to_owned(),
        trace: String::new(),
    }
}

pub(crate) async fn put(db: &Db, tickets: &[Ticket], words: &Texts) {
    for chunk in tickets.chunks(500) {
        transact!(db, "test.put", |tx| {
            for ticket in chunk {
                let stored = Stored { ticket: ticket.clone(), texts: words.clone() };
                rows::record(tx, 1, &stored, &[created(ticket)]).await?;
            }
            Ok::<_, Error>(())
        })
        .unwrap();
    }
}

/// Every access path that there is, with the index that carries it.
pub(crate) fn paths() -> Vec<(Path, &'static str)> {
    let open = Path {
        queue: None,
        category: None,
        assignee: None,
        customer: None,
        number: None,
        by_due: false,
    };
    let queue = Some("complaints".to_owned());
    let assignee = Some("lin".to_owned());
    let category = Some(Category::Open);
    let customer = Some(CustomerId::from(Uuid::from_u128(3)));
    vec![
        (open.clone(), "tickets_by_age"),
        (Path { category, ..open.clone() }, "tickets_by_category"),
        (Path { assignee: assignee.clone(), ..open.clone() }, "tickets_by_assignee"),
        (Path { customer, ..open.clone() }, "tickets_by_customer"),
        (Path { number: Some(100_017), ..open.clone() }, "tickets_by_number"),
        (Path { queue: queue.clone(), ..open.clone() }, "tickets_by_queue"),
        (Path { queue: queue.clone(), category, ..open.clone() }, "tickets_by_queue_category"),
        (Path { queue, category, by_due: true, ..open.clone() }, "tickets_by_queue_due"),
        (Path { assignee, category, by_due: true, ..open }, "tickets_by_assignee_due"),
    ]
}
