//! What is indexed, and who may see it.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// One locale of an article, as it is found and shown.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// For example `zh-CN`; compared as it is.
    pub locale: String,
    /// The revision that is shown; an answer is bound to it.
    pub revision: i64,
    /// A token, for example `faq`.
    pub kind: String,
    /// Who may see it.
    pub audience: Audience,
    /// Products that it is about.
    pub products: Vec<String>,
    /// Tags, which are found as words, too.
    pub tags: Vec<String>,
    /// When it may be seen.
    pub validity: Validity,
    /// The title.
    pub title: String,
    /// Other phrasings of the question that it answers.
    pub questions: Vec<String>,
    /// The plain text.
    pub body: String,
}

/// Who may see an entry: a level and, within it, groups.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audience {
    /// The least level of a reader.
    pub level: u8,
    /// Groups of which a reader must be in one; none stand for everybody of the level.
    pub groups: Vec<String>,
}

/// Who asks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reader {
    /// The reader's level.
    pub level: u8,
    /// The groups that the reader is in.
    pub groups: Vec<String>,
    /// Whether the reader counts as a member of every group.
    pub all_groups: bool,
}

impl Audience {
    /// Whether a reader belongs to this audience: the reader's level reaches its, and it names no
    /// group or one of the reader's.
    pub fn admits(&self, reader: &Reader) -> bool {
        let theirs = (!reader.all_groups).then_some(reader.groups.as_slice());
        admits(u64::from(self.level), &self.groups, u64::from(reader.level), theirs)
    }
}

/// The predicate, over groups by name or by the index's numbers of them; `theirs` are the reader's,
/// `None` for who counts as a member of all.
pub(crate) fn admits<G: PartialEq>(
    level: u64,
    groups: &[G],
    reader: u64,
    theirs: Option<&[G]>,
) -> bool {
    let in_one = |theirs: &[G]| groups.iter().any(|group| theirs.contains(group));
    reader >= level && (groups.is_empty() || theirs.is_none_or(in_one))
}

/// When an entry may be seen, in microseconds: from the first instant until before the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// The first instant.
    pub from: i64,
    /// The first instant at which it may no longer be seen.
    pub until: i64,
}

impl Validity {
    /// Always.
    pub const ALWAYS: Self = Self { from: i64::MIN, until: i64::MAX };

    /// Whether an instant lies within.
    pub fn holds(self, at: i64) -> bool {
        self.from <= at && at < self.until
    }
}

impl Default for Validity {
    fn default() -> Self {
        Self::ALWAYS
    }
}

/// What becomes of an article in the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// These entries and no others stand for it from now on.
    Replace {
        /// The article.
        article: Uuid,
        /// One for each locale; none removes it.
        entries: Vec<Entry>,
    },
    /// It is no longer there.
    Remove {
        /// The article.
        article: Uuid,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(level: u8, groups: &[&str]) -> Reader {
        let groups = groups.iter().map(|&group| group.to_owned()).collect();
        Reader { level, groups, all_groups: false }
    }

    #[test]
    fn levels_and_groups() {
        let plain = Audience { level: 2, groups: Vec::new() };
        assert!(plain.admits(&reader(2, &[])) && plain.admits(&reader(3, &["x"])));
        assert!(!plain.admits(&reader(1, &["x"])));
        let closed = Audience { level: 0, groups: vec!["a".to_owned(), "b".to_owned()] };
        assert!(closed.admits(&reader(0, &["b"])));
        assert!(!closed.admits(&reader(9, &[])) && !closed.admits(&reader(9, &["c"])));
        assert!(closed.admits(&Reader { all_groups: true, ..reader(0, &[]) }));
    }

    #[test]
    fn the_end_is_not_within() {
        let validity = Validity { from: 10, until: 20 };
        assert!(validity.holds(10) && validity.holds(19));
        assert!(!validity.holds(9) && !validity.holds(20));
    }
}
