//! From bytes to JSON, and no further than it is safe: nothing nested deeper than 32, no more than
//! 65 536 values, no key twice.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep a body may nest, the outermost brackets included.
pub(crate) const DEEPEST: usize = 32;
/// How many values a body may hold: some hundred times what any request needs, and small in memory.
const MOST_VALUES: usize = 65_536;

/// Bytes that are not the JSON that is wanted.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// What is wrong.
    pub(crate) what: String,
    /// Where: a line and a column, or a byte.
    pub(crate) place: String,
}

/// Reads a JSON document.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Malformed> {
    let text = std::str::from_utf8(bytes).map_err(|error| Malformed {
        what: "not UTF-8".to_owned(),
        place: format!("byte {}", error.valid_up_to() + 1),
    })?;
    let mut values = 0;
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Strict { depth: 0, values: &mut values }.deserialize(&mut reader);
    read.and_then(|value| reader.end().map(|()| value)).map_err(|error| malformed(&error))
}

fn malformed(error: &serde_json::Error) -> Malformed {
    let place = format!("line {} column {}", error.line(), error.column());
    let what = error.to_string();
    let what = what.strip_suffix(&format!(" at {place}")).unwrap_or(&what).to_owned();
    Malformed { what, place }
}

/// One value at a depth.
struct Strict<'a> {
    depth: usize,
    values: &'a mut usize,
}

impl Strict<'_> {
    fn deeper<E: Error>(&mut self) -> Result<Strict<'_>, E> {
        if self.depth == DEEPEST {
            return Err(E::custom(format_args!("nested deeper than {DEEPEST}")));
        }
        Ok(Strict { depth: self.depth + 1, values: self.values })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        *self.values += 1;
        if *self.values > MOST_VALUES {
            return Err(D::Error::custom(format_args!("more than {MOST_VALUES} values")));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self.deeper()?)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if map.contains_key(&key) {
                return Err(A::Error::custom(format_args!("`{key}` stands twice")));
            }
            let value = entries.next_value_seed(self.deeper()?)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn wrong(text: &str) -> (String, String) {
        let Malformed { what, place } = parse(text.as_bytes()).unwrap_err();
        (what, place)
    }

    #[test]
    fn json_is_read() {
        let text = r#" {"a": [1, -2, 3.5, "x", true, null], "b": {}} "#;
        assert_eq!(
            parse(text.as_bytes()),
            Ok(json!({"a": [1, -2, 3.5, "x", true, null], "b": {}}))
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        assert_eq!(
            wrong("{\n \"a\": 1,\n \"a\": 2}"),
            ("`a` stands twice".into(), "line 3 column 4".into())
        );
        assert_eq!(wrong("{\"a\" 1}").1, "line 1 column 6");
        assert_eq!(wrong("{} {}").0, "trailing characters");
        assert_eq!(wrong("1e999").0, "number out of range");
        assert!(wrong("").0.starts_with("EOF"));
        assert_eq!(
            parse(b"\"ab\xff\"").unwrap_err(),
            Malformed { what: "not UTF-8".into(), place: "byte 4".into() }
        );
        assert!(parse(b"\"\\ud800\"").is_err());
    }

    #[test]
    fn what_is_too_much_is_refused() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(DEEPEST).as_bytes()).is_ok());
        assert_eq!(wrong(&nested(DEEPEST + 1)).0, "nested deeper than 32");
        assert_eq!(wrong(&nested(200_000)).0, "nested deeper than 32");
        assert_eq!(wrong(&format!("[{}0]", "0,".repeat(70_000))).0, "more than 65536 values");
    }

    proptest! {
        #[test]
        fn no_bytes_are_too_much(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
