//! The contract's enums as they are stored: by their names, so that a row can be read by people and
//! a number can never be taken for another's.

use contracts::tickets::v1 as pb;
use serde::{Deserialize, Deserializer, Serializer, de::Error};

/// An enum of the contract.
pub(crate) trait Code: Copy {
    /// Its name in the contract.
    fn name(self) -> &'static str;
    /// The value of that name.
    fn of(name: &str) -> Option<Self>;
}

macro_rules! codes {
    ($($name:ident),*) => {$(
        impl Code for pb::$name {
            fn name(self) -> &'static str {
                self.as_str_name()
            }

            fn of(name: &str) -> Option<Self> {
                Self::from_str_name(name)
            }
        }
    )*};
}

codes!(
    AuthorRole,
    Category,
    Channel,
    ClockState,
    CloseReason,
    Kind,
    Metric,
    Nature,
    ServiceType,
    Stage,
    Visibility,
    WorkKind
);

/// For `#[serde(with = "code")]`.
pub(crate) fn serialize<C: Code, S: Serializer>(
    code: &C,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.name())
}

/// For `#[serde(with = "code")]`.
pub(crate) fn deserialize<'de, C: Code, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<C, D::Error> {
    let name = String::deserialize(deserializer)?;
    C::of(&name).ok_or_else(|| D::Error::custom(format!("unknown code `{name}`")))
}
