//! connect-web over gRPC-Web, in a page of another origin, in headless Chromium.

use std::path::Path;

use aftercare_e2e::{
    Suite, Tenant, each_backend,
    json::{Call, JsonClient},
    node,
    suite::{Finished, finish, free},
    until,
    walk::{Steps, Walk},
};
use serde_json::{Value, json};

/// Lets a page of this origin, with this script, walk.
fn walk_in_a_page(script: &Path, mut told: Value, origin: &str) -> Finished {
    told["origin"] = json!(origin);
    told["chromium"] = json!(node::chromium());
    finish(node::script("browser/drive.js").arg(script).arg(told.to_string()))
}

/// Lets pages of this origin call on behalf of the tenant's people, and no others.
async fn admit(suite: &Suite, origin: &str) {
    let tenant = format!("tenants/{}", Tenant::North.id().uuid());
    let request = json!({
        "tenant": { "name": tenant, "origins": [origin] },
        "updateMask": "origins",
    });
    suite.operator(Tenant::North).call("UpdateTenant", request).await;
    // Every answer says whether a page of the origin may read it; within five seconds it may.
    let ask =
        JsonClient::new(format!("http://{}", suite.at("tickets").public)).with("origin", origin);
    let anything = Call { verb: "GET".to_owned(), target: "/v1/anything".to_owned(), body: None };
    until("pages of the origin may call", async || {
        let answer = ask.exchange(&anything, "*/*").await;
        answer.headers.contains_key("access-control-allow-origin").then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_page_walks_a_complaint() {
    let script = node::bundle("browser/walk.ts", "browser");
    each_backend(async |suite| {
        let walk = Walk::new(suite).await;
        let origin = format!("http://{}", free());
        admit(suite, &origin).await;
        walk.check(&Steps::printed(&walk_in_a_page(&script, walk.told(), &origin)));

        let stranger = format!("http://{}", free());
        let turned_away = walk_in_a_page(&script, walk.told(), &stranger);
        assert_eq!((turned_away.code, turned_away.out.as_str()), (1, ""));
        assert!(turned_away.err.contains("CORS"), "{}", turned_away.err);
    })
    .await;
}
