//! The fields of an index, and how an entry becomes documents.
//!
//! An entry is one document, its **head**, followed at once by one for each similar question, which
//! knows how far back its head is. All entries of an article are added as one group, and tantivy keeps
//! a group in one segment and in order. Only the head has what filters go by.

use tantivy::TantivyDocument;
use tantivy::schema::{
    FAST, Field, IndexRecordOption, STORED, STRING, Schema, TextFieldIndexing, TextOptions,
};
use uuid::Uuid;

use crate::analysis::{BIGRAMS, BORDER, WORDS};
use crate::entry::Entry;
use crate::error::SearchError;

/// Grows with every change that makes an older index unreadable or wrong.
pub(crate) const VERSION: u32 = 2;

/// How many similar questions of an entry are indexed.
const MOST_QUESTIONS: usize = 1_000;

/// The value of `role` for a head.
pub(crate) const HEAD: &str = "head";
/// The value of `role` for a similar question.
pub(crate) const QUESTION: &str = "question";

/// The fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    /// The article, by which its documents are deleted.
    pub(crate) article: Field,
    pub(crate) role: Field,
    /// The entry, as JSON.
    pub(crate) stored: Field,
    pub(crate) whole_bigrams: Field,
    pub(crate) whole_words: Field,
    pub(crate) title_bigrams: Field,
    pub(crate) title_words: Field,
    pub(crate) title_characters: Field,
    pub(crate) tag_bigrams: Field,
    pub(crate) question_bigrams: Field,
    pub(crate) question_words: Field,
    article_high: Field,
    article_low: Field,
    back: Field,
    questions: Field,
    level: Field,
    groups: Field,
    locale: Field,
    kind: Field,
    products: Field,
    tags: Field,
    from: Field,
    until: Field,
}

/// Names of the columns that are read.
pub(crate) mod column {
    pub(crate) const ARTICLE_HIGH: &str = "article_high";
    pub(crate) const ARTICLE_LOW: &str = "article_low";
    pub(crate) const BACK: &str = "back";
    pub(crate) const QUESTIONS: &str = "questions";
    pub(crate) const LEVEL: &str = "level";
    pub(crate) const GROUPS: &str = "groups";
    pub(crate) const LOCALE: &str = "locale";
    pub(crate) const KIND: &str = "kind";
    pub(crate) const PRODUCTS: &str = "products";
    pub(crate) const TAGS: &str = "tags";
    pub(crate) const FROM: &str = "from";
    pub(crate) const UNTIL: &str = "until";
}

fn text(tokenizer: &str, option: IndexRecordOption) -> TextOptions {
    let indexing = TextFieldIndexing::default().set_tokenizer(tokenizer).set_index_option(option);
    TextOptions::default().set_indexing_options(indexing)
}

/// The schema with its fields.
pub(crate) fn schema() -> (Schema, Fields) {
    let mut schema = Schema::builder();
    let freqs = IndexRecordOption::WithFreqs;
    let raw = || TextOptions::default().set_fast("raw");
    let fields = Fields {
        article: schema.add_text_field("article", STRING),
        role: schema.add_text_field("role", STRING),
        stored: schema.add_bytes_field("stored", STORED),
        whole_bigrams: schema.add_text_field(
            "whole_bigrams",
            text(BIGRAMS, IndexRecordOption::WithFreqsAndPositions),
        ),
        whole_words: schema.add_text_field("whole_words", text(WORDS, freqs)),
        title_bigrams: schema.add_text_field("title_bigrams", text(BIGRAMS, freqs)),
        title_words: schema.add_text_field("title_words", text(WORDS, freqs)),
        title_characters: schema.add_text_field("title_characters", text("raw", freqs)),
        tag_bigrams: schema.add_text_field("tag_bigrams", text(BIGRAMS, freqs)),
        question_bigrams: schema.add_text_field("question_bigrams", text(BIGRAMS, freqs)),
        question_words: schema.add_text_field("question_words", text(WORDS, freqs)),
        article_high: schema.add_u64_field(column::ARTICLE_HIGH, FAST),
        article_low: schema.add_u64_field(column::ARTICLE_LOW, FAST),
        back: schema.add_u64_field(column::BACK, FAST),
        questions: schema.add_u64_field(column::QUESTIONS, FAST),
        level: schema.add_u64_field(column::LEVEL, FAST),
        groups: schema.add_text_field(column::GROUPS, raw()),
        locale: schema.add_text_field(column::LOCALE, raw()),
        kind: schema.add_text_field(column::KIND, raw()),
        products: schema.add_text_field(column::PRODUCTS, raw()),
        tags: schema.add_text_field(column::TAGS, raw()),
        from: schema.add_i64_field(column::FROM, FAST),
        until: schema.add_i64_field(column::UNTIL, FAST),
    };
    (schema.build(), fields)
}

/// The form in which an article is a term.
pub(crate) fn article_term(article: Uuid) -> String {
    article.simple().to_string()
}

impl Fields {
    /// The documents of an entry: its head, then its similar questions.
    pub(crate) fn documents(
        &self,
        article: Uuid,
        entry: &Entry,
    ) -> Result<Vec<TantivyDocument>, SearchError> {
        let questions: Vec<String> =
            entry.questions.iter().take(MOST_QUESTIONS).map(|q| ::text::fold(q)).collect();
        let term = article_term(article);
        let mut documents = vec![self.head(article, &term, entry, &questions)?];
        for (back, question) in (1u64..).zip(&questions) {
            let mut document = TantivyDocument::default();
            document.add_text(self.article, &term);
            document.add_text(self.role, QUESTION);
            document.add_u64(self.back, back);
            document.add_text(self.question_bigrams, question);
            document.add_text(self.question_words, question);
            documents.push(document);
        }
        Ok(documents)
    }

    fn head(
        &self,
        article: Uuid,
        term: &str,
        entry: &Entry,
        questions: &[String],
    ) -> Result<TantivyDocument, SearchError> {
        let title = ::text::fold(&entry.title);
        let tags: Vec<String> = entry.tags.iter().map(|tag| ::text::fold(tag)).collect();
        let mut parts: Vec<&str> = vec![&title];
        parts.extend(questions.iter().map(String::as_str));
        parts.extend(tags.iter().map(String::as_str));
        let body = ::text::fold(&entry.body);
        parts.push(&body);
        let whole = parts.join(&BORDER.to_string());

        let mut head = TantivyDocument::default();
        head.add_text(self.article, term);
        head.add_text(self.role, HEAD);
        let stored = serde_json::to_vec(&(article, entry)).map_err(SearchError::Stored)?;
        head.add_bytes(self.stored, &stored);
        head.add_text(self.whole_bigrams, &whole);
        head.add_text(self.whole_words, &whole);
        head.add_text(self.title_bigrams, &title);
        head.add_text(self.title_words, &title);
        for c in title.chars().filter(|c| crate::analysis::is_dense(*c)) {
            head.add_text(self.title_characters, c.to_string());
        }
        head.add_text(self.tag_bigrams, tags.join(&BORDER.to_string()));
        let (high, low) = article.as_u64_pair();
        head.add_u64(self.article_high, high);
        head.add_u64(self.article_low, low);
        head.add_u64(self.questions, u64::try_from(questions.len()).unwrap_or(0));
        head.add_u64(self.level, u64::from(entry.audience.level));
        head.add_text(self.locale, &entry.locale);
        head.add_text(self.kind, &entry.kind);
        for (field, values) in [
            (self.groups, &entry.audience.groups),
            (self.products, &entry.products),
            (self.tags, &entry.tags),
        ] {
            for value in values {
                head.add_text(field, value);
            }
        }
        head.add_i64(self.from, entry.validity.from);
        head.add_i64(self.until, entry.validity.until);
        Ok(head)
    }
}
