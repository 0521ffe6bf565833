//! Digits, dashes and quotes that NFKC leaves as they are.

/// What a sign is compared as, where NFKC does not say it.
pub(crate) fn plain(c: char) -> Option<&'static str> {
    Some(match c {
        '〇' => "零",
        // Dingbats and the second set of enclosed numbers.
        '\u{24ff}' => "0",
        '\u{2776}'..='\u{277f}' => nth(c, '\u{2776}', 1),
        '\u{2780}'..='\u{2789}' => nth(c, '\u{2780}', 1),
        '\u{278a}'..='\u{2793}' => nth(c, '\u{278a}', 1),
        '\u{24f5}'..='\u{24fe}' => nth(c, '\u{24f5}', 1),
        '\u{24eb}'..='\u{24f4}' => nth(c, '\u{24eb}', 11),
        '\u{2018}' | '\u{2019}' | '\u{201b}' | '\u{2032}' => "'",
        '\u{201c}' | '\u{201d}' | '\u{201f}' | '\u{2033}' => "\"",
        '\u{2010}'..='\u{2015}' | '\u{2212}' => "-",
        _ => return None,
    })
}

const NUMBERS: [&str; 20] = [
    "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15", "16", "17",
    "18", "19", "20",
];

/// The number of a sign in a row that begins with `first`, which stands for `from`.
fn nth(c: char, first: char, from: u32) -> &'static str {
    let index = u32::from(c) - u32::from(first) + from - 1;
    usize::try_from(index).ok().and_then(|index| NUMBERS.get(index)).copied().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn enclosed_numbers_are_numbers() {
        let cases = [('❶', "1"), ('➉', "10"), ('➓', "10"), ('⓴', "20"), ('⓫', "11"), ('⓿', "0")];
        for (sign, number) in cases {
            assert_eq!(plain(sign), Some(number), "{sign}");
        }
        assert_eq!(plain('一'), None);
    }
}
