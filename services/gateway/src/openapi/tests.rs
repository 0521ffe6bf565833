//! The document over the real contracts, and what is served of it.

use std::collections::BTreeSet;

use contracts::POOL;
use http_body_util::BodyExt;

use super::*;
use crate::json::{decode, rule::Content};

fn made() -> Value {
    document(&POOL, &Methods::read(&POOL), "1.2.3").unwrap()
}

/// Every operation with its path and verb.
fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let paths = document["paths"].as_object().unwrap().iter();
    let all = paths.flat_map(|(path, verbs)| {
        let verbs = verbs.as_object().unwrap().iter();
        verbs.map(|(verb, operation)| (path.clone(), verb.clone(), operation.clone()))
    });
    all.collect()
}

#[test]
fn the_document_lists_every_way_to_call() {
    let lines: Vec<String> = operations(&made())
        .into_iter()
        .map(|(path, verb, operation)| {
            format!("{verb} {path} {}", operation["operationId"].as_str().unwrap())
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn operations_and_parameters_are_unique_and_complete() {
    let document = made();
    let mut ids = BTreeSet::new();
    for (path, _, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id.to_owned()), "{id}");
        let parameters = operation["parameters"].as_array().unwrap();
        let named: BTreeSet<(&str, &str)> = parameters
            .iter()
            .map(|parameter| {
                (parameter["in"].as_str().unwrap(), parameter["name"].as_str().unwrap())
            })
            .collect();
        assert_eq!(named.len(), parameters.len(), "{id}");
        let open: BTreeSet<&str> =
            path.split('{').skip(1).map(|part| part.split('}').next().unwrap()).collect();
        let in_path: BTreeSet<&str> =
            named.iter().filter(|(place, _)| *place == "path").map(|(_, name)| *name).collect();
        assert_eq!(open, in_path, "{id}");
        for parameter in parameters {
            assert!(!parameter["description"].as_str().unwrap().is_empty(), "{id} {parameter}");
        }
        assert!(!operation["summary"].as_str().unwrap().is_empty());
        assert!(operation["description"].as_str().unwrap().contains("Needs the permission `"));
    }
}

#[test]
fn every_reference_leads_somewhere_and_every_schema_is_used() {
    let document = made();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    for reference in &references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for name in document["components"]["schemas"].as_object().unwrap().keys() {
        assert!(references.contains(&format!("#/components/schemas/{name}")), "{name}");
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            if let Some(Value::String(reference)) = object.get("$ref") {
                references.insert(reference.clone());
            }
            object.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, references)),
        _ => {}
    }
}

#[test]
fn an_operation_says_what_it_takes_and_gives() {
    let document = made();
    let update = &document["paths"]["/v1/tickets/{ticket}"]["patch"];
    let names: Vec<&str> = update["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["ticket", "updateMask", "requestId", "Idempotency-Key", "If-Match"]);
    let body = &update["requestBody"]["content"]["application/json"];
    assert_eq!(body["schema"], json!({"$ref": "#/components/schemas/Ticket"}));
    assert_eq!(body["example"]["title"], "The fan is too loud");
    let statuses: Vec<&String> = update["responses"].as_object().unwrap().keys().collect();
    assert_eq!(
        statuses,
        [
            "200", "400", "401", "403", "404", "409", "412", "413", "414", "415", "429", "431",
            "499", "500", "501", "503", "504"
        ]
    );
    assert!(update["responses"]["200"]["headers"]["ETag"].is_object());

    let create = &document["paths"]["/v1/tickets"]["post"]["requestBody"]["content"];
    let needed = &create["application/json"]["schema"]["allOf"][1]["required"];
    assert_eq!(*needed, json!(["kind", "channel", "title"]));
    let get = &document["paths"]["/v1/tickets/{ticket}"]["get"];
    assert!(get["responses"]["304"].is_object() && get.get("requestBody").is_none());
    let watch = &document["paths"]["/v1/tickets:watch"]["get"]["responses"]["200"]["content"];
    assert!(watch["application/x-ndjson"].is_object() && watch["text/event-stream"].is_object());
}

#[test]
fn examples_of_requests_are_requests() {
    let methods = Methods::read(&POOL);
    let document = made();
    for rule in rule::rules(&POOL, &methods).unwrap() {
        let (path, _) = operation::path(&rule.template);
        let verb = rule.verb.as_str().to_ascii_lowercase();
        let body = &document["paths"][&path][&verb]["requestBody"]["content"]["application/json"];
        let kind = match &rule.content {
            Content::Nothing => continue,
            Content::Everything => rule.rpc.input.clone(),
            Content::Field(field) => field.kind().as_message().unwrap().clone(),
        };
        let mut notes = decode::Notes::default();
        decode::message(body["example"].clone(), &kind, &mut notes);
        assert_eq!(notes.into_violations().as_slice(), [], "{path}");
    }
}

fn served(verb: &Verb, path: &str, known: Option<&HeaderValue>) -> Option<Response<Body>> {
    let openapi = OpenApi::new(&POOL, &Methods::read(&POOL), "1.2.3").unwrap();
    let mut headers = HeaderMap::new();
    if let Some(known) = known {
        headers.insert(header::IF_NONE_MATCH, known.clone());
    }
    openapi.answer(verb, path, &headers)
}

#[tokio::test]
async fn both_are_served_with_their_versions() {
    let response = served(&Verb::GET, "/openapi.json", None).unwrap();
    let tag = response.headers()["etag"].clone();
    assert_eq!(response.headers()["content-type"], "application/json");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(serde_json::from_slice::<Value>(&body).unwrap()["info"]["version"], "1.2.3");
    let again = served(&Verb::GET, "/openapi.json", Some(&tag)).unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(served(&Verb::HEAD, "/docs", None).unwrap().status(), 200);
    let refused = served(&Verb::POST, "/docs", None).unwrap();
    assert_eq!(
        (refused.status().as_u16(), refused.headers()["allow"].to_str().unwrap()),
        (405, "GET, HEAD, OPTIONS")
    );
    assert!(served(&Verb::GET, "/docs/", None).is_none());
}

#[tokio::test]
async fn the_page_runs_its_own_script_and_nothing_else() {
    let response = served(&Verb::GET, "/docs", None).unwrap();
    let policy = response.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"));
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let page = std::str::from_utf8(&body).unwrap();
    assert_eq!(page, PAGE);
    assert_eq!(page.matches("<script>").count(), 1);
    for outside in ["http://", "https://", "src=", "@import", "url(", "style=", " onclick"] {
        assert!(!page.replace("stop.onclick", "").contains(outside), "{outside}");
    }
    assert!(page.len() < 40_000);
}
