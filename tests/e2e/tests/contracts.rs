//! The contracts hold to their rules, read from the descriptors.

use std::collections::{BTreeMap, BTreeSet};

use aftercare_e2e::{
    contract::{self, data, http, methods},
    python, scenario,
    suite::finish,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use contracts::POOL;
use prost::Message as _;
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet};

#[track_caller]
fn none(found: &[String]) {
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

#[test]
fn every_rpc_has_permission_idempotency_level_http_rule_and_scenario() {
    let all = contract::all_methods(&POOL);
    assert!(all.len() > 30, "the contracts were read");
    none(&methods::undeclared(&all, &scenario::names()));
    let unknown: Vec<_> = scenario::names()
        .into_iter()
        .filter(|name| !all.iter().any(|method| method.full_name() == name))
        .collect();
    none(&unknown);
}

#[test]
fn a_method_without_a_scenario_is_found() {
    let all = contract::all_methods(&POOL);
    let mut scenarios = scenario::names();
    scenarios.remove("aftercare.tickets.v1.TicketService.GetTicket");
    // A method of the same name in another service is no scenario of this one.
    scenarios.insert("aftercare.tickets.v2.TicketService.GetTicket".to_owned());
    let found = methods::undeclared(&all, &scenarios);
    assert_eq!(found, ["aftercare.tickets.v1.TicketService.GetTicket: no scenario"]);
}

#[test]
fn every_permission_is_granted_to_some_role() {
    none(&methods::ungranted(&contract::all_methods(&POOL), &rpc::Grants::shipped()));
    let nobody = rpc::Grants::parse(&BTreeMap::new()).unwrap();
    assert!(!methods::ungranted(&contract::all_methods(&POOL), &nobody).is_empty());
}

#[test]
fn http_rules_parse_name_fields_and_do_not_overlap() {
    none(&http::wrong(&contract::all_methods(&POOL)));
    // The same method twice overlaps with itself.
    let get = contract::all_methods(&POOL).into_iter().find(|method| method.name() == "GetTicket");
    let get = get.unwrap();
    assert_eq!(http::wrong(&[get.clone(), get]).len(), 1);
}

#[test]
fn everything_stored_has_a_data_class() {
    let resources: Vec<_> = data::resources(&POOL).into_iter().collect();
    assert_eq!(
        resources,
        [
            "aftercare.customers.v1.Consent",
            "aftercare.customers.v1.Contact",
            "aftercare.customers.v1.Customer",
            "aftercare.customers.v1.Product",
            "aftercare.customers.v1.Purchase",
            "aftercare.gateway.v1.AccessRecord",
            "aftercare.gateway.v1.ApiKey",
            "aftercare.gateway.v1.Member",
            "aftercare.gateway.v1.Team",
            "aftercare.gateway.v1.Tenant",
            "aftercare.knowledge.v1.Article",
            "aftercare.knowledge.v1.Revision",
            "aftercare.knowledge.v1.SearchRecord",
            "aftercare.surveys.v1.Invitation",
            "aftercare.surveys.v1.Loop",
            "aftercare.surveys.v1.Response",
            "aftercare.surveys.v1.Survey",
            "aftercare.surveys.v1.SurveyVersion",
            "aftercare.tickets.v1.Entry",
            "aftercare.tickets.v1.Ticket",
        ]
    );
    let stored = data::stored(&POOL);
    let names: BTreeSet<_> = stored.iter().map(|message| message.full_name().to_owned()).collect();
    for held in [
        "aftercare.tickets.v1.Facts",
        "aftercare.customers.v1.Identifier",
        "aftercare.gateway.v1.Login",
    ] {
        assert!(names.contains(held), "{held} is held by a resource");
    }
    none(&data::unclassified(&stored));
}

#[test]
fn events_carry_neither_personal_data_nor_free_text() {
    let events = data::events(&POOL);
    for known in ["aftercare.customers.v1.CustomerEvent", "aftercare.tickets.v1.TicketEvent"] {
        assert!(events.contains(known), "{known} is found by itself");
    }
    let held = data::reachable(&POOL, events.iter().map(String::as_str));
    none(&data::personal(&held));
    none(&data::unclassified(&held));
    // A ticket, which has both, would be found.
    assert!(data::personal(&data::reachable(&POOL, ["aftercare.tickets.v1.Ticket"])).len() > 5);
}

#[test]
fn googles_files_are_googles() {
    let printed = finish(&mut python::script("python/google_api.py"));
    assert_eq!(printed.code, 0, "{}", printed.err);
    let ours = FileDescriptorSet::decode(contracts::DESCRIPTORS).unwrap().file;
    let mut compared = 0;
    for line in printed.out.lines() {
        let (name, theirs) = line.split_once(' ').unwrap();
        let theirs =
            FileDescriptorProto::decode(STANDARD.decode(theirs).unwrap().as_slice()).unwrap();
        let ours = ours.iter().find(|file| file.name() == name).unwrap();
        assert_eq!(bare(ours.clone()), bare(theirs), "{name}");
        compared += 1;
    }
    assert_eq!(compared, 3);
}

/// Without comments, and without JSON names, which compilers write or leave out as they like.
fn bare(mut file: FileDescriptorProto) -> FileDescriptorProto {
    fn strip(message: &mut DescriptorProto) {
        for field in message.field.iter_mut().chain(&mut message.extension) {
            field.json_name = None;
        }
        message.nested_type.iter_mut().for_each(strip);
    }
    file.source_code_info = None;
    file.extension.iter_mut().for_each(|field| field.json_name = None);
    file.message_type.iter_mut().for_each(strip);
    file
}
