//! What a newcomer is told when the suite is up.

use std::fmt::Write as _;

use anyhow::Result;
use config::Addresses;
use kernel::{Clock, Role};
use rpc::issuer::LocalIssuer;

use super::Process;
use crate::token::{Who, principal};

/// A complaint that makes something happen in every service.
const COMPLAINT: &str = r#"{"ticket": {"kind": "KIND_COMPLAINT", "channel": "CHANNEL_PHONE", "title": "Charged twice for one purchase", "contact": {"displayName": "Jane Doe", "phone": "(202) 555-0143"}, "facts": {"what": "My card was charged twice for the same purchase.", "expectation": "A refund of the second charge."}}}"#;
const CUSTOMER: &str = r#"{"identifiers": [{"kind": "IDENTIFIER_KIND_PHONE", "value": "+1 202 555 0143"}], "create": true, "displayName": "Jane Doe"}"#;

/// Addresses, a token, and a call to paste into a second terminal.
pub(crate) fn text(process: &Process<'_>, at: &Addresses) -> Result<String> {
    let config = process.config;
    let mut text = format!("Aftercare serves {}.\n\n", process.running.join(", "));
    let mut line = |name: &str, value: &str| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "  {name:8} {value}");
    };
    let shows = if config.embedded() { ", reflection" } else { "" };
    if let Some(public) = at.public {
        let speaks = if process.running.contains(&"gateway") {
            format!("gRPC, gRPC-Web, JSON{shows}; http://{}/docs", reachable(public))
        } else {
            format!("gRPC with a bearer token{shows}")
        };
        line("public", &format!("{public}  {speaks}"));
    }
    let pages = at.public.filter(|_| process.running.contains(&"gateway"));
    if let (Some(public), Some(tenant)) = (pages, process.seed.tenants.first()) {
        let (at, slug) = (reachable(public), &tenant.slug);
        line("help", &format!("http://{at}/t/{slug}  the help centre of `{slug}`, for everybody"));
        line("overview", &format!("http://{at}/overview  how it stands, for members of the staff"));
    }
    if let Some(peer) = at.peer {
        line("peers", &format!("{peer}  the suite's other processes"));
    }
    line("admin", &format!("{}  health, /metrics, reflection, clock, feed", at.admin));
    line("data", &place(process));
    if config.keys.root.is_none() {
        let key = std::path::absolute(&config.keys.file)?;
        line("root key", &format!("{}  back it up: without it the data is lost", key.display()));
    }
    let Some(public) = at.public.filter(|_| config.identity.local_issuer) else {
        return Ok(text);
    };

    let tenant = crate::seed::tenant(&process.seed, None)?;
    let agent = Who { role: Role::Agent, tenant: None, member: None, customer: None };
    let Ok(agent) = principal(tenant.id, &tenant.members, &agent) else { return Ok(text) };
    let issuer = LocalIssuer::new(&process.keys, Clock::system());
    let token = issuer.issue(&agent, config::duration::parse("12h")?)?;
    let (slug, member) = (&tenant.slug, &agent.subject);
    let _ =
        writeln!(text, "\nA token of the agent `{member}` of `{slug}`, for 12 hours:\n\n{token}\n");
    let (method, request) = if process.running.contains(&"tickets") {
        ("CreateTicket", COMPLAINT)
    } else {
        ("ResolveCustomer", CUSTOMER)
    };
    let program = crate::print::myself(None);
    let _ = writeln!(
        text,
        "A first call, from a second terminal:\n\n\
         {program} call {method} --address {} --token {token} '{request}'",
        reachable(public),
    );
    Ok(text)
}

/// Where the data lies.
fn place(process: &Process<'_>) -> String {
    let url = &process.config.database.url;
    let folder = url.sqlite_folder().and_then(|folder| std::path::absolute(folder).ok());
    folder.map_or_else(|| url.redacted(), |folder| folder.display().to_string())
}

/// An address that a client on this machine can call.
fn reachable(mut address: std::net::SocketAddr) -> std::net::SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            std::net::SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            std::net::SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_calls_are_requests_of_the_contract() {
        for (method, request) in
            [("CreateTicketRequest", COMPLAINT), ("ResolveCustomerRequest", CUSTOMER)]
        {
            let found = contracts::POOL.all_messages().find(|message| message.name() == method);
            let mut json = serde_json::Deserializer::from_str(request);
            prost_reflect::DynamicMessage::deserialize(found.unwrap(), &mut json).unwrap();
            assert!(!request.contains('\''), "it stands between quotes");
        }
    }

    #[test]
    fn an_address_of_all_interfaces_is_called_by_loopback() {
        let reach = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reach("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(reach("[::]:8080"), "[::1]:8080");
        assert_eq!(reach("10.0.0.1:8080"), "10.0.0.1:8080");
    }
}
