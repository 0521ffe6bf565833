//! Who reaches whom in a cluster: services, policies, the ingress.

use std::collections::BTreeSet;

use aftercare_deploy::{
    SERVICES,
    chart::{RELEASE, Set, chooses, list, name, sets, text},
};
use serde_json::Value;

const COMPONENT: &str = "app.kubernetes.io/component";

/// The rule of a direction that is about this port.
fn rule<'a>(policy: &'a Value, direction: &str, port: u64) -> Option<&'a Value> {
    let rules = list(&policy["spec"][direction]);
    let about = |rule: &&Value| list(&rule["ports"]).iter().any(|one| one["port"] == port);
    let mut found = rules.iter().filter(about);
    let first = found.next();
    assert!(found.next().is_none(), "two rules are about {port}");
    first
}

/// The components that a list of peers names, where it names the release's own pods alone.
fn peers(list_of: &Value) -> BTreeSet<String> {
    let [one] = list(list_of) else { panic!("{list_of:#}") };
    assert!(one["namespaceSelector"].is_null(), "peers are in the same namespace");
    let selector = &one["podSelector"];
    assert_eq!(selector["matchLabels"]["app.kubernetes.io/instance"], RELEASE);
    let [expression] = list(&selector["matchExpressions"]) else { panic!("{selector:#}") };
    assert_eq!((&expression["key"], &expression["operator"]), (&COMPONENT.into(), &"In".into()));
    list(&expression["values"]).iter().map(|value| text(value).to_owned()).collect()
}

fn guarded() -> impl Iterator<Item = &'static Set> {
    sets().iter().filter(|set| set.name != "plain-values.yaml")
}

#[test]
fn peers_are_the_five_services() {
    let all = BTreeSet::from(SERVICES.map(str::to_owned));
    for set in guarded() {
        for service in SERVICES {
            let policy = set.one("NetworkPolicy", &format!("-{service}"));
            assert_eq!(policy["spec"]["policyTypes"], serde_json::json!(["Ingress", "Egress"]));
            let pod = &set.one("Deployment", &format!("-{service}"))["spec"]["template"];
            let selector = &policy["spec"]["podSelector"]["matchLabels"];
            assert!(chooses(selector, &pod["metadata"]["labels"]), "{}", set.name);
            assert_eq!(peers(&rule(policy, "ingress", 8181).unwrap()["from"]), all);
            assert_eq!(peers(&rule(policy, "egress", 8181).unwrap()["to"]), all);
            assert!(rule(policy, "egress", 5432).is_some(), "{}: no database", set.name);
        }
    }
}

#[test]
fn clients_reach_the_gateway_and_nobody_else() {
    for set in guarded() {
        for service in SERVICES {
            let policy = set.one("NetworkPolicy", &format!("-{service}"));
            let public = rule(policy, "ingress", 8080).is_some();
            assert_eq!(public, service == "gateway", "{}: {service}", set.name);
        }
    }
}

#[test]
fn the_admin_port_is_for_those_named() {
    for set in guarded() {
        for service in SERVICES {
            let policy = set.one("NetworkPolicy", &format!("-{service}"));
            // Whoever reaches it moves consumers without a credential.
            let from = list(&rule(policy, "ingress", 9090).unwrap()["from"]);
            assert!(!from.is_empty(), "{}: everybody reaches it", set.name);
            assert!(from.iter().all(|one| one != &serde_json::json!({})), "{}", set.name);
        }
    }
}

#[test]
fn the_gateway_reaches_issuers_and_everybody_the_collector_where_there_are_some() {
    for set in guarded() {
        let (issuers, traces) =
            (set.settings().contains("[[identity.oidc]]"), set.settings().contains("otlp = "));
        for service in SERVICES {
            let policy = set.one("NetworkPolicy", &format!("-{service}"));
            let reaches = rule(policy, "egress", 443).is_some();
            assert_eq!(reaches, issuers && service == "gateway", "{}: {service}", set.name);
            assert_eq!(rule(policy, "egress", 4317).is_some(), traces, "{}", set.name);
        }
    }
}

#[test]
fn links_resolve_to_the_replicas() {
    for set in sets() {
        for service in SERVICES {
            let pod = &set.one("Deployment", &format!("-{service}"))["spec"]["template"];
            let container = &pod["spec"]["containers"][0];
            let peers = set.one("Service", &format!("-{service}-peers"));
            assert_eq!(peers["spec"]["clusterIP"], "None", "{}: callers balance", set.name);
            let link = format!("link = \"http://{}:8181\"", name(peers));
            let section = format!("[services.{service}]\n{link}");
            assert!(set.settings().contains(&section), "{}: no {section}", set.name);
            let own = set.one("Service", &format!("-{service}"));
            assert!(own["spec"]["clusterIP"].is_null() && own["spec"]["type"] == "ClusterIP");
            for one in [peers, own] {
                assert!(chooses(&one["spec"]["selector"], &pod["metadata"]["labels"]));
                for port in list(&one["spec"]["ports"]) {
                    let mut there = list(&container["ports"]).iter();
                    assert!(there.any(|open| open["name"] == port["targetPort"]), "{port}");
                }
            }
            let public = list(&own["spec"]["ports"]).iter().any(|port| port["name"] == "public");
            assert_eq!(public, service == "gateway", "{}: {service}", set.name);
        }
    }
}

#[test]
fn the_ingress_has_a_certificate_and_leads_to_the_gateway() {
    let set = sets().iter().find(|set| set.name == "public-values.yaml").unwrap();
    let ingress = &set.one("Ingress", "")["spec"];
    assert_eq!(ingress["tls"][0]["secretName"], "care-certificate");
    let gateway = name(set.one("Service", "-gateway"));
    for rule in list(&ingress["rules"]) {
        assert!(list(&ingress["tls"][0]["hosts"]).contains(&rule["host"]), "without TLS: {rule}");
        let service = &rule["http"]["paths"][0]["backend"]["service"];
        assert_eq!(service, &serde_json::json!({"name": gateway, "port": {"name": "public"}}));
    }
}

#[test]
fn a_bare_set_has_no_policies() {
    let plain = sets().iter().find(|set| set.name == "plain-values.yaml").unwrap();
    assert!(!plain.has("NetworkPolicy") && !plain.has("Job") && !plain.has("ServiceAccount"));
}
