//! What a text says before any numbering plan is asked: its digits, without the ways in which they
//! are written.

use std::sync::LazyLock;

use regex::Regex;

use super::super::width;

/// Longer texts are no telephone numbers.
const MAX_TEXT: usize = 250;

/// Full-width forms become ASCII, digits of any script decimal digits, and the Chinese words for an
/// extension one that the plans' patterns know.
pub(super) fn fold(input: &str) -> String {
    let mut text = String::with_capacity(input.len());
    for c in input.chars().take(MAX_TEXT + 1) {
        match c {
            '\u{3000}' | '\u{a0}' | '\u{202f}' | '\t' => text.push(' '),
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30fc}' => text.push('-'),
            // Invisible characters that come along when a number is copied.
            '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => {}
            _ => text.push(decimal(c).unwrap_or_else(|| width::narrow(c))),
        }
    }
    for word in ["分机号", "分機號", "分机", "分機", "内线", "內線", "转接", "轉接", "转", "轉"]
    {
        if text.contains(word) {
            text = text.replace(word, " ext ");
        }
    }
    text
}

/// The decimal digit that a character of another script stands for.
fn decimal(c: char) -> Option<char> {
    const ZEROS: [u32; 14] = [
        0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xe50,
        0xed0,
    ];
    let code = u32::from(c);
    let zero = ZEROS.iter().find(|zero| (**zero..**zero + 10).contains(&code))?;
    char::from_digit(code - zero, 10)
}

/// The part of a text that may be a number: from the first digit or plus to the last letter, digit
/// or `#`, up to the start of a second number.
pub(super) fn extract(text: &str) -> Option<String> {
    if text.chars().count() > MAX_TEXT {
        return None;
    }
    let (number, context) = match text.split_once(";phone-context=") {
        Some((number, context)) => (number, context.split(';').next().unwrap_or_default()),
        None => (text, ""),
    };
    let number = number.split(";isub=").next().unwrap_or_default();
    let number = &number[number.find(|c: char| c == '+' || c.is_ascii_digit())?..];
    let number = number.trim_end_matches(|c: char| !c.is_alphanumeric() && c != '#');
    let number = match patterns().second.find(number) {
        Some(second) => &number[..second.start()],
        None => number,
    };
    let prefix = if number.starts_with('+') || !context.starts_with('+') { "" } else { context };
    Some(format!("{prefix}{number}"))
}

/// The number without an extension such as `ext. 123`, `x123`, `#123`.
pub(super) fn without_extension(text: &str) -> &str {
    match patterns().extension.find(text) {
        Some(found) if viable(&text[..found.start()]) => &text[..found.start()],
        _ => text,
    }
}

/// Whether this can be a number: two digits, or three and more among punctuation, of which letters
/// may follow only the third.
pub(super) fn viable(text: &str) -> bool {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return true;
    }
    let mut digits = 0;
    for c in text.trim_start_matches('+').chars() {
        match c {
            '0'..='9' => digits += 1,
            '-' | 'x' | ' ' | '(' | ')' | '[' | ']' | '.' | '/' | '~' | '*' => {}
            'a'..='z' | 'A'..='Z' if digits >= 3 => {}
            _ => return false,
        }
    }
    digits >= 3
}

/// The digits of a text; letters count as the keys of a telephone where there are three and more.
pub(super) fn digits(text: &str) -> String {
    let spelt = text.chars().filter(char::is_ascii_alphabetic).count() >= 3;
    let key = |c: char| match c {
        '0'..='9' => Some(c),
        _ if !spelt => None,
        'a'..='c' => Some('2'),
        'd'..='f' => Some('3'),
        'g'..='i' => Some('4'),
        'j'..='l' => Some('5'),
        'm'..='o' => Some('6'),
        'p'..='s' => Some('7'),
        't'..='v' => Some('8'),
        'w'..='z' => Some('9'),
        _ => None,
    };
    text.chars().filter_map(|c| key(c.to_ascii_lowercase())).collect()
}

struct Patterns {
    /// The start of a second number, as in `x302/x2303`.
    second: Regex,
    /// An extension at the end of a number.
    extension: Regex,
    /// A Chinese landline as it is dialled at home, and an extension behind a hyphen.
    landline_with_extension: Regex,
}

/// Whether this is a Chinese landline as it is dialled at home, with an extension behind a hyphen.
pub(super) fn is_landline_with_extension(text: &str) -> bool {
    patterns().landline_with_extension.is_match(text.trim())
}

fn patterns() -> &'static Patterns {
    static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns {
        second: compile(r"[\\/] *x"),
        extension: compile(
            r"(?i)(?:;ext=\d{1,20}|[ ,]*(?:e?xt(?:ensi(?:o\u{301}?|ó))?n?|доб|anexo|int|[;,x\#~])[:.]?[ ,-]*\d{1,20}\#?|[- ]+\d{1,6}\#)$",
        ),
        landline_with_extension: compile(r"^(?:\+?86[ -]?)?\(?0\d{2,3}[-) ] ?\d{7,8}-\d{1,6}$"),
    });
    &PATTERNS
}

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| unreachable!("a pattern of ours: {error}"))
}
