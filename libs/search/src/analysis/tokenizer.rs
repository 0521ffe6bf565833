//! The two cuts, as tantivy asks for them.

use tantivy::tokenizer::{Token, TokenStream, Tokenizer, TokenizerManager};

use super::analyzer::Analyzer;
use super::grams::{Gram, bigrams};

/// The name of the cut into pairs.
pub(crate) const BIGRAMS: &str = "bigrams";
/// The name of the cut into words.
pub(crate) const WORDS: &str = "words";

/// Makes both cuts known; the texts of documents come folded.
pub(crate) fn register(manager: &TokenizerManager, analyzer: &Analyzer) {
    manager.register(BIGRAMS, Bigrams);
    manager.register(WORDS, Words(analyzer.clone()));
}

#[derive(Clone)]
struct Bigrams;

#[derive(Clone)]
struct Words(Analyzer);

impl Tokenizer for Bigrams {
    type TokenStream<'a> = Grams<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Grams<'a> {
        Grams::of(text, bigrams(text))
    }
}

impl Tokenizer for Words {
    type TokenStream<'a> = Grams<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Grams<'a> {
        Grams::of(text, self.0.words(text))
    }
}

/// Terms that were cut beforehand.
pub(crate) struct Grams<'a> {
    text: &'a str,
    rest: std::vec::IntoIter<Gram>,
    token: Token,
}

impl<'a> Grams<'a> {
    fn of(text: &'a str, grams: Vec<Gram>) -> Self {
        Self { text, rest: grams.into_iter(), token: Token::default() }
    }
}

impl TokenStream for Grams<'_> {
    fn advance(&mut self) -> bool {
        let Some(gram) = self.rest.next() else { return false };
        self.token.reset();
        self.token.offset_from = gram.start;
        self.token.offset_to = gram.end;
        self.token.position = gram.position;
        self.token.text.push_str(gram.text(self.text));
        true
    }

    fn token(&self) -> &Token {
        &self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        &mut self.token
    }
}
