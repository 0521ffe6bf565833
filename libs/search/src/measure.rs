//! What the bench compares with: tantivy alone, on the same fields with the same analysers.
//!
//! No part of a service needs this.

use std::path::Path;

use tantivy::collector::TopDocs;
use tantivy::{IndexWriter, TantivyDocument};

use crate::analysis::{Analyzer, Terms, register};
use crate::entry::Entry;
use crate::error::SearchError;
use crate::index::Index;
use crate::probe::{of_entries, of_questions, union};
use crate::schema::{Fields, schema};

impl Index {
    /// Asks tantivy for the best of the terms of a question, and answers how many there are: no
    /// stages, no filters, no statistics by role, no marks.
    pub fn bare(&self, text: &str, limit: usize) -> Result<usize, SearchError> {
        let (searcher, fields) = self.snapshot();
        let terms = Terms::of(self.analyzer(), text);
        let best = TopDocs::with_limit(limit.max(1)).order_by_score();
        let mut found = searcher.search(&union(&of_entries(&fields, &terms)), &best)?.len();
        found += searcher.search(&union(&of_questions(&fields, &terms)), &best)?.len();
        Ok(found)
    }
}

/// An index without any of our layers.
pub struct Bare {
    writer: IndexWriter,
    fields: Fields,
}

impl std::fmt::Debug for Bare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Bare").finish_non_exhaustive()
    }
}

impl Bare {
    /// An empty one, with a writer of so much memory.
    pub fn create(dir: &Path, analyzer: &Analyzer, memory: usize) -> Result<Self, SearchError> {
        let (schema, fields) = schema();
        let index = tantivy::Index::create_in_dir(dir, schema)?;
        register(index.tokenizers(), analyzer);
        Ok(Self { writer: index.writer_with_num_threads(1, memory)?, fields })
    }

    /// Adds the texts of an entry, folded, to the fields in which they are searched.
    pub fn add(&self, entry: &Entry) -> Result<(), SearchError> {
        let fold = |text: &str| ::text::fold(text);
        let (title, body) = (fold(&entry.title), fold(&entry.body));
        let questions: Vec<String> =
            entry.questions.iter().map(|question| fold(question)).collect();
        let whole = format!("{title} {} {body}", questions.join(" "));
        let mut document = TantivyDocument::default();
        for field in [self.fields.whole_bigrams, self.fields.whole_words] {
            document.add_text(field, &whole);
        }
        for field in [self.fields.title_bigrams, self.fields.title_words] {
            document.add_text(field, &title);
        }
        self.writer.add_document(document)?;
        for question in questions {
            let mut document = TantivyDocument::default();
            document.add_text(self.fields.question_bigrams, &question);
            document.add_text(self.fields.question_words, &question);
            self.writer.add_document(document)?;
        }
        Ok(())
    }

    /// Commits and waits for merges.
    pub fn finish(mut self) -> Result<(), SearchError> {
        self.writer.commit()?;
        self.writer.wait_merging_threads()?;
        Ok(())
    }
}
