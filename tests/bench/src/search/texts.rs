//! Articles and questions that are made, the same each time, as frequent words are frequent in texts.

use ::search::Entry;

/// How many words each language has.
const WORDS: u64 = 30_000;
/// The most frequent are drawn from so many characters.
const CHARACTERS: u64 = 3_000;

/// Draws numbers: splitmix64.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    /// A rank, each half as likely as one of half its size (Zipf).
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rank below thirty thousand"
    )]
    fn rank(&mut self) -> u64 {
        let uniform = self.next() as f64 / u64::MAX as f64;
        ((WORDS as f64).powf(uniform) as u64).min(WORDS) - 1
    }
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

fn chinese(rank: u64) -> String {
    let mut draw = Draw(rank.wrapping_mul(7_919));
    let length = 1 + draw.below(3).min(1) + draw.below(4) / 3;
    let character = |draw: &mut Draw| {
        let code = 0x4e00 + draw.below(CHARACTERS);
        u32::try_from(code).ok().and_then(char::from_u32).unwrap_or('一')
    };
    (0..length).map(|_| character(&mut draw)).collect()
}

fn english(rank: u64) -> String {
    const SYLLABLES: [&str; 16] = [
        "ba", "con", "de", "ter", "ing", "lo", "mi", "ran", "su", "per", "ta", "ver", "wo", "ex",
        "qui", "ply",
    ];
    let mut draw = Draw(rank.wrapping_mul(104_729));
    let length = 1 + draw.below(4);
    let syllable = |draw: &mut Draw| {
        usize::try_from(draw.below(16)).ok().and_then(|at| SYLLABLES.get(at)).copied().unwrap_or("")
    };
    (0..length).map(|_| syllable(&mut draw)).collect()
}

fn text(draw: &mut Draw, is_chinese: bool, words: u64) -> String {
    let mut text = String::new();
    for word in 1..=words {
        let rank = draw.rank();
        text.push_str(&if is_chinese { chinese(rank) } else { english(rank) });
        match (is_chinese, word % 12 == 0) {
            (true, true) => text.push('，'),
            (true, false) => {}
            (false, true) => text.push_str(". "),
            (false, false) => text.push(' '),
        }
    }
    text
}

/// The article of a number: every other one in Chinese, with two similar questions.
pub(crate) fn entry(number: u64) -> Entry {
    let mut draw = Draw(mix(number));
    let is_chinese = number.is_multiple_of(2);
    let body = 60 + draw.below(120);
    Entry {
        locale: if is_chinese { "zh-CN" } else { "en" }.to_owned(),
        revision: 1,
        kind: "faq".to_owned(),
        title: text(&mut draw, is_chinese, 6),
        questions: (0..2).map(|_| text(&mut draw, is_chinese, 7)).collect(),
        body: text(&mut draw, is_chinese, body),
        ..Entry::default()
    }
}

/// The question of a number: one to nine words, in the language of its locale.
pub(crate) fn question(number: u64) -> (String, &'static str) {
    let mut draw = Draw(mix(number ^ 0xdead_beef));
    let is_chinese = number.is_multiple_of(2);
    let words = [1, 2, 3, 5, 9][usize::try_from(draw.below(5)).unwrap_or(0)];
    (text(&mut draw, is_chinese, words), if is_chinese { "zh-CN" } else { "en" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_each_time_and_frequent_words_are_frequent() {
        assert_eq!(entry(7), entry(7));
        assert_ne!(entry(7).body, entry(9).body);
        let mut draw = Draw(1);
        let ranks: Vec<u64> = (0..1_000).map(|_| draw.rank()).collect();
        let low = ranks.iter().filter(|rank| **rank < 173).count();
        assert!((400..600).contains(&low), "{low}");
        assert!(ranks.iter().all(|rank| *rank < WORDS));
    }
}
