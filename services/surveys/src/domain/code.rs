//! The contract's enums as they are stored: by their numbers, which the contract never changes.

use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// For `#[serde(with = "code")]`.
pub(crate) fn serialize<E: Copy + Into<i32>, S: Serializer>(
    code: &E,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_i32((*code).into())
}

/// For `#[serde(with = "code")]`.
pub(crate) fn deserialize<'de, E: TryFrom<i32>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<E, D::Error> {
    let number = i32::deserialize(deserializer)?;
    E::try_from(number).map_err(|_| D::Error::custom(format!("unknown code {number}")))
}
