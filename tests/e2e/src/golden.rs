//! Answers without what differs from run to run, for goldens: ids, times, numbers and tokens get
//! names by the order in which they appear.
//!
//! Goldens are rewritten with `INSTA_UPDATE=always`.

use std::collections::HashMap;

use serde_json::Value;

/// Texts of these keys differ from run to run in ways of their own.
const BLANK: [&str; 6] =
    ["number", "duration", "remaining", "nextPageToken", "resumeToken", "traceparent"];

/// Gives everything that differs from run to run a name; the same thing always the same name.
#[derive(Debug, Default)]
pub struct Names {
    given: HashMap<String, String>,
    counts: HashMap<String, usize>,
}

impl Names {
    /// No name was given yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value with names instead.
    pub fn normal(&mut self, value: &Value) -> Value {
        match value {
            Value::Object(fields) => fields
                .iter()
                .map(|(key, field)| {
                    let blank = BLANK.contains(&key.as_str()) && field.is_string();
                    let field =
                        if blank { Value::String(format!("<{key}>")) } else { self.normal(field) };
                    (key.clone(), field)
                })
                .collect(),
            Value::Array(items) => items.iter().map(|item| self.normal(item)).collect(),
            Value::String(text) => Value::String(self.text(text)),
            Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
        }
    }

    /// The text with names instead of ids, and `<time>` instead of a time of this run.
    pub fn text(&mut self, text: &str) -> String {
        if is_time(text) {
            return "<time>".to_owned();
        }
        let mut normal = String::new();
        let mut rest = text;
        while let Some(at) = find_id(rest) {
            let (before, id_on) = rest.split_at(at);
            let (id, after) = id_on.split_at(ID);
            normal.push_str(before);
            let kind = kind_before(before);
            normal.push_str(&self.name(id, &kind));
            rest = after;
        }
        normal.push_str(rest);
        normal
    }

    fn name(&mut self, id: &str, kind: &str) -> String {
        if let Some(name) = self.given.get(id) {
            return name.clone();
        }
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count += 1;
        let name = format!("<{kind} {count}>");
        self.given.insert(id.to_owned(), name.clone());
        name
    }
}

/// The length of a UUID with its hyphens.
const ID: usize = 36;

fn find_id(text: &str) -> Option<usize> {
    (0..text.len().saturating_sub(ID - 1)).find(|at| {
        text.get(*at..at + ID)
            .is_some_and(|part| part.as_bytes()[8] == b'-' && uuid::Uuid::try_parse(part).is_ok())
    })
}

/// What an id is the id of: the last word before it.
fn kind_before(before: &str) -> String {
    let word = |c: char| c.is_ascii_alphabetic();
    let kind = before.rsplit(|c: char| !word(c)).find(|part| !part.is_empty());
    match (before.ends_with('/'), kind) {
        (true, Some("entries")) => "entry".to_owned(),
        (true, Some(kind)) => kind.trim_end_matches('s').to_owned(),
        _ => "id".to_owned(),
    }
}

/// Whether this is a time of this decade's second half; those that tests name are earlier.
fn is_time(text: &str) -> bool {
    let shape = text.len() >= 20 && text.ends_with('Z') && text.as_bytes()[10] == b'T';
    shape && text > "2026"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_same_id_has_the_same_name() {
        let id = "019ab000-0000-7000-8000-00000000000a";
        let mut names = Names::new();
        let value = json!({
            "name": format!("tickets/{id}"),
            "message": format!("there is no ticket `tickets/{id}`"),
            "entry": format!("tickets/{id}/entries/019ab000-0000-7000-8000-00000000000b"),
            "time": "2026-11-22T01:02:03.5Z",
            "told": "2025-03-01T08:00:00Z",
            "number": "100001",
        });
        assert_eq!(
            names.normal(&value),
            json!({
                "name": "tickets/<ticket 1>",
                "message": "there is no ticket `tickets/<ticket 1>`",
                "entry": "tickets/<ticket 1>/entries/<entry 1>",
                "time": "<time>",
                "told": "2025-03-01T08:00:00Z",
                "number": "<number>",
            })
        );
    }
}
