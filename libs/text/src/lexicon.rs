//! Given wordings, found in a text however they are spelt.

use std::ops::Range;

use aho_corasick::{AhoCorasick, BuildError, MatchKind};

use crate::fold::{fold, fold_mapped};
use crate::skeleton::{Bone, bones, is_ignorable, is_letter, stands_for};

/// A wording with what it is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry<I> {
    /// What a match says.
    pub id: I,
    /// The wording, as people write it.
    pub wording: String,
    /// Whether it is fine to say, so that a wording inside it is not found.
    pub allowed: bool,
}

/// A wording that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match<'l, I> {
    /// Of the entry.
    pub id: &'l I,
    /// The bytes of the original text.
    pub span: Range<usize>,
}

/// Why no lexicon could be built.
#[derive(Debug, thiserror::Error)]
pub enum LexiconError {
    /// The wordings are too many or too long together.
    #[error("the wordings do not fit into one lexicon")]
    TooLarge(#[source] BuildError),
}

/// Wordings that are found in any text in one pass.
///
/// Compared is the folded text, without ignorable characters between (spaces, `*`, joiners) and
/// with repeats; a wording of letters is found as whole words only. Of wordings that overlap, the
/// one that begins first and then the longest is told. An allowed wording hides what lies within
/// it, so the longer one wins.
#[derive(Debug)]
pub struct Lexicon<I> {
    patterns: Vec<Pattern<I>>,
    automaton: AhoCorasick,
}

#[derive(Debug)]
struct Pattern<I> {
    id: I,
    allowed: bool,
    bones: Vec<(char, usize)>,
    words: Vec<String>,
}

/// A match in the bones of a text.
struct Found {
    pattern: usize,
    bones: Range<usize>,
}

impl<I> Lexicon<I> {
    /// A lexicon of these wordings; one of which folding leaves nothing is never found.
    pub fn new(entries: impl IntoIterator<Item = Entry<I>>) -> Result<Self, LexiconError> {
        let mut patterns = Vec::new();
        let mut skeletons: Vec<String> = Vec::new();
        for entry in entries {
            let folded = fold(&entry.wording);
            let bones = bones(&folded);
            if bones.is_empty() {
                continue;
            }
            skeletons.push(bones.iter().map(|bone| bone.c).collect());
            patterns.push(Pattern {
                id: entry.id,
                allowed: entry.allowed,
                bones: bones.iter().map(|bone| (bone.c, bone.run)).collect(),
                words: words(&folded),
            });
        }
        let automaton = AhoCorasick::builder()
            .match_kind(MatchKind::Standard)
            .build(&skeletons)
            .map_err(LexiconError::TooLarge)?;
        Ok(Self { patterns, automaton })
    }

    /// The wordings in a text, from its beginning to its end, without overlaps.
    pub fn find(&self, text: &str) -> Vec<Match<'_, I>> {
        let folded = fold_mapped(text);
        let bones = bones(folded.text());
        let found = self.candidates(folded.text(), &bones);
        let (allowed, mut wanted): (Vec<Found>, Vec<Found>) =
            found.into_iter().partition(|one| self.pattern(one).is_none_or(|p| p.allowed));
        wanted.retain(|one| !allowed.iter().any(|other| covers(&other.bones, &one.bones)));
        wanted.sort_by_key(|one| (one.bones.start, usize::MAX - one.bones.end, one.pattern));
        let mut reached = 0;
        let mut matches = Vec::new();
        for one in wanted {
            if let (true, Some(pattern), Some(range)) =
                (one.bones.start >= reached, self.pattern(&one), extent(&bones, &one.bones))
            {
                reached = one.bones.end;
                matches.push(Match { id: &pattern.id, span: folded.source(range) });
            }
        }
        matches
    }

    fn pattern(&self, found: &Found) -> Option<&Pattern<I>> {
        self.patterns.get(found.pattern)
    }

    /// Every wording that stands there, overlapping ones too.
    fn candidates(&self, folded: &str, bones: &[Bone]) -> Vec<Found> {
        let mut skeleton = String::with_capacity(folded.len());
        // Which bone begins at a byte of the skeleton.
        let mut starts = Vec::with_capacity(bones.len());
        for bone in bones {
            starts.push(skeleton.len());
            skeleton.push(bone.c);
        }
        let bone_at = |byte: usize| starts.partition_point(|start| *start < byte);
        self.automaton
            .find_overlapping_iter(&skeleton)
            .map(|hit| Found {
                pattern: hit.pattern().as_usize(),
                bones: bone_at(hit.start())..bone_at(hit.end()),
            })
            .filter(|found| self.stands(folded, bones, found))
            .collect()
    }

    /// Whether the bones are really this wording: runs, word borders, and words that were not torn
    /// out of others.
    fn stands(&self, folded: &str, bones: &[Bone], found: &Found) -> bool {
        let (Some(pattern), Some(part)) = (self.pattern(found), bones.get(found.bones.clone()))
        else {
            return false;
        };
        let runs = part.len() == pattern.bones.len()
            && part
                .iter()
                .zip(&pattern.bones)
                .all(|(bone, (c, run))| bone.c == *c && stands_for(bone.run, *run, *c));
        let Some(range) = extent(bones, &found.bones).filter(|_| runs) else { return false };
        let (Some(before), Some(inside), Some(after)) =
            (folded.get(..range.start), folded.get(range.clone()), folded.get(range.end..))
        else {
            return false;
        };
        whole(before.chars().next_back(), inside.chars().next())
            && whole(inside.chars().next_back(), after.chars().next())
            && untorn(&words(inside), &pattern.words)
    }
}

/// Whether a word may begin or end between two neighbours.
fn whole(left: Option<char>, right: Option<char>) -> bool {
    let joins = |c: Option<char>| c.is_some_and(|c| is_letter(c) || c.is_numeric());
    !(joins(left) && joins(right))
}

/// Words of letters are the wording's own, but for repeats, or spelt letter by letter.
fn untorn(found: &[String], wording: &[String]) -> bool {
    let lettered = |words: &[String]| words.iter().any(|word| word.contains(is_letter));
    !lettered(found)
        || found.len() == wording.len()
        || found.iter().filter(|word| word.contains(is_letter)).all(|w| w.chars().count() == 1)
}

fn words(folded: &str) -> Vec<String> {
    folded.split(is_ignorable).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// The bytes of the folded text that bones take.
fn extent(bones: &[Bone], range: &Range<usize>) -> Option<Range<usize>> {
    let part = bones.get(range.clone())?;
    Some(part.first()?.start..part.last()?.end)
}

fn covers(outer: &Range<usize>, inner: &Range<usize>) -> bool {
    outer.start <= inner.start && outer.end >= inner.end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lexicon(forbidden: &[&str], allowed: &[&str]) -> Lexicon<String> {
        let entry = |allowed| {
            move |wording: &&str| Entry {
                id: (*wording).to_owned(),
                wording: (*wording).to_owned(),
                allowed,
            }
        };
        let entries = forbidden.iter().map(entry(false)).chain(allowed.iter().map(entry(true)));
        Lexicon::new(entries.collect::<Vec<_>>()).unwrap()
    }

    fn found<'t>(lexicon: &Lexicon<String>, text: &'t str) -> Vec<(String, &'t str)> {
        lexicon.find(text).into_iter().map(|m| (m.id.clone(), &text[m.span])).collect()
    }

    #[test]
    fn a_wording_is_found_however_it_is_written() {
        let lexicon = lexicon(&["绝对保证", "best price", "100%"], &[]);
        for text in ["絕對保證", "绝 对*保\u{200d}证", "绝绝对保证证", "絕．對．保．證"]
        {
            assert_eq!(found(&lexicon, text), [("绝对保证".to_owned(), text)], "{text}");
        }
        assert_eq!(found(&lexicon, "我们绝对保证！"), [("绝对保证".to_owned(), "绝对保证")]);
        for text in ["BEST  price", "b-e-s-t p-r-i-c-e", "ｂｅｓｔ price", "besssst price"] {
            assert_eq!(found(&lexicon, text).len(), 1, "{text}");
        }
        assert_eq!(found(&lexicon, "１００％"), [("100%".to_owned(), "１００％")]);
        for text in ["1000%", "the best prices", "robest price", "绝对不保证"] {
            assert_eq!(found(&lexicon, text), [], "{text}");
        }
    }

    #[test]
    fn words_are_not_torn_out_of_others() {
        let lexicon = lexicon(&["notable", "天天向上"], &[]);
        assert_eq!(found(&lexicon, "we are not able to"), []);
        assert_eq!(found(&lexicon, "天向上"), []);
        assert_eq!(found(&lexicon, "n o t a b l e").len(), 1);
    }

    #[test]
    fn the_longest_wins_and_what_is_allowed_hides_what_it_covers() {
        let both = lexicon(&["最", "最好", "第一"], &["最近", "第一次"]);
        assert_eq!(found(&both, "最好"), [("最好".to_owned(), "最好")]);
        assert_eq!(found(&both, "最近第一次买"), []);
        assert_eq!(
            found(&both, "最近最贵，第一"),
            [("最".to_owned(), "最"), ("第一".to_owned(), "第一"),]
        );
        let longer = lexicon(&["最近最好"], &["最近"]);
        assert_eq!(found(&longer, "最近最好").len(), 1);
    }

    #[test]
    fn nothing_is_found_by_nothing() {
        assert_eq!(found(&lexicon(&["", " * "], &[]), "a * b"), []);
        assert_eq!(found(&lexicon(&[], &[]), "anything"), []);
    }

    proptest! {
        #[test]
        fn spans_lie_in_the_text(text in any::<String>(), wording in "[a-c最好 *]{1,4}") {
            let lexicon = lexicon(&[&wording], &[]);
            let mut reached = 0;
            for one in lexicon.find(&text) {
                prop_assert!(one.span.start >= reached && text.get(one.span.clone()).is_some());
                reached = one.span.end;
            }
        }

        #[test]
        fn a_wording_is_found_in_itself(wording in "[a-z最好第一０-９电腦]{1,12}") {
            let lexicon = lexicon(&[&wording], &[]);
            prop_assert_eq!(found(&lexicon, &wording), [(wording.clone(), wording.as_str())]);
        }
    }
}
