//! Names of people: put together by the script that they are written in, never taken apart.

/// The full name of these parts: for Chinese, Japanese and Korean the family name first and no space,
/// otherwise the given name first. A part that is missing leaves no trace.
pub fn full(family: &str, given: &str) -> String {
    let (family, given) = (family.trim(), given.trim());
    if family.is_empty() || given.is_empty() {
        return format!("{family}{given}");
    }
    if is_cjk(family) && is_cjk(given) {
        format!("{family}{given}")
    } else {
        format!("{given} {family}")
    }
}

/// Whether a name is written in the characters of Chinese, Japanese or Korean.
pub fn is_cjk(name: &str) -> bool {
    let mut letters = name.chars().filter(|c| c.is_alphabetic()).peekable();
    letters.peek().is_some() && letters.all(is_cjk_letter)
}

fn is_cjk_letter(c: char) -> bool {
    matches!(c,
        '\u{3005}'..='\u{3007}'     // 々〆〇
        | '\u{3040}'..='\u{30ff}'   // hiragana, katakana
        | '\u{3400}'..='\u{4dbf}'   // ideographs, extension A
        | '\u{4e00}'..='\u{9fff}'   // ideographs
        | '\u{ac00}'..='\u{d7af}'   // hangul
        | '\u{f900}'..='\u{faff}'   // compatibility ideographs
        | '\u{20000}'..='\u{323af}' // ideographs, extensions B to H
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_decides_the_order() {
        assert_eq!(full("王", "小明"), "王小明");
        assert_eq!(full("欧阳", "娜娜"), "欧阳娜娜");
        assert_eq!(full("김", "민준"), "김민준");
        assert_eq!(full("𠮷", "野家"), "𠮷野家");
        assert_eq!(full("Smith", "Ann Mary"), "Ann Mary Smith");
        assert_eq!(full("王", "Ann"), "Ann 王");
        assert_eq!(full("·", "·"), "· ·");
    }

    #[test]
    fn a_missing_part_leaves_no_space() {
        assert_eq!(full("王", ""), "王");
        assert_eq!(full("", " Ann "), "Ann");
        assert_eq!(full(" ", ""), "");
    }
}
