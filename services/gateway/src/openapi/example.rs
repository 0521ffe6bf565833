//! Examples, made from the contracts alone and the same every time: by the form that a field's comment
//! names, else by the field's name, else by its type.

use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};
use serde_json::{Map, Value, json};

use super::schema::{Behavior, Schemas};

/// An id of the suite.
pub(crate) const ID: &str = "019ab3c4-5d6e-7f80-9a1b-2c3d4e5f6071";
const TIME: &str = "2026-03-02T09:30:00Z";
/// Messages within messages are shown this far down.
const DEEPEST: usize = 3;

/// Whom an example is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    /// Somebody who calls: what only the server sets is left out, and what need not be said.
    Request,
    /// Somebody who is answered.
    Answer,
}

/// An example of a message.
pub(crate) fn message(schemas: &Schemas<'_>, message: &MessageDescriptor, side: Side) -> Value {
    object(schemas, message, side, 0)
}

fn object(schemas: &Schemas<'_>, message: &MessageDescriptor, side: Side, depth: usize) -> Value {
    let mut object = Map::new();
    let mut chosen = Vec::new();
    for field in message.fields() {
        if side == Side::Request && !is_said(schemas, &field) {
            continue;
        }
        if let Some(one) = field.containing_oneof() {
            if chosen.contains(&one) {
                continue;
            }
            chosen.push(one);
        }
        if let Some(value) = field_value(schemas, &field, side, depth) {
            object.insert(field.json_name().to_owned(), value);
        }
    }
    Value::Object(object)
}

/// Whether somebody who calls would say it, and be understood: what need not be said and names what
/// may not be there, or what fits some requests only, would have the example refused.
fn is_said(schemas: &Schemas<'_>, field: &FieldDescriptor) -> bool {
    let elsewhere =
        ["customer", "purchase", "product", "queue", "required_skills", "service_type", "teams"];
    if elsewhere.contains(&field.name()) && !schemas.is(field, Behavior::Required) {
        return false;
    }
    let unsaid =
        ["etag", "request_id", "page_token", "validate_only", "over_capacity", "expire_time"];
    !schemas.is(field, Behavior::OutputOnly)
        && !schemas.is(field, Behavior::Identifier)
        && !unsaid.contains(&field.name())
}

fn field_value(
    schemas: &Schemas<'_>,
    field: &FieldDescriptor,
    side: Side,
    depth: usize,
) -> Option<Value> {
    let value = match field.kind() {
        Kind::Message(inner) if !field.is_map() => match inner.full_name() {
            "google.protobuf.Timestamp" => json!(TIME),
            "google.protobuf.Duration" => json!("86400s"),
            "google.protobuf.FieldMask" => json!("title"),
            name if name.starts_with("google.protobuf.") => return None,
            _ if depth == DEEPEST => return None,
            _ => object(schemas, &inner, side, depth + 1),
        },
        Kind::Message(_) => json!({"key": "value"}),
        Kind::Enum(values) => {
            let about = schemas.comments().field(field).to_lowercase();
            let mut real = values.values().filter(|value| value.number() != 0);
            let first = real.next()?;
            let is_named = |name: &str| {
                name.rsplit('_').next().is_some_and(|word| about.contains(&word.to_lowercase()))
            };
            let named =
                std::iter::once(first.clone()).chain(real).find(|value| is_named(value.name()));
            json!(named.unwrap_or(first).name())
        }
        Kind::Bool => json!(true),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => {
            json!(if field.name() == "minor_units" { "12900" } else { "1" })
        }
        Kind::Double | Kind::Float => json!(1.5),
        Kind::Bytes => json!("AQID"),
        Kind::String => json!(text(schemas.comments().field(field), field)),
        _ => json!(if field.name() == "page_size" { 50 } else { 1 }),
    };
    Some(if field.is_list() { json!([value]) } else { value })
}

/// A text by what is said of the field, else by its name.
pub(crate) fn text(about: &str, field: &FieldDescriptor) -> String {
    if let Some(name) = named(field.parent_message().name(), field.name()) {
        return name.to_owned();
    }
    for form in about.split('`').skip(1).step_by(2) {
        if let Some(name) = resource(form) {
            return name;
        }
    }
    for before in ["for instance `", "such as `", "(`"] {
        if let Some((_, after)) = about.split_once(before)
            && let Some((example, _)) = after.split_once('`')
            && !example.contains('{')
        {
            return example.to_owned();
        }
    }
    "text".to_owned()
}

/// A resource's name by its form, `tickets/{ticket}/entries/{id}`.
fn resource(form: &str) -> Option<String> {
    let is_form =
        form.contains("/{") && form.ends_with('}') && form.starts_with(char::is_lowercase);
    is_form.then(|| {
        let parts = form.split('/').map(|part| if part.starts_with('{') { ID } else { part });
        let name = parts.collect::<Vec<_>>().join("/");
        match form.split_once('/') {
            Some((collection @ ("members" | "teams" | "products" | "queues"), _)) => {
                format!("{collection}/{}", own_id(collection))
            }
            _ => name,
        }
    })
}

/// An id of the company's own in a collection.
pub(crate) fn own_id(collection: &str) -> &'static str {
    match collection {
        "members" => "lena",
        "teams" => "second-line",
        "products" => "fan-20",
        "queues" => "complaints",
        _ => ID,
    }
}

fn named(message: &str, field: &str) -> Option<&'static str> {
    Some(match (message, field) {
        ("Product", "title") => "Tower fan F20",
        ("Team", "title") => "Second line",
        ("Tenant", "title") => "Example Ltd",
        ("ApiKey", "title") => "Order system",
        ("Identifier", "value") => "+1 202 555 0143",
        ("Identifier", "normalised") => "+12025550143",
        ("Login", "subject") => "248289761001",
        _ => return by_field(field),
    })
}

fn by_field(field: &str) -> Option<&'static str> {
    Some(match field {
        "title" => "The fan is too loud",
        "what" => "It hums from the second day on.",
        "who" => "My mother",
        "expectation" => "A new fan, or my money back.",
        "answer" => "We sent a new fan; keep the old one.",
        "objection" => "The new one hums too.",
        "body" => "Thank you, the new fan has arrived.",
        "cause" => "A worn bearing.",
        "evidence" => "The recording in the customer's second message.",
        "display_name" => "Lena Berg",
        "family_name" => "Berg",
        "given_name" => "Lena",
        "phone" => "+1 202 555 0143",
        "email" => "lena.berg@example.com",
        "phone_region" | "region" => "US",
        "language" | "locale" => "en",
        "time_zone" => "America/New_York",
        "currency" => "USD",
        "etag" => "v1a",
        "request_id" => ID,
        "page_token" | "next_page_token" | "resume_token" => "AYl2q3Zt",
        "slug" => "example",
        "hosts" => "help.example.com",
        "origins" => "https://desk.example.com",
        "roles" => "agent",
        "scopes" => "tickets.read",
        "issuer" => "https://login.example.com",
        "secret" => "ak_019ab3c4_0123456789abcdef",
        "hint" => "cdef",
        "model" => "F20",
        "brand" => "Breeze",
        "lot" => "L-2026-07",
        "component" => "bearing",
        "order_number" => "SO-1042",
        "member_id" => "lena",
        "team_id" => "second-line",
        "product_id" => "fan-20",
        "revision" => "articles/returns/revisions/3",
        "external_id" => "<1042@mail.example.com>",
        "credential" => "oidc",
        "reason" => "SERVICE_AWAY",
        "field" => "timeline",
        "subject" => "members/lena",
        "method" => "/aftercare.tickets.v1.TicketService/GetTicket",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use contracts::POOL;

    use super::*;
    use crate::openapi::comments::Comments;

    #[test]
    fn examples_follow_comments_and_names() {
        let comments = Comments::read(&POOL);
        let ticket = POOL.get_message_by_name("aftercare.tickets.v1.Ticket").unwrap();
        let schemas = Schemas::new(&POOL, &comments, [ticket.clone()]);
        let request = message(&schemas, &ticket, Side::Request);
        assert_eq!(request["subject"]["faultCode"], "H155");
        assert_eq!(request.get("serviceType").or(request.get("queue")), None);
        assert_eq!(request.get("name").or(request.get("createTime")), None);
        let answer = message(&schemas, &ticket, Side::Answer);
        assert_eq!(answer["name"], format!("tickets/{ID}"));
        assert_eq!(answer["number"], "100042");
        assert_eq!(answer["queue"], "queues/complaints");
        assert_eq!(answer["requiredSkills"], json!(["refunds"]));
    }
}
