//! Who may call what: every role with every method, and callers who are nobody.

use aftercare_e2e::{
    Client, Desk, Outcome, Suite, Tenant,
    client::reason,
    contract::{access, all_methods},
    desk::name,
    each_backend, isolation, scenario,
    suite::channel,
};
use contracts::POOL;
use serde_json::json;
use tonic::Code;

/// The reason of the layer that admits calls; a service's own refusals have other domains.
const DENIED: (&str, &str) = ("aftercare", "PERMISSION_DENIED");

#[tokio::test]
async fn a_role_without_the_permission_is_told_nothing_else() {
    each_backend(async |suite| {
        let desk = Desk::new(suite, Tenant::North);
        for scenario in scenario::all() {
            let prepared = scenario.prepare(&desk).await;
            let missing = isolation::instead(&prepared.request, &prepared.names);
            let allowed = isolation::roles_with(scenario.method);
            for role in Desk::roles() {
                let caller = desk.caller(role).await;
                let who = format!("{} as {}", scenario.method, role.as_str());
                // Only what nobody has: the prepared request is not to be used up.
                let outcome = caller.send(scenario.method, &missing).await;
                let refusal = outcome.refusal().map(reason);
                let refusal = refusal.as_ref().map(|(domain, why)| (domain.as_str(), why.as_str()));
                let is_denied = refusal == Some(DENIED);
                assert_eq!(is_denied, !allowed.contains(&role), "{who}: {outcome:?}");
                if is_denied {
                    let there = caller.send(scenario.method, &prepared.request).await;
                    assert_eq!(
                        there.bytes(),
                        outcome.bytes(),
                        "{who}: existing and missing differ"
                    );
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn without_a_token_that_holds_nobody_is_let_in() {
    each_backend(async |suite| {
        let desk = Desk::new(suite, Tenant::North);
        let ticket = name(&desk.ticket().await);
        let mut forged = suite.token(&aftercare_e2e::suite::member_of(Tenant::North, "amy"));
        forged.truncate(forged.len() - 4);
        forged.push_str("AAAA");
        for headers in [
            &[][..],
            &[("authorization", String::new())],
            &[("authorization", "Bearer".to_owned())],
            &[("authorization", "Bearer nonsense".to_owned())],
            &[("authorization", format!("Bearer {forged}"))],
            &[("authorization", "Basic YWRtaW46YWRtaW4=".to_owned())],
            &[("x-aftercare-caller", "member/amy".to_owned())],
        ] {
            let mut client = suite.anonymous();
            for (name, value) in headers {
                client = client.with(name, value.clone());
            }
            for method in all_methods(&POOL) {
                let Some((_, false)) = access(&method) else { continue };
                let status = client.refused(method.name(), json!({})).await;
                let why = (status.code(), reason(&status).1);
                let expected = (Code::Unauthenticated, "UNAUTHENTICATED".to_owned());
                assert_eq!(why, expected, "{} with {headers:?}", method.name());
            }
            let there = client.send("GetTicket", &json!({ "name": ticket })).await;
            let gone = json!({ "name": isolation::nobodys(&ticket) });
            assert_eq!(there.bytes(), client.send("GetTicket", &gone).await.bytes());
        }
    })
    .await;
}

#[tokio::test]
async fn a_member_who_is_not_in_the_directory_is_nobody() {
    each_backend(async |suite| {
        let stranger = suite.member(Tenant::North, "mallory");
        let status = stranger.refused("ListTickets", json!({})).await;
        assert_eq!(status.code(), Code::Unauthenticated);
    })
    .await;
}

#[tokio::test]
async fn what_a_client_says_of_itself_changes_nothing() {
    each_backend(async |suite| {
        let (north, south) = (Desk::new(suite, Tenant::North), Desk::new(suite, Tenant::South));
        let ticket = name(&south.ticket().await);
        let request = json!({ "name": ticket });
        let plain = north.agent().send("GetTicket", &request).await;
        assert_eq!(plain.refusal().map(tonic::Status::code), Some(Code::NotFound));
        let south_id = Tenant::South.id().uuid().to_string();
        for (name, value) in [
            ("x-tenant", south_id.as_str()),
            ("x-aftercare-tenant", south_id.as_str()),
            ("x-aftercare-caller", "service/tickets"),
            ("x-forwarded-user", "frank"),
            ("x-aftercare-roles", "admin,service"),
        ] {
            let dressed = north.agent().clone().with(name, value);
            let outcome = dressed.send("GetTicket", &request).await;
            assert_eq!(outcome.bytes(), plain.bytes(), "{name}");
        }
        // A second credential, or another kind of it, is none: nobody chooses between two.
        let call = scenario::internal::call_token(suite);
        let twice = north.agent().clone().with("authorization", call.clone());
        let alone = suite.anonymous().with("authorization", call);
        for client in [twice, alone] {
            let status = client.refused("GetTicket", request.clone()).await;
            assert_eq!(status.code(), Code::Unauthenticated);
        }
    })
    .await;
}

#[tokio::test]
async fn internal_methods_do_not_exist_outside() {
    each_backend(async |suite| {
        let desk = Desk::new(suite, Tenant::North);
        let mut callers = vec![suite.anonymous()];
        for role in Desk::roles() {
            callers.push(desk.caller(role).await);
        }
        callers
            .push(suite.anonymous().with("authorization", scenario::internal::call_token(suite)));
        for method in all_methods(&POOL) {
            let Some((_, true)) = access(&method) else { continue };
            for caller in &callers {
                let status = caller.refused(method.name(), json!({})).await;
                assert_eq!(status.code(), Code::Unimplemented, "{}", method.name());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_other_ports_admit_only_whom_they_are_for() {
    each_backend(async |suite| {
        let at = suite.at("tickets");
        // The peers' port: no bearer token, and nothing without a call token.
        let bearer = suite.token(&aftercare_e2e::suite::member_of(Tenant::North, "grace"));
        let peer = Client::to(&channel(at.peer));
        for client in [peer.clone(), peer.with("authorization", format!("Bearer {bearer}"))] {
            for method in ["Heads", "Read", "ListTickets"] {
                let status = client.refused(method, json!({})).await;
                assert_eq!(status.code(), Code::Unauthenticated, "{method}");
            }
        }
        // A call token on behalf of a member reaches no internal method.
        let client = on_behalf_of_a_member(suite);
        let status = client.refused("Heads", json!({ "source": "tickets" })).await;
        assert_eq!(status.code(), Code::PermissionDenied);
        assert!(matches!(client.send("ListTickets", &json!({})).await, Outcome::Answer(_)));
        // The admin port serves no tenant's data.
        let admin = Client::to(&channel(at.admin));
        for method in ["ListTickets", "ListCustomers", "Heads"] {
            let code = admin.refused(method, json!({})).await.code();
            assert!(matches!(code, Code::PermissionDenied | Code::Unimplemented), "{method}");
        }
    })
    .await;
}

/// A client on the peers' port with a call token that carries an agent.
fn on_behalf_of_a_member(suite: &Suite) -> Client {
    let minter = rpc::token::Minter::new("customers", &suite.keys(), kernel::Clock::system());
    let caller = kernel::Caller {
        tenant: Tenant::North.id(),
        kind: kernel::CallerKind::Member,
        subject: "amy".to_owned(),
        roles: vec![kernel::Role::Agent],
        teams: Vec::new(),
        scopes: None,
        customer: None,
        link: None,
        locale: kernel::Locale::En,
    };
    let token = minter.mint(&caller, "tickets");
    let client = Client::to(&channel(suite.at("tickets").peer));
    client.with("authorization", format!("Call {token}"))
}
