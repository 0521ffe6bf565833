//! No text breaks the suite: PostgreSQL keeps no NUL, so that each one must be refused where it comes
//! in, not where it is written.

use aftercare_e2e::{Desk, Tenant, client, each_backend, scenario};
use prost_reflect::{Kind, MessageDescriptor};
use serde_json::{Map, Value, json};
use tonic::Code;

/// How deep messages are followed; none of ours is deeper.
const DEPTH: usize = 6;

/// The paths of all texts of a message, by the names that they have in JSON.
fn texts(message: &MessageDescriptor, path: &[String], found: &mut Vec<Vec<String>>) {
    if path.len() > DEPTH {
        return;
    }
    for field in message.fields() {
        let path = [path, &[field.json_name().to_owned()]].concat();
        match field.kind() {
            Kind::String => found.push(path),
            Kind::Message(inner) if inner.package_name().starts_with("aftercare.") => {
                texts(&inner, &path, found);
            }
            _ => {}
        }
    }
}

/// Writes `text` at a path of a request; of a list into its first item, which is made if need be.
fn write(message: &MessageDescriptor, request: &mut Value, path: &[String], text: &str) {
    let field = message.get_field_by_json_name(&path[0]).expect("a path is of the message");
    let fields = request.as_object_mut().expect("a message is an object");
    if let Some(oneof) = field.containing_oneof() {
        // Of these there may be one.
        let others = oneof.fields().filter(|other| *other != field);
        others.for_each(|other| _ = fields.remove(other.json_name()));
    }
    let place = fields.entry(path[0].clone()).or_insert(Value::Null);
    let place = if field.is_list() {
        if place.as_array().is_none_or(Vec::is_empty) {
            *place = json!([null]);
        }
        &mut place[0]
    } else {
        place
    };
    if let Kind::Message(inner) = field.kind() {
        if !place.is_object() {
            *place = Value::Object(Map::new());
        }
        write(&inner, place, &path[1..], text);
    } else {
        *place = json!(text);
    }
}

#[tokio::test]
async fn a_nul_in_any_text_of_any_request_is_no_fault_of_ours() {
    each_backend(async |suite| {
        let desk = Desk::new(suite, Tenant::North);
        let mut faults = Vec::new();
        for scenario in scenario::all() {
            let prepared = scenario.prepare(&desk).await;
            let caller = prepared.caller(&desk, scenario.role).await;
            let message = client::method(scenario.method).input();
            let mut paths = Vec::new();
            texts(&message, &[], &mut paths);
            for path in paths {
                let mut request = prepared.request.clone();
                // Without a mask whatever is given is written; a request id is good once.
                for used in ["updateMask", "requestId"] {
                    request.as_object_mut().expect("a request is an object").remove(used);
                }
                write(&message, &mut request, &path, "a\0b");
                let outcome = caller.send(scenario.method, &request).await;
                let code = outcome.refusal().map(tonic::Status::code);
                if matches!(code, Some(Code::Internal | Code::Unknown | Code::Unavailable)) {
                    faults.push(format!("{} {}: {code:?}", scenario.method, path.join(".")));
                }
            }
        }
        assert!(faults.is_empty(), "{faults:#?}");
    })
    .await;
}
