//! Data classes: what is stored says what it is, and events carry nothing about people and no words.

use std::collections::{BTreeMap, BTreeSet};

use prost_reflect::{
    DescriptorPool, DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, Value,
};

use super::EXTENSIONS;

/// `DATA_CLASS_IDENTIFIER` and `DATA_CLASS_CONTENT`.
const PERSONAL: [i32; 2] = [1, 2];
/// `google.api.IDENTIFIER`: the field that names a resource.
const NAMES_A_RESOURCE: i32 = 8;
/// The file of a package that defines its events.
const EVENT_FILE: &str = "/event.proto";
/// What is stored besides resources and events: what consumers keep of events.
pub const OTHERS: [&str; 1] = ["aftercare.customers.v1.TimelineItem"];

/// The events: every message that an `event.proto` of ours defines, the envelope among them.
pub fn events(pool: &DescriptorPool) -> BTreeSet<String> {
    let ours = pool.files().filter(|file| file.package_name().starts_with("aftercare."));
    let files = ours.filter(|file| file.name().ends_with(EVENT_FILE));
    files
        .flat_map(|file| file.messages().collect::<Vec<_>>())
        .map(|message| message.full_name().to_owned())
        .collect()
}

/// The resources: messages that have a name of their own.
pub fn resources(pool: &DescriptorPool) -> BTreeSet<String> {
    let ours =
        pool.all_messages().filter(|message| message.package_name().starts_with("aftercare."));
    ours.filter(|message| message.fields().any(|field| names_a_resource(&field)))
        .map(|message| message.full_name().to_owned())
        .collect()
}

fn names_a_resource(field: &FieldDescriptor) -> bool {
    let options = field.options();
    let behaviour = options.get_extension(&EXTENSIONS.field_behavior);
    let list = behaviour.as_list().unwrap_or_default();
    list.iter().any(|one| one.as_enum_number() == Some(NAMES_A_RESOURCE))
}

/// Every message that is stored: the roots and all that they hold.
pub fn stored(pool: &DescriptorPool) -> Vec<MessageDescriptor> {
    let mut roots = resources(pool);
    roots.extend(events(pool));
    roots.extend(OTHERS.map(str::to_owned));
    reachable(pool, roots.iter().map(String::as_str))
}

/// The messages of these names and all that they hold, well-known ones apart.
pub fn reachable<'a>(
    pool: &DescriptorPool,
    roots: impl IntoIterator<Item = &'a str>,
) -> Vec<MessageDescriptor> {
    let root = |name: &str| {
        pool.get_message_by_name(name).unwrap_or_else(|| panic!("there is no message `{name}`"))
    };
    let mut open: Vec<_> = roots.into_iter().map(root).collect();
    let mut seen = BTreeMap::new();
    while let Some(message) = open.pop() {
        if message.package_name().starts_with("google.") {
            continue;
        }
        if seen.insert(message.full_name().to_owned(), message.clone()).is_none() {
            open.extend(message.fields().filter_map(|field| match field.kind() {
                Kind::Message(inner) => Some(inner),
                _ => None,
            }));
        }
    }
    seen.into_values().collect()
}

/// Text and bytes fields of these messages without a data class.
pub fn unclassified(messages: &[MessageDescriptor]) -> Vec<String> {
    let fields = messages.iter().flat_map(MessageDescriptor::fields);
    fields
        .filter(|field| matches!(field.kind(), Kind::String | Kind::Bytes))
        .filter(|field| data_class(&field.options()) == 0)
        .map(|field| format!("{}: no data class", field.full_name()))
        .collect()
}

/// Fields of these messages that hold personal data or free text.
pub fn personal(messages: &[MessageDescriptor]) -> Vec<String> {
    let fields = messages.iter().flat_map(MessageDescriptor::fields);
    fields
        .filter(|field| PERSONAL.contains(&data_class(&field.options())))
        .map(|field| format!("{}: personal data or free text in an event", field.full_name()))
        .collect()
}

fn data_class(options: &DynamicMessage) -> i32 {
    let class = options.get_extension(&EXTENSIONS.data_class);
    Value::as_enum_number(&class).unwrap_or(0)
}
