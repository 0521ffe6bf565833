//! Text as it is compared: what two people may write differently and mean the same
//!
//! [`fold`] brings a text into the form that is compared and indexed: compatibility forms and
//! widths (NFKC), case, traditional characters as simplified ones, circled and other digits, dashes
//! and quotes. [`fold_mapped`] does the same and keeps the way back, so that what was found in the
//! folded text is shown in the original. [`Lexicon`] finds given wordings in a text however they
//! are spelt, spaced or stretched.
//!
//! # Invariants
//!
//! - Folding is idempotent, and depends on nothing but the text.
//! - Every folded position leads to a range of the original that begins and ends on characters;
//!   ranges grow with positions, and together they cover the original.
//! - Both sides of a comparison are folded. So folding may be coarser than an orthography (two
//!   characters that differ may become one), and never needs to know which script a text is in.
//!
//! # Absent
//!
//! Segmentation into words, stemming and synonyms (search), and anything that is shown: the
//! original is.

mod digits;
mod fold;
mod lexicon;
mod simplified;
mod skeleton;

pub use fold::{Folded, fold, fold_mapped};
pub use lexicon::{Entry, Lexicon, LexiconError, Match};
pub use simplified::is_han;
