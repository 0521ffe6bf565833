//! A folded text cut into runs that are tokenised alike.

/// A run of a folded text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece<'t> {
    /// Script that does not separate words.
    Dense {
        /// Where it begins.
        start: usize,
        /// The run.
        text: &'t str,
    },
    /// A word or number, apostrophes within it.
    Word {
        /// Where it begins.
        start: usize,
        /// The word.
        text: &'t str,
        /// Whether one connecting sign and nothing else stands between the word before and this.
        joined: bool,
    },
    /// The border of two parts of a document; no phrase crosses it.
    Border,
}

/// What parts of a document are separated by.
pub(crate) const BORDER: char = '\u{1e}';

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Dense,
    Word,
    Border,
    Other,
}

/// Chinese characters, kana and hangul: written without spaces, or with few.
pub(crate) fn is_dense(c: char) -> bool {
    text::is_han(c) || matches!(u32::from(c), 0x3041..=0x30ff | 0x31f0..=0x31ff | 0xac00..=0xd7a3)
}

fn kind(c: char) -> Kind {
    match c {
        BORDER => Kind::Border,
        c if c.is_ascii_alphanumeric() => Kind::Word,
        c if is_dense(c) => Kind::Dense,
        // A mark stays with its letter; what remains of marks after folding belongs to words.
        c if c.is_alphanumeric() || matches!(u32::from(c), 0x300..=0x36f | 0x900..=0xd7f) => {
            Kind::Word
        }
        _ => Kind::Other,
    }
}

/// The runs of a folded text, in order; punctuation is none.
pub(crate) fn pieces(folded: &str) -> Pieces<'_> {
    Pieces { folded, at: 0, connector: false }
}

/// Iterates over [`Piece`]s.
pub(crate) struct Pieces<'t> {
    folded: &'t str,
    at: usize,
    /// Whether exactly one connecting sign follows the last word up to here.
    connector: bool,
}

impl Pieces<'_> {
    fn end_of(&self, start: usize, wanted: Kind) -> usize {
        let rest = self.folded.get(start..).unwrap_or_default();
        let mut chars = rest.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            let inside = kind(c) == wanted
                || (wanted == Kind::Word
                    && c == '\''
                    && at > 0
                    && chars
                        .peek()
                        .is_some_and(|(_, next)| next.is_alphabetic() && !is_dense(*next)));
            if !inside {
                return start + at;
            }
        }
        self.folded.len()
    }
}

impl<'t> Iterator for Pieces<'t> {
    type Item = Piece<'t>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let start = self.at;
            let c = self.folded.get(start..)?.chars().next()?;
            let kind = kind(c);
            let end = match kind {
                Kind::Dense | Kind::Word => self.end_of(start, kind),
                Kind::Border | Kind::Other => start + c.len_utf8(),
            };
            self.at = end;
            let text = self.folded.get(start..end)?;
            let joined = std::mem::take(&mut self.connector);
            match kind {
                Kind::Dense => return Some(Piece::Dense { start, text }),
                Kind::Border => return Some(Piece::Border),
                Kind::Word => {
                    let next = self.folded.get(end..)?.chars().next();
                    self.connector = next.is_some_and(is_connector);
                    return Some(Piece::Word { start, text, joined });
                }
                Kind::Other => {
                    let after = self.folded.get(end..)?.chars().next();
                    let goes_on = after.is_some_and(|after| self::kind(after) == Kind::Word);
                    self.connector = joined && is_connector(c) && goes_on;
                }
            }
        }
    }
}

/// What model numbers are written with.
fn is_connector(c: char) -> bool {
    matches!(c, '-' | '_' | '.' | '/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_mixed_text() {
        let found: Vec<String> = pieces("空调kfr-35gw、don't - x\u{1e}iphone 15")
            .map(|piece| match piece {
                Piece::Dense { text, .. } => format!("D{text}"),
                Piece::Word { text, joined, .. } => {
                    format!("{}{text}", if joined { "J" } else { "W" })
                }
                Piece::Border => "|".to_owned(),
            })
            .collect();
        assert_eq!(found, ["D空调", "Wkfr", "J35gw", "Wdon't", "Wx", "|", "Wiphone", "W15"]);
    }
}
