//! From one JSON value, or one text of a query, to one value of a field, by the rules of proto3 JSON.
//! What is wrong is told without what was sent.

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use prost_reflect::{DynamicMessage, EnumDescriptor, Kind, MapKey, MessageDescriptor, Value};
use serde_json::Value as Json;

use super::mask;

const LENIENT: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, LENIENT);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, LENIENT);

/// What is wrong with a value, as one clause.
pub(crate) type Wrong = String;

/// A value of any kind but a message of named fields.
pub(crate) fn from_json(json: Json, kind: &Kind) -> Result<Value, Wrong> {
    let value = match kind {
        Kind::Double => float(&json).map(Value::F64),
        Kind::Float => float(&json).and_then(narrow).map(Value::F32),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => integer(&json).map(Value::I32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => integer(&json).map(Value::I64),
        Kind::Uint32 | Kind::Fixed32 => integer(&json).map(Value::U32),
        Kind::Uint64 | Kind::Fixed64 => integer(&json).map(Value::U64),
        Kind::Bool => json.as_bool().map(Value::Bool),
        Kind::String => match json {
            Json::String(text) => Some(Value::String(text)),
            _ => None,
        },
        Kind::Bytes => json.as_str().and_then(bytes).map(|bytes| Value::Bytes(bytes.into())),
        Kind::Enum(kind) => enumerated(&json, kind).map(Value::EnumNumber),
        Kind::Message(kind) => well_known(json, kind).map(Value::Message),
    };
    value.ok_or_else(|| wanted(kind))
}

/// The same from the text of a query or a path, where nothing is quoted.
pub(crate) fn from_text(text: String, kind: &Kind) -> Result<Value, Wrong> {
    let is_bool = match kind {
        Kind::Bool => true,
        Kind::Message(kind) => kind.full_name() == "google.protobuf.BoolValue",
        Kind::Enum(values) => {
            if let Ok(number) = text.parse() {
                return from_json(Json::Number(number), &Kind::Enum(values.clone()));
            }
            false
        }
        _ => false,
    };
    let json = match text.as_str() {
        "true" if is_bool => Json::Bool(true),
        "false" if is_bool => Json::Bool(false),
        _ => Json::String(text),
    };
    from_json(json, kind)
}

/// A map's key, which JSON always quotes.
pub(crate) fn map_key(key: String, kind: &Kind) -> Result<MapKey, Wrong> {
    let value = from_text(key, kind)?;
    value.into_map_key().ok_or_else(|| wanted(kind))
}

/// Whether a message is one whose JSON is not an object of its fields.
pub(crate) fn is_well_known(message: &MessageDescriptor) -> bool {
    message.package_name() == "google.protobuf"
}

/// Whether a null is a value of this kind, not the absence of one.
pub(crate) fn takes_null(kind: &Kind) -> bool {
    match kind {
        Kind::Message(message) => message.full_name() == "google.protobuf.Value",
        Kind::Enum(values) => values.full_name() == "google.protobuf.NullValue",
        _ => false,
    }
}

/// An integer: a number without a fraction, or the same quoted, since 64 bits do not fit a number of
/// JavaScript.
fn integer<T: TryFrom<i128>>(json: &Json) -> Option<T> {
    let whole: i128 = match json {
        Json::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            (None, None) => whole(number.as_f64()?)?,
        },
        Json::String(text) => text.parse().ok()?,
        _ => return None,
    };
    T::try_from(whole).ok()
}

/// A float that stands for an integer exactly.
#[expect(clippy::cast_possible_truncation, reason = "without a fraction and below 2^64")]
fn whole(number: f64) -> Option<i128> {
    (number.fract() == 0.0 && number.abs() < 18_446_744_073_709_551_616.0).then_some(number as i128)
}

fn float(json: &Json) -> Option<f64> {
    match json {
        Json::Number(number) => number.as_f64(),
        Json::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            text => text.parse().ok().filter(|number: &f64| number.is_finite()),
        },
        _ => None,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "what is out of range is refused")]
fn narrow(number: f64) -> Option<f32> {
    let narrow = number as f32;
    (narrow.is_finite() || !number.is_finite()).then_some(narrow)
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    if text.contains(['-', '_']) { URL_SAFE.decode(text).ok() } else { STANDARD.decode(text).ok() }
}

fn enumerated(json: &Json, values: &EnumDescriptor) -> Option<i32> {
    match json {
        Json::String(name) => values.get_value_by_name(name).map(|value| value.number()),
        Json::Null if takes_null(&Kind::Enum(values.clone())) => Some(0),
        _ => integer(json),
    }
}

fn well_known(json: Json, message: &MessageDescriptor) -> Option<DynamicMessage> {
    if message.full_name() != "google.protobuf.FieldMask" {
        return DynamicMessage::deserialize(message.clone(), json).ok();
    }
    let paths = mask::paths(json.as_str()?)?;
    let mut read = DynamicMessage::new(message.clone());
    let paths = paths.into_iter().map(Value::String).collect();
    read.try_set_field_by_name("paths", Value::List(paths)).ok()?;
    Some(read)
}

/// What a value of this kind must be.
fn wanted(kind: &Kind) -> Wrong {
    let what = match kind {
        Kind::Double | Kind::Float => "a number",
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => "a whole number of 32 bits",
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => "a whole number of 64 bits",
        Kind::Uint32 | Kind::Fixed32 => "a whole number of 32 bits, not negative",
        Kind::Uint64 | Kind::Fixed64 => "a whole number of 64 bits, not negative",
        Kind::Bool => "true or false",
        Kind::String => "a string",
        Kind::Bytes => "bytes in base64",
        Kind::Enum(values) => {
            let names: Vec<String> = values.values().map(|v| v.name().to_owned()).collect();
            return format!("must be one of {}", names.join(", "));
        }
        Kind::Message(message) => match message.full_name() {
            "google.protobuf.Timestamp" => "a time such as `2026-01-31T12:00:00Z`",
            "google.protobuf.Duration" => "a length of time in seconds, such as `3.5s`",
            "google.protobuf.FieldMask" => {
                "paths of fields in one string, such as `title,facts.what`"
            }
            "google.protobuf.BoolValue" => "true or false",
            "google.protobuf.StringValue" => "a string",
            "google.protobuf.BytesValue" => "bytes in base64",
            name if name.starts_with("google.protobuf.") && name.ends_with("Value") => "a number",
            _ => "an object",
        },
    };
    format!("must be {what}")
}

#[cfg(test)]
mod tests {
    use contracts::POOL;
    use serde_json::json;

    use super::*;

    fn read(json: Json, kind: &Kind) -> Option<Value> {
        from_json(json, kind).ok()
    }

    fn message(name: &str) -> Kind {
        Kind::Message(POOL.get_message_by_name(name).unwrap())
    }

    #[test]
    fn integers_are_whole_and_in_range() {
        assert_eq!(read(json!(7), &Kind::Int32), Some(Value::I32(7)));
        assert_eq!(read(json!("-7"), &Kind::Int64), Some(Value::I64(-7)));
        assert_eq!(read(json!(1e3), &Kind::Int32), Some(Value::I32(1000)));
        assert_eq!(read(json!(u64::MAX), &Kind::Uint64), Some(Value::U64(u64::MAX)));
        assert_eq!(read(json!(i64::MIN.to_string()), &Kind::Int64), Some(Value::I64(i64::MIN)));
        for bad in [json!(1.5), json!(2_147_483_648_i64), json!("x"), json!(""), json!(true)] {
            assert_eq!(read(bad.clone(), &Kind::Int32), None, "{bad}");
        }
        assert_eq!(read(json!(9.3e18), &Kind::Int64), None);
        assert_eq!(read(json!(-1), &Kind::Uint64), None);
    }

    #[test]
    fn other_scalars_are_what_they_are() {
        assert_eq!(read(json!("Infinity"), &Kind::Double), Some(Value::F64(f64::INFINITY)));
        assert_eq!(read(json!(1e300), &Kind::Float), None);
        assert_eq!(read(json!("inf"), &Kind::Double), None);
        assert_eq!(read(json!("-_8"), &Kind::Bytes), read(json!("+/8="), &Kind::Bytes));
        assert_eq!(read(json!("true"), &Kind::Bool), None);
        assert_eq!(from_text("true".into(), &Kind::Bool), Ok(Value::Bool(true)));
        assert_eq!(read(json!(7), &Kind::String), None);
    }

    #[test]
    fn enums_go_by_name_or_number() {
        let kind = Kind::Enum(POOL.get_enum_by_name("aftercare.tickets.v1.TicketOrder").unwrap());
        let newest = Some(Value::EnumNumber(1));
        assert_eq!(read(json!("TICKET_ORDER_NEWEST"), &kind), newest);
        assert_eq!(read(json!(1), &kind), newest);
        assert_eq!(from_text("1".into(), &kind).ok(), newest);
        assert_eq!(
            from_text("newest".into(), &kind).unwrap_err(),
            "must be one of TICKET_ORDER_UNSPECIFIED, TICKET_ORDER_NEWEST, TICKET_ORDER_EARLIEST_DUE"
        );
    }

    #[test]
    fn well_known_types_have_their_own_forms() {
        let time = message("google.protobuf.Timestamp");
        assert!(from_text("2026-01-31T12:00:00.5+01:00".into(), &time).is_ok());
        assert!(from_json(json!("2026-01-31"), &time).unwrap_err().contains("such as"));
        assert!(from_json(json!({"seconds": 1}), &time).is_err());
        let duration = message("google.protobuf.Duration");
        assert!(from_text("3.5s".into(), &duration).is_ok());
        assert!(from_text("3.5".into(), &duration).is_err());
        let mask = message("google.protobuf.FieldMask");
        let paths = from_json(json!("facts.occurTime,title"), &mask).unwrap();
        let paths = paths.as_message().unwrap().get_field_by_name("paths").unwrap().into_owned();
        assert_eq!(paths.as_list().unwrap()[0], Value::String("facts.occur_time".into()));
        assert!(from_json(json!({"paths": ["title"]}), &mask).is_err());
    }
}
