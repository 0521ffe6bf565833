//! What fields are filled with: texts, numbers and times that programs stumble over, and what the
//! suite knows already, so that some of it leads somewhere.

use std::collections::HashMap;

use serde_json::Value;

use crate::dice::Dice;

/// Texts that are read in more than one way, or in none.
const ODD: [&str; 58] = [
    "",
    " ",
    "\0",
    "a\0b",
    "\u{feff}",
    "\u{202e}txet",
    "\u{200b}",
    "\u{2028}",
    "\u{fffd}",
    "\u{ffff}",
    "\u{10ffff}",
    "e\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}\u{301}",
    "👩‍👩‍👧‍👦🏳️‍🌈",
    "İıſK",
    "﷽",
    "\r\n\r\nHTTP/1.1 200 OK",
    "\u{1b}[31m",
    "'; DROP TABLE tickets; --",
    "%",
    "_%",
    "\\",
    "%00",
    "%2e%2e%2f",
    "../../etc/passwd",
    "tickets/",
    "/tickets/",
    "tickets/-",
    "tickets/..",
    "tickets/a/entries/b",
    "tickets/00000000-0000-0000-0000-000000000000",
    "tickets/ffffffff-ffff-ffff-ffff-ffffffffffff",
    "customers/{id}",
    "queues/*",
    "members/me",
    "teams/\u{202e}",
    "${jndi:ldap://127.0.0.1/a}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "null",
    "NaN",
    "-0",
    "1e400",
    "9223372036854775808",
    "+8613800000000000000000000000",
    "+",
    "+86 138 0000 0000 ext. 99999999999",
    "@",
    "a@b",
    "a@[::1]",
    "ü@ü.example",
    "https://[::1",
    "javascript:alert(1)",
    "https://user:pw@host:99999/?#",
    "Mars/Olympus",
    "UTC+25",
    "zh-Hans-CN-x-private",
    "v18446744073709551616",
    "W/\"v1\"",
];
/// What long texts are made of: one to four bytes each.
const UNITS: [&str; 6] = ["a", "ß", "很", "𠮷", "a\u{300}", "/"];
/// How long: around every limit that a field may have, and far beyond.
const LENGTHS: [usize; 14] =
    [2, 63, 64, 65, 100, 101, 255, 256, 257, 1_001, 2_001, 5_001, 10_001, 65_536];
/// Whole numbers at the ends of types, pages and counts.
const NUMBERS: [i64; 22] = [
    0,
    0,
    1,
    1,
    2,
    3,
    -1,
    7,
    100,
    1_000,
    1_001,
    -2_147_483_648,
    -2_147_483_649,
    2_147_483_647,
    2_147_483_648,
    4_294_967_295,
    4_294_967_296,
    i64::MAX,
    i64::MIN,
    i64::MAX - 1,
    9_007_199_254_740_993,
    1_000_000_007,
];
/// Seconds of times and durations: the ends of what protobuf, PostgreSQL and microseconds hold.
pub(super) const SECONDS: [i64; 20] = [
    0,
    1,
    -1,
    60,
    3_600,
    1_740_000_000,
    4_102_444_800,
    253_402_300_799,
    253_402_300_800,
    -62_135_596_800,
    -62_135_596_801,
    315_576_000_000,
    315_576_000_001,
    -315_576_000_001,
    9_223_372_036,
    9_223_372_036_854,
    9_223_372_036_855,
    -9_223_372_036_855,
    i64::MAX,
    i64::MIN,
];
/// Parts of a second.
pub(super) const NANOS: [i64; 8] =
    [0, 0, 1, 999_999_999, 1_000_000_000, -1, 2_147_483_647, -2_147_483_648];
/// Times and durations as no clock shows them.
pub(super) const MOMENTS: [&str; 12] = [
    "2025-02-30T25:61:61Z",
    "2016-12-31T23:59:60Z",
    "0000-00-00T00:00:00Z",
    "-0001-01-01T00:00:00Z",
    "99999-01-01T00:00:00Z",
    "2025-01-01T00:00:00+99:99",
    "2025-01-01T00:00:00.9999999999999Z",
    "2025-01-01",
    "9223372036854775808s",
    "-0.5s",
    "1e3s",
    "PT1H",
];
/// Collections whose names are taken for each other.
const COLLECTIONS: [&str; 9] = [
    "tickets",
    "customers",
    "members",
    "teams",
    "queues",
    "products",
    "tenants",
    "apiKeys",
    "purchases",
];

/// What is known of a suite: texts that mean something there, by the field that holds them in JSON.
#[derive(Clone, Debug, Default)]
pub(super) struct Words {
    by_field: HashMap<String, Vec<String>>,
    all: Vec<String>,
    /// Texts that are never to be used.
    spared: Vec<String>,
}

impl Words {
    /// Knows nothing, and will not learn anything that one of these is in.
    pub(super) fn sparing(spared: Vec<String>) -> Self {
        Self { spared, ..Self::default() }
    }

    /// Learns the texts of a request or an answer.
    pub(super) fn learn(&mut self, message: &Value) {
        match message {
            Value::Object(fields) => {
                for (name, value) in fields {
                    self.learn_field(name, value);
                }
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn learn_field(&mut self, name: &str, value: &Value) {
        match value {
            Value::String(text) if !self.spared.iter().any(|spared| text.contains(spared)) => {
                self.by_field.entry(name.to_owned()).or_default().push(text.clone());
                self.all.push(text.clone());
            }
            Value::Array(items) => items.iter().for_each(|item| self.learn_field(name, item)),
            _ => self.learn(value),
        }
    }

    /// A text for a field of this name in JSON.
    pub(super) fn text(&self, dice: &mut Dice, field: &str) -> String {
        match dice.below(8) {
            0..4 => self.known(dice, field),
            4 => self.any(dice),
            5 => {
                let known = self.known(dice, field);
                bent(dice, &known)
            }
            6 => (*dice.one_of(&ODD)).to_owned(),
            _ => dice.one_of(&UNITS).repeat(*dice.one_of(&LENGTHS)),
        }
    }

    /// What a field of this name has held.
    fn known(&self, dice: &mut Dice, field: &str) -> String {
        match self.by_field.get(field) {
            Some(texts) => dice.one_of(texts).clone(),
            None => self.any(dice),
        }
    }

    fn any(&self, dice: &mut Dice) -> String {
        if self.all.is_empty() { String::new() } else { dice.one_of(&self.all).clone() }
    }
}

/// A whole number.
pub(super) fn number(dice: &mut Dice) -> i64 {
    *dice.one_of(&NUMBERS)
}

/// A text that is almost this one.
pub(super) fn bent(dice: &mut Dice, text: &str) -> String {
    let some = text.char_indices().map(|(at, _)| at).collect::<Vec<_>>();
    let middle = if some.is_empty() { 0 } else { *dice.one_of(&some) };
    let (before, after) = text.split_at(middle);
    match dice.below(12) {
        0 => text.to_uppercase(),
        1 => format!("{text}/"),
        2 => format!("/{text}"),
        3 => format!("{text}\0"),
        4 => format!("{text} "),
        5 => before.to_owned(),
        6 => format!("{text}{text}"),
        7 => format!("{before}/../{after}"),
        8 => format!("{before}\u{202e}{after}"),
        9 => format!("{before}%2F{after}"),
        10 => format!("{before}A{}", after.get(1..).unwrap_or_default()),
        _ => {
            let id = text.rsplit('/').next().unwrap_or_default();
            format!("{}/{id}", dice.one_of(&COLLECTIONS))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_spared_is_never_said() {
        let mut words = Words::sparing(vec!["members/amy".to_owned()]);
        words.learn(&json!({ "ticket": { "assignee": "members/amy" }, "names": ["tickets/1"] }));
        assert_eq!(words.by_field.keys().collect::<Vec<_>>(), ["names"]);
        let mut dice = Dice::new(7);
        let said: Vec<_> = (0..1_000).map(|_| words.text(&mut dice, "assignee")).collect();
        assert!(!said.iter().any(|text| text.contains("amy")));
        assert!(said.iter().any(|text| text == "tickets/1"));
        assert!(said.iter().any(|text| text.len() >= 65_536));
    }
}
