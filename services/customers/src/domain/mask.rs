//! What callers without `pii.read` see of names, numbers and addresses.

use contracts::customers::v1::IdentifierKind as Kind;
use kernel::hide::{NAME, address, number};
pub use kernel::hide::{is_masked, name};

/// Of a given name nothing where the family name tells its first character already: of 王芳 the two
/// first characters are the whole.
pub fn given_name(given: &str, family: &str) -> String {
    match (given.is_empty(), family.is_empty()) {
        (true, _) => String::new(),
        (false, true) => name(given),
        (false, false) => NAME.to_owned(),
    }
}

/// Of a number the last two characters, of an address its first and the domain.
pub fn identifier(kind: Kind, value: &str) -> String {
    match kind {
        Kind::Email => address(value),
        Kind::Phone | Kind::Wechat | Kind::MemberNumber | Kind::External | Kind::Unspecified => {
            number(value)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_stays() {
        assert_eq!(name("王小明"), "王**");
        assert_eq!(name(""), "");
        assert_eq!(given_name("芳", "王"), "**");
        assert_eq!(given_name("Ann", ""), "A**");
        assert_eq!(given_name("", "王"), "");
        assert_eq!(identifier(Kind::Phone, "+8613800138023"), "****23");
        assert_eq!(identifier(Kind::Phone, "110"), "****");
        assert_eq!(identifier(Kind::Email, " Li.Na@example.com"), "L****@example.com");
        assert_eq!(identifier(Kind::External, "crm:4711"), "****11");
    }

    proptest! {
        #[test]
        fn a_name_shows_its_first_character_and_nothing_else(text in "\\PC{1,30}") {
            let shown = name(&text);
            let first = text.trim().chars().next();
            prop_assert_eq!(shown.strip_suffix("**").and_then(|rest| rest.chars().next()), first);
            prop_assert!(shown.chars().count() <= 3);
            prop_assert!(shown.is_empty() || is_masked(&shown));
        }

        #[test]
        fn a_number_shows_two_characters_at_most(text in "\\PC{0,40}") {
            let shown = identifier(Kind::Phone, &text);
            let rest = shown.strip_prefix("****").unwrap_or(&shown);
            prop_assert!(rest.chars().count() <= 2);
            prop_assert!(is_masked(&shown) || text.is_empty());
        }

        #[test]
        fn an_address_hides_its_local_part(local in "[a-z]{1,20}", domain in "[a-z]{1,9}\\.cn") {
            let shown = identifier(Kind::Email, &format!("{local}@{domain}"));
            prop_assert_eq!(shown, format!("{}****@{domain}", &local[..1]));
        }
    }
}
