//! Telephone numbers: any usual way to write one leads to one E.164 key.
//!
//! [`parse`] reads a number as libphonenumber does, step by step, on the numbering plans that the
//! crate `phonenumber` keeps up to date. Its own parser is not used: it takes the national prefix
//! off twice, accepts a prefix of a number as valid and does not know full-width digits. [`normalise`]
//! goes beyond it where people in fact write otherwise: foreign dialling prefixes, `86138…`, a
//! landline's extension behind a hyphen, mobiles from before a plan changed.

mod plan;
mod text;

use plan::{Length, NoCode};
use text::{digits, extract, fold, viable, without_extension};

/// The digits of a national number, at least and at most.
const NATIONAL: std::ops::RangeInclusive<usize> = 2..=17;

/// A telephone number that could be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Phone {
    /// `+`, country calling code and national number; extensions are left out.
    pub e164: String,
    /// Whether the number exists by its country's numbering plan.
    pub valid: bool,
    /// Whether a number of its country can have this many digits.
    pub possible: bool,
}

/// Reads a telephone number as libphonenumber does; `region` (an ISO 3166 code) is where a number
/// without country code belongs, `ZZ` for nowhere. `None` for what is no number at all.
pub fn parse(input: &str, region: &str) -> Option<Phone> {
    let text = extract(&fold(input))?;
    let text = without_extension(&text);
    if !viable(text) {
        return None;
    }
    let home = plan::of_region(region);
    let written = match plan::written_code(text, home) {
        // `+0086…` and the like: the plus says nothing, what follows does.
        Err(NoCode::Unknown) if text.starts_with('+') => {
            Some(plan::written_code(text.trim_start_matches('+'), home).ok()??)
        }
        Err(NoCode::Unknown | NoCode::Short) => return None,
        Ok(written) => written,
    };
    let (plan, code, national) = match written {
        Some((code, national)) => (plan::main(code)?, code, national),
        None => (home?, home?.country_code(), digits(text)),
    };
    let national = plan::without_national_prefix(national, plan);
    if !NATIONAL.contains(&national.len()) {
        return None;
    }
    Some(Phone {
        e164: format!("+{code}{national}"),
        valid: plan::is_valid(code, &national),
        possible: matches!(plan::length(&national, plan::main(code)?), Length::Possible),
    })
}

/// Whether numbering plans know this region.
pub fn is_region(region: &str) -> bool {
    region.len() == 2 && plan::of_region(region).is_some()
}

/// Reads a telephone number as people write it; what [`parse`] finds valid stays as it is, but for an
/// extension that it took for a part of the number.
pub fn normalise(input: &str, region: &str) -> Option<Phone> {
    if let Some(phone) = chinese_extension(input, region) {
        return Some(phone);
    }
    let plain = parse(input, region);
    if plain.as_ref().is_some_and(|phone| phone.valid) {
        return plain;
    }
    let other = hyphenated_extension(&fold(input), region)
        .filter(|phone| phone.valid)
        .or_else(|| international(input, plain.as_ref(), region))
        .or_else(|| renumbered(plain.as_ref()?));
    other.filter(|phone| phone.valid).or(plain)
}

/// `0756-2000000-10` in China: the plan has room for longer numbers, but nobody writes them so.
/// (In Germany the last group belongs to the number.)
fn chinese_extension(input: &str, region: &str) -> Option<Phone> {
    let folded = fold(input);
    let written = text::is_landline_with_extension(&folded);
    let found = written.then(|| hyphenated_extension(&folded, region)).flatten();
    found.filter(|phone| phone.possible && phone.e164.starts_with("+86"))
}

/// A number without plus that makes no sense at home but does abroad: dialled with `00` where that
/// is not the way, or its country code written without anything before it.
fn international(input: &str, plain: Option<&Phone>, region: &str) -> Option<Phone> {
    let folded = fold(input);
    let text = extract(&folded)?;
    if text.starts_with('+') || plain.is_some_and(|phone| phone.possible) {
        return None;
    }
    let all = digits(&text);
    // A single zero is the prefix of some place at home.
    let abroad = all.strip_prefix("00").or_else(|| (!all.starts_with('0')).then_some(&*all))?;
    parse(&format!("+{abroad}"), region).filter(|phone| phone.valid)
}

/// `010-12345678-801`: the last group is an extension.
fn hyphenated_extension(folded: &str, region: &str) -> Option<Phone> {
    let (number, extension) = folded.trim_end().rsplit_once(['-', ' ', '/'])?;
    let short = (1..=6).contains(&extension.len());
    if !short || !extension.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    parse(number, region)
}

/// Mobiles written as before their country's plan changed: the ninth digit of Brazil, the `1` that
/// Mexico took between country code and number, the `15` of Argentina.
fn renumbered(phone: &Phone) -> Option<Phone> {
    let digits = phone.e164.strip_prefix('+')?;
    let candidate = if let Some(rest) = digits.strip_prefix("521") {
        format!("+52{rest}")
    } else if let Some(rest) = digits.strip_prefix("55").filter(|rest| rest.len() == 10) {
        let (area, subscriber) = rest.split_at(2);
        format!("+55{area}9{subscriber}")
    } else if let Some(rest) = digits.strip_prefix("54") {
        // Read as it is dialled at home, where the plan's own rule turns `15` into the leading 9.
        return parse(&format!("0{}", rest.trim_start_matches('9')), "AR");
    } else {
        return None;
    };
    parse(&candidate, "ZZ")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(input: &str, region: &str) -> Option<String> {
        normalise(input, region).filter(|phone| phone.valid).map(|phone| phone.e164)
    }

    #[test]
    fn ways_to_write_a_chinese_mobile() {
        for (written, region) in [
            ("+86 138 0013 8000", "ZZ"),
            ("008613800138000", "CN"),
            ("8613800138000", "CN"),
            ("013800138000", "CN"),
            ("(+86)13800138000", "CN"),
            ("+86(0)13800138000", "CN"),
            ("+0086 13800138000", "CN"),
            ("１３８－００１３－８０００", "CN"),
            ("电话：138 0013 8000。", "CN"),
            ("tel:+86-138-0013-8000", "US"),
            ("tel:13800138000;phone-context=+86", "ZZ"),
            ("0086 138 0013 8000", "US"),
            ("8613800138000", "US"),
            ("\u{202a}+8613800138000\u{202c}", "CN"),
            ("٠١٣٨٠٠١٣٨٠٠٠", "CN"),
        ] {
            assert_eq!(key(written, region).as_deref(), Some("+8613800138000"), "{written}");
        }
    }

    #[test]
    fn ways_to_write_a_landline_with_extension() {
        for written in [
            "010-12345678",
            "(010)12345678 分机 801",
            "010-12345678转801",
            "010-12345678-801",
            "010-12345678 ext. 801",
            "010 12345678 #801",
            "+86 10 12345678;ext=801",
            "86 010 12345678",
        ] {
            assert_eq!(key(written, "CN").as_deref(), Some("+861012345678"), "{written}");
        }
    }

    #[test]
    fn plans_of_other_countries() {
        for (written, region, e164) in [
            ("02 1234 5678", "IT", "+390212345678"),
            ("+44 (0)20 7946 0958", "ZZ", "+442079460958"),
            ("0343 15 555 1212", "AR", "+5493435551212"),
            ("+54 343 15 555 1212", "ZZ", "+5493435551212"),
            ("+52 1 222 123 4567", "ZZ", "+522221234567"),
            ("+55 11 6123-4567", "ZZ", "+5511961234567"),
            ("1-800-FLOWERS", "US", "+18003569377"),
            ("8 (800) 123-45-67", "RU", "+78001234567"),
            ("011 44 20 7946 0958", "US", "+442079460958"),
            ("01624 75678", "IM", "+440162475678"),
        ] {
            let found = normalise(written, region).map(|phone| phone.e164);
            assert_eq!(found.as_deref(), Some(e164), "{written}");
        }
    }

    #[test]
    fn impossible_and_invalid_numbers_are_told_apart() {
        let of = |text| normalise(text, "CN").map(|phone| (phone.possible, phone.valid));
        assert_eq!(of("12345678"), Some((true, false)));
        assert_eq!(of("110"), Some((false, false)));
        assert_eq!(of("13800138000138"), Some((false, false)));
        for nothing in ["", "1", "abc", "a@b.cn", "+", "++--", "12 March", "+999 1234567"] {
            assert_eq!(of(nothing), None, "{nothing}");
        }
        assert_eq!(parse("13800138000", "ZZ"), None);
    }

    proptest! {
        #[test]
        fn every_variant_of_a_mobile_has_one_key(number in "1(3[0-9]|5[0-35-9]|7[78]|8[0-9])[0-9]{8}") {
            let e164 = format!("+86{number}");
            let (a, rest) = number.split_at(3);
            let (b, c) = rest.split_at(4);
            let wide = |c: char| char::from_u32(u32::from(c) + 0xfee0).unwrap();
            for written in [
                number.clone(),
                e164.clone(),
                format!("0086{number}"),
                format!("86{number}"),
                format!("0{number}"),
                format!("+86 {a}-{b}-{c}"),
                format!("（86）{a} {b} {c}"),
                number.chars().map(wide).collect(),
                format!("{number} 转 12"),
            ] {
                let found = normalise(&written, "CN").unwrap();
                prop_assert_eq!(&found.e164, &e164, "{}", written);
                prop_assert!(found.valid);
            }
        }

        #[test]
        fn every_variant_of_a_landline_has_one_key(
            area in "(10|2[0-57-9]|51[0-9]|755|757)",
            number in "[2-8][0-9]{7}",
            extension in "[1-9][0-9]{1,3}",
        ) {
            let e164 = format!("+86{area}{number}");
            for written in [
                format!("0{area}-{number}"),
                format!("(0{area}){number}"),
                format!("+86 {area} {number}"),
                format!("+86 0{area} {number}"),
                format!("0086{area}{number}"),
                format!("0{area}-{number}转{extension}"),
                format!("0{area}-{number}-{extension}"),
            ] {
                let found = normalise(&written, "CN").unwrap();
                prop_assert_eq!(&found.e164, &e164, "{}", written);
            }
        }

        #[test]
        fn no_text_breaks_the_parser(text in "\\PC{0,40}", region in "(CN|US|AR|ZZ|xx|)") {
            if let Some(phone) = normalise(&text, &region) {
                prop_assert!(phone.e164.starts_with('+'));
                prop_assert!(phone.e164[1..].bytes().all(|byte| byte.is_ascii_digit()));
                prop_assert!(phone.e164.len() <= 1 + 3 + 17);
            }
        }

        #[test]
        fn a_key_is_its_own_key(text in "\\+?[0-9 ()-]{5,18}", region in "(CN|US|GB|BR|MX|AR|IT)") {
            if let Some(phone) = normalise(&text, &region).filter(|phone| phone.valid) {
                prop_assert_eq!(normalise(&phone.e164, "ZZ"), Some(phone.clone()));
            }
        }
    }
}
