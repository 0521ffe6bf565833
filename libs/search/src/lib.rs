//! Full-text search of a tenant's knowledge, in Chinese and English, embedded
//!
//! An [`Index`] lives in a folder and holds one [`Entry`] per article and locale. It is changed by
//! [`Index::apply`], which commits with the caller's cursor, and asked by [`Index::search`],
//! [`Index::suggest`], [`Index::related`] and [`Index::explain`]. The database is the truth: an index that is
//! missing, damaged or of another version says so, and is made anew from there.
//!
//! # How it searches
//!
//! Chinese stands in two fields. Pairs of neighbouring characters find everything that is written
//! there; words of a dictionary, where it knows them, tell better which document is meant. English
//! stands there as it is written and as stems. A score is BM25 over pairs, plus less of the same
//! over words, plus the same again over the title. Similar questions are scored one by one, and an
//! article gets a weighted mean of its best ten.
//!
//! What a question asks for is a set of concepts. A look-up, of one concept or two keywords, is
//! answered with what has all of them, and only where there is nothing with what has one. A sentence
//! is answered by score, in which having all of them counts, since a document that happens to have every word of
//! a sentence is often not the one that is meant. The answer says how much its best hit has: all, at
//! least 70 %, or less ([`Stage`]); hits that have less than that come after the others, and say so.
//!
//! # Invariants
//!
//! - Both sides are folded (`aftercare-text`); what is shown is the original, with marks on it.
//! - Who may see an entry is one predicate ([`Audience::admits`]), for the index and for everybody
//!   else. Whether an entry is valid is computed at the instant of the question.
//! - Whether something is shown does not follow from what is hidden from its reader. How rare a term
//!   is, by which what is shown is ordered, is measured over all entries.
//! - The entries of an article are replaced as a whole, and a commit moves the cursor with them:
//!   after a crash an index is as of its last commit and says where to go on.
//! - An answer is deterministic: by the answer's stage, locale, score, then article.
//! - Pages are parts of one ranking, which does not depend on the page that is asked for.
//! - A question costs what its best few hundred documents cost, not what all matches do; a page that
//!   lies behind the best hundred costs what the best few thousand do. Only where counts are asked
//!   for is each match of a look-up looked at.
//!
//! # Absent
//!
//! Async (callers use blocking threads), a clock (each question says when it is), a query language,
//! and anything between tenants: an index is one tenant's.

mod analysis;
mod candidates;
mod entry;
mod error;
mod explain;
mod facets;
mod filter;
mod generation;
mod highlight;
mod index;
pub mod measure;
mod probe;
mod ranking;
mod related;
mod schema;
mod search;
mod suggest;
mod visible;

pub use analysis::Analyzer;
pub use entry::{Audience, Change, Entry, Reader, Validity};
pub use error::{Damage, OpenError, SearchError};
pub use explain::{Explained, ExplainedEntry, Hidden, Matched};
pub use facets::{Count, Facets};
pub use filter::Filter;
pub use highlight::Marked;
pub use index::{Index, Rebuild, Settings, Size};
pub use related::Related;
pub use search::{Answer, Hit, Search, Stage};
pub use suggest::{Suggest, Suggestion};
