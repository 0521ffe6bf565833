//! A database that a later release has migrated, while processes of this one are still there.

use aftercare_e2e::{Backend, Desk, Suite, Tenant, suite::NameOnPanic};
use serde_json::json;
use store::{Sql, args, transact};

const ADD: Sql = Sql::split(
    "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
     VALUES (9999, 'later', TRUE, x'00', 0)",
    "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
     VALUES (9999, 'later', TRUE, '\\x00', 0)",
);
const FORGET: Sql = Sql::both("DELETE FROM _sqlx_migrations WHERE version = 100");

async fn change(suite: &Suite, sql: Sql) {
    let db = suite.db("tickets").await;
    transact!(db, "test", |tx| tx.execute(sql, args![]).await).unwrap();
    db.close().await;
}

#[tokio::test]
async fn a_process_that_starts_again_goes_on_with_what_a_later_release_has_added_to() {
    for backend in Backend::BOTH {
        let naming = NameOnPanic(backend);
        let suite = Suite::new(backend).await;
        let mut process = suite.serve(&[]).await;
        let desk = Desk::new(&suite, Tenant::North);
        let ticket = desk.claimed().await;
        assert_eq!(process.terminate(), 0, "{}", process.log());

        change(&suite, ADD).await;
        let migrated = suite.run(&["migrate"]);
        assert_eq!(migrated.code, 0, "{}", migrated.err);
        assert!(migrated.out.contains("tickets: of a later release"), "{}", migrated.out);
        let mut process = suite.serve(&[]).await;
        desk.agent().call("GetTicket", json!({ "name": ticket["name"] })).await;
        assert!(process.log().contains("migrated by a later release"), "{}", process.log());
        assert_eq!(process.terminate(), 0, "{}", process.log());

        change(&suite, FORGET).await;
        for command in ["serve", "migrate"] {
            let refused = suite.run(&[command]);
            assert_eq!(refused.code, 1, "{}", refused.out);
            assert!(refused.err.contains("run a later release"), "{}", refused.err);
        }
        drop(naming);
    }
}
