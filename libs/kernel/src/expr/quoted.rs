//! Strings in quotes, as CEL reads them.

/// Reads the string that `source` starts with: its length in bytes and what it says. An error has
/// its offset and the reason.
pub(super) fn read(source: &str) -> Result<(usize, String), (usize, &'static str)> {
    let prefix = usize::from(source.starts_with(['r', 'R']));
    let is_raw = prefix == 1;
    let quoted = source.get(prefix..).unwrap_or_default();
    let delimiter = ["\"\"\"", "'''", "\"", "'"]
        .into_iter()
        .find(|delimiter| quoted.starts_with(delimiter))
        .ok_or((0, "a string starts with a quote"))?;
    let is_long = delimiter.len() == 3;
    let mut at = prefix + delimiter.len();
    let mut text = String::new();
    loop {
        let rest = source.get(at..).unwrap_or_default();
        if rest.starts_with(delimiter) {
            return Ok((at + delimiter.len(), text));
        }
        let Some(first) = rest.chars().next() else {
            return Err((0, "the string is not closed"));
        };
        match first {
            '\\' if !is_raw => {
                let (length, character) = escape(rest).map_err(|reason| (at, reason))?;
                text.push(character);
                at += length;
            }
            '\n' | '\r' if !is_long => {
                return Err((at, "only a string in triple quotes goes over several lines"));
            }
            _ => {
                text.push(first);
                at += first.len_utf8();
            }
        }
    }
}

const NO_ESCAPE: &str = "there is no such escape";

/// Reads an escape: its length and the character it stands for.
fn escape(rest: &str) -> Result<(usize, char), &'static str> {
    let kind = rest.chars().nth(1).ok_or(NO_ESCAPE)?;
    let simple = match kind {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' | '?' | '"' | '\'' | '`' => kind,
        'x' | 'X' => return coded(rest, 2, 2, 16),
        'u' => return coded(rest, 2, 4, 16),
        'U' => return coded(rest, 2, 8, 16),
        '0'..='3' => return coded(rest, 1, 3, 8),
        _ => return Err(NO_ESCAPE),
    };
    Ok((2, simple))
}

/// The code point of `length` digits from `start`.
fn coded(
    rest: &str,
    start: usize,
    length: usize,
    radix: u32,
) -> Result<(usize, char), &'static str> {
    let digits = rest.get(start..start + length).ok_or("the escape is too short")?;
    if !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Err("the escape has a character that is no digit of it");
    }
    let code = u32::from_str_radix(digits, radix).map_err(|_| NO_ESCAPE)?;
    let character = char::from_u32(code).ok_or("the escape is no code point")?;
    Ok((start + length, character))
}
