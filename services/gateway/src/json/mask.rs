//! Field masks: as one string of paths, and derived from what a body holds.

use std::collections::HashSet;

use prost_reflect::{DescriptorPool, Kind, MessageDescriptor, Value};
use serde_json::{Map, Value as Json};

use super::{decode, scalar};

/// What `google.api.FieldBehavior` calls a field.
const OPTIONAL: i32 = 1;
const OUTPUT_ONLY: i32 = 3;
const IDENTIFIER: i32 = 8;

/// The paths of a mask's string, `facts.occurTime,title`, in the contract's spelling; `None` where
/// something in it is no path.
pub(crate) fn paths(text: &str) -> Option<Vec<String>> {
    let paths = text.split(',').filter(|path| !path.is_empty());
    paths
        .map(|path| {
            let named = |part: &str| {
                let mut bytes = part.bytes();
                bytes.next().is_some_and(|first| first.is_ascii_alphabetic())
                    && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            };
            (path == "*" || path.split('.').all(named)).then(|| snake(path))
        })
        .collect()
}

fn snake(path: &str) -> String {
    let mut snake = String::with_capacity(path.len() + 4);
    for char in path.chars() {
        if char.is_ascii_uppercase() {
            snake.push('_');
        }
        snake.push(char.to_ascii_lowercase());
    }
    snake
}

/// How the masks of bodies are derived.
#[derive(Clone, Debug, Default)]
pub(crate) struct Masks {
    /// The fields that no mask holds: what only the server sets, and names, which say what is meant and
    /// not what it becomes. So a resource that was read can be sent back.
    unwritten: HashSet<String>,
    /// The messages that are written part by part, since each part may be left out. All others are
    /// written as a whole: half a quota is none.
    in_parts: HashSet<String>,
}

impl Masks {
    /// By what the contracts say of each field.
    pub(crate) fn read(pool: &DescriptorPool) -> Self {
        let mut masks = Self::default();
        let Some(extension) = pool.get_extension_by_name("google.api.field_behavior") else {
            return masks;
        };
        for message in pool.all_messages() {
            let mut in_parts = true;
            for field in message.fields() {
                let options = field.options();
                let said = options.get_extension(&extension);
                let said = said.as_list().unwrap_or_default();
                let is = |behavior| said.contains(&Value::EnumNumber(behavior));
                if is(OUTPUT_ONLY) || is(IDENTIFIER) {
                    masks.unwritten.insert(field.full_name().to_owned());
                } else if !is(OPTIONAL) {
                    in_parts = false;
                }
            }
            if in_parts {
                masks.in_parts.insert(message.full_name().to_owned());
            }
        }
        masks
    }

    /// The paths of what a body holds, as deep as it goes; a null clears, and so is written too. The
    /// etag says which version is meant, and is not written.
    pub(crate) fn paths(
        &self,
        body: &Map<String, Json>,
        resource: &MessageDescriptor,
    ) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect(body, resource, "", &mut paths);
        paths
    }

    fn collect(
        &self,
        object: &Map<String, Json>,
        kind: &MessageDescriptor,
        above: &str,
        paths: &mut Vec<String>,
    ) {
        for (name, json) in object {
            // What is no field is refused elsewhere.
            let Some(field) = decode::field(kind, name) else { continue };
            let is_etag = above.is_empty() && field.name() == "etag";
            if is_etag || self.unwritten.contains(field.full_name()) {
                continue;
            }
            let path = format!("{above}{}", field.name());
            match (json, field.kind()) {
                (Json::Object(object), Kind::Message(kind))
                    if self.in_parts.contains(kind.full_name())
                        && !scalar::is_well_known(&kind) =>
                {
                    self.collect(object, &kind, &format!("{path}."), paths);
                }
                _ => paths.push(path),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use contracts::POOL;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_masks_string_is_read_in_both_spellings() {
        let wanted = ["title", "facts.occur_time", "facts.occur_time", "*"];
        assert_eq!(paths("title,facts.occurTime,,facts.occur_time,*").unwrap(), wanted);
        assert_eq!(paths("").unwrap(), [""; 0]);
        for bad in ["a b", "a..b", ".", "a.", "ä", "*.a", "1a", "{\"paths\":[]}"] {
            assert_eq!(paths(bad), None, "{bad}");
        }
    }

    fn of(name: &str, body: &Json) -> Vec<String> {
        let kind = POOL.get_message_by_name(name).unwrap();
        Masks::read(&POOL).paths(body.as_object().unwrap(), &kind)
    }

    #[test]
    fn what_a_body_holds_is_what_is_written() {
        let body = json!({
            "name": "tickets/1", "etag": "v1", "title": null, "requiredSkills": [],
            "facts": {"occurTime": "2026-01-01T00:00:00Z", "what": "x"}, "subject": {},
            "contact": null, "createTime": "2026-01-01T00:00:00Z", "odd": 1,
        });
        let wanted = ["contact", "facts.occur_time", "facts.what", "required_skills", "title"];
        assert_eq!(of("aftercare.tickets.v1.Ticket", &body), wanted);
    }

    #[test]
    fn what_has_no_parts_that_may_be_left_out_is_written_whole() {
        let tenant = json!({"quota": {"burst": 2}, "hosts": ["a.example"]});
        assert_eq!(of("aftercare.gateway.v1.Tenant", &tenant), ["hosts", "quota"]);
        let member = json!({"login": {"subject": "x"}});
        assert_eq!(of("aftercare.gateway.v1.Member", &member), ["login"]);
        let purchase = json!({"total": {"currency": "USD"}});
        assert_eq!(of("aftercare.customers.v1.Purchase", &purchase), ["total"]);
    }
}
