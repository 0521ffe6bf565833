//! The store of tickets on both databases: every statement, round trips, pages, plans, numbers.
#![cfg(test)]

extern crate aftercare_tickets as tickets;

use std::collections::BTreeSet;

use ::tickets::{
    domain::{
        Ticket,
        clock::{Clock, Target},
        facts::Told,
        routing,
        ticket::{Body, Judgement, PendingLink, Resolved, Session, Subject},
    },
    migrations,
    store::{
        entries,
        entries::{Answer, Entry},
        lanes, lists,
        lists::{Path, Position, Reach},
        numbers::Numbers,
        statements,
        tickets::{self as rows, NEVER, Stored, Texts},
    },
};
use contracts::tickets::v1::{
    AuthorRole, Category, Channel, ClockState, CloseReason, Kind, Metric, Nature, ServiceType,
    Stage, Visibility,
};
use kernel::{CustomerId, EntryId, RowScope, TenantId, TicketId, Time};
use store::{Db, Engine, Error, List, Sql, args, transact};
use testing::each_db;
use uuid::Uuid;

const QUEUES: [&str; 3] = ["complaints", "general", "returns"];
const AGENTS: [&str; 4] = ["", "gen", "lin", "mei"];
const CATEGORIES: [Category; 6] = [
    Category::New,
    Category::Open,
    Category::WaitingCustomer,
    Category::WaitingInternal,
    Category::Resolved,
    Category::Closed,
];

fn tenant(n: u128) -> TenantId {
    TenantId::from(Uuid::from_u128(n))
}

fn at(micros: i64) -> Time {
    Time::from_micros(1_772_413_200_000_000 + micros)
}

/// A number that looks random and is always the same for `n`.
fn mixed(n: u64, salt: u64) -> u64 {
    let mut x = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x ^= x >> 31;
    x = x.wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 29)
}

fn pick<T: Copy>(list: &[T], n: u64, salt: u64) -> T {
    list[usize::try_from(mixed(n, salt) % list.len() as u64).unwrap()]
}

fn clock(started: Time, due: Time) -> Clock {
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
fn ticket(tenant: TenantId, n: u64) -> Ticket {
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
        customer: (n % 3 == 0)
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
fn full_body() -> Body {
    Body {
        kind: Kind::ServiceRequest,
        service_type: ServiceType::Refund,
        stage: Stage::AfterSale,
        channel: Channel::Wechat,
        subject: Subject {
            product: "products/p-1".to_owned(),
            purchase: "purchases/1".to_owned(),
            lot: "L/7".to_owned(),
            component: "把手".to_owned(),
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
    }
}

fn texts() -> Texts {
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

async fn put(db: &Db, tickets: &[Ticket]) {
    for chunk in tickets.chunks(500) {
        transact!(db, "test.put", |tx| {
            for ticket in chunk {
                rows::insert(tx, ticket).await?;
                rows::insert_texts(tx, ticket.tenant, ticket.id, &texts()).await?;
            }
            Ok::<_, Error>(())
        })
        .unwrap();
    }
}

#[tokio::test]
async fn both_databases_prepare_every_statement() {
    each_db(&migrations(), async |db| {
        store::prepare_all(db, &statements()).await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_ticket_its_words_and_its_entries_come_back_as_they_were() {
    each_db(&migrations(), async |db| {
        let mut full = ticket(tenant(1), 1);
        full.assignee = Some("lin".to_owned());
        full.customer = Some(CustomerId::from(Uuid::from_u128(9)));
        full.body = full_body();
        full.body.sessions =
            vec![Session { member: "lin".to_owned(), started: at(1), until: at(2) }];
        full.body.link = Some(PendingLink { attempts: 3, next: at(5) });
        put(db, std::slice::from_ref(&full)).await;
        let stored = rows::get(db, tenant(1), full.id).await.unwrap().unwrap();
        assert_eq!(stored, Stored { ticket: full.clone(), texts: texts() });
        assert_eq!(rows::get(db, tenant(2), full.id).await.unwrap(), None);

        let mut next = full.clone();
        next.version = 2;
        next.sequence = 9;
        next.category = Category::WaitingInternal;
        next.assignee = None;
        next.customer = None;
        next.queue = "general".to_owned();
        next.team = "front-line".to_owned();
        next.lane = "x".to_owned();
        next.last_at = at(50);
        next.queued_at = at(51);
        next.updated_at = at(52);
        next.body.clocks = Vec::new();
        let words = Texts { title: "b".to_owned(), answer: String::new(), ..texts() };
        transact!(db, "test.update", |tx| {
            assert!(!rows::update(tx, &next, 8).await?, "another sequence");
            assert!(rows::update(tx, &next, 3).await?);
            rows::update_texts(tx, tenant(1), next.id, &words).await
        })
        .unwrap();
        let stored = rows::get(db, tenant(1), full.id).await.unwrap().unwrap();
        assert_eq!(stored, Stored { ticket: next, texts: words });

        let entry = Entry {
            position: 1,
            id: EntryId::from(Uuid::from_u128(5)),
            author_role: AuthorRole::Staff,
            visibility: Visibility::Internal,
            channel: Channel::Email,
            external_id: "<1@example.com>".to_owned(),
            answers: vec![Answer { revision: "articles/1@2".to_owned(), locale: "zh".to_owned() }],
            actor_kind: "member".to_owned(),
            actor: "members/lin".to_owned(),
            created_at: at(7),
            body: "说\t了".to_owned(),
        };
        let mut heard = entry.clone();
        heard.position = 2;
        heard.id = EntryId::from(Uuid::from_u128(6));
        heard.visibility = Visibility::Public;
        let (one, both, all, public) = transact!(db, "test.entries", |tx| {
            entries::insert(tx, tenant(1), full.id, &entry, Some([7; 32])).await?;
            entries::insert(tx, tenant(1), full.id, &heard, None).await?;
            let one = entries::get(tx, tenant(1), full.id, entry.id).await?;
            let both = entries::delivered(tx, tenant(1), full.id, [7; 32]).await?;
            Ok::<_, Error>((one, both, (), ()))
        })
        .map(|(one, both, (), ())| (one, both, false, true))
        .unwrap();
        assert_eq!((one.as_ref(), both.as_ref()), (Some(&entry), Some(&entry)));
        let page = async |public, after| {
            entries::page(db, tenant(1), full.id, public, after, 9).await.unwrap()
        };
        assert_eq!(page(all, 0).await, [entry.clone(), heard.clone()]);
        assert_eq!(page(all, 1).await, [heard.clone()]);
        assert_eq!(page(public, 0).await, [heard.clone()]);
    })
    .await;
}

/// Every access path that there is, with the index that carries it.
fn paths() -> Vec<(Path, &'static str)> {
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

fn scopes() -> Vec<(RowScope, Vec<&'static str>)> {
    let teams =
        |teams: &[&str]| RowScope::Teams(teams.iter().map(|team| (*team).to_owned()).collect());
    vec![
        (RowScope::Tenant, Vec::new()),
        (teams(&["resolution"]), vec!["complaints", "returns"]),
        (teams(&["front-line"]), vec!["general"]),
        (teams(&["resolution", "front-line"]), QUEUES.to_vec()),
        (teams(&[]), Vec::new()),
        (teams(&["nobody"]), Vec::new()),
        (RowScope::Own(CustomerId::from(Uuid::from_u128(3))), Vec::new()),
        (RowScope::None, Vec::new()),
    ]
}

fn in_reach(ticket: &Ticket, scope: &RowScope) -> bool {
    match scope {
        RowScope::Tenant => true,
        RowScope::Teams(teams) => teams.contains(&ticket.team),
        RowScope::Own(customer) => ticket.customer == Some(*customer),
        RowScope::None => false,
    }
}

/// What a list must be, by sorting everything.
fn sorted(all: &[Ticket], scope: &RowScope, path: &Path) -> Vec<TicketId> {
    let mut kept: Vec<&Ticket> = all
        .iter()
        .filter(|ticket| in_reach(ticket, scope))
        .filter(|ticket| path.queue.as_ref().is_none_or(|queue| ticket.queue == *queue))
        .filter(|ticket| path.category.is_none_or(|category| ticket.category == category))
        .filter(|ticket| path.assignee.is_none() || ticket.assignee == path.assignee)
        .filter(|ticket| path.customer.is_none() || ticket.customer == path.customer)
        .filter(|ticket| path.number.is_none_or(|number| ticket.number == number))
        .collect();
    kept.sort_by_key(|ticket| {
        if path.by_due {
            (ticket.next_due().unwrap_or(NEVER), ticket.id)
        } else {
            (ticket.created_at, ticket.id)
        }
    });
    if !path.by_due {
        kept.reverse();
    }
    kept.into_iter().map(|ticket| ticket.id).collect()
}

#[tokio::test]
async fn pages_put_together_are_the_sorted_whole() {
    each_db(&migrations(), async |db| {
        let all: Vec<_> = (0..240).map(|n| ticket(tenant(1), n)).collect();
        let theirs: Vec<_> = (0..50).map(|n| ticket(tenant(2), n)).collect();
        put(db, &all).await;
        put(db, &theirs).await;
        for (scope, queues) in scopes() {
            for (path, _) in paths() {
                assert!(path.is_declared());
                let reach = Reach { tenant: tenant(1), scope: &scope, queues: queues.clone() };
                let mut paged = Vec::new();
                let mut after = None;
                loop {
                    let page = lists::page(db, &reach, &path, after, 7).await.unwrap();
                    let Some(last) = page.last() else { break };
                    after = Some(Position {
                        at: if path.by_due {
                            last.ticket.next_due().unwrap_or(NEVER)
                        } else {
                            last.ticket.created_at
                        },
                        id: last.ticket.id,
                    });
                    paged.extend(page.into_iter().map(|stored| stored.ticket.id));
                }
                assert_eq!(paged, sorted(&all, &scope, &path), "{scope:?} {path:?}");
            }
        }
    })
    .await;
}

/// How the engine would run a statement, one line a step.
async fn plan(db: &Db, write: impl FnOnce(&mut List)) -> Vec<String> {
    let mut list = List::new(match db.engine() {
        Engine::Sqlite => "EXPLAIN QUERY PLAN ",
        Engine::Postgres => "EXPLAIN ",
    });
    write(&mut list);
    let (text, values) = list.finish();
    match db.engine() {
        Engine::Sqlite => {
            let rows: Vec<(i64, i64, i64, String)> = db.all(text, values).await.unwrap();
            rows.into_iter().map(|(_, _, _, step)| step).collect()
        }
        Engine::Postgres => {
            let rows: Vec<(String,)> = db.all(text, values).await.unwrap();
            rows.into_iter().map(|(step,)| step).collect()
        }
    }
}

/// Holds that a plan goes by `index` and never over a whole table.
#[track_caller]
fn goes_by(plan: &[String], index: &str, may_sort: bool) {
    let steps = plan.join("\n");
    assert!(plan.iter().any(|step| names(step, index)), "not by {index}:\n{steps}");
    for step in plan {
        let scans = step.contains("Seq Scan") || step.starts_with("SCAN t");
        assert!(!scans, "a whole table is read:\n{steps}");
        let sorts = step.contains("Sort") || step.contains("TEMP B-TREE FOR ORDER BY");
        assert!(may_sort || !sorts, "rows are sorted:\n{steps}");
    }
}

/// Whether a step names this index, and not one whose name begins alike.
fn names(step: &str, index: &str) -> bool {
    step.match_indices(index).any(|(place, _)| {
        let rest = &step[place + index.len()..];
        !rest.starts_with(|c: char| c == '_' || c.is_alphanumeric())
    })
}

async fn filled(db: &Db) {
    let all: Vec<_> = (0..6_000).map(|n| ticket(tenant(1), n)).collect();
    let theirs: Vec<_> = (0..600).map(|n| ticket(tenant(2), n)).collect();
    put(db, &all).await;
    put(db, &theirs).await;
    transact!(db, "test.analyze", |tx| tx.execute(Sql::both("ANALYZE"), args![]).await).unwrap();
}

#[tokio::test]
async fn each_access_path_has_its_index() {
    each_db(&migrations(), async |db| {
        filled(db).await;
        let place = Position { at: at(250), id: TicketId::from(Uuid::from_u128(5)) };
        for after in [None, Some(place)] {
            for (path, index) in paths() {
                let reach =
                    Reach { tenant: tenant(1), scope: &RowScope::Tenant, queues: Vec::new() };
                let steps = plan(db, |list| lists::write(list, &reach, &path, after, 51)).await;
                // A number is one row at most, whatever order it is asked in.
                goes_by(&steps, index, path.number.is_some());
            }
        }
        // What reaches some teams only goes queue by queue, and sorts a page of each.
        let teams = RowScope::Teams(vec!["resolution".to_owned()]);
        let reach =
            Reach { tenant: tenant(1), scope: &teams, queues: vec!["complaints", "returns"] };
        for (path, index) in [(0, "tickets_by_queue"), (1, "tickets_by_queue_category")] {
            let path = &paths()[path].0;
            let steps = plan(db, |list| lists::write(list, &reach, path, None, 51)).await;
            goes_by(&steps, index, true);
        }
        let own = RowScope::Own(CustomerId::from(Uuid::from_u128(3)));
        let reach = Reach { tenant: tenant(1), scope: &own, queues: Vec::new() };
        let steps = plan(db, |list| lists::write(list, &reach, &paths()[3].0, None, 51)).await;
        goes_by(&steps, "tickets_by_customer", false);
    })
    .await;
}

#[tokio::test]
async fn one_ticket_what_is_due_and_what_is_next_are_looked_up() {
    each_db(&migrations(), async |db| {
        filled(db).await;
        let lanes: Vec<String> = QUEUES.iter().map(|q| routing::lane(q, "", &[], 1)).collect();
        let lanes: Vec<&str> = lanes.iter().map(String::as_str).collect();
        let steps = plan(db, |list| lanes::write(list, tenant(1), &lanes, 8)).await;
        goes_by(&steps, "tickets_waiting_by_due", true);
        goes_by(&steps, "tickets_waiting_by_age", true);

        let key = match db.engine() {
            Engine::Sqlite => "sqlite_autoindex_tickets_1",
            Engine::Postgres => "tickets_pkey",
        };
        let fixed = |start: &str| {
            let sql = statements().into_iter().map(|sql| sql.text(db.engine()));
            sql.into_iter().find(|text| text.contains(start)).unwrap()
        };
        let get = fixed("WHERE t.tenant = $1 AND t.id = $2");
        let id = ticket(tenant(1), 7).id;
        let steps = explain(db, get, args![tenant(1), id]).await;
        goes_by(&steps, key, false);
        let due = fixed("wake_at <= $1");
        let from = args![at(1_000), i64::MIN, Uuid::nil(), Uuid::nil(), 100_i64];
        let steps = explain(db, due, from).await;
        goes_by(&steps, "tickets_to_wake", false);
    })
    .await;
}

/// The plan of a fixed statement: its text with its values in order.
async fn explain(db: &Db, text: &'static str, values: Vec<store::Arg>) -> Vec<String> {
    let explained: &'static str = match db.engine() {
        Engine::Sqlite => Box::leak(format!("EXPLAIN QUERY PLAN {text}").into_boxed_str()),
        Engine::Postgres => Box::leak(format!("EXPLAIN {text}").into_boxed_str()),
    };
    let sql = Sql::both(explained);
    match db.engine() {
        Engine::Sqlite => {
            let rows: Vec<(i64, i64, i64, String)> = db.all(sql, values).await.unwrap();
            rows.into_iter().map(|(_, _, _, step)| step).collect()
        }
        Engine::Postgres => {
            let rows: Vec<(String,)> = db.all(sql, values).await.unwrap();
            rows.into_iter().map(|(step,)| step).collect()
        }
    }
}

#[tokio::test]
async fn due_tickets_come_in_order_and_page_by_page() {
    each_db(&migrations(), async |db| {
        let mut all: Vec<_> = (0..60).map(|n| ticket(tenant(1), n)).collect();
        all.extend((0..20).map(|n| ticket(tenant(2), n)));
        put(db, &all).await;
        let now = at(1_300);
        let mut expected: Vec<_> = all
            .iter()
            .filter_map(|one| Some((one.wake()?, one.tenant, one.id)))
            .filter(|(wake, ..)| *wake <= now)
            .collect();
        expected.sort();
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = rows::due(db, now, after, 7).await.unwrap();
            after = page.last().copied();
            if page.is_empty() {
                break;
            }
            found.extend(page.into_iter().map(|due| (due.at, due.tenant, due.id)));
        }
        assert_eq!(found, expected);
        let first = expected[0].0;
        assert_eq!(rows::next_wake(db).await.unwrap(), Some(first));
    })
    .await;
}

#[tokio::test]
async fn numbers_are_unique_over_two_processes() {
    each_db(&migrations(), async |db| {
        let second = db.reopen().await;
        let (one, two) = (Numbers::default(), Numbers::default());
        let takes = (0..400).map(|n| {
            let (numbers, db) = if n % 2 == 0 { (&one, &db.db) } else { (&two, &second) };
            async move { numbers.next(db, tenant(1)).await.unwrap() }
        });
        let numbers: Vec<i64> = futures::future::join_all(takes).await;
        let unique: BTreeSet<_> = numbers.iter().copied().collect();
        assert_eq!((unique.len(), unique.first()), (400, Some(&100_001)));
        assert_eq!(unique.last(), Some(&100_400), "those who come at once share a block");
        assert_eq!(one.next(db, tenant(2)).await.unwrap(), 100_001);
        second.close().await;
    })
    .await;
}

/// Who waited for a ticket sees it as it stands after the wait, its words too.
#[tokio::test]
async fn a_held_ticket_is_as_fresh_as_its_words() {
    each_db(&migrations(), async |db| {
        if db.engine() == Engine::Sqlite {
            // Its writer is alone: nobody can be in between.
            return;
        }
        let one = ticket(tenant(1), 1);
        put(db, std::slice::from_ref(&one)).await;
        let mut first = db.begin().await.unwrap();
        rows::lock(&mut first, tenant(1), one.id).await.unwrap().unwrap();
        let words = Texts { title: "new".to_owned(), ..texts() };
        rows::update_texts(&mut first, tenant(1), one.id, &words).await.unwrap();
        let mut next = one.clone();
        next.sequence += 1;
        assert!(rows::update(&mut first, &next, one.sequence).await.unwrap());

        let mut second = db.begin().await.unwrap();
        let waits = async { rows::lock(&mut second, tenant(1), one.id).await.unwrap().unwrap() };
        let commits = async {
            until_somebody_waits(db).await;
            first.commit().await.unwrap();
        };
        let (seen, ()) = tokio::join!(waits, commits);
        assert_eq!((seen.ticket.sequence, seen.texts.title.as_str()), (next.sequence, "new"));
        second.rollback().await.unwrap();
    })
    .await;
}

/// Until a session of this test's schema waits for a lock.
async fn until_somebody_waits(db: &testing::TestDb) {
    const WAITING: Sql = Sql::both(
        "SELECT COUNT(*) FROM pg_stat_activity \
         WHERE application_name = $1 AND wait_event_type = 'Lock'",
    );
    let name = format!("aftercare {}", db.settings.schema);
    loop {
        let (waiting,): (i64,) = db.one(WAITING, args![name.as_str()]).await.unwrap();
        if waiting > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
}
