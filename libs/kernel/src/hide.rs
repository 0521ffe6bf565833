//! What callers without `pii.read` see of names, numbers and addresses.
//!
//! A mask has the same length whatever it hides, so that not even the length is told.

/// What stands for the hidden part of a name.
pub const NAME: &str = "**";
/// What stands for the hidden part of a number or an address.
pub const REST: &str = "****";
/// A number of fewer characters is hidden as a whole: two of them would be too much of it.
const SHORTEST_WITH_TAIL: usize = 5;

/// Whether a text is what a mask left of another, ours or another system's; it must never be taken for
/// the whole.
pub fn is_masked(text: &str) -> bool {
    text.contains(NAME) || text.contains("＊＊")
}

/// Of a name the first character.
pub fn name(name: &str) -> String {
    name.trim().chars().next().map_or_else(String::new, |first| format!("{first}{NAME}"))
}

/// Of an address its first character and the domain.
pub fn address(value: &str) -> String {
    let Some((local, domain)) = value.trim().rsplit_once(['@', '＠']) else {
        return number(value);
    };
    let first = local.chars().next().map(String::from).unwrap_or_default();
    format!("{first}{REST}@{domain}")
}

/// Of a number the last two characters.
pub fn number(value: &str) -> String {
    if value.is_empty() {
        return String::new();
    }
    let kept: Vec<char> = value.chars().filter(|c| c.is_alphanumeric()).collect();
    if kept.len() < SHORTEST_WITH_TAIL {
        return REST.to_owned();
    }
    let tail: String = kept[kept.len() - 2..].iter().collect();
    format!("{REST}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays() {
        assert_eq!(name("王小明"), "王**");
        assert_eq!(name(""), "");
        assert_eq!(number("+8613800138023"), "****23");
        assert_eq!(number("110"), "****");
        assert_eq!(address("wang.fang@example.com"), "w****@example.com");
        assert_eq!(address("nonsense"), "****se");
    }

    #[test]
    fn what_a_mask_left_is_known_as_such() {
        for masked in ["王**", "****23", "138****8000", "w****@example.com", "王＊＊"] {
            assert!(is_masked(masked), "{masked}");
        }
        assert!(!is_masked("*wang@example.com"));
    }
}
