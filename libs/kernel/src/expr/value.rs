//! The values of fields and literals, and their kinds.

use std::fmt;

use crate::Time;

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// True or false.
    Bool,
    /// A whole number of 64 bits.
    Int,
    /// A number of double precision.
    Double,
    /// A string.
    Text,
    /// An instant.
    Time,
    /// A span of time.
    Duration,
    /// A list of whole numbers.
    Ints,
    /// A list of strings, for instance the choices of an answer.
    Texts,
}

impl Kind {
    /// Whether it is a list.
    pub fn is_list(self) -> bool {
        matches!(self, Self::Ints | Self::Texts)
    }

    /// Whether values of the two kinds may be compared: those of one kind, and all numbers.
    pub(super) fn compares_with(self, other: Self) -> bool {
        let is_number = |kind| matches!(kind, Self::Int | Self::Double);
        !self.is_list() && (self == other || is_number(self) && is_number(other))
    }
}

/// CEL's name of the type.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Double => "double",
            Self::Text => "string",
            Self::Time => "timestamp",
            Self::Duration => "duration",
            Self::Ints => "list(int)",
            Self::Texts => "list(string)",
        })
    }
}

/// A value of a field or a literal.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number of double precision.
    Double(f64),
    /// A string.
    Text(String),
    /// An instant.
    Time(Time),
    /// A span of time in microseconds.
    Duration(i64),
    /// A list of whole numbers.
    Ints(Vec<i64>),
    /// A list of strings.
    Texts(Vec<String>),
}

impl Value {
    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) => Kind::Int,
            Self::Double(_) => Kind::Double,
            Self::Text(_) => Kind::Text,
            Self::Time(_) => Kind::Time,
            Self::Duration(_) => Kind::Duration,
            Self::Ints(_) => Kind::Ints,
            Self::Texts(_) => Kind::Texts,
        }
    }
}

macro_rules! from {
    ($($type:ty => $variant:ident;)*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(value.into())
            }
        }
    )*};
}

from! {
    bool => Bool;
    i64 => Int;
    f64 => Double;
    &str => Text;
    String => Text;
    Time => Time;
    Vec<i64> => Ints;
    Vec<String> => Texts;
}
