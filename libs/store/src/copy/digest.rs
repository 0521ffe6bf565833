//! What rows come to, in whatever order they are read and from whichever engine.

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::Arg;

/// How many rows there are, and a sum over the hashes of their values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Digest {
    /// How many.
    pub rows: u64,
    sum: u128,
}

impl Digest {
    /// Adds a row.
    pub(crate) fn add(&mut self, row: &[Arg]) {
        let mut hash = Sha256::new();
        for value in row {
            let (kind, bytes) = bytes(value);
            hash.update([kind, u8::from(bytes.is_some())]);
            let bytes = bytes.unwrap_or_default();
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(bytes);
        }
        let mut half = [0; 16];
        half.copy_from_slice(&hash.finalize()[..16]);
        self.rows += 1;
        self.sum = self.sum.wrapping_add(u128::from_be_bytes(half));
    }
}

fn bytes(value: &Arg) -> (u8, Option<Vec<u8>>) {
    match value {
        Arg::Id(id) => (1, id.map(|id| id.as_bytes().to_vec())),
        Arg::Int(number) => (2, number.map(|number| number.to_be_bytes().to_vec())),
        Arg::Double(number) => (3, number.map(|number| number.to_bits().to_be_bytes().to_vec())),
        Arg::Bool(flag) => (4, flag.map(|flag| vec![u8::from(flag)])),
        Arg::Text(text) => (5, text.clone().map(String::into_bytes)),
        Arg::Bytes(bytes) => (6, bytes.clone()),
        Arg::Json(json) => (7, json.as_ref().map(|json| canonical(json).into_bytes())),
    }
}

/// JSON as both engines keep it: the order of members is nobody's, nor how a number is written.
fn canonical(json: &Value) -> String {
    match json {
        Value::Object(members) => {
            let mut members: Vec<_> = members
                .iter()
                .map(|(name, value)| format!("{}:{}", Value::from(name.as_str()), canonical(value)))
                .collect();
            members.sort_unstable();
            format!("{{{}}}", members.join(","))
        }
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(canonical).collect();
            format!("[{}]", items.join(","))
        }
        Value::Number(number) => match number.as_i64() {
            Some(whole) => whole.to_string(),
            // `1e3`, `1000.0` and `1000` are one number.
            None => number.as_f64().map_or_else(|| number.to_string(), |double| double.to_string()),
        },
        Value::Null | Value::Bool(_) | Value::String(_) => json.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;

    fn digest(rows: &[Vec<Arg>]) -> Digest {
        let mut digest = Digest::default();
        for row in rows {
            digest.add(row);
        }
        digest
    }

    #[test]
    fn the_order_of_rows_is_nobodys_and_that_of_values_counts() {
        let (a, b) = (args!["x", 1_i64], args!["y", 2_i64]);
        assert_eq!(digest(&[a.clone(), b.clone()]), digest(&[b.clone(), a.clone()]));
        assert_ne!(digest(&[a.clone(), a.clone()]), digest(&[a, b]));
        assert_ne!(digest(&[args!["ab", "c"]]), digest(&[args!["a", "bc"]]));
        assert_ne!(digest(&[args![""]]), digest(&[args![None::<&str>]]));
        assert_ne!(digest(&[args![0_i64]]), digest(&[args![false]]));
    }

    #[test]
    fn json_is_what_it_says_not_how_it_is_written() {
        let read = |text: &str| canonical(&serde_json::from_str(text).unwrap());
        assert_eq!(
            read(r#"{"b": [1e3, -0.5], "a": {"c": null}}"#),
            r#"{"a":{"c":null},"b":[1000,-0.5]}"#
        );
        assert_eq!(read("1000.0"), read("1000"));
        assert_ne!(read(r#"["1"]"#), read("[1]"));
        assert_eq!(read(r#""\u00e9""#), read("\"é\""));
    }
}
