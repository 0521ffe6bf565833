//! One way to call a method, as an operation of the document.

use std::collections::BTreeSet;

use http::Method as Verb;
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::{
    comments::first_sentence,
    errors,
    example::{self, Side},
    schema::{Behavior, Schemas},
};
use crate::json::{
    rule::{Content, Rule},
    template::{Segment, Template, Variable},
};

/// Parameters of messages within messages are listed this far down.
const DEEPEST: usize = 3;
/// What stands in a path for one segment: no name begins with anything else, and a `:` would begin a
/// verb.
const SEGMENT: &str = "^[A-Za-z0-9][A-Za-z0-9._-]*$";

/// A path of the document, `/v1/tickets/{ticket}:close`, and the names of its parameters with the
/// segments that they stand for.
pub(crate) fn path(template: &Template) -> (String, Vec<(String, usize)>) {
    let mut path = String::new();
    let mut parameters: Vec<(String, usize)> = Vec::new();
    let mut collection = "resources";
    for (at, segment) in template.segments.iter().enumerate() {
        path.push('/');
        if let Segment::Literal(text) = segment {
            path.push_str(text);
            collection = text;
            continue;
        }
        let mut name = singular(collection);
        if parameters.iter().any(|(other, _)| *other == name) {
            name.push_str(&at.to_string());
        }
        path.extend(["{", name.as_str(), "}"]);
        parameters.push((name, at));
    }
    if let Some(verb) = &template.verb {
        path.push(':');
        path.push_str(verb);
    }
    (path, parameters)
}

fn singular(collection: &str) -> String {
    if let Some(stem) = collection.strip_suffix("ches") {
        return format!("{stem}ch");
    }
    match (collection.strip_suffix("ies"), collection.strip_suffix('s')) {
        (Some(stem), _) => format!("{stem}y"),
        (None, Some(stem)) => stem.to_owned(),
        (None, None) => collection.to_owned(),
    }
}

/// The operation of a rule; `further` counts the ways to call the method that came before.
pub(crate) fn operation(
    rule: &Rule,
    permission: &str,
    further: usize,
    schemas: &mut Schemas<'_>,
) -> Value {
    let method = &rule.rpc.method;
    let about = schemas.comments().method(method);
    let id =
        if further == 0 { method.name().to_owned() } else { format!("{}{further}", method.name()) };
    let mut responses = errors::of_operation(rule.content != Content::Nothing, rule.etag.is_some());
    responses.insert("200".to_owned(), success(rule, schemas));
    if rule.verb == Verb::GET && rule.rpc.version.is_some() {
        let about = "The reader has this version already.";
        responses.insert("304".to_owned(), json!({"description": about, "headers": etag_header()}));
    }
    let mut operation = json!({
        "operationId": id,
        "tags": [method.parent_service().name()],
        "summary": first_sentence(about),
        "description": format!("{about}\n\nNeeds the permission `{permission}`.").trim_start(),
        "parameters": parameters(rule, schemas),
        "responses": responses,
    });
    if let Some(body) = body(rule, schemas) {
        operation["requestBody"] = body;
    }
    operation
}

fn parameters(rule: &Rule, schemas: &mut Schemas<'_>) -> Vec<Value> {
    let mut parameters = path_parameters(rule, schemas);
    if rule.content != Content::Everything {
        for field in rule.rpc.input.fields() {
            let is_content = matches!(&rule.content, Content::Field(content) if *content == field);
            if !is_content {
                query_parameters(&field, "", rule, 0, schemas, &mut parameters);
            }
        }
    }
    parameters.extend(header_parameters(rule));
    parameters
}

fn path_parameters(rule: &Rule, schemas: &Schemas<'_>) -> Vec<Value> {
    let (_, names) = path(&rule.template);
    let parameter = |(name, at): &(String, usize)| {
        let holds =
            |variable: &Variable| variable.from <= *at && variable.to.is_none_or(|to| *at < to);
        let fields = rule.variables.iter().find(|(variable, _)| holds(variable));
        let field = fields.and_then(|(_, fields)| fields.last());
        let about = field.map(|field| schemas.comments().field(field)).unwrap_or_default();
        let collection = match at.checked_sub(1).map(|before| &rule.template.segments[before]) {
            Some(Segment::Literal(text)) => text.as_str(),
            _ => "",
        };
        let is_rest = rule.template.segments[*at] == Segment::Rest;
        let schema = if is_rest {
            json!({"type": "string", "minLength": 1})
        } else {
            json!({"type": "string", "pattern": SEGMENT})
        };
        json!({
            "name": name, "in": "path", "required": true, "schema": schema,
            "description": format!("The id in `{collection}/{{id}}`. {about}").trim_end(),
            "example": example::own_id(collection),
        })
    };
    names.iter().map(parameter).collect()
}

fn query_parameters(
    field: &FieldDescriptor,
    above: &str,
    rule: &Rule,
    depth: usize,
    schemas: &mut Schemas<'_>,
    parameters: &mut Vec<Value>,
) {
    let name = format!("{above}{}", field.json_name());
    let is_in_path = |(_, way): &(Variable, Vec<FieldDescriptor>)| way.last() == Some(field);
    if rule.variables.iter().any(is_in_path) || field.is_map() {
        return;
    }
    if let Kind::Message(message) = field.kind()
        && message.package_name() != "google.protobuf"
    {
        if !field.is_list() && depth < DEEPEST {
            for inner in message.fields() {
                query_parameters(&inner, &format!("{name}."), rule, depth + 1, schemas, parameters);
            }
        }
        return;
    }
    let mut parameter = json!({
        "name": name, "in": "query", "schema": schemas.bare(field),
        "description": schemas.comments().field(field),
    });
    if schemas.is(field, Behavior::Required) && depth == 0 {
        parameter["required"] = true.into();
    }
    parameters.push(parameter);
}

fn header_parameters(rule: &Rule) -> Vec<Value> {
    let mut headers = Vec::new();
    let mut add = |name: &str, schema: Value, about: &str| {
        headers.push(json!({"name": name, "in": "header", "schema": schema, "description": about}));
    };
    if rule.rpc.request_id.is_some() {
        let about = "Makes the call repeatable; the same as `requestId`.";
        add("Idempotency-Key", json!({"type": "string", "format": "uuid"}), about);
    }
    if rule.etag.is_some() {
        let about = "The version that the caller saw, as `ETag` gave it; the same as `etag`. A stale one is 412.";
        add("If-Match", json!({"type": "string"}), about);
    }
    if rule.verb == Verb::GET && rule.rpc.version.is_some() {
        let about =
            "The version that the reader has; where it is still the same, the answer is 304.";
        add("If-None-Match", json!({"type": "string"}), about);
    }
    if rule.rpc.streams && rule.rpc.resume.0.is_some() {
        let about = "Where an event source goes on; the same as `resumeToken`.";
        add("Last-Event-ID", json!({"type": "string"}), about);
    }
    headers
}

fn body(rule: &Rule, schemas: &mut Schemas<'_>) -> Option<Value> {
    let input = &rule.rpc.input;
    let (schema, example, required) = match &rule.content {
        Content::Nothing => return None,
        Content::Everything => {
            let in_path: BTreeSet<String> = rule
                .variables
                .iter()
                .filter(|(_, way)| way.len() == 1)
                .map(|(variable, _)| variable.field.clone())
                .collect();
            let schema = schemas.object(input, &in_path);
            let mut example = example::message(schemas, input, Side::Request);
            if let Some(object) = example.as_object_mut() {
                object.retain(|name, _| {
                    !in_path.iter().any(|field| json_name(input, field) == *name)
                });
            }
            let required = schema.get("required").is_some();
            (schema, example, required)
        }
        Content::Field(field) => {
            let Kind::Message(resource) = field.kind() else { return None };
            let mut schema = schemas.message(&resource);
            let needed = schemas.required(&resource);
            if rule.mask.is_none() && !needed.is_empty() {
                schema = json!({"allOf": [schema, {"required": needed}]});
            }
            (
                schema,
                resource_example(rule, &resource, schemas),
                schemas.is(field, Behavior::Required),
            )
        }
    };
    let content = json!({"application/json": {"schema": schema, "example": example}});
    Some(json!({"required": required, "content": content}))
}

fn json_name(message: &MessageDescriptor, field: &str) -> String {
    let field = message.get_field_by_name(field);
    field.map(|field| field.json_name().to_owned()).unwrap_or_default()
}

/// An example of a resource to be made, or of some fields to be changed.
fn resource_example(rule: &Rule, resource: &MessageDescriptor, schemas: &Schemas<'_>) -> Value {
    let mut example = example::message(schemas, resource, Side::Request);
    if rule.mask.is_some()
        && let Some(object) = example.as_object_mut()
    {
        let fixed = |name: &String| {
            let field = resource.get_field_by_json_name(name);
            field.is_none_or(|field| schemas.is(&field, Behavior::Immutable))
        };
        let changed = |name: &str| matches!(name, "title" | "displayName" | "facts");
        object.retain(|name, _| !fixed(name) && changed(name));
    }
    example
}

fn success(rule: &Rule, schemas: &mut Schemas<'_>) -> Value {
    let output = &rule.rpc.output;
    let schema = schemas.message(output);
    let example = example::message(schemas, output, Side::Answer);
    let about = schemas.comments().message(output).to_owned();
    let content = if rule.rpc.streams {
        let failure = json!({"$ref": "#/components/schemas/Status"});
        let line = json!({
            "type": "object",
            "description": "One line each; an `error` is the last.",
            "properties": {"result": schema, "error": failure},
        });
        let events = json!({
            "type": "string",
            "description": "One event each, with the same JSON as `data` and the resume token as `id`.",
        });
        json!({
            "application/x-ndjson": {"schema": line, "example": {"result": example}},
            "text/event-stream": {"schema": events},
        })
    } else {
        json!({"application/json": {"schema": schema, "example": example}})
    };
    let mut success = json!({"description": first_sentence(&about), "content": content});
    if rule.rpc.version.is_some() && !rule.rpc.streams {
        success["headers"] = Value::Object(etag_header());
    }
    success
}

fn etag_header() -> Map<String, Value> {
    let header = json!({"description": "The version.", "schema": {"type": "string"}});
    Map::from_iter([("ETag".to_owned(), header)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_segments_are_named_by_their_collections() {
        let of = |text: &str| path(&Template::parse(text).unwrap());
        let ticket = vec![("ticket".to_owned(), 2)];
        assert_eq!(
            of("/v1/{name=tickets/*}:close"),
            ("/v1/tickets/{ticket}:close".to_owned(), ticket)
        );
        assert_eq!(of("/v1/{parent=tickets/*}/entries").0, "/v1/tickets/{ticket}/entries");
        assert_eq!(of("/v1/{name=apiKeys/*}").0, "/v1/apiKeys/{apiKey}");
        assert_eq!(
            of("/v1/{a=categories/*}/categories/{b}").0,
            "/v1/categories/{category}/categories/{category4}"
        );
        assert_eq!(of("/v1/tickets:claimNext").0, "/v1/tickets:claimNext");
    }
}
