//! The values that a statement may be given: a closed list, so that both engines bind each of them
//! alike and a NULL keeps its type (PostgreSQL needs that).

use kernel::{Time, expr::Value};
use uuid::Uuid;

/// One bound value; `None` is a NULL of that type.
#[derive(Clone, Debug, PartialEq)]
pub enum Arg {
    /// UUID / BLOB.
    Id(Option<Uuid>),
    /// BIGINT: numbers, times in microseconds, money in minor units.
    Int(Option<i64>),
    /// DOUBLE PRECISION; never NaN, which SQLite keeps as NULL.
    Double(Option<f64>),
    /// BOOLEAN.
    Bool(Option<bool>),
    /// TEXT.
    Text(Option<String>),
    /// BYTEA / BLOB.
    Bytes(Option<Vec<u8>>),
    /// JSONB / TEXT.
    Json(Option<serde_json::Value>),
}

macro_rules! from {
    ($($type:ty => $variant:ident, |$value:ident| $convert:expr;)*) => {$(
        impl From<$type> for Arg {
            fn from($value: $type) -> Self {
                Self::$variant(Some($convert))
            }
        }

        impl From<Option<$type>> for Arg {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map(|$value| $convert))
            }
        }
    )*};
}

from! {
    Uuid => Id, |id| id;
    kernel::TenantId => Id, |id| id.uuid();
    kernel::TicketId => Id, |id| id.uuid();
    kernel::EntryId => Id, |id| id.uuid();
    kernel::CustomerId => Id, |id| id.uuid();
    kernel::PurchaseId => Id, |id| id.uuid();
    kernel::ApiKeyId => Id, |id| id.uuid();
    kernel::ArticleId => Id, |id| id.uuid();
    kernel::SearchId => Id, |id| id.uuid();
    kernel::SurveyId => Id, |id| id.uuid();
    kernel::InvitationId => Id, |id| id.uuid();
    kernel::ResponseId => Id, |id| id.uuid();
    kernel::LoopId => Id, |id| id.uuid();
    i64 => Int, |number| number;
    i32 => Int, |number| i64::from(number);
    u32 => Int, |number| i64::from(number);
    Time => Int, |time| time.micros();
    f64 => Double, |number| number;
    bool => Bool, |flag| flag;
    &str => Text, |text| text.to_owned();
    &String => Text, |text| text.clone();
    String => Text, |text| text;
    &[u8] => Bytes, |bytes| bytes.to_vec();
    Vec<u8> => Bytes, |bytes| bytes;
    [u8; 32] => Bytes, |bytes| bytes.to_vec();
    serde_json::Value => Json, |value| value;
}

/// As the columns that `kernel::expr` describes; a list is JSON.
impl From<Value> for Arg {
    fn from(value: Value) -> Self {
        match value {
            Value::Bool(flag) => flag.into(),
            Value::Int(number) | Value::Duration(number) => number.into(),
            Value::Double(number) => number.into(),
            Value::Text(text) => text.into(),
            Value::Time(time) => time.into(),
            Value::Ints(list) => serde_json::Value::from(list).into(),
            Value::Texts(list) => serde_json::Value::from(list).into(),
        }
    }
}

/// The values of a statement, in the order of `$1…$n`: `args![tenant, id, now]`.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => {
        ::std::vec![$($crate::Arg::from($value)),*]
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_keeps_its_type() {
        assert_eq!(
            args![None::<Uuid>, Some(Time::from_micros(7)), None::<&str>, "a", [1_u8; 32]],
            vec![
                Arg::Id(None),
                Arg::Int(Some(7)),
                Arg::Text(None),
                Arg::Text(Some("a".to_owned())),
                Arg::Bytes(Some(vec![1; 32])),
            ]
        );
    }
}
