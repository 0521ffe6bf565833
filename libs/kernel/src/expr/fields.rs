//! The fields that an expression may read: their names, kinds and places in a row.

use std::collections::HashMap;

use super::{Kind, lex};

/// Declared fields, numbered in the order of their declaration.
#[derive(Clone, Debug, Default)]
pub struct Fields {
    indexes: HashMap<String, usize>,
    kinds: Vec<Kind>,
}

/// Why a field cannot be declared by a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It is no CEL name.
    #[error(
        "`{0}` is no name: letters, digits and `_` in parts joined by dots, each starting with a letter or `_`"
    )]
    Malformed(String),
    /// CEL keeps it for itself.
    #[error("`{0}` has a reserved word in it")]
    Reserved(String),
    /// Another field has it.
    #[error("`{0}` is declared already")]
    Taken(String),
}

impl Fields {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The fields of a list.
    pub fn of<'a>(list: impl IntoIterator<Item = (&'a str, Kind)>) -> Result<Self, BadName> {
        let mut fields = Self::new();
        for (name, kind) in list {
            fields.add(name, kind)?;
        }
        Ok(fields)
    }

    /// Declares a field and returns its index in a row.
    ///
    /// A name is one or more CEL identifiers joined by dots: `tier`, `customer.tier`.
    pub fn add(&mut self, name: &str, kind: Kind) -> Result<usize, BadName> {
        for (index, part) in name.split('.').enumerate() {
            if !lex::is_name(part) {
                return Err(BadName::Malformed(name.to_owned()));
            }
            // After a dot CEL keeps only the words of its literals and `in`.
            if lex::is_keyword(part) || index == 0 && lex::is_reserved(part) {
                return Err(BadName::Reserved(name.to_owned()));
            }
        }
        if self.indexes.contains_key(name) {
            return Err(BadName::Taken(name.to_owned()));
        }
        let index = self.kinds.len();
        self.indexes.insert(name.to_owned(), index);
        self.kinds.push(kind);
        Ok(index)
    }

    /// The index and the kind of a field.
    pub fn get(&self, name: &str) -> Option<(usize, Kind)> {
        let index = *self.indexes.get(name)?;
        Some((index, *self.kinds.get(index)?))
    }

    /// The kind of the field with this index.
    pub fn kind(&self, index: usize) -> Option<Kind> {
        self.kinds.get(index).copied()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.kinds.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_cel() {
        let mut fields = Fields::new();
        for (index, good) in ["a", "_a9", "customer.tier", "size", "a.if"].into_iter().enumerate() {
            assert_eq!(fields.add(good, Kind::Int), Ok(index), "{good}");
        }
        for bad in ["", "9a", "a-b", "a.", ".a", "a..b", "a b", "姓名"] {
            assert_eq!(fields.add(bad, Kind::Int), Err(BadName::Malformed(bad.to_owned())));
        }
        for bad in ["if", "in", "true", "a.null", "a.in", "while.b"] {
            assert_eq!(fields.add(bad, Kind::Int), Err(BadName::Reserved(bad.to_owned())));
        }
        assert_eq!(fields.add("a", Kind::Bool), Err(BadName::Taken("a".to_owned())));
        assert_eq!(fields.get("customer.tier"), Some((2, Kind::Int)));
        assert_eq!(fields.get("customer"), None);
    }
}
