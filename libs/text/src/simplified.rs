//! Traditional characters as simplified ones.
//!
//! A table of characters (`data/simplified.txt`) and a few rules about neighbours. Since both sides
//! of a comparison are folded, a character that has two simplified forms needs a rule only where
//! the simplified text tells them apart in words that are in daily use.

use std::sync::LazyLock;

const TABLE: &str = include_str!("../data/simplified.txt");

/// Where the unified ideographs with extension A begin; nearly all of the table lies from here …
const FIRST: u32 = 0x3400;
/// … to here.
const LAST: u32 = 0x9fff;

struct Table {
    /// By code point from [`FIRST`]; a character without an entry stands for itself.
    common: Vec<char>,
    /// The others, sorted.
    rare: Vec<(char, char)>,
}

static SIMPLIFIED: LazyLock<Table> = LazyLock::new(|| {
    let mut common: Vec<char> = (FIRST..=LAST).filter_map(char::from_u32).collect();
    let mut rare = Vec::new();
    for line in TABLE.lines().filter(|line| !line.starts_with('#')) {
        let mut pair = line.chars();
        if let (Some(from), Some(to)) = (pair.next(), pair.next()) {
            match index(from).and_then(|index| common.get_mut(index)) {
                Some(place) => *place = to,
                None => rare.push((from, to)),
            }
        }
    }
    rare.sort_unstable();
    Table { common, rare }
});

fn index(c: char) -> Option<usize> {
    u32::from(c).checked_sub(FIRST).and_then(|index| usize::try_from(index).ok())
}

/// Whether this is a Chinese character, of either script.
pub fn is_han(c: char) -> bool {
    matches!(u32::from(c),
        0x3400..=0x4dbf | 0x4e00..=0x9fff | 0xf900..=0xfaff | 0x2_0000..=0x3_ffff)
        || matches!(c, '々' | '〇')
}

/// The simplified form of a character by itself.
pub(crate) fn simplified(c: char) -> char {
    if !is_han(c) {
        return c;
    }
    let table = &*SIMPLIFIED;
    match index(c).and_then(|index| table.common.get(index)) {
        Some(to) => *to,
        None => match table.rare.binary_search_by_key(&c, |(from, _)| *from) {
            Ok(found) => table.rare.get(found).map_or(c, |(_, to)| *to),
            Err(_) => c,
        },
    }
}

/// Whether the form depends on its neighbours; [`by_neighbours`] then decides.
pub(crate) fn is_contextual(c: char) -> bool {
    matches!(c, '著' | '瞭' | '乾' | '覆' | '藉')
}

/// The form of a contextual character between folded neighbours.
///
/// Both forms take three bytes, and no neighbour named here is contextual itself, so that folding
/// stays idempotent and moves no position.
pub(crate) fn by_neighbours(before: Option<char>, c: char, after: Option<char>) -> char {
    let follows = |of: &str| before.is_some_and(|before| of.contains(before));
    let precedes = |of: &str| after.is_some_and(|after| of.contains(after));
    match c {
        '著' if !follows("显名编原专土卓昭论巨拙遗译合") && !precedes("名作称述者书录") => {
            '着'
        }
        '瞭' if !precedes("望") => '了',
        '乾' if !precedes("坤隆清元陵卦嘉") => '干',
        '覆' if follows("答回批反函") => '复',
        '藉' if follows("凭") || precedes("口助以由此故") => '借',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_complete_and_ends_at_once() {
        let pairs: Vec<&str> = TABLE.lines().filter(|line| !line.starts_with('#')).collect();
        assert!(pairs.len() > 4_000);
        for pair in pairs {
            let mut chars = pair.chars();
            let (from, to) = (chars.next().unwrap(), chars.next().unwrap());
            assert_eq!(simplified(from), to);
            assert_eq!(simplified(to), to, "{pair}");
        }
    }

    #[test]
    fn what_is_not_chinese_stays() {
        for c in ['a', 'é', '가', 'の', '。', '1'] {
            assert_eq!(simplified(c), c);
        }
    }
}
