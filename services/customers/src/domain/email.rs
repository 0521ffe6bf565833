//! E-mail addresses: one key for each mailbox, however it is written.

use super::width;

/// The longest address that SMTP carries.
const MAX: usize = 254;
/// The longest local part.
const MAX_LOCAL: usize = 64;

/// The key of an address: without surrounding space, full-width forms as ASCII, lower case, the
/// domain in its ASCII form (punycode). `None` for what cannot be an address.
///
/// The local part is lower-cased although a mail server may tell cases apart: none in use does.
/// Dots and `+tags` stay, since only some servers ignore them.
pub fn normalise(input: &str) -> Option<String> {
    let text = fold(input.trim());
    let (local, domain) = text.rsplit_once('@')?;
    let local = local.to_lowercase();
    let domain = idna::domain_to_ascii(domain.trim_end_matches('.')).ok()?;
    let address = format!("{local}@{domain}");
    (is_local(&local) && is_domain(&domain) && address.len() <= MAX).then_some(address)
}

/// Full-width forms, and the full stops of Chinese and Japanese keyboards, as ASCII.
fn fold(text: &str) -> String {
    let ascii = |c: char| match c {
        '。' | '｡' => '.',
        _ => width::narrow(c),
    };
    text.chars().map(ascii).collect()
}

/// A `*` is allowed by the standard and in no mailbox's name; where one stands, a mask put it there.
fn is_local(local: &str) -> bool {
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || r#""(),:;<>@[\]*"#.contains(c);
    (1..=MAX_LOCAL).contains(&local.len())
        && !local.chars().any(forbidden)
        && !local.split('.').any(str::is_empty)
}

/// At least two labels of letters, digits and inner hyphens; the last one no number.
fn is_domain(domain: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    domain.contains('.')
        && domain.split('.').all(label)
        && top.bytes().any(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ways_to_write_one_address() {
        for written in [
            "li.na@example.com",
            "  Li.Na@Example.COM ",
            "ｌｉ．ｎａ＠ｅｘａｍｐｌｅ．ｃｏｍ",
            "li.na@example.com.",
            "li.na@example。com",
        ] {
            assert_eq!(normalise(written).as_deref(), Some("li.na@example.com"), "{written}");
        }
        assert_eq!(normalise("李娜@例子.中国").as_deref(), Some("李娜@xn--fsqu00a.xn--fiqs8s"));
        assert_ne!(normalise("lina@example.com"), normalise("li.na@example.com"));
    }

    #[test]
    fn what_is_no_address() {
        for wrong in [
            "",
            "@",
            "a@",
            "@b.cn",
            "a b@example.com",
            "a@b",
            "a@b..cn",
            "a..b@example.com",
            ".a@example.com",
            "a@-b.cn",
            "a@1.2.3.4",
            "a@b@c.cn",
            "Li <a@b.cn>",
            "a@b.cn,c@d.cn",
            "j****@gmail.com",
            "13800138000",
        ] {
            assert_eq!(normalise(wrong), None, "{wrong}");
        }
        assert_eq!(normalise(&format!("{}@example.com", "a".repeat(65))), None);
    }

    proptest! {
        #[test]
        fn case_width_and_space_do_not_matter(
            local in "[a-z0-9_+-]{1,20}(\\.[a-z0-9]{1,10})?",
            domain in "[a-z][a-z0-9]{0,10}\\.(com|cn|org)",
            upper in any::<bool>(),
            wide in any::<bool>(),
        ) {
            let plain = format!("{local}@{domain}");
            let mut written = if upper { plain.to_uppercase() } else { plain.clone() };
            if wide {
                let widen = |c: char| char::from_u32(u32::from(c) + 0xfee0).unwrap();
                written = written.chars().map(widen).collect();
            }
            prop_assert_eq!(normalise(&format!(" {written}\t")), Some(plain.clone()));
            prop_assert_eq!(normalise(&plain), Some(plain));
        }

        #[test]
        fn a_key_is_its_own_key(text in "\\PC{0,40}@\\PC{0,40}") {
            if let Some(key) = normalise(&text) {
                prop_assert_eq!(normalise(&key), Some(key.clone()));
            }
        }
    }
}
