//! What both sides of a search are analysed by.

use std::fmt;
use std::sync::Arc;

use jieba_rs::Jieba;

use super::grams::{Gram, words};

/// Cuts texts into terms, with the dictionary of Chinese words.
///
/// Loading the dictionary takes some tenths of a second and some ten megabytes; clones share it, so
/// a process makes one and gives it to every index.
#[derive(Clone)]
pub struct Analyzer {
    jieba: Arc<Jieba>,
}

impl fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Analyzer").finish_non_exhaustive()
    }
}

impl Default for Analyzer {
    fn default() -> Self {
        Self::new()
    }
}

impl Analyzer {
    /// Loads the dictionary that is compiled in.
    pub fn new() -> Self {
        Self { jieba: Arc::new(Jieba::new()) }
    }

    /// Whether the dictionary has this word.
    pub fn has_word(&self, word: &str) -> bool {
        self.jieba.has_word(word)
    }

    pub(crate) fn jieba(&self) -> &Jieba {
        &self.jieba
    }

    /// The words of a folded text.
    pub(crate) fn words(&self, folded: &str) -> Vec<Gram> {
        words(folded, &self.jieba)
    }
}
