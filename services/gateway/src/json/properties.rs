//! What must hold for every message and every path of the contracts.

use std::collections::HashMap;

use bytes::Bytes;
use contracts::POOL;
use http::HeaderMap;
use proptest::prelude::*;
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MapKey, MessageDescriptor, Value};
use rpc::Methods;

use super::{
    answer,
    decode::{self, Notes},
    mask::Masks,
    parse, request,
    router::{Route, Router},
    rule::{Rule, rules},
    template::Segment,
};

/// Draws from bytes that proptest made, so that it can make them smaller.
struct Dice<'a>(std::iter::Cycle<std::slice::Iter<'a, u8>>);

impl Dice<'_> {
    fn byte(&mut self) -> u8 {
        *self.0.next().unwrap_or(&0)
    }

    fn number(&mut self) -> u64 {
        let length = usize::from(self.byte()) % 9;
        (0..length).fold(0, |number, _| number << 8 | u64::from(self.byte()))
    }

    fn text(&mut self) -> String {
        let length = usize::from(self.byte()) % 6;
        (0..length).filter_map(|_| char::from_u32(u32::from(self.byte()) * 7)).collect()
    }

    fn message(&mut self, kind: &MessageDescriptor, depth: usize) -> DynamicMessage {
        let mut message = DynamicMessage::new(kind.clone());
        let number = |n: u64| i64::try_from(n % 100_000_000_000).unwrap();
        match kind.full_name() {
            "google.protobuf.Timestamp" | "google.protobuf.Duration" => {
                message.set_field_by_name("seconds", Value::I64(number(self.number())));
                let nanos = i32::try_from(self.number() % 1_000_000_000).unwrap();
                message.set_field_by_name("nanos", Value::I32(nanos));
            }
            "google.protobuf.FieldMask" => {
                let paths =
                    ["title", "facts.occur_time", "phone_region"].map(|p| Value::String(p.into()));
                message.set_field_by_name("paths", Value::List(paths.into()));
            }
            _ => {
                for field in kind.fields() {
                    let taken = field
                        .containing_oneof()
                        .is_some_and(|one| one.fields().any(|other| message.has_field(&other)));
                    if !self.byte().is_multiple_of(3) && depth < 6 && !taken {
                        let value = self.value(&field, depth);
                        message.set_field(&field, value);
                    }
                }
            }
        }
        message
    }

    fn value(&mut self, field: &FieldDescriptor, depth: usize) -> Value {
        let kind = field.kind();
        if let (true, Kind::Message(entry)) = (field.is_map(), &kind) {
            let value = self.single(&entry.map_entry_value_field().kind(), depth);
            return Value::Map(HashMap::from([(MapKey::String(self.text()), value)]));
        }
        if field.is_list() {
            return Value::List((0..self.byte() % 3).map(|_| self.single(&kind, depth)).collect());
        }
        self.single(&kind, depth)
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_possible_wrap,
        reason = "any bits will do"
    )]
    fn single(&mut self, kind: &Kind, depth: usize) -> Value {
        let number = self.number();
        match kind {
            Kind::Double => Value::F64(f64::from(number as i32) / 8.0),
            Kind::Float => Value::F32(f32::from(number as i16) / 8.0),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(number as i32),
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(number as i64),
            Kind::Uint32 | Kind::Fixed32 => Value::U32(number as u32),
            Kind::Uint64 | Kind::Fixed64 => Value::U64(number),
            Kind::Bool => Value::Bool(number.is_multiple_of(2)),
            Kind::String => Value::String(self.text()),
            Kind::Bytes => Value::Bytes(Bytes::from(self.text())),
            Kind::Enum(_) => Value::EnumNumber((number % 12) as i32),
            Kind::Message(kind) => Value::Message(self.message(kind, depth + 1)),
        }
    }
}

/// Whether two messages are the same on the wire, where a default is as good as nothing.
fn same(one: &DynamicMessage, other: &DynamicMessage) -> bool {
    one.encode_to_vec() == other.encode_to_vec()
}

fn all() -> Vec<Rule> {
    rules(&POOL, &Methods::read(&POOL)).unwrap()
}

fn router() -> Router<Rule> {
    let mut router = Router::default();
    for rule in all() {
        router.add(&rule.verb.clone(), &rule.template.clone(), rule).unwrap();
    }
    router
}

/// A path of a rule, with these texts where it is open.
fn path(rule: &Rule, text: &str) -> String {
    let segments = rule.template.segments.iter().map(|segment| match segment {
        Segment::Literal(literal) => literal.as_str(),
        Segment::One | Segment::Rest => text,
    });
    let verb = rule.template.verb.as_ref().map(|verb| format!(":{verb}")).unwrap_or_default();
    format!("/{}{verb}", segments.collect::<Vec<_>>().join("/"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_request_is_the_same_after_json(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
        let mut dice = Dice(bytes.iter().cycle());
        for rule in all() {
            let kind = &rule.rpc.input;
            let message = dice.message(kind, 0);
            let json = serde_json::to_vec(&message).unwrap();
            let mut notes = Notes::default();
            let read = decode::message(parse::parse(&json).unwrap(), kind, &mut notes);
            let violations = notes.into_violations();
            prop_assert!(violations.is_empty(), "{violations:?}");
            prop_assert!(same(&read, &message), "{}", String::from_utf8_lossy(&json));
        }
    }

    #[test]
    fn every_answer_is_written(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
        let mut dice = Dice(bytes.iter().cycle());
        for rule in all() {
            let message = dice.message(&rule.rpc.output, 0);
            let bytes = message.encode_to_vec();
            let mut out = Vec::new();
            let read = answer::write(bytes.into(), &rule.rpc.output, &mut out).unwrap();
            prop_assert!(same(&read, &message), "{}", String::from_utf8_lossy(&out));
            prop_assert!(serde_json::from_slice::<serde_json::Value>(&out).is_ok());
        }
    }

    #[test]
    fn every_rule_is_reached_by_its_own_paths(text in "[a-zA-Z0-9._~-]{1,20}") {
        let router = router();
        for rule in all() {
            let path = path(&rule, &text);
            let Route::Found(found, _) = router.find(&rule.verb, &path) else { panic!("{path}") };
            // A literal of another rule may stand where this one is open.
            let literal = found.template.segments.iter().any(|s| *s == Segment::Literal(text.clone()));
            prop_assert!(found.rpc.path == rule.rpc.path || literal, "{}", path);
        }
    }

    #[test]
    fn no_request_is_too_much(
        at in any::<prop::sample::Index>(),
        text in "\\PC{0,12}",
        query in "([a-zA-Z_.]{0,12}|pageSize|updateMask|names|ticket.facts.what|%|%ff|[0-9]{0,20}|=|&){0,12}",
        body in "([{}\\[\\],:\" ]|\"name\"|\"facts\"|\"etag\"|null|true|[0-9]{1,25}|\"\\PC{0,4}\"){0,30}",
    ) {
        let rules = all();
        let rule = &rules[at.index(rules.len())];
        let path = path(rule, &text.replace('/', ""));
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        let (headers, masks) = (HeaderMap::new(), Masks::read(&POOL));
        let parts = request::Parts { segments: &segments, query: &query, headers: &headers, body: body.as_bytes() };
        if let Ok(message) = request::read(rule, &masks, parts) {
            prop_assert_eq!(message.transcode_to::<()>().is_ok(), true);
        }
    }
}
