//! From a request over HTTP to the message that it stands for: the body first, then what the path, the
//! query and the headers say. Nothing of them may contradict another.

use http::{HeaderMap, HeaderName, header};
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, Value};
use serde_json::Value as Json;
use uuid::Uuid;

use super::{
    decode::{self, Notes},
    error::Refusal,
    mask::Masks,
    parse, percent,
    rule::{self, Content, Rule},
    scalar,
};

/// Makes a call repeatable, as a request's own `request_id` does.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Where a browser's event source goes on after its connection broke.
const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// What a request consists of, apart from its verb.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts<'a> {
    /// The segments of its path.
    pub(crate) segments: &'a [&'a str],
    /// Its query.
    pub(crate) query: &'a str,
    /// Its headers.
    pub(crate) headers: &'a HeaderMap,
    /// Its body; empty where there is none.
    pub(crate) body: &'a [u8],
}

/// Reads the request that is meant.
pub(crate) fn read(
    rule: &Rule,
    masks: &Masks,
    parts: Parts<'_>,
) -> Result<DynamicMessage, Refusal> {
    let mut notes = Notes::default();
    let (mut message, written) = content(rule, masks, parts.body, &mut notes)?;
    for (variable, way) in &rule.variables {
        match variable.text(parts.segments) {
            Some(text) => fill(&mut message, way, text, "the path", &mut notes),
            None => notes.add(&variable.field, "is not percent-encoded UTF-8"),
        }
    }
    query(rule, parts.query, &mut message, &mut notes);
    headers(rule, parts.headers, &mut message, &mut notes);
    if let (Some(mask), Some(paths)) = (&rule.mask, written)
        && !message.has_field(mask)
        && let Value::Message(value) = message.get_field_mut(mask)
    {
        let paths = paths.into_iter().map(Value::String).collect();
        value.set_field_by_name("paths", Value::List(paths));
    }
    notes.into_violations().finish(message).map_err(Refusal::Invalid)
}

/// What the body holds, and the paths of it where they make a mask.
fn content(
    rule: &Rule,
    masks: &Masks,
    body: &[u8],
    notes: &mut Notes,
) -> Result<(DynamicMessage, Option<Vec<String>>), Refusal> {
    let mut message = DynamicMessage::new(rule.rpc.input.clone());
    if body.is_empty() {
        return Ok((message, None));
    }
    if rule.content == Content::Nothing {
        notes.add("body", "is not taken by this method");
        return Ok((message, None));
    }
    let json = parse::parse(body).map_err(Refusal::Malformed)?;
    let Json::Object(object) = json else {
        notes.add("body", "must be an object");
        return Ok((message, None));
    };
    let mut written = None;
    match &rule.content {
        Content::Field(field) => {
            if let Kind::Message(kind) = field.kind() {
                written = rule.mask.is_some().then(|| masks.paths(&object, &kind));
                let resource = notes
                    .within(field.name(), |notes| decode::message(object.into(), &kind, notes));
                decode::set(&mut message, field, Value::Message(resource));
            }
        }
        Content::Everything => decode::fields(object, &mut message, notes),
        Content::Nothing => {}
    }
    Ok((message, written))
}

/// Puts a text from elsewhere than the body into a field, which must not say otherwise.
fn fill(
    message: &mut DynamicMessage,
    way: &[FieldDescriptor],
    text: String,
    from: &str,
    notes: &mut Notes,
) {
    let Some((last, before)) = way.split_last() else { return };
    let Some(parent) = rule::reach(message, before) else { return };
    match scalar::from_text(text, &last.kind()) {
        Ok(value) if parent.has_field(last) && *parent.get_field(last) != value => {
            notes.add(&name(way), format!("is not what {from} says"));
        }
        Ok(value) => decode::set(parent, last, value),
        Err(wrong) => notes.add(&name(way), wrong),
    }
}

/// A field's path as the contract writes it.
fn name(way: &[FieldDescriptor]) -> String {
    let names: Vec<&str> = way.iter().map(FieldDescriptor::name).collect();
    names.join(".")
}

fn query(rule: &Rule, query: &str, message: &mut DynamicMessage, notes: &mut Notes) {
    let mut seen: Vec<String> = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if notes.are_enough() {
            return;
        }
        let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
        let (Some(key), Some(text)) = (percent::decode_query(key), percent::decode_query(text))
        else {
            notes.add(key, "is not percent-encoded UTF-8");
            continue;
        };
        if let Err(wrong) = parameter(rule, &key, text, message, &mut seen) {
            notes.add(&key, wrong);
        }
    }
}

fn parameter(
    rule: &Rule,
    key: &str,
    text: String,
    message: &mut DynamicMessage,
    seen: &mut Vec<String>,
) -> Result<(), String> {
    let unknown = || format!("is no parameter of {}", rule.rpc.method.name());
    let way = rule::fields(&rule.rpc.input, key).ok_or_else(unknown)?;
    match &rule.content {
        Content::Everything => return Err("belongs in the body".to_owned()),
        Content::Field(field) if way.first() == Some(field) => {
            return Err("belongs in the body".to_owned());
        }
        Content::Field(_) | Content::Nothing => {}
    }
    if rule.variables.iter().any(|(_, variable)| *variable == way) {
        return Err("is given by the path".to_owned());
    }
    let (last, before) = way.split_last().ok_or_else(unknown)?;
    let kind = last.kind();
    let is_object = matches!(&kind, Kind::Message(kind) if !scalar::is_well_known(kind));
    if is_object || last.is_map() {
        return Err("cannot be given in a query".to_owned());
    }
    let value = scalar::from_text(text, &kind)?;
    let parent = rule::reach(message, before).ok_or_else(unknown)?;
    if last.is_list() {
        if let Value::List(list) = parent.get_field_mut(last) {
            list.push(value);
        }
        return Ok(());
    }
    let name = name(&way);
    if seen.contains(&name) {
        return Err("stands twice".to_owned());
    }
    decode::set(parent, last, value);
    seen.push(name);
    Ok(())
}

fn headers(rule: &Rule, headers: &HeaderMap, message: &mut DynamicMessage, notes: &mut Notes) {
    if let Some(field) = &rule.rpc.request_id {
        match single(headers, &IDEMPOTENCY_KEY).map(|key| key.map(|key| key.trim_matches('"'))) {
            Ok(None) => {}
            Ok(Some(key)) if Uuid::try_parse(key).is_ok() => {
                fill(
                    message,
                    std::slice::from_ref(field),
                    key.to_owned(),
                    "Idempotency-Key",
                    notes,
                );
            }
            Ok(Some(_)) | Err(()) => notes.add("Idempotency-Key", "must be one UUID"),
        }
    }
    match (single(headers, &header::IF_MATCH), &rule.etag) {
        (Ok(None | Some("*")), _) => {}
        (Ok(Some(tag)), Some(way)) => match version(tag) {
            Some(version) => fill(message, way, version.to_owned(), "If-Match", notes),
            None => notes.add("If-Match", "must be one entity tag"),
        },
        (Err(()), Some(_)) => notes.add("If-Match", "must be one entity tag"),
        (_, None) => notes.add("If-Match", "is not taken by this method"),
    }
    if let Some(field) = &rule.rpc.resume.0
        && !message.has_field(field)
        && let Ok(Some(last)) = single(headers, &LAST_EVENT_ID)
    {
        decode::set(message, field, Value::String(last.to_owned()));
    }
}

/// The only value of a header; an error where there are more, or where it is no text.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ()> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(());
    }
    value.to_str().map(|value| Some(value.trim())).map_err(|_| ())
}

/// The version in an entity tag, as it stood in the answer's `ETag`.
pub(crate) fn version(tag: &str) -> Option<&str> {
    let tag = tag.trim();
    let tag = tag.strip_prefix("W/").unwrap_or(tag);
    let version = match tag.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"')?,
        None => tag,
    };
    (!version.is_empty() && !version.contains(['"', ',', ' '])).then_some(version)
}

#[cfg(test)]
mod tests;
