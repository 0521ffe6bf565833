//! Messages as JSON Schema, by the rules of proto3 JSON.
//!
//! One schema stands for a message wherever it appears. It says nothing that an answer may not hold
//! to: a field is required only in messages that nobody is ever sent, and a value at its default is
//! left out of answers.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use prost_reflect::{
    DescriptorPool, EnumDescriptor, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor,
    Value as Reflected,
};
use serde_json::{Map, Value, json};

use super::{
    comments::Comments,
    limits::{self, Unit},
};

/// What a field means to a caller, as `google.api.FieldBehavior`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum Behavior {
    /// Must be given.
    Required = 2,
    /// Set by the server.
    OutputOnly = 3,
    /// May be set once.
    Immutable = 5,
    /// The resource's name.
    Identifier = 8,
}

/// The schemas of a document, gathered as they are referred to.
#[derive(Debug)]
pub(crate) struct Schemas<'a> {
    comments: &'a Comments,
    behavior: Option<ExtensionDescriptor>,
    sent: HashSet<String>,
    named: BTreeMap<String, Value>,
    /// Whose each name is.
    owners: BTreeMap<String, String>,
}

impl<'a> Schemas<'a> {
    /// None yet; `answers` are the messages that callers are sent.
    pub(crate) fn new(
        pool: &DescriptorPool,
        comments: &'a Comments,
        answers: impl IntoIterator<Item = MessageDescriptor>,
    ) -> Self {
        let mut sent = HashSet::new();
        for message in answers {
            reach(&message, &mut sent);
        }
        let behavior = pool.get_extension_by_name("google.api.field_behavior");
        Self { comments, behavior, sent, named: BTreeMap::new(), owners: BTreeMap::new() }
    }

    /// All that was referred to, by name.
    pub(crate) fn into_named(self) -> BTreeMap<String, Value> {
        self.named
    }

    /// What is said of the contracts' elements.
    pub(crate) fn comments(&self) -> &'a Comments {
        self.comments
    }

    /// Adds a schema that no message stands for.
    pub(crate) fn add(&mut self, name: &str, schema: Value) {
        self.named.insert(name.to_owned(), schema);
    }

    /// Whether a field has this behavior.
    pub(crate) fn is(&self, field: &FieldDescriptor, behavior: Behavior) -> bool {
        let Some(extension) = &self.behavior else { return false };
        let options = field.options();
        let said = options.get_extension(extension);
        let mut said = said.as_list().unwrap_or_default().iter().map(Reflected::as_enum_number);
        said.any(|number| number == Some(behavior as i32))
    }

    /// The names, in JSON, of the fields of a message that a caller must give.
    pub(crate) fn required(&self, message: &MessageDescriptor) -> Vec<String> {
        let fields = message.fields().filter(|field| self.is(field, Behavior::Required));
        fields.map(|field| field.json_name().to_owned()).collect()
    }

    /// A reference to the schema of a message.
    pub(crate) fn message(&mut self, message: &MessageDescriptor) -> Value {
        if let Some(schema) = well_known(message) {
            return schema;
        }
        let name = self.name(message.full_name(), message.name());
        if !self.named.contains_key(&name) {
            // Holds the place, so that a message may hold itself.
            self.named.insert(name.clone(), Value::Null);
            let schema = self.object(message, &BTreeSet::new());
            self.named.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    /// The short name where it is free, else the whole one.
    fn name(&mut self, full: &str, short: &str) -> String {
        let owner = self.owners.entry(short.to_owned()).or_insert_with(|| full.to_owned());
        if owner == full { short.to_owned() } else { full.to_owned() }
    }

    /// The schema of a message without these of its fields.
    pub(crate) fn object(
        &mut self,
        message: &MessageDescriptor,
        without: &BTreeSet<String>,
    ) -> Value {
        let mut properties = Map::new();
        for field in message.fields().filter(|field| !without.contains(field.name())) {
            properties.insert(field.json_name().to_owned(), self.field(&field));
        }
        let mut schema = json!({"type": "object", "properties": properties});
        let about = self.comments.message(message);
        if !about.is_empty() {
            schema["description"] = about.into();
        }
        let mut required = self.required(message);
        required.retain(|name| properties_has(&schema, name));
        if !required.is_empty() && !self.sent.contains(message.full_name()) {
            schema["required"] = required.into();
        }
        schema
    }

    /// The schema of a field, with what is said of it.
    pub(crate) fn field(&mut self, field: &FieldDescriptor) -> Value {
        let mut schema = self.bare(field);
        let mut about = self.comments.field(field).to_owned();
        if self.is(field, Behavior::Immutable) {
            about.push_str(" Fixed once it is set.");
        }
        if self.is(field, Behavior::OutputOnly) {
            schema["readOnly"] = true.into();
        }
        if !about.is_empty() {
            schema["description"] = about.trim().into();
        }
        schema
    }

    /// The schema of a field's values alone.
    pub(crate) fn bare(&mut self, field: &FieldDescriptor) -> Value {
        let about = self.comments.field(field);
        if let (true, Kind::Message(entry)) = (field.is_map(), field.kind()) {
            let values = self.kind(&entry.map_entry_value_field().kind());
            return json!({"type": "object", "additionalProperties": values});
        }
        let mut schema = self.kind(&field.kind());
        if field.is_list() {
            let mut list = json!({"type": "array", "items": schema});
            limit(&mut list, about, Unit::Plain, "minItems", "maxItems");
            return list;
        }
        let is_name = self.is(field, Behavior::Identifier);
        match field.kind() {
            Kind::String if !is_name => {
                limit(&mut schema, about, Unit::Characters, "minLength", "maxLength");
                if field.name() == "request_id" {
                    schema["format"] = "uuid".into();
                }
            }
            Kind::Int32 | Kind::Uint32 => {
                limit(&mut schema, about, Unit::Plain, "minimum", "maximum");
            }
            _ => {}
        }
        schema
    }

    fn kind(&mut self, kind: &Kind) -> Value {
        match kind {
            Kind::Double | Kind::Float => json!({"type": "number"}),
            Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 | Kind::Uint32 | Kind::Fixed32 => {
                json!({"type": "integer", "format": "int32"})
            }
            Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 | Kind::Uint64 | Kind::Fixed64 => {
                json!({"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"})
            }
            Kind::Bool => json!({"type": "boolean"}),
            Kind::String => json!({"type": "string"}),
            Kind::Bytes => json!({"type": "string", "contentEncoding": "base64"}),
            Kind::Message(message) => self.message(message),
            Kind::Enum(values) => self.enumeration(values),
        }
    }

    fn enumeration(&mut self, values: &EnumDescriptor) -> Value {
        let name = self.name(values.full_name(), values.name());
        if !self.named.contains_key(&name) {
            let names: Vec<String> = values.values().map(|v| v.name().to_owned()).collect();
            let mut about = self.comments.enumeration(values).to_owned();
            for value in values.values() {
                let said = self.comments.value(&value);
                about.extend(["\n- `", value.name(), "`: ", said]);
            }
            let schema = json!({"type": "string", "enum": names, "description": about});
            self.named.insert(name.clone(), schema);
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }
}

fn properties_has(schema: &Value, name: &str) -> bool {
    schema["properties"].get(name).is_some()
}

fn limit(schema: &mut Value, about: &str, unit: Unit, least: &str, most: &str) {
    if let Some(limits) = limits::read(about, unit) {
        if let Some(number) = limits.least {
            schema[least] = number.into();
        }
        schema[most] = limits.most.into();
    }
}

/// Notes a message and all that it may hold.
fn reach(message: &MessageDescriptor, sent: &mut HashSet<String>) {
    if sent.insert(message.full_name().to_owned()) {
        for field in message.fields() {
            if let Kind::Message(inner) = field.kind() {
                reach(&inner, sent);
            }
        }
    }
}

fn well_known(message: &MessageDescriptor) -> Option<Value> {
    Some(match message.full_name().strip_prefix("google.protobuf.")? {
        "Timestamp" => json!({"type": "string", "format": "date-time"}),
        "Duration" => json!({"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"}),
        "FieldMask" | "StringValue" => json!({"type": "string"}),
        "BoolValue" => json!({"type": "boolean"}),
        "BytesValue" => json!({"type": "string", "contentEncoding": "base64"}),
        "Int32Value" | "UInt32Value" => json!({"type": "integer", "format": "int32"}),
        "Int64Value" | "UInt64Value" => json!({"type": "string", "format": "int64"}),
        "FloatValue" | "DoubleValue" => json!({"type": "number"}),
        "ListValue" => json!({"type": "array"}),
        "Value" => json!({}),
        _ => json!({"type": "object"}),
    })
}

#[cfg(test)]
mod tests {
    use contracts::POOL;

    use super::*;

    fn message(name: &str) -> MessageDescriptor {
        POOL.get_message_by_name(name).unwrap()
    }

    #[test]
    fn a_message_is_an_object_of_its_fields() {
        let comments = Comments::read(&POOL);
        let ticket = message("aftercare.tickets.v1.Ticket");
        let mut schemas = Schemas::new(&POOL, &comments, [ticket.clone()]);
        assert_eq!(schemas.message(&ticket), json!({"$ref": "#/components/schemas/Ticket"}));
        let create = message("aftercare.tickets.v1.ResolveTicketRequest");
        let request = schemas.object(&create, &BTreeSet::from(["name".to_owned()]));
        assert_eq!(request["required"], json!(["answer"]));
        assert_eq!(request["properties"]["answer"]["maxLength"], 8_000);

        let named = schemas.into_named();
        let ticket = &named["Ticket"];
        assert_eq!(ticket.get("required"), None);
        let title = json!({
            "type": "string", "minLength": 1, "maxLength": 200,
            "description": "The matter in one line; 1 to 200 characters.",
        });
        assert_eq!(ticket["properties"]["title"], title);
        assert_eq!(ticket["properties"]["createTime"]["readOnly"], true);
        assert_eq!(ticket["properties"]["requiredSkills"]["maxItems"], 8);
        let channel = ticket["properties"]["channel"]["description"].as_str().unwrap();
        assert!(channel.ends_with("Fixed once it is set."));
        let category = named["Category"]["description"].as_str().unwrap();
        assert!(category.contains("\n- `CATEGORY_CLOSED`: Settled."));
        assert!(named.values().all(|schema| !schema.is_null()));
    }
}
