//! From JSON to a message. Everything that is wrong is noted by its path, until there is more than
//! anybody reads.

use kernel::Violations;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, ReflectMessage, Value,
};
use serde_json::{Map, Value as Json};

use super::scalar;

/// A status holds no more violations than this, so that there is no use in looking for more.
const ENOUGH: usize = 20;

/// Where we are in a request, and what was wrong so far.
#[derive(Debug, Default)]
pub(crate) struct Notes {
    path: String,
    violations: Violations,
}

impl Notes {
    /// Notes something about the field at `name`, below where we are.
    pub(crate) fn add(&mut self, name: &str, description: impl Into<String>) {
        let field = match (self.path.is_empty(), name.is_empty()) {
            (true, _) => name.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{name}", self.path),
        };
        self.violations.add(field, description);
    }

    /// Does something one step further down.
    pub(crate) fn within<T>(&mut self, name: &str, act: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.path.len();
        if before > 0 && !name.starts_with('[') {
            self.path.push('.');
        }
        self.path.push_str(name);
        let result = act(self);
        self.path.truncate(before);
        result
    }

    /// Everything that was noted.
    pub(crate) fn into_violations(self) -> Violations {
        self.violations
    }

    /// Whether there is no use in looking for more.
    pub(crate) fn are_enough(&self) -> bool {
        self.violations.as_slice().len() >= ENOUGH
    }
}

/// The field that a caller means, by its name in JSON or in the contract.
pub(crate) fn field(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    message.get_field_by_json_name(name).or_else(|| message.get_field_by_name(name))
}

/// A message from a JSON value.
pub(crate) fn message(json: Json, kind: &MessageDescriptor, notes: &mut Notes) -> DynamicMessage {
    let mut read = DynamicMessage::new(kind.clone());
    match json {
        Json::Object(object) => fields(object, &mut read, notes),
        _ => notes.add("", "must be an object"),
    }
    read
}

/// Fills the fields of a message from a JSON object.
pub(crate) fn fields(object: Map<String, Json>, read: &mut DynamicMessage, notes: &mut Notes) {
    let kind = read.descriptor();
    let mut seen: Vec<u32> = Vec::new();
    for (name, json) in object {
        if notes.are_enough() {
            return;
        }
        let Some(field) = field(&kind, &name) else {
            notes.add(&name, format!("is no field of {}", kind.name()));
            continue;
        };
        if seen.contains(&field.number()) {
            notes.add(field.name(), "stands twice, in two spellings");
            continue;
        }
        seen.push(field.number());
        if json.is_null() && !scalar::takes_null(&field.kind()) {
            continue;
        }
        if let Some(one) = field.containing_oneof()
            && one.fields().any(|other| read.has_field(&other))
        {
            notes.add(field.name(), format!("excludes the others of `{}`", one.name()));
            continue;
        }
        if let Some(value) = notes.within(field.name(), |notes| value(json, &field, notes)) {
            set(read, &field, value);
        }
    }
}

/// Sets a field; a value of another kind than the field's, which cannot be, leaves it as it was.
pub(crate) fn set(message: &mut DynamicMessage, field: &FieldDescriptor, value: Value) {
    let fits = message.try_set_field(field, value).is_ok();
    debug_assert!(fits, "`{}` got a value of another kind", field.full_name());
}

fn value(json: Json, field: &FieldDescriptor, notes: &mut Notes) -> Option<Value> {
    let kind = field.kind();
    if field.is_map() {
        return map(json, &kind, notes);
    }
    if !field.is_list() {
        return single(json, &kind, notes);
    }
    let Json::Array(items) = json else {
        notes.add("", "must be a list");
        return None;
    };
    let mut list = Vec::with_capacity(items.len());
    for (index, item) in items.into_iter().enumerate() {
        if notes.are_enough() {
            return None;
        }
        list.extend(notes.within(&format!("[{index}]"), |notes| single(item, &kind, notes)));
    }
    Some(Value::List(list))
}

fn single(json: Json, kind: &Kind, notes: &mut Notes) -> Option<Value> {
    if let Kind::Message(kind) = kind
        && !scalar::is_well_known(kind)
    {
        return Some(Value::Message(message(json, kind, notes)));
    }
    scalar::from_json(json, kind).map_err(|wrong| notes.add("", wrong)).ok()
}

fn map(json: Json, kind: &Kind, notes: &mut Notes) -> Option<Value> {
    let (Json::Object(entries), Kind::Message(entry)) = (json, kind) else {
        notes.add("", "must be an object");
        return None;
    };
    let keys = entry.map_entry_key_field().kind();
    let values = entry.map_entry_value_field().kind();
    let mut map = std::collections::HashMap::with_capacity(entries.len());
    for (name, json) in entries {
        if notes.are_enough() {
            return None;
        }
        let value = notes.within(&name, |notes| single(json, &values, notes));
        match scalar::map_key(name, &keys) {
            Ok(key) => map.extend(value.map(|value| (key, value))),
            Err(wrong) => notes.add("", format!("has a key that {wrong}")),
        }
    }
    Some(Value::Map(map))
}

#[cfg(test)]
mod tests {
    use contracts::POOL;
    use serde_json::json;

    use super::*;

    fn read(name: &str, json: Json) -> Result<DynamicMessage, Vec<(String, String)>> {
        let mut notes = Notes::default();
        let kind = POOL.get_message_by_name(name).unwrap();
        let read = message(json, &kind, &mut notes);
        let pairs = |violations: Violations| {
            let all = violations.as_slice().iter();
            all.map(|v| (v.field.clone(), v.description.clone())).collect()
        };
        notes.into_violations().finish(read).map_err(pairs)
    }

    const CREATE: &str = "aftercare.tickets.v1.CreateTicketRequest";

    #[test]
    fn both_spellings_are_read() {
        let camel = json!({"ticket": {"serviceType": "SERVICE_TYPE_REPAIR"}, "requestId": "x"});
        let snake = json!({"ticket": {"service_type": 3}, "request_id": "x"});
        assert_eq!(read(CREATE, camel).unwrap(), read(CREATE, snake).unwrap());
    }

    #[test]
    fn everything_wrong_is_named_by_its_path() {
        let json = json!({
            "ticket": {
                "kind": "KIND_ODD", "titel": "x", "title": 7, "requiredSkills": ["a", 1, null],
                "facts": {"occurTime": "yesterday", "Who": ""}, "subject": [], "queue": null,
            },
            "requestId": "a", "request_id": "b", "validateOnly": "true",
        });
        let wrong = read(CREATE, json).unwrap_err();
        let mut fields: Vec<&str> = wrong.iter().map(|(field, _)| field.as_str()).collect();
        fields.sort_unstable();
        let wanted = [
            "request_id",
            "ticket.facts.Who",
            "ticket.facts.occur_time",
            "ticket.kind",
            "ticket.required_skills[1]",
            "ticket.required_skills[2]",
            "ticket.subject",
            "ticket.titel",
            "ticket.title",
            "validate_only",
        ];
        assert_eq!(fields, wanted);
        let of = |name: &str| &wrong.iter().find(|(field, _)| field == name).unwrap().1;
        assert_eq!(of("ticket.titel"), "is no field of Ticket");
        assert_eq!(of("ticket.title"), "must be a string");
    }

    #[test]
    fn a_null_is_nothing_and_one_of_several_excludes_the_others() {
        assert_eq!(read(CREATE, json!({"ticket": null})).unwrap().fields().count(), 0);
        let both = json!({"created": {}, "updated": {}});
        let wrong = read("aftercare.tickets.v1.TicketEvent", both).unwrap_err();
        assert_eq!(wrong, [("updated".to_owned(), "excludes the others of `change`".to_owned())]);
    }

    #[test]
    fn there_is_an_end_to_noting() {
        let many: Map<String, Json> = (0..1000).map(|n| (format!("x{n}"), Json::Null)).collect();
        assert_eq!(read(CREATE, Json::Object(many)).unwrap_err().len(), ENOUGH);
    }

    #[test]
    fn maps_are_read_by_their_keys() {
        let mut values = json!({"metadata": {"a": "b"}});
        let pool =
            prost_reflect::DescriptorPool::decode(tonic_types::pb::FILE_DESCRIPTOR_SET).unwrap();
        let kind = pool.get_message_by_name("google.rpc.ErrorInfo").unwrap();
        let mut notes = Notes::default();
        let read = message(values.take(), &kind, &mut notes);
        assert!(notes.into_violations().is_empty());
        assert_eq!(serde_json::to_value(&read).unwrap(), json!({"metadata": {"a": "b"}}));
    }
}
