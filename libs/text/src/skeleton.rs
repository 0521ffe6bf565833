//! The skeleton of a folded text: without what may be put in between, and without repeats.

/// One kept character of a folded text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bone {
    /// Where its run begins in the folded text.
    pub(crate) start: usize,
    /// Where its run ends.
    pub(crate) end: usize,
    /// How often it stands there.
    pub(crate) run: usize,
    pub(crate) c: char,
}

/// What may be put between the characters of a wording without changing what it says.
pub(crate) fn is_ignorable(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '*' | '_' | '-' | '.' | '·' | '•' | '|' | '/' | '\\' | '~' | '^' | '+' | '#')
        || matches!(c, '、' | '…' | '。' | ',' | '\'' | '"' | '`' | '=')
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180f}')
}

/// The bones of a folded text.
pub(crate) fn bones(folded: &str) -> Vec<Bone> {
    let mut bones: Vec<Bone> = Vec::new();
    for (start, c) in folded.char_indices().filter(|(_, c)| !is_ignorable(*c)) {
        let end = start + c.len_utf8();
        match bones.last_mut().filter(|last| last.c == c) {
            Some(last) => {
                last.end = end;
                last.run += 1;
            }
            None => bones.push(Bone { start, end, run: 1, c }),
        }
    }
    bones
}

/// Whether a run in a text may stand for a run of `wanted` in a wording.
///
/// Digits are exact; a letter is either exact or stretched (three and more), so that "good" is no
/// "god"; any other character may be repeated.
pub(crate) fn stands_for(found: usize, wanted: usize, c: char) -> bool {
    match c {
        c if c.is_numeric() => found == wanted,
        c if is_letter(c) => found == wanted || (found >= 3 && found > wanted),
        _ => found >= wanted,
    }
}

/// A letter of a script that separates words.
pub(crate) fn is_letter(c: char) -> bool {
    c.is_alphabetic() && u32::from(c) < 0x2e80
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignorables_go_and_repeats_are_counted() {
        let found: Vec<(char, usize)> =
            bones("最*最 最\u{200d}好!").iter().map(|bone| (bone.c, bone.run)).collect();
        assert_eq!(found, [('最', 3), ('好', 1), ('!', 1)]);
    }

    #[test]
    fn runs() {
        assert!(stands_for(3, 1, '最') && !stands_for(1, 2, '天'));
        assert!(stands_for(3, 2, 'o') && !stands_for(2, 1, 'o'));
        assert!(stands_for(2, 2, '0') && !stands_for(3, 2, '0'));
    }
}
