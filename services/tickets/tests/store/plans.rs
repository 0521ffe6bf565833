//! Plans: whatever is asked often goes by its index.

use ::tickets::{
    domain::routing,
    migrations,
    store::{
        backlog, lanes, lists,
        lists::{Position, Reach},
        statements, tickets as rows,
        tickets::Texts,
    },
};
use kernel::{CustomerId, RowScope, TicketId};
use store::{Db, Engine, List, Sql, args, transact};
use testing::each_db;
use uuid::Uuid;

use crate::data::*;

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

/// So many that a look at all of them would cost, with words as long as customers'.
async fn filled(db: &Db) {
    let all: Vec<_> = (0..6_000).map(|n| ticket(tenant(1), n)).collect();
    let theirs: Vec<_> = (0..600).map(|n| ticket(tenant(2), n)).collect();
    let words = Texts { what: "The handle broke off. ".repeat(50), ..texts() };
    put(db, &all, &words).await;
    put(db, &theirs, &words).await;
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
        let both = [tenant(1), tenant(2)];
        let steps = plan(db, |list| rows::write_due(list, &both, at(1_000), None, 100)).await;
        goes_by(&steps, "tickets_to_wake", false);
    })
    .await;
}

#[tokio::test]
async fn how_a_queue_stands_is_counted_by_its_index_and_no_further_than_told() {
    each_db(&migrations(), async |db| {
        filled(db).await;
        let (now, soon) = (at(100), at(200));
        let write = |list: &mut List| backlog::write(list, tenant(1), &QUEUES, now, soon);
        goes_by(&plan(db, write).await, "tickets_by_queue_due", false);
        let counts = backlog::counts(db, tenant(1), &QUEUES, now, soon).await.unwrap();
        assert!(counts.iter().all(|one| one.n <= backlog::MOST + 1), "{counts:?}");
        assert!(counts.iter().any(|one| one.n > 0 && one.breached + one.soon <= one.n));
    })
    .await;
}

#[tokio::test]
async fn those_that_wait_are_counted_by_their_index() {
    each_db(&migrations(), async |db| {
        filled(db).await;
        let texts = statements().into_iter().map(|sql| sql.text(db.engine()));
        let waiting = texts.into_iter().find(|text| text.contains("WHERE waiting")).unwrap();
        if db.engine() == Engine::Sqlite {
            let steps = explain(db, waiting, args![]).await;
            let how = "USING INDEX tickets_waiting_by_age";
            assert!(steps.iter().any(|step| step.contains(how)), "{steps:?}");
            return;
        }
        // It reads nothing else once the table was vacuumed, as it is every now and then; but not while
        // another test's transaction still looks at what was before.
        let mut steps = Vec::new();
        for _ in 0..100 {
            let _: Vec<(i64,)> = db.all(Sql::both("VACUUM tickets"), args![]).await.unwrap();
            steps = explain(db, waiting, args![]).await;
            if steps
                .iter()
                .any(|step| step.contains("Index Only Scan using tickets_waiting_by_age"))
            {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        panic!("{steps:?}");
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
