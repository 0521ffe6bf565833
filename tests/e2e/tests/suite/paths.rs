//! Paths mean what they say: a trick with one is never a yes, and tells nobody whether the caller may
//! call what it resembles.

use std::collections::BTreeSet;

use aftercare_e2e::{
    Client, Desk, Suite, Tenant,
    client::{message, method, path},
    contract::http::rule,
    each_backend,
    json::{Call, JsonClient},
    raw,
    scenario::{self, Prepared, Scenario},
};
use kernel::Role;
use prost::Message as _;
use tonic::Code;

/// One reading RPC of each service.
fn one_of_each_service() -> Vec<Scenario> {
    let mut services = BTreeSet::new();
    let mut reads = scenario::all();
    reads.retain(|scenario| {
        let method = method(scenario.method);
        let reads = rule(method).is_ok_and(|rule| rule.verb == "get");
        reads && !method.is_server_streaming() && services.insert(service(scenario))
    });
    let mut all: BTreeSet<_> = scenario::all().iter().map(service).collect();
    // What it reads comes as a stream.
    all.remove("aftercare.knowledge.v1.TransferService");
    assert_eq!(services, all, "each service has an RPC that reads");
    reads
}

fn service(scenario: &Scenario) -> String {
    method(scenario.method).parent_service().full_name().to_owned()
}

/// Callers who may call the RPC, and who may not.
async fn callers(desk: &Desk<'_>, scenario: &Scenario, prepared: &Prepared) -> [Client; 3] {
    let may = prepared.caller(desk, scenario.role).await;
    let may_not = desk.caller(Role::Supplier).await;
    [may, may_not, desk.suite.anonymous()]
}

fn over_http(suite: &Suite, client: &Client) -> JsonClient {
    let http = JsonClient::new(format!("http://{}", suite.at("tickets").public));
    client.headers().fold(http, |http, (name, value)| http.with(name, value))
}

#[tokio::test]
async fn over_grpc_a_trick_leads_nowhere_whoever_calls() {
    each_backend(async |suite| {
        let desk = Desk::new(suite, Tenant::North);
        for scenario in one_of_each_service() {
            let prepared = scenario.prepare(&desk).await;
            let request = &prepared.request;
            let path = path(method(scenario.method));
            let (service, name) = path[1..].split_once('/').unwrap();
            for caller in callers(&desk, &scenario, &prepared).await {
                for trick in [
                    format!("/{path}"),
                    format!("/{service}//{name}"),
                    format!("{path}/"),
                    format!("/{service}%2F{name}"),
                    format!("/%2F{service}/{name}"),
                    format!("/{service}/./{name}"),
                    format!("/x/..{path}"),
                    path.to_lowercase(),
                    path.to_uppercase(),
                ] {
                    let status = caller.refused_at(&trick, scenario.method, request).await;
                    assert_eq!(status.code(), Code::Unimplemented, "{trick}: {status:?}");
                }
                let overridden = caller.clone().with("x-http-method-override", "DELETE");
                let plain = caller.send(scenario.method, request).await;
                let outcome = overridden.send(scenario.method, request).await;
                // What is read may grow meanwhile; what became of the call may not differ.
                let codes = [plain, outcome].map(|one| one.refusal().map(tonic::Status::code));
                assert_eq!(codes[0], codes[1], "{path}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn over_http_a_trick_leads_nowhere_whoever_calls() {
    each_backend(async |suite| {
        let desk = Desk::new(suite, Tenant::North);
        for scenario in one_of_each_service() {
            let prepared = scenario.prepare(&desk).await;
            let request = &prepared.request;
            let call = Call::of(scenario.method, request);
            let (path, query) = call.target.split_once('?').unwrap_or((&call.target, ""));
            let (before, last) = path.rsplit_once('/').unwrap();
            let below = &path["/v1/".len()..];
            for caller in callers(&desk, &scenario, &prepared).await {
                let http = over_http(suite, &caller);
                for trick in [
                    format!("/{path}"),
                    path.replacen("/v1/", "/v1//", 1),
                    format!("{before}//{last}"),
                    format!("{path}/"),
                    path.replacen("/v1/", "/v1%2F", 1),
                    format!("/v1/{}%2F", below.replacen('/', "%2F", 1)),
                    format!("/x/..{path}"),
                    path.replacen("/v1/", "/V1/", 1),
                    path.to_uppercase(),
                ] {
                    let call = Call { target: format!("{trick}?{query}"), ..call.clone() };
                    let reply = http.exchange(&call, "application/json").await;
                    assert_eq!(reply.status, 404, "{trick}: {:#}", reply.body);
                    assert_eq!(reply.body["code"], i32::from(Code::NotFound), "{trick}");
                }
                overrides_change_nothing(&http, &call).await;
            }
        }
    })
    .await;
}

/// Headers that ask for another verb are not read.
async fn overrides_change_nothing(http: &JsonClient, call: &Call) {
    for header in ["x-http-method-override", "x-http-method", "x-method-override"] {
        for (sent, wanted) in [("GET", "DELETE"), ("PUT", "GET")] {
            let call = Call { verb: sent.to_owned(), ..call.clone() };
            let plain = http.exchange(&call, "application/json").await;
            let overridden = http.clone().with(header, wanted);
            let reply = overridden.exchange(&call, "application/json").await;
            assert_eq!(reply.status, plain.status, "{call:?}");
            assert_eq!(plain.status == 405, sent == "PUT", "{call:?}");
        }
    }
}

#[tokio::test]
async fn a_target_without_its_slash_is_refused() {
    each_backend(async |suite| {
        let desk = Desk::new(suite, Tenant::North);
        let at = suite.at("tickets").public;
        for scenario in one_of_each_service() {
            let prepared = scenario.prepare(&desk).await;
            let request = &prepared.request;
            let bytes = message(scenario.method, request).encode_to_vec();
            let (grpc, http) =
                (path(method(scenario.method)), Call::of(scenario.method, request).target);
            let [may, others @ ..] = callers(&desk, &scenario, &prepared).await;
            let headers: Vec<_> = may.headers().collect();
            assert!(raw::is_answered(at, &grpc, &headers, &bytes).await, "{grpc}");
            let line = format!("GET {http}");
            assert_eq!(raw::http1(at, &line, &headers, "").await, 200, "{http}");
            for caller in [may.clone()].iter().chain(&others) {
                let headers: Vec<_> = caller.headers().collect();
                assert!(!raw::is_answered(at, &grpc[1..], &headers, &bytes).await, "{grpc}");
                let line = format!("GET {}", &http[1..]);
                assert_eq!(raw::http1(at, &line, &headers, "").await, 400, "{http}");
            }
        }
    })
    .await;
}
