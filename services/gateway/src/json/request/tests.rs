//! How requests are read, rule by rule, and that nothing is lost on the way.

use contracts::POOL;
use http::{HeaderMap, HeaderValue};
use kernel::Fault;
use rpc::Methods;
use serde_json::{Value as Json, json};

use super::*;
use crate::json::{router::Router, rule::rules};

const ID: &str = "019ab000-0000-7000-8000-00000000000a";
const OTHER: &str = "019ab000-0000-7000-8000-00000000000b";

/// Reads a request by the rule that its verb and path lead to.
fn ask(
    verb: &str,
    target: &str,
    headers: &[(&'static str, &str)],
    body: &str,
) -> Result<Json, Refusal> {
    let mut router = Router::default();
    for rule in rules(&POOL, &Methods::read(&POOL)).unwrap() {
        router.add(&rule.verb.clone(), &rule.template.clone(), rule).unwrap();
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let super::super::router::Route::Found(rule, segments) =
        router.find(&verb.parse().unwrap(), path)
    else {
        panic!("{verb} {path} leads nowhere");
    };
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(*name, HeaderValue::from_str(value).unwrap());
    }
    let parts = Parts { segments: &segments, query, headers: &map, body: body.as_bytes() };
    let message = read(rule, &Masks::read(&POOL), parts)?;
    Ok(serde_json::to_value(&message).unwrap())
}

/// The fields that a request is refused for.
fn wrong(verb: &str, target: &str, headers: &[(&'static str, &str)], body: &str) -> Vec<String> {
    let refusal = ask(verb, target, headers, body).unwrap_err();
    refusal.violations().iter().map(|v| format!("{}: {}", v.field, v.description)).collect()
}

#[test]
fn path_query_and_body_come_together() {
    let read = ask(
        "POST",
        &format!("/v1/tickets/7/entries?turn=TURN_CUSTOMER&requestId={ID}"),
        &[],
        r#"{"body": "Hello"}"#,
    );
    let wanted = json!({
        "parent": "tickets/7", "entry": {"body": "Hello"}, "turn": "TURN_CUSTOMER", "requestId": ID,
    });
    assert_eq!(read.unwrap(), wanted);
    let read = ask("POST", "/v1/tickets/7:close", &[], r#"{"reason": "CLOSE_REASON_SPAM"}"#);
    assert_eq!(read.unwrap(), json!({"name": "tickets/7", "reason": "CLOSE_REASON_SPAM"}));
    let read = ask("GET", "/v1/customers:batchGet?names=customers/1&names=customers%2F2", &[], "");
    assert_eq!(read.unwrap(), json!({"names": ["customers/1", "customers/2"]}));
    let read = ask("GET", "/v1/tickets/a%2Fb%20c", &[], "");
    assert_eq!(read.unwrap(), json!({"name": "tickets/a%2Fb c"}));
}

#[test]
fn an_empty_body_leaves_everything_out() {
    assert_eq!(ask("POST", "/v1/tickets/7:claim", &[], "").unwrap(), json!({"name": "tickets/7"}));
    assert_eq!(ask("POST", "/v1/tickets", &[], "").unwrap(), json!({}));
}

#[test]
fn every_bad_parameter_is_named() {
    assert_eq!(
        wrong("GET", "/v1/tickets?utm_source=x", &[], ""),
        ["utm_source: is no parameter of ListTickets"]
    );
    let target =
        "/v1/tickets?pageSize=many&page_size=1&page_size=2&order=UP&queue=%ff&ticket.name=x";
    let wrong_ones = wrong("GET", target, &[], "");
    let fields: Vec<&str> =
        wrong_ones.iter().map(|wrong| wrong.split(':').next().unwrap()).collect();
    assert_eq!(fields, ["pageSize", "page_size", "order", "queue", "ticket.name"]);
    assert_eq!(
        wrong("GET", "/v1/tickets/7?name=tickets/8", &[], ""),
        ["name: is given by the path"]
    );
    assert_eq!(wrong("GET", "/v1/tickets/%zz", &[], ""), ["name: is not percent-encoded UTF-8"]);
    assert_eq!(
        wrong("POST", "/v1/tickets?ticket.title=x", &[], "{}"),
        ["ticket.title: belongs in the body"]
    );
    assert_eq!(wrong("POST", "/v1/tickets/7:claim?etag=x", &[], ""), ["etag: belongs in the body"]);
    assert_eq!(wrong("GET", "/v1/tickets", &[], "{}"), ["body: is not taken by this method"]);
    assert_eq!(wrong("POST", "/v1/tickets", &[], "[]"), ["body: must be an object"]);
}

#[test]
fn a_body_that_is_no_json_is_refused_with_its_place() {
    let refusal = ask("POST", "/v1/tickets", &[], "{\"title\": }").unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "the body is not what is wanted: expected value at line 1 column 11"
    );
    let metadata = refusal.metadata();
    assert_eq!(metadata[1], ("place", "line 1 column 11".to_owned()));
}

#[test]
fn a_body_must_not_contradict_the_path() {
    let same = ask("POST", "/v1/tickets/7:claim", &[], r#"{"name": "tickets/7"}"#).unwrap();
    assert_eq!(same, json!({"name": "tickets/7"}));
    assert_eq!(
        wrong("POST", "/v1/tickets/7:claim", &[], r#"{"name": "tickets/8"}"#),
        ["name: is not what the path says"]
    );
    assert_eq!(
        wrong("PATCH", "/v1/tickets/7", &[], r#"{"name": "tickets/8"}"#),
        ["ticket.name: is not what the path says"]
    );
}

#[test]
fn a_patch_writes_what_its_body_holds() {
    let mask = |target: &str, body: &str| {
        ask("PATCH", target, &[], body).unwrap()["updateMask"].as_str().unwrap().to_owned()
    };
    let body = r#"{"name": "tickets/7", "etag": "v1", "title": null, "facts": {"what": "x", "who": null}}"#;
    assert_eq!(mask("/v1/tickets/7", body), "facts.what,facts.who,title");
    assert_eq!(mask("/v1/tickets/7?updateMask=title", body), "title");
    assert_eq!(mask("/v1/tickets/7?update_mask=facts.occur_time,*", body), "facts.occurTime,*");
    assert_eq!(mask("/v1/tickets/7", "{}"), "");
    assert_eq!(
        ask("PATCH", "/v1/tickets/7", &[], "").unwrap(),
        json!({"ticket": {"name": "tickets/7"}})
    );
    assert_eq!(
        wrong("PATCH", "/v1/tickets/7?updateMask=a..b", &[], "{}"),
        ["updateMask: must be paths of fields in one string, such as `title,facts.what`"]
    );
}

#[test]
fn an_idempotency_key_is_a_request_id() {
    let claim = |headers: &[(&'static str, &str)], body: &str| {
        ask("POST", "/v1/tickets/7:claim", headers, body).map(|read| read["requestId"].clone())
    };
    let key = [("idempotency-key", ID)];
    assert_eq!(claim(&key, "").unwrap(), ID);
    assert_eq!(claim(&[("idempotency-key", &format!("\"{ID}\""))], "").unwrap(), ID);
    assert_eq!(claim(&key, &format!(r#"{{"requestId": "{ID}"}}"#)).unwrap(), ID);
    let target = "/v1/tickets/7:claim";
    let other = format!(r#"{{"requestId": "{OTHER}"}}"#);
    assert_eq!(
        wrong("POST", target, &key, &other),
        ["request_id: is not what Idempotency-Key says"]
    );
    let must = ["Idempotency-Key: must be one UUID"];
    assert_eq!(wrong("POST", target, &[("idempotency-key", "again")], ""), must);
    assert_eq!(wrong("POST", target, &[key[0], key[0]], ""), must);
    assert!(ask("GET", "/v1/tickets", &[("idempotency-key", "again")], "").is_ok());
}

#[test]
fn if_match_is_the_version_that_the_caller_saw() {
    let etag = |verb: &str, target: &str, tag: &str, body: &str| {
        ask(verb, target, &[("if-match", tag)], body).unwrap()
    };
    assert_eq!(etag("POST", "/v1/tickets/7:claim", "\"v1a\"", "")["etag"], "v1a");
    assert_eq!(etag("PATCH", "/v1/tickets/7", "W/\"v1a\"", "{}")["ticket"]["etag"], "v1a");
    assert_eq!(etag("PATCH", "/v1/tickets/7", "v1", r#"{"etag": "v1"}"#)["ticket"]["etag"], "v1");
    assert_eq!(etag("POST", "/v1/tickets/7:claim", "*", "").get("etag"), None);
    let refused =
        |tag: &str, body: &str| wrong("POST", "/v1/tickets/7:claim", &[("if-match", tag)], body);
    assert_eq!(refused("\"v1\"", r#"{"etag": "v2"}"#), ["etag: is not what If-Match says"]);
    for bad in ["\"v1\", \"v2\"", "\"v1", "", "\"\""] {
        assert_eq!(refused(bad, ""), ["If-Match: must be one entity tag"], "{bad}");
    }
    assert_eq!(
        wrong("POST", "/v1/tickets", &[("if-match", "\"v1\"")], "{}"),
        ["If-Match: is not taken by this method"]
    );
}

#[test]
fn an_event_source_goes_on_where_it_was() {
    let token = |target: &str| {
        ask("GET", target, &[("last-event-id", "abc")], "").unwrap()["resumeToken"].clone()
    };
    assert_eq!(token("/v1/tickets:watch"), "abc");
    assert_eq!(token("/v1/tickets:watch?resumeToken=def"), "def");
}
