//! Whether a condition holds: three values, no allocation.

use std::cmp::Ordering;

use super::{Comparison, Node, Place, Value, number};
use crate::Time;

/// A value that stands somewhere in the row or in the expression.
#[derive(Clone, Copy)]
enum Seen<'a> {
    Bool(bool),
    Int(i64),
    Double(f64),
    Text(&'a str),
    Time(Time),
    Duration(i64),
    Ints(&'a [i64]),
    Texts(&'a [String]),
    Literals(&'a [Value]),
}

impl<'a> From<&'a Value> for Seen<'a> {
    fn from(value: &'a Value) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Double(value) => Self::Double(*value),
            Value::Text(value) => Self::Text(value),
            Value::Time(value) => Self::Time(*value),
            Value::Duration(value) => Self::Duration(*value),
            Value::Ints(value) => Self::Ints(value),
            Value::Texts(value) => Self::Texts(value),
        }
    }
}

/// Whether a condition holds of a row; `None` is unknown.
pub(super) fn holds(node: &Node, row: &[Option<Value>]) -> Option<bool> {
    match node {
        Node::Has(index) => Some(field(*index, row).is_some()),
        Node::Not(inner) => holds(inner, row).map(|held| !held),
        Node::All(terms) => absorbed(terms, row, false),
        Node::Any(terms) => absorbed(terms, row, true),
        Node::Choice(parts) => choice(parts, row),
        Node::Compare(comparison, sides) => {
            let [left, right] = &**sides;
            compare(*comparison, value(left, row)?, value(right, row)?)
        }
        Node::In(sides) => {
            let [needle, list] = &**sides;
            among(value(needle, row)?, value(list, row)?)
        }
        Node::Find(place, sides) => {
            let [text, part] = &**sides;
            let (Seen::Text(text), Seen::Text(part)) = (value(text, row)?, value(part, row)?)
            else {
                return None;
            };
            Some(match place {
                Place::Start => text.starts_with(part),
                Place::End => text.ends_with(part),
                Place::Anywhere => text.contains(part),
            })
        }
        Node::Literal(_) | Node::List(_) | Node::Field(..) | Node::Size(..) => {
            match value(node, row)? {
                Seen::Bool(held) => Some(held),
                _ => None,
            }
        }
    }
}

/// The terms together: `absorbing` if one is, else unknown if one is, else the opposite.
fn absorbed(terms: &[Node], row: &[Option<Value>], absorbing: bool) -> Option<bool> {
    let mut all = Some(!absorbing);
    for term in terms {
        match holds(term, row) {
            Some(held) if held == absorbing => return Some(absorbing),
            Some(_) => {}
            None => all = None,
        }
    }
    all
}

/// The branch of the first condition that holds, unless one before it is unknown.
fn choice(parts: &[Node], row: &[Option<Value>]) -> Option<bool> {
    let mut rest = parts;
    while let [condition, then, after @ ..] = rest {
        if holds(condition, row)? {
            return holds(then, row);
        }
        rest = after;
    }
    holds(rest.first()?, row)
}

fn field(index: usize, row: &[Option<Value>]) -> Option<&Value> {
    row.get(index)?.as_ref()
}

fn value<'a>(node: &'a Node, row: &'a [Option<Value>]) -> Option<Seen<'a>> {
    match node {
        Node::Literal(value) => Some(value.into()),
        Node::List(values) => Some(Seen::Literals(values)),
        Node::Field(index, _) => field(*index, row).map(Seen::from),
        Node::Size(index, _) => size(field(*index, row)?).map(Seen::Int),
        Node::Has(_)
        | Node::Not(_)
        | Node::All(_)
        | Node::Any(_)
        | Node::Choice(_)
        | Node::Compare(..)
        | Node::In(_)
        | Node::Find(..) => holds(node, row).map(Seen::Bool),
    }
}

/// Code points of a string, elements of a list.
pub(super) fn size(value: &Value) -> Option<i64> {
    let size = match value {
        Value::Text(text) => text.chars().count(),
        Value::Ints(list) => list.len(),
        Value::Texts(list) => list.len(),
        Value::Bool(_) | Value::Int(_) | Value::Double(_) | Value::Time(_) | Value::Duration(_) => {
            return None;
        }
    };
    i64::try_from(size).ok()
}

/// Whether a comparison holds; unknown where the values do not compare.
fn compare(comparison: Comparison, left: Seen<'_>, right: Seen<'_>) -> Option<bool> {
    let order = match (left, right) {
        (Seen::Bool(left), Seen::Bool(right)) => Some(left.cmp(&right)),
        (Seen::Int(left), Seen::Int(right)) | (Seen::Duration(left), Seen::Duration(right)) => {
            Some(left.cmp(&right))
        }
        (Seen::Double(left), Seen::Double(right)) => left.partial_cmp(&right),
        (Seen::Int(left), Seen::Double(right)) => number::compare(left, right),
        (Seen::Double(left), Seen::Int(right)) => {
            number::compare(right, left).map(Ordering::reverse)
        }
        // Bytes of UTF-8 are in the order of the code points.
        (Seen::Text(left), Seen::Text(right)) => Some(left.cmp(right)),
        (Seen::Time(left), Seen::Time(right)) => Some(left.cmp(&right)),
        // The parser let none of these pass: the row has another kind than was declared.
        _ => return None,
    };
    Some(comparison.holds(order))
}

/// Whether one of a list is equal; unknown where one does not compare and none is equal.
fn among(needle: Seen<'_>, list: Seen<'_>) -> Option<bool> {
    let is_it = |element| compare(Comparison::Equal, needle, element);
    match list {
        Seen::Literals(values) => any(values.iter().map(|value| is_it(value.into()))),
        Seen::Ints(ints) => any(ints.iter().map(|int| is_it(Seen::Int(*int)))),
        Seen::Texts(texts) => any(texts.iter().map(|text| is_it(Seen::Text(text)))),
        _ => None,
    }
}

fn any(mut found: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut whole = Some(false);
    let is_there = found.any(|each| {
        whole = each.and(whole);
        each == Some(true)
    });
    if is_there { Some(true) } else { whole }
}

/// What a condition of literals alone is.
pub(super) fn constant(node: &Node) -> Option<bool> {
    holds(node, &[])
}
