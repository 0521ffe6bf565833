//! Many at once, on both databases and, on PostgreSQL, through two processes.

use std::collections::BTreeMap;

use ::store::Engine;
use contracts::tickets::v1 as pb;
use futures::future::join_all;
use kernel::Role;
use tonic::{Code, Status};

use crate::fixture::*;

const ENGINES: [Engine; 2] = [Engine::Sqlite, Engine::Postgres];

/// A house with two processes. On SQLite there is one.
async fn house(engine: Engine) -> (House, Option<Process>) {
    let house = House::on(engine).await;
    let second = match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(house.second(2).await),
    };
    (house, second)
}

/// The n-th agent, by one process or the other.
fn nth(house: &House, second: Option<&Process>, n: usize) -> Client {
    let process = second.filter(|_| n % 2 == 1).unwrap_or(&house.first);
    house.client_of(process, agent(&format!("a{n}")))
}

async fn with_tickets(house: &House, count: usize) -> Vec<String> {
    let lin = house.agent("lin");
    let mut names = Vec::new();
    for _ in 0..count {
        names.push(lin.create(inquiry()).await.name);
    }
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_64_claimers_one_wins_and_the_others_are_told_who() {
    for engine in ENGINES {
        let (house, second) = house(engine).await;
        let name = with_tickets(&house, 1).await.remove(0);
        let claims = join_all((0..64).map(|n| {
            let client = nth(&house, second.as_ref(), n);
            let name = &name;
            async move { client.claim(name).await }
        }))
        .await;
        let owner = house.agent("lin").get(&name).await.unwrap().assignee;
        let (won, lost): (Vec<_>, Vec<_>) = claims.into_iter().partition(Result::is_ok);
        assert_eq!((won.len(), lost.len()), (1, 63));
        assert_eq!(won[0].as_ref().unwrap().assignee, owner);
        for lost in lost {
            assert_eq!(told(lost)["winner"], owner);
        }
        let mut used = 0;
        for n in 0..64 {
            used += house.used(&format!("a{n}")).await;
        }
        assert_eq!(used, 1);
        house.db.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn claimers_of_the_next_each_get_their_own_and_nobody_more_than_fits() {
    for engine in ENGINES {
        let (house, second) = house(engine).await;
        with_tickets(&house, 100).await;
        let taken = join_all((0..64 * 3).map(|n| {
            let client = nth(&house, second.as_ref(), n % 64);
            async move { client.claim_next().await.unwrap() }
        }))
        .await;
        let mut owners: BTreeMap<String, i64> = BTreeMap::new();
        let mut names = std::collections::BTreeSet::new();
        for ticket in taken.into_iter().flatten() {
            *owners.entry(ticket.assignee).or_default() += 1;
            assert!(names.insert(ticket.name), "a ticket was given twice");
        }
        assert_eq!(names.len(), 100, "what waits is given as long as somebody has room");
        for (member, count) in owners {
            let member = member.trim_start_matches("members/");
            assert!(count <= 2, "{member} has {count}");
            assert_eq!(house.used(member).await, count);
        }
        house.db.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_agent_who_asks_often_gets_what_fits_and_no_error() {
    for engine in ENGINES {
        let (house, second) = house(engine).await;
        with_tickets(&house, 20).await;
        let taken = join_all((0..20).map(|n| {
            let process = second.as_ref().filter(|_| n % 2 == 1).unwrap_or(&house.first);
            let client = house.client_of(process, agent("mei"));
            async move { client.claim_next().await.unwrap() }
        }))
        .await;
        assert_eq!(taken.into_iter().flatten().count(), 10);
        assert_eq!(house.used("mei").await, 10);
        house.db.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn assigners_never_exceed_a_capacity() {
    for engine in ENGINES {
        let (house, second) = house(engine).await;
        let names = with_tickets(&house, 64).await;
        let boss = |n| {
            let process = second.as_ref().filter(|_| n % 2 == 1).unwrap_or(&house.first);
            house.client_of(process, member("boss", Role::Supervisor, &[]))
        };
        let given = join_all(names.iter().enumerate().map(|(n, name)| {
            let client = boss(n);
            async move { client.assign(name, if n % 3 == 0 { "tiny" } else { "mei" }).await }
        }))
        .await;
        let (done, full): (Vec<_>, Vec<_>) = given.into_iter().partition(Result::is_ok);
        assert_eq!(done.len(), 11);
        for refusal in full {
            assert_eq!(refused(refusal).1, "CAPACITY_EXHAUSTED");
        }
        assert_eq!((house.used("tiny").await, house.used("mei").await), (1, 10));
        house.db.drop().await;
    }
}

/// Whatever is done to a few tickets of a few agents at once, everybody gets an answer of the trade,
/// and the ledger agrees with the tickets at the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_each_other() {
    for engine in ENGINES {
        let (house, second) = house(engine).await;
        let names = with_tickets(&house, 4).await;
        let works = (0..24).map(|n| {
            let process = second.as_ref().filter(|_| n % 2 == 1).unwrap_or(&house.first);
            let boss = house.client_of(process, member("boss", Role::Supervisor, &[]));
            let names = &names;
            async move {
                for step in 0..12 {
                    let name = &names[(n + step) % names.len()];
                    let done: Result<(), Status> = match (n * 7 + step) % 6 {
                        0 => boss.assign(name, "mei").await.map(drop),
                        1 => boss.assign(name, "gen").await.map(drop),
                        2 => boss.release(name).await.map(drop),
                        3 => boss.resolve(name).await.map(drop),
                        4 => boss.reject(name).await.map(drop),
                        _ => boss.assign(name, "tiny").await.map(drop),
                    };
                    if let Err(status) = done {
                        let code = status.code();
                        assert!(matches!(code, Code::FailedPrecondition), "{status:?}");
                    }
                }
            }
        });
        join_all(works).await;
        let mut held: BTreeMap<String, i64> = BTreeMap::new();
        for name in &names {
            house.history(name).await;
            let ticket = house.agent("lin").get(name).await.unwrap();
            let settled = ticket.category() == pb::Category::Resolved;
            if !ticket.assignee.is_empty() && !settled {
                *held.entry(ticket.assignee).or_default() += 1;
            }
        }
        for member in ["mei", "gen", "tiny"] {
            let held = held.get(&format!("members/{member}")).copied().unwrap_or(0);
            assert_eq!(house.used(member).await, held, "{member}");
        }
        house.db.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_replies_are_fifty_entries_and_one_change() {
    for engine in ENGINES {
        let (house, second) = house(engine).await;
        let name = with_tickets(&house, 1).await.remove(0);
        house.agent("lin").claim(&name).await.unwrap();
        let count = |history: &[String], kind: &str| {
            history.iter().filter(|one| one.as_str() == kind).count()
        };
        for (round, turn) in [(1, pb::Turn::Customer), (2, pb::Turn::Unspecified)] {
            let said = join_all((0..50).map(|n| {
                let process = second.as_ref().filter(|_| n % 2 == 1).unwrap_or(&house.first);
                let client = house.client_of(process, agent("lin"));
                let mut request = saying(&name, "words");
                request.turn = turn.into();
                if turn == pb::Turn::Unspecified {
                    // The customer's words, passed on.
                    request.entry.as_mut().unwrap().author_role = pb::AuthorRole::Customer.into();
                }
                async move { client.add_entry(request).await.unwrap().position }
            }))
            .await;
            let mut positions = said;
            positions.sort_unstable();
            let first = (round - 1) * 50;
            assert_eq!(positions, (first + 1..=first + 50).collect::<Vec<_>>());
            let history = house.history(&name).await;
            assert_eq!(count(&history, "ticket.status_changed"), usize::try_from(round).unwrap());
            assert_eq!(count(&history, "entry.added"), usize::try_from(round * 50).unwrap());
            assert_eq!(count(&history, "clock.fulfilled"), 1);
        }
        let ticket = house.agent("lin").get(&name).await.unwrap();
        assert_eq!((ticket.category(), ticket.entry_count), (pb::Category::Open, 100));
        house.db.drop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_request_id_makes_one_ticket_and_takes_one_next() {
    for engine in ENGINES {
        let (house, second) = house(engine).await;
        let lins = |n| {
            let process = second.as_ref().filter(|_| n % 2 == 1).unwrap_or(&house.first);
            house.client_of(process, agent("lin"))
        };
        let request = pb::CreateTicketRequest {
            ticket: Some(pb::Ticket { contact: Some(contact()), ..complaint() }),
            request_id: request_id(1),
            ..<_>::default()
        };
        let made = join_all((0..64).map(|n| {
            let (client, request) = (lins(n), request.clone());
            async move { client.create_ticket(request).await.unwrap() }
        }))
        .await;
        assert!(made.iter().all(|ticket| *ticket == made[0]));
        with_tickets(&house, 5).await;
        let next = pb::ClaimNextTicketRequest { request_id: request_id(2), ..<_>::default() };
        let taken = join_all((0..16).map(|n| {
            let (client, next) = (lins(n), next.clone());
            async move { client.claim_next_ticket(next).await.unwrap().ticket.unwrap() }
        }))
        .await;
        assert!(taken.iter().all(|ticket| *ticket == taken[0]));
        assert_eq!(house.used("lin").await, 1);
        let all = house.agent("lin").list_tickets(<_>::default()).await.unwrap().tickets;
        assert_eq!(all.len(), 6);
        house.db.drop().await;
    }
}

/// Words of one ticket that two write at once are all there afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_words_are_lost() {
    for engine in ENGINES {
        let (house, second) = house(engine).await;
        let lin = house.agent("lin");
        let other = nth(&house, second.as_ref(), 1);
        let name = with_tickets(&house, 1).await.remove(0);
        for n in 0..20 {
            let title = pb::UpdateTicketRequest {
                ticket: Some(pb::Ticket {
                    name: name.clone(),
                    title: format!("title {n}"),
                    ..<_>::default()
                }),
                ..<_>::default()
            };
            let cause = pb::TriageTicketRequest {
                name: name.clone(),
                triage: Some(pb::Triage { cause: format!("cause {n}"), ..judgement() }),
                ..<_>::default()
            };
            let (a, b) = tokio::join!(lin.update_ticket(title), other.triage_ticket(cause));
            a.and(b).unwrap();
            let ticket = lin.get(&name).await.unwrap();
            assert_eq!(ticket.title, format!("title {n}"));
            assert_eq!(ticket.triage.unwrap().cause, format!("cause {n}"));
        }
        house.db.drop().await;
    }
}
