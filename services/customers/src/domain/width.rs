//! Full-width forms, as Chinese and Japanese keyboards make them.

/// The ASCII character that a full-width one stands for; any other as it is.
pub(super) fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_width_forms_are_narrowed() {
        assert_eq!("Ａｂ０＠～　王".chars().map(narrow).collect::<String>(), "Ab0@~ 王");
    }
}
