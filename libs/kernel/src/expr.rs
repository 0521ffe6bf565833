//! Conditions that people write: a strict subset of CEL, parsed once against declared fields and
//! evaluated often, or turned into SQL that selects the same rows.
//!
//! ```text
//! expression = either { "?" either ":" either } ;
//! either     = both { "||" both } ;
//! both       = relation { "&&" relation } ;
//! relation   = unary { ( "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" ) unary } ;
//! unary      = { "!" } member ;
//! member     = primary { "." method } ;
//! method     = ( "startsWith" | "endsWith" | "contains" ) "(" expression ")" | "size" "(" ")" ;
//! primary    = field | "(" expression ")" | list | literal
//!            | "has" "(" field "." name ")" | "size" "(" expression ")"
//!            | ( "timestamp" | "duration" ) "(" string ")" ;
//! list       = "[" [ literal { "," literal } [ "," ] ] "]" ;
//! field      = name { "." name } ;
//! literal    = "true" | "false" | [ "-" ] ( int | double ) | string
//!            | ( "timestamp" | "duration" ) "(" string ")" ;
//! ```
//!
//! Names, numbers (decimal and `0x`), strings (`"` or `'`, alone or three of them, `r` before a raw
//! one, CEL's escapes), white space and `//` comments are CEL's.
//!
//! # Invariants
//! - What is accepted is CEL and means what CEL says. Integers and doubles compare as numbers, to the
//!   last digit; strings compare by code point and are as long as they have code points.
//! - An [`Expr`] is a condition: every part was type-checked against [`Fields`], and fields are
//!   indexes of the row.
//! - Three values: a missing field is unknown, and whatever is made of something unknown is unknown,
//!   except that `false && unknown` is false, `true || unknown` is true, a choice asks only for the
//!   side that it takes, and `has()` always knows. A condition that is unknown does not fire.
//! - Bounded: [`MOST_BYTES`], [`MOST_NODES`], [`MOST_DEPTH`]. Parsing, evaluating and dropping need a
//!   small stack and time in proportion to the text; evaluating allocates nothing.
//! - The text of [`Expr::sql`] holds columns named by the program, operators and `$n`; every word of
//!   the expression is a bound value.
//!
//! # Deliberately absent
//! Arithmetic, comprehensions, `matches()`, conversions, indexing, maps, bytes, unsigned numbers,
//! `null` (`has()` asks for it), comparison of lists, and choices between anything but conditions.
//! Each is refused by name and place. Instants and durations finer than a microsecond are refused
//! too, since [`Time`](crate::Time) would round them.

mod eval;
mod fields;
mod instant;
mod lex;
mod number;
mod parse;
mod quoted;
mod refusal;
mod sql;
mod value;

pub use fields::{BadName, Fields};
pub use refusal::{Problem, Refusal};
pub use sql::{Condition, NotInSql};
pub use value::{Kind, Value};

/// A longer text is refused.
pub const MOST_BYTES: usize = 4_096;
/// An expression of more parts (literals, fields, operators, calls) is refused.
pub const MOST_NODES: usize = 200;
/// An expression whose parts stand deeper in one another is refused. Chains of `&&`, of `||` and of
/// choices are one part each, and parentheses around parentheses are none.
pub const MOST_DEPTH: usize = 16;
/// More parentheses in a row are refused.
pub const MOST_PARENTHESES: usize = 32;

/// A condition over declared fields, ready to be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    root: Node,
    reads: Box<[usize]>,
}

impl Expr {
    /// Reads a condition; the refusal names the first thing that is wrong with it.
    pub fn parse(text: &str, fields: &Fields) -> Result<Self, Refusal> {
        parse::parse(text, fields)
    }

    /// Whether the condition holds of a row, `None` where that is unknown.
    ///
    /// `row` has the fields' values by index. A value that is missing or beyond the row's end is
    /// unknown, and so is whatever does not fit the kind of a value that is not the declared one.
    pub fn eval(&self, row: &[Option<Value>]) -> Option<bool> {
        eval::holds(&self.root, row)
    }

    /// The indexes of the fields that the condition reads or asks for, each once, ascending.
    pub fn fields(&self) -> &[usize] {
        &self.reads
    }

    /// The condition as SQL whose values start at `$first`: a `WHERE` with it selects exactly the
    /// rows of which [`eval`](Self::eval) says `Some(true)`, and it is NULL where `eval` is `None`.
    ///
    /// `column` names each field's column (or expression over columns, in parentheses), NULL where
    /// the value is missing: bool BOOLEAN, int BIGINT, double DOUBLE PRECISION, string TEXT,
    /// timestamp BIGINT in microseconds since the epoch, duration BIGINT in microseconds.
    /// A double is never NaN, a text has no U+0000 and no collation that makes different texts
    /// equal. Refused are a field without a column, a literal with U+0000, which PostgreSQL does not
    /// take, and the elements or the size of a list, which has no form of column that both databases
    /// search alike.
    pub fn sql(
        &self,
        first: usize,
        column: impl Fn(usize) -> Option<&'static str>,
    ) -> Result<Condition, NotInSql> {
        sql::write(&self.root, first, column)
    }
}

/// A part of an expression. The parser puts only such parts together as fit: conditions where a
/// condition is needed, and anything else only as a literal, a field or the size of one.
#[derive(Clone, Debug, PartialEq)]
enum Node {
    Literal(Value),
    /// A list of literals: the right side of `in`.
    List(Vec<Value>),
    Field(usize, Kind),
    /// The size of a field of this kind.
    Size(usize, Kind),
    Has(usize),
    Not(Box<Node>),
    /// `&&` of two or more.
    All(Vec<Node>),
    /// `||` of two or more.
    Any(Vec<Node>),
    /// Condition, then, condition, then, …, else.
    Choice(Vec<Node>),
    Compare(Comparison, Box<[Node; 2]>),
    In(Box<[Node; 2]>),
    /// The text and the part that is looked for in it.
    Find(Place, Box<[Node; 2]>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    Unequal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Comparison {
    /// As messages show it.
    fn quoted(self) -> &'static str {
        match self {
            Self::Equal => "`==`",
            Self::Unequal => "`!=`",
            Self::Less => "`<`",
            Self::AtMost => "`<=`",
            Self::Greater => "`>`",
            Self::AtLeast => "`>=`",
        }
    }

    /// As SQL writes it.
    fn sql(self) -> &'static str {
        match self {
            Self::Equal => " = ",
            Self::Unequal => " <> ",
            Self::Less => " < ",
            Self::AtMost => " <= ",
            Self::Greater => " > ",
            Self::AtLeast => " >= ",
        }
    }

    /// Whether it asks for an order, and not only whether two values are the same.
    fn is_order(self) -> bool {
        !matches!(self, Self::Equal | Self::Unequal)
    }

    /// Whether it holds of two values that stand so; NaN stands in no order to anything.
    fn holds(self, order: Option<std::cmp::Ordering>) -> bool {
        let Some(order) = order else { return self == Self::Unequal };
        match self {
            Self::Equal => order.is_eq(),
            Self::Unequal => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }

    /// The same with its sides exchanged.
    fn turned(self) -> Self {
        match self {
            Self::Equal | Self::Unequal => self,
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Greater => Self::Less,
            Self::AtLeast => Self::AtMost,
        }
    }
}

/// Where a part is looked for in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Start,
    End,
    Anywhere,
}
