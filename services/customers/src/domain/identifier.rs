//! Identifiers: what a customer is reached or recognised by, and the key that it is found by.
//!
//! One function makes the key for every writer and reader. Values that many people give who mean
//! nothing by them never make a key.

use contracts::customers::v1::IdentifierKind as Kind;

use super::{email, mask, phone, width};

/// The longest value, in characters.
pub const MAX_VALUE: usize = 254;

/// Words that stand for nothing, whatever the kind.
const NOTHING: [&str; 16] = [
    "无",
    "没有",
    "不详",
    "未知",
    "暂无",
    "n/a",
    "na",
    "none",
    "null",
    "nil",
    "unknown",
    "test",
    "anonymous",
    "undefined",
    "xxx",
    "-",
];
/// Addresses that stand for nothing, without the part after the domain's name.
const NOBODY: [&str; 12] = [
    "test@test",
    "none@none",
    "no@no",
    "na@na",
    "a@a",
    "abc@abc",
    "asd@asd",
    "xxx@xxx",
    "123@123",
    "null@null",
    "noemail@noemail",
    "email@email",
];
/// Mailboxes that nobody reads.
const UNREAD: [&str; 4] = ["noreply", "no-reply", "donotreply", "do-not-reply"];
/// Digits that are typed to get past a form.
const TYPED: [&str; 6] =
    ["123456", "1234567", "12345678", "123456789", "1234567890", "12345678901"];

/// An identifier that makes a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifier {
    /// What kind it is.
    pub kind: Kind,
    /// The value as it was given.
    pub value: String,
    /// For a telephone number the region that it was read in; empty for other kinds.
    pub region: String,
    /// What it is found by.
    pub normalised: String,
    /// Whether it cannot be valid although its length is possible.
    pub invalid: bool,
}

impl Identifier {
    /// Reads an identifier; `region` is where a telephone number without country code belongs. An
    /// error says what is wrong with the value, without repeating it.
    pub fn read(kind: Kind, value: &str, region: &str) -> Result<Self, &'static str> {
        if value.chars().count() > MAX_VALUE {
            return Err("must have at most 254 characters");
        }
        if value.trim().is_empty() {
            return Err("must not be empty");
        }
        // Of many people one mask is left.
        if mask::is_masked(value) {
            return Err("is what a mask left of the value: write the whole");
        }
        let (normalised, invalid) = normalise(kind, value, region)?;
        let region = if kind == Kind::Phone { region } else { "" };
        let (value, region) = (value.to_owned(), region.to_owned());
        Ok(Self { kind, value, region, normalised, invalid })
    }
}

/// The key of a value and whether it is invalid.
fn normalise(kind: Kind, value: &str, region: &str) -> Result<(String, bool), &'static str> {
    let folded = fold(value);
    if NOTHING.contains(&folded.to_lowercase().as_str()) {
        return Err("stands for nothing and identifies nobody");
    }
    let sure = |key: String| (key, false);
    match kind {
        Kind::Phone => telephone(value, region),
        Kind::Email => address(value).map(sure),
        Kind::Wechat => open_id(&folded).map(sure),
        Kind::MemberNumber => member_number(&folded).map(sure),
        Kind::External => external(&folded).map(sure),
        Kind::Unspecified => Err("has no kind"),
    }
}

fn telephone(value: &str, region: &str) -> Result<(String, bool), &'static str> {
    let found = phone::normalise(value, region).ok_or("is not a telephone number")?;
    let typed: String = fold(value).chars().filter(char::is_ascii_digit).collect();
    if is_uniform(&typed) || TYPED.contains(&typed.as_str()) {
        return Err("is a made-up number and identifies nobody");
    }
    if !found.possible {
        return Err("has a length that no telephone number there has; an area code may be missing");
    }
    Ok((found.e164, !found.valid))
}

fn address(value: &str) -> Result<String, &'static str> {
    let address = email::normalise(value).ok_or("is not an e-mail address")?;
    let (local, domain) = address.split_once('@').unwrap_or_default();
    let host = domain.split('.').next().unwrap_or_default();
    let nobody = NOBODY.iter().any(|made_up| *made_up == format!("{local}@{host}"));
    if nobody || UNREAD.contains(&local) {
        return Err("is an address that identifies nobody");
    }
    Ok(address)
}

/// An open id of `WeChat`: letters, digits, `_` and `-`; case matters.
fn open_id(text: &str) -> Result<String, &'static str> {
    let right = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if !(6..=64).contains(&text.len()) || !text.bytes().all(right) {
        return Err("is not an open id: 6 to 64 letters, digits, `_` and `-`");
    }
    if is_uniform(text) {
        return Err("is made up and identifies nobody");
    }
    Ok(text.to_owned())
}

/// A member number: upper case, without spaces.
fn member_number(text: &str) -> Result<String, &'static str> {
    let number: String =
        text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_uppercase).collect();
    let right = |c: char| c.is_alphanumeric() || "._-/#".contains(c);
    if number.chars().count() > 64 || !number.chars().all(right) {
        return Err("is not a member number: at most 64 letters, digits and `. _ - / #`");
    }
    if !number.chars().any(|c| c.is_alphanumeric() && c != '0') {
        return Err("is made up and identifies nobody");
    }
    Ok(number)
}

/// An id of another system: the system in lower case, then the id as it is.
fn external(text: &str) -> Result<String, &'static str> {
    let wrong = "is not of the form `{system}:{id}`";
    let (system, id) = text.split_once(':').ok_or(wrong)?;
    let (system, id) = (system.trim().to_ascii_lowercase(), id.trim());
    let right = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let named = (1..=63).contains(&system.len()) && system.bytes().all(right);
    if !named || id.is_empty() || id.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(wrong);
    }
    let nothing = NOTHING.contains(&id.to_lowercase().as_str());
    if nothing || !id.chars().any(|c| c.is_alphanumeric() && c != '0') {
        return Err("stands for nothing and identifies nobody");
    }
    Ok(format!("{system}:{id}"))
}

/// Without surrounding space, full-width forms as ASCII.
fn fold(text: &str) -> String {
    text.trim().chars().map(width::narrow).collect()
}

/// Whether a text repeats one character.
fn is_uniform(text: &str) -> bool {
    let mut characters = text.chars();
    characters.next().is_some_and(|first| characters.all(|c| c == first))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(kind: Kind, value: &str) -> Result<String, &'static str> {
        Identifier::read(kind, value, "CN").map(|identifier| identifier.normalised)
    }

    #[test]
    fn what_means_nothing_makes_no_key() {
        for (kind, value) in [
            (Kind::Phone, "00000000000"),
            (Kind::Phone, "11111111111"),
            (Kind::Phone, "１１１１１１１１"),
            (Kind::Phone, "12345678901"),
            (Kind::Phone, "无"),
            (Kind::Phone, "---"),
            (Kind::Phone, "110"),
            (Kind::Email, "test@test.com"),
            (Kind::Email, "TEST@test.com.cn"),
            (Kind::Email, "none@none.org"),
            (Kind::Email, "no-reply@example.com"),
            (Kind::Email, "n/a"),
            (Kind::Wechat, "oooooooooo"),
            (Kind::Wechat, "undefined"),
            (Kind::MemberNumber, "000-000"),
            (Kind::External, "crm:null"),
            (Kind::External, "crm:0"),
            (Kind::Unspecified, "13800138000"),
            (Kind::Phone, " "),
        ] {
            assert!(key(kind, value).is_err(), "{kind:?} {value}");
        }
    }

    #[test]
    fn what_a_mask_left_makes_no_key() {
        for (kind, value) in [
            (Kind::Email, "j****@gmail.com"),
            (Kind::Email, "ｊ＊＊＊@gmail.com"),
            (Kind::Email, "j*n@gmail.com"),
            (Kind::Phone, "138****8001"),
            (Kind::Wechat, "****23"),
            (Kind::MemberNumber, "****23"),
            (Kind::External, "crm:****23"),
        ] {
            assert!(key(kind, value).is_err(), "{kind:?} {value}");
        }
    }

    #[test]
    fn each_kind_has_its_key() {
        assert_eq!(key(Kind::Phone, "138-0013-8001").unwrap(), "+8613800138001");
        assert_eq!(key(Kind::Email, "Lina@Example.com").unwrap(), "lina@example.com");
        assert_eq!(key(Kind::Wechat, " oABC_def-123 ").unwrap(), "oABC_def-123");
        assert_eq!(key(Kind::MemberNumber, "ａ 001").unwrap(), "A001");
        assert_eq!(key(Kind::External, "CRM: x9").unwrap(), "crm:x9");
    }

    #[test]
    fn a_number_that_cannot_exist_is_kept_and_marked() {
        let read = Identifier::read(Kind::Phone, "12345679", "CN").unwrap();
        assert!(read.invalid);
        assert!(!Identifier::read(Kind::Phone, "13800138001", "CN").unwrap().invalid);
    }

    proptest! {
        #[test]
        fn no_value_breaks_the_reader_and_every_key_is_stable(value in "\\PC{0,60}", kind in 1..6) {
            let kind = Kind::try_from(kind).unwrap();
            if let Ok(read) = Identifier::read(kind, &value, "CN") {
                let again = Identifier::read(kind, &read.normalised, "ZZ").unwrap();
                prop_assert_eq!(again.normalised, read.normalised);
            }
        }
    }
}
