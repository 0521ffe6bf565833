//! Which entries a question is about, and which of them its reader may see.

use tantivy::columnar::{Column, StrColumn};
use tantivy::{DocId, SegmentReader};

use crate::entry::{Entry, Reader, admits};
use crate::error::SearchError;
use crate::explain::Hidden;
use crate::schema::column;

/// What may be found; an empty list stands for everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Who asks.
    pub reader: Reader,
    /// When, in microseconds.
    pub at: i64,
    /// In the language of one of these locales.
    pub locales: Vec<String>,
    /// Of one of these kinds.
    pub kinds: Vec<String>,
    /// About one of these products.
    pub products: Vec<String>,
    /// About one of these products, or about none in particular.
    pub about: Vec<String>,
    /// With one of these tags.
    pub tags: Vec<String>,
}

impl Filter {
    /// Why an entry may not be found; for no reason if it may.
    pub fn hides(&self, entry: &Entry) -> Vec<Hidden> {
        let one = |wanted: &[String], has: &[String]| {
            wanted.is_empty() || has.iter().any(|value| wanted.contains(value))
        };
        let same = |wanted: &[String], has: &str| {
            wanted.is_empty() || wanted.iter().any(|wanted| wanted == has)
        };
        let spoken = |locales: &[String], has: &str| {
            locales.is_empty() || locales.iter().any(|wanted| same_language(wanted, has))
        };
        let reasons = [
            (!entry.audience.admits(&self.reader), Hidden::Audience),
            (self.at < entry.validity.from, Hidden::NotYetValid),
            (self.at >= entry.validity.until, Hidden::Expired),
            (!spoken(&self.locales, &entry.locale), Hidden::Locale),
            (!same(&self.kinds, &entry.kind), Hidden::Kind),
            (
                !one(&self.products, &entry.products)
                    || !(entry.products.is_empty() || one(&self.about, &entry.products)),
                Hidden::Product,
            ),
            (!one(&self.tags, &entry.tags), Hidden::Tag),
        ];
        reasons.into_iter().filter_map(|(hides, reason)| hides.then_some(reason)).collect()
    }
}

/// Whether two locales are of one language: `zh-CN` and `zh`.
pub(crate) fn same_language(one: &str, other: &str) -> bool {
    let language = |locale: &str| locale.split('-').next().map(str::to_ascii_lowercase);
    language(one) == language(other)
}

/// Which locales a pass is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pass {
    /// The reader's own.
    Own,
    /// All others.
    Others,
    /// All.
    All,
}

/// A filter over the columns of one segment; it says the same as [`Filter::hides`].
pub(crate) struct SegmentFilter {
    level: Column<u64>,
    from: Column<i64>,
    until: Column<i64>,
    groups: Option<StrColumn>,
    reader: u64,
    /// The reader's groups; `None` for all.
    theirs: Option<Vec<u64>>,
    at: i64,
    wanted: Vec<(Option<StrColumn>, Vec<u64>)>,
    /// What is about something must be about one of these; `None` for anything.
    about: Option<(StrColumn, Vec<u64>)>,
    locale: Option<StrColumn>,
    own: Vec<u64>,
    pass: Pass,
    scratch: Vec<u64>,
}

impl SegmentFilter {
    pub(crate) fn new(
        segment: &SegmentReader,
        filter: &Filter,
        own: &str,
        pass: Pass,
    ) -> Result<Self, SearchError> {
        let fast = segment.fast_fields();
        let groups = fast.str(column::GROUPS)?;
        let locale = fast.str(column::LOCALE)?;
        let mut wanted = Vec::new();
        if !filter.locales.is_empty() {
            let mut spoken = Vec::new();
            for wanted in &filter.locales {
                spoken.extend(of_language(locale.as_ref(), wanted)?);
            }
            wanted.push((locale.clone(), spoken));
        }
        for (name, values) in [
            (column::KIND, &filter.kinds),
            (column::PRODUCTS, &filter.products),
            (column::TAGS, &filter.tags),
        ] {
            if !values.is_empty() {
                let column = fast.str(name)?;
                let ords = ords(column.as_ref(), values)?;
                wanted.push((column, ords));
            }
        }
        let about = match fast.str(column::PRODUCTS)? {
            Some(column) if !filter.about.is_empty() => {
                let ords = ords(Some(&column), &filter.about)?;
                Some((column, ords))
            }
            _ => None,
        };
        Ok(Self {
            level: fast.u64(column::LEVEL)?,
            from: fast.i64(column::FROM)?,
            until: fast.i64(column::UNTIL)?,
            reader: u64::from(filter.reader.level),
            theirs: if filter.reader.all_groups {
                None
            } else {
                Some(ords(groups.as_ref(), &filter.reader.groups)?)
            },
            at: filter.at,
            own: of_language(locale.as_ref(), own)?,
            groups,
            wanted,
            about,
            locale,
            pass,
            scratch: Vec::new(),
        })
    }

    /// Whether a head is in the reader's own locale.
    pub(crate) fn is_own(&self, head: DocId) -> bool {
        let locale = self.locale.as_ref().and_then(|locale| locale.ords().first(head));
        locale.is_some_and(|locale| self.own.contains(&locale))
    }

    /// Whether a head may be found.
    pub(crate) fn admits(&mut self, head: DocId) -> bool {
        let in_pass = match self.pass {
            Pass::Own => self.is_own(head),
            Pass::Others => !self.is_own(head),
            Pass::All => true,
        };
        if !in_pass {
            return false;
        }
        let (Some(level), Some(from), Some(until)) =
            (self.level.first(head), self.from.first(head), self.until.first(head))
        else {
            return false;
        };
        self.scratch.clear();
        if let Some(groups) = &self.groups {
            self.scratch.extend(groups.ords().values_for_doc(head));
        }
        admits(level, &self.scratch, self.reader, self.theirs.as_deref())
            && from <= self.at
            && self.at < until
            && self.wanted.iter().all(|(column, ords)| {
                column.as_ref().is_some_and(|column| {
                    column.ords().values_for_doc(head).any(|ord| ords.contains(&ord))
                })
            })
            && self.about.as_ref().is_none_or(|(column, ords)| {
                let mut products = column.ords().values_for_doc(head).peekable();
                products.peek().is_none() || products.any(|ord| ords.contains(&ord))
            })
    }
}

/// A segment's numbers of values; one that it does not have has none.
fn ords(column: Option<&StrColumn>, values: &[String]) -> Result<Vec<u64>, SearchError> {
    let Some(column) = column else { return Ok(Vec::new()) };
    let mut ords = Vec::with_capacity(values.len());
    for value in values {
        ords.extend(column.dictionary().term_ord(value)?);
    }
    Ok(ords)
}

/// A segment's numbers of the locales of a language.
fn of_language(column: Option<&StrColumn>, wanted: &str) -> Result<Vec<u64>, SearchError> {
    let Some(column) = column else { return Ok(Vec::new()) };
    let mut ords = Vec::new();
    let mut locales = column.dictionary().stream()?;
    while locales.advance() {
        if std::str::from_utf8(locales.key()).is_ok_and(|locale| same_language(locale, wanted)) {
            ords.push(locales.term_ord());
        }
    }
    Ok(ords)
}
