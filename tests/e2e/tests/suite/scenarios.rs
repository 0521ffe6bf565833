//! Every RPC succeeds in the tenant that its scenario prepared.

use aftercare_e2e::{Desk, Outcome, Tenant, each_backend, scenario};

#[tokio::test]
async fn every_public_rpc_succeeds() {
    each_backend(async |suite| {
        let desk = Desk::new(suite, Tenant::North);
        for scenario in scenario::all() {
            let prepared = scenario.prepare(&desk).await;
            let caller = prepared.caller(&desk, scenario.role).await;
            let first = caller.call(scenario.method, prepared.request.clone()).await;
            // With its request id it comes to the same when it is repeated.
            let repeats = prepared.request.get("requestId").is_some();
            if repeats {
                let again = caller.call(scenario.method, prepared.request.clone()).await;
                let (first, again) = (&first["name"], &again["name"]);
                assert_eq!(first, again, "{} was not repeated but done twice", scenario.method);
            }
        }
    })
    .await;
}

#[tokio::test]
async fn every_internal_rpc_succeeds_on_its_port() {
    each_backend(async |suite| {
        for method in scenario::internal::METHODS {
            let (caller, request) = scenario::internal::prepare(suite, method).await;
            if let Outcome::Refused(status) = caller.send(method, &request).await {
                panic!("{method} was refused: {status:?}");
            }
        }
    })
    .await;
}
