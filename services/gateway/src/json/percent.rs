//! Percent-encoding, as strict as RFC 3986: a `%` without two hexadecimal digits, or bytes that are no
//! UTF-8, are refused and never passed on.

/// The text of a path's segment.
pub(crate) fn decode(text: &str) -> Option<String> {
    decoded(text, |_| true)
}

/// The text of a path's segment, with `%2F` as it is, so that it cannot become a separator.
pub(crate) fn decode_but_slashes(text: &str) -> Option<String> {
    decoded(text, |byte| byte != b'/')
}

/// The text of a name or a value in a query, where `+` is a space.
pub(crate) fn decode_query(text: &str) -> Option<String> {
    if text.contains('+') { decode(&text.replace('+', "%20")) } else { decode(text) }
}

fn decoded(text: &str, takes: impl Fn(u8) -> bool) -> Option<String> {
    if !text.contains('%') {
        return Some(text.to_owned());
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut left = text.as_bytes();
    while let Some((&first, after)) = left.split_first() {
        left = after;
        if first != b'%' {
            bytes.push(first);
            continue;
        }
        let (digits, after) = left.split_at_checked(2)?;
        let byte = digit(digits[0])? * 16 + digit(digits[1])?;
        left = after;
        if takes(byte) {
            bytes.push(byte);
        } else {
            bytes.extend([b'%', digits[0], digits[1]]);
        }
    }
    String::from_utf8(bytes).ok()
}

fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// The text of a `grpc-message`: what is broken stays as it is, since a message is only read.
pub(crate) fn decode_message(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    decode(&text).unwrap_or_else(|| text.into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_are_decoded_strictly() {
        assert_eq!(decode("a%20b+c").as_deref(), Some("a b+c"));
        assert_eq!(decode_query("a+b%2Bc").as_deref(), Some("a b+c"));
        assert_eq!(decode_but_slashes("a%2fb%2Fc%2e").as_deref(), Some("a%2fb%2Fc."));
        for bad in ["%", "%2", "%zz", "%ff", "%+1", "a%C3"] {
            assert_eq!(decode(bad), None, "{bad}");
        }
        assert_eq!(decode_message(b"50% of it"), "50% of it");
    }

    fn hexadecimal(digit: u8) -> char {
        char::from_digit(digit.into(), 16).unwrap()
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(text in ".*") {
            let mut encoded = String::new();
            for byte in text.bytes() {
                encoded.extend(['%', hexadecimal(byte / 16), hexadecimal(byte % 16)]);
            }
            prop_assert_eq!(decode(&encoded), Some(text));
        }
    }
}
