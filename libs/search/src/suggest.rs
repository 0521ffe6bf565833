//! Type-ahead: titles and similar questions that go on as somebody has begun.

use std::collections::{BTreeMap, HashSet};

use tantivy::Score;
use tantivy::query::{BooleanQuery, Occur, Query};
use tantivy::schema::{Field, IndexRecordOption};
use uuid::Uuid;

use crate::analysis::{Piece, Terms, bigrams, is_dense, pieces};
use crate::candidates::{Scope, Scored, best_heads, best_questions, head_of};
use crate::error::SearchError;
use crate::filter::{Filter, Pass, same_language};
use crate::highlight::{Marked, Marker};
use crate::index::Index;
use crate::probe::term_query;
use crate::schema::column;
use crate::search::Asking;
use crate::visible::Visible;

/// How many titles, and how many questions, are compared.
const CANDIDATES: usize = 50;
/// How many terms an unfinished one may stand for, the most frequent first.
const EXPANSIONS: usize = 64;
/// How many terms of a segment are looked at to find these.
const LOOKED_AT: usize = 2_000;

/// What somebody has typed up to now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suggest {
    /// The beginning.
    pub text: String,
    /// The reader's own, which comes first.
    pub locale: String,
    /// What may be found.
    pub filter: Filter,
    /// How many to tell at most.
    pub limit: usize,
}

/// How it may go on.
#[derive(Clone, Debug, PartialEq)]
pub struct Suggestion {
    /// The article that answers it.
    pub article: Uuid,
    /// The entry's locale.
    pub locale: String,
    /// What is shown is this revision.
    pub revision: i64,
    /// The title or similar question, with what was typed marked.
    pub text: Marked,
    /// The article's title.
    pub title: String,
}

/// A suggestion with what it is ordered by.
struct Candidate {
    begins: bool,
    own: bool,
    score: Score,
    suggestion: Suggestion,
}

impl Index {
    /// Titles and similar questions with everything that was typed, the last word going on
    /// anyhow: what begins so first, own locale first, each article once.
    pub fn suggest(&self, suggest: &Suggest) -> Result<Vec<Suggestion>, SearchError> {
        let folded = ::text::fold(suggest.text.trim());
        let (searcher, fields) = self.snapshot();
        let terms = Terms::of(self.analyzer(), &suggest.text);
        let asking = Asking::new(&searcher, fields, terms, &suggest.filter, &suggest.locale)?;
        let scope = Scope { filter: &suggest.filter, own: &suggest.locale, pass: Pass::All };
        let mut found: Vec<Candidate> = Vec::new();
        if let Some(query) = asking.begun(fields.title_bigrams, &folded)? {
            for one in best_heads(&asking.heads, &query, scope, CANDIDATES)? {
                found.push(asking.suggestion(&folded, suggest, one, None)?);
            }
        }
        if asking.questions.documents() > 0
            && let Some(query) = asking.begun(fields.question_bigrams, &folded)?
        {
            for one in best_questions(&asking.questions, &query, scope, CANDIDATES)? {
                let (segment, doc) = one.address;
                let fast = searcher.segment_reader(segment).fast_fields();
                let back = fast.u64(column::BACK)?.first(doc).unwrap_or(0);
                let address = (segment, head_of(doc, Some(back)));
                let head = Scored { address, score: one.score };
                found.push(asking.suggestion(&folded, suggest, head, Some(back))?);
            }
        }
        found.sort_by(|a, b| {
            (b.begins, b.own)
                .cmp(&(a.begins, a.own))
                .then_with(|| b.score.total_cmp(&a.score))
                .then_with(|| a.suggestion.text.text.len().cmp(&b.suggestion.text.text.len()))
                .then_with(|| a.suggestion.article.cmp(&b.suggestion.article))
        });
        let mut seen = HashSet::new();
        let each = found.into_iter().map(|one| one.suggestion);
        Ok(each.filter(|one| seen.insert(one.article)).take(suggest.limit).collect())
    }
}

impl Asking<'_> {
    /// All finished terms, and one that the last may become.
    fn begun(&self, field: Field, folded: &str) -> Result<Option<BooleanQuery>, SearchError> {
        let mut clauses: Vec<(Occur, Box<dyn Query>)> = Vec::new();
        let mut all = pieces(folded).peekable();
        while let Some(piece) = all.next() {
            let last = all.peek().is_none();
            match piece {
                Piece::Dense { text, .. } if text.chars().nth(1).is_none() => {
                    clauses.push((Occur::Must, self.expansions(field, text)?));
                }
                Piece::Dense { text, .. } => {
                    for gram in bigrams(text) {
                        let query = term_query(field, gram.text(text));
                        clauses.push((Occur::Must, Box::new(query)));
                    }
                }
                Piece::Word { start, text, .. } if last && start + text.len() == folded.len() => {
                    clauses.push((Occur::Must, self.expansions(field, text)?));
                }
                Piece::Word { text, .. } => {
                    clauses.push((Occur::Must, Box::new(term_query(field, text))));
                }
                Piece::Border => {}
            }
        }
        Ok((!clauses.is_empty()).then(|| BooleanQuery::new(clauses)))
    }

    /// Any of the most frequent terms that begin so, of those that stand in something that may be
    /// found.
    fn expansions(&self, field: Field, prefix: &str) -> Result<Box<dyn Query>, SearchError> {
        let mut visible = Visible::new(self.searcher, self.filter, "")?;
        let mut frequencies: BTreeMap<String, u64> = BTreeMap::new();
        for (number, segment) in self.searcher.segment_readers().iter().enumerate() {
            let index = segment.inverted_index(field)?;
            let mut stream = index.terms().range().ge(prefix.as_bytes()).into_stream()?;
            let mut looked_at = 0;
            while stream.advance() && looked_at < LOOKED_AT {
                let Some(term) =
                    std::str::from_utf8(stream.key()).ok().filter(|term| term.starts_with(prefix))
                else {
                    break;
                };
                let option = IndexRecordOption::Basic;
                let mut postings = index.read_postings_from_terminfo(stream.value(), option)?;
                let mut count = visible.count(number, &mut postings);
                if count == 0 {
                    continue;
                }
                if Visible::is_many(count) {
                    count = u64::from(stream.value().doc_freq);
                }
                *frequencies.entry(term.to_owned()).or_default() += count;
                looked_at += 1;
            }
        }
        let mut terms: Vec<(String, u64)> = frequencies.into_iter().collect();
        terms.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        terms.truncate(EXPANSIONS);
        let each =
            terms.iter().map(|(term, _)| Box::new(term_query(field, term)) as Box<dyn Query>);
        Ok(Box::new(BooleanQuery::union(each.collect())))
    }

    fn suggestion(
        &self,
        folded: &str,
        suggest: &Suggest,
        one: Scored,
        question: Option<u64>,
    ) -> Result<Candidate, SearchError> {
        let (article, entry) = self.stored(one.address)?;
        let question = question
            .and_then(|number| entry.questions.get(usize::try_from(number).ok()?.checked_sub(1)?));
        let text = question.unwrap_or(&entry.title);
        Ok(Candidate {
            begins: ::text::fold(text).starts_with(folded),
            own: same_language(&entry.locale, &suggest.locale),
            score: one.score,
            suggestion: Suggestion {
                article,
                revision: entry.revision,
                text: typed(folded, text)
                    .unwrap_or_else(|| Marker::new(&self.terms.concepts).whole(text)),
                title: entry.title.clone(),
                locale: entry.locale,
            },
        })
    }
}

/// What was typed, where the text has it as it is and it begins a word there.
fn typed(folded: &str, text: &str) -> Option<Marked> {
    let map = ::text::fold_mapped(text);
    let starts = |at: usize| {
        let before = map.text().get(..at).and_then(|s| s.chars().next_back());
        before.is_none_or(|c| !c.is_alphanumeric() || is_dense(c))
    };
    let (at, _) = map.text().match_indices(folded).find(|(at, _)| starts(*at))?;
    let marks = vec![map.source(at..at + folded.len())];
    Some(Marked { text: text.to_owned(), marks, before: false, after: false })
}
