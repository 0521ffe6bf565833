//! Telephone numbers: any usual way to write one leads to one E.164 key.
//!
//! [`parse`] reads a number as libphonenumber does, step by step, on the numbering plans that the
//! crate `phonenumber` keeps up to date. Its own parser is not used: it takes the national prefix
//! off twice, accepts a prefix of a number as valid and does not know full-width digits. [`normalise`]
//! goes beyond it where people in fact write otherwise: foreign dialling prefixes, `86138…`, a
//! landline's extension behind a hyphen, mobiles from before a plan changed.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use phonenumber::metadata::{DATABASE, Descriptor, Metadata};
use regex::Regex;

/// Longer texts are no telephone numbers.
const MAX_TEXT: usize = 250;
/// The digits of a national number, at least and at most.
const NATIONAL: std::ops::RangeInclusive<usize> = 2..=17;
/// Country calling codes have at most this many digits.
const MAX_CODE: usize = 3;

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
    let home = DATABASE.by_id(region);
    let written = match written_code(text, home) {
        // `+0086…` and the like: the plus says nothing, what follows does.
        Err(NoCode::Unknown) if text.starts_with('+') => {
            Some(written_code(text.trim_start_matches('+'), home).ok()??)
        }
        Err(NoCode::Unknown | NoCode::Short) => return None,
        Ok(written) => written,
    };
    let (code, national) = match written {
        Some(found) => found,
        None => (home?.country_code(), digits(text)),
    };
    let plan = main_plan(code)?;
    let plan = home.filter(|home| home.country_code() == code).unwrap_or(plan);
    let national = without_national_prefix(national, plan);
    if !NATIONAL.contains(&national.len()) {
        return None;
    }
    Some(Phone {
        e164: format!("+{code}{national}"),
        valid: is_valid(code, &national),
        possible: matches!(length(&national, plan), Length::Possible),
    })
}

/// Whether numbering plans know this region.
pub fn is_region(region: &str) -> bool {
    region.len() == 2 && DATABASE.by_id(region).is_some()
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
    let written = patterns().landline_with_extension.is_match(folded.trim());
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

/// Full-width forms become ASCII, digits of any script decimal digits, and the Chinese words for an
/// extension one that the plans' patterns know.
fn fold(input: &str) -> String {
    let mut text = String::with_capacity(input.len());
    for c in input.chars().take(MAX_TEXT + 1) {
        match c {
            '\u{ff01}'..='\u{ff5e}' => {
                text.push(char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c));
            }
            '\u{3000}' | '\u{a0}' | '\u{202f}' | '\t' => text.push(' '),
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{30fc}' => text.push('-'),
            // Invisible characters that come along when a number is copied.
            '\u{ad}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => {}
            _ => text.push(decimal(c).unwrap_or(c)),
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
fn extract(text: &str) -> Option<String> {
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
fn without_extension(text: &str) -> &str {
    match patterns().extension.find(text) {
        Some(found) if viable(&text[..found.start()]) => &text[..found.start()],
        _ => text,
    }
}

/// Whether this can be a number: two digits, or three and more among punctuation, of which letters
/// may follow only the third.
fn viable(text: &str) -> bool {
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
fn digits(text: &str) -> String {
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

/// Why a number has no country code.
enum NoCode {
    /// It starts with none, and no region says one.
    Unknown,
    /// Too few digits follow the plus or the dialling prefix.
    Short,
}

/// The country calling code that a number is written with, and the rest; `None` where it is written
/// as at home.
fn written_code(
    text: &str,
    home: Option<&'static Metadata>,
) -> Result<Option<(u16, String)>, NoCode> {
    let all = digits(text);
    if text.starts_with('+') {
        return leading_code(&all).map(Some);
    }
    let Some(home) = home else { return Err(NoCode::Unknown) };
    if let Some(abroad) = without_dialling_prefix(&all, home) {
        return leading_code(abroad).map(Some);
    }
    // The home country's code without anything before it, as in 8613800138000.
    if let Some(rest) = all.strip_prefix(&home.country_code().to_string()) {
        let general = home.descriptors().general();
        let national = without_national_prefix(rest.to_owned(), home);
        let only_then = !fits(general, &all) && fits(general, &national);
        if only_then || matches!(length(&all, home), Length::TooLong) {
            return Ok(Some((home.country_code(), national)));
        }
    }
    Ok(None)
}

/// The country calling code that an international number starts with.
fn leading_code(number: &str) -> Result<(u16, String), NoCode> {
    if number.len() <= *NATIONAL.start() {
        return Err(NoCode::Short);
    }
    if number.starts_with('0') {
        return Err(NoCode::Unknown);
    }
    for length in 1..=MAX_CODE.min(number.len()) {
        let (code, national) = number.split_at(length);
        if let Some(code) = code.parse().ok().filter(|code| main_plan(*code).is_some()) {
            return Ok((code, national.to_owned()));
        }
    }
    Err(NoCode::Unknown)
}

/// What follows the prefix that is dialled at home to reach other countries; `None` without it.
fn without_dialling_prefix<'a>(number: &'a str, home: &'static Metadata) -> Option<&'a str> {
    let prefix = anchored(home.international_prefix()?.as_str(), Anchor::Start);
    let rest = &number[prefix.find(number)?.end()..];
    (!rest.starts_with('0')).then_some(rest)
}

/// The plan of a country calling code, of its main country where several share it.
fn main_plan(code: u16) -> Option<&'static Metadata> {
    DATABASE.by_code(&code)?.into_iter().next()
}

/// The number without the prefix that is dialled inside its country, unless it needs that to be a
/// number, or is too short without.
fn without_national_prefix(number: String, plan: &'static Metadata) -> String {
    let Some(stripped) = national_prefix_off(&number, plan) else { return number };
    match length(&stripped, plan) {
        Length::Possible | Length::TooLong => stripped,
        Length::TooShort | Length::LocalOnly | Length::Between => number,
    }
}

fn national_prefix_off(number: &str, plan: &'static Metadata) -> Option<String> {
    let Some(prefix) = plan.national_prefix_for_parsing() else {
        let rest = number.strip_prefix(plan.national_prefix()?)?;
        return still_fits(number, rest.to_owned(), plan);
    };
    let prefix = anchored(prefix.as_str(), Anchor::Start);
    let found = prefix.captures(number)?;
    let whole = found.get(0)?;
    let last = found.get(found.len() - 1).filter(|_| found.len() > 1);
    let rest = &number[whole.end()..];
    match plan.national_prefix_transform_rule() {
        Some(rule) if last.is_some() => {
            let mut start = String::new();
            found.expand(&patterns().group.replace_all(rule, "$${$1}"), &mut start);
            still_fits(number, start + rest, plan)
        }
        _ => still_fits(number, rest.to_owned(), plan),
    }
}

/// A number that fits its country's pattern must not lose that by being stripped.
fn still_fits(before: &str, after: String, plan: &'static Metadata) -> Option<String> {
    let general = plan.descriptors().general();
    (!fits(general, before) || fits(general, &after)).then_some(after)
}

/// How the length of a national number compares with those that its plan has.
enum Length {
    Possible,
    /// Only inside one area.
    LocalOnly,
    TooShort,
    /// Neither too short nor too long, and yet none has this length.
    Between,
    TooLong,
}

fn length(number: &str, plan: &'static Metadata) -> Length {
    let actual = u16::try_from(number.len()).unwrap_or(u16::MAX);
    let possible = || types(plan).flat_map(Descriptor::possible_length);
    let local = || types(plan).flat_map(Descriptor::possible_local_length);
    if possible().any(|length| *length == actual) {
        Length::Possible
    } else if local().any(|length| *length == actual) {
        Length::LocalOnly
    } else if possible().all(|length| *length > actual) {
        Length::TooShort
    } else if possible().all(|length| *length < actual) {
        Length::TooLong
    } else {
        Length::Between
    }
}

/// Whether a national number is of some type in the plan of one of the countries of its code.
fn is_valid(code: u16, national: &str) -> bool {
    let plans = DATABASE.by_code(&code).unwrap_or_default();
    if let [only] = plans.as_slice() {
        return has_type(only, national);
    }
    for plan in plans {
        match plan.leading_digits() {
            // The digits that name the country decide for it, whether or not it has the number.
            Some(digits) => {
                if anchored(digits.as_str(), Anchor::Start).is_match(national) {
                    return has_type(plan, national);
                }
            }
            None => {
                if has_type(plan, national) {
                    return true;
                }
            }
        }
    }
    false
}

fn has_type(plan: &'static Metadata, national: &str) -> bool {
    fits(plan.descriptors().general(), national)
        && types(plan).any(|descriptor| matches(descriptor, national))
}

/// The types of numbers that can be dialled from abroad.
fn types(plan: &'static Metadata) -> impl Iterator<Item = &'static Descriptor> {
    let all = plan.descriptors();
    let types = [
        all.premium_rate(),
        all.toll_free(),
        all.shared_cost(),
        all.voip(),
        all.personal_number(),
        all.pager(),
        all.uan(),
        all.voicemail(),
        all.fixed_line(),
        all.mobile(),
    ];
    types.into_iter().flatten()
}

/// Whether length and digits are those of a type.
fn matches(descriptor: &'static Descriptor, national: &str) -> bool {
    let lengths = descriptor.possible_length();
    let actual = u16::try_from(national.len()).unwrap_or(u16::MAX);
    (lengths.is_empty() || lengths.contains(&actual)) && fits(descriptor, national)
}

/// Whether the whole number is what the pattern describes, its length aside.
fn fits(descriptor: &'static Descriptor, national: &str) -> bool {
    anchored(descriptor.national_number().as_str(), Anchor::Both).is_match(national)
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Anchor {
    Start,
    Both,
}

/// A pattern of a numbering plan, which the crate only searches for, as one that starts at the start
/// and, for a whole number, ends at the end. Each is compiled once; there are as many as the plans
/// have, whatever callers send.
fn anchored(pattern: &'static str, anchor: Anchor) -> Arc<Regex> {
    type Compiled = RwLock<HashMap<(&'static str, Anchor), Arc<Regex>>>;
    static COMPILED: LazyLock<Compiled> = LazyLock::new(RwLock::default);
    let key = (pattern, anchor);
    if let Some(regex) = COMPILED.read().unwrap_or_else(PoisonError::into_inner).get(&key) {
        return Arc::clone(regex);
    }
    let end = match anchor {
        Anchor::Start => "",
        Anchor::Both => "$",
    };
    let regex = Arc::new(compile(&format!("(?x)^(?:{pattern}){end}")));
    let mut compiled = COMPILED.write().unwrap_or_else(PoisonError::into_inner);
    compiled.insert(key, Arc::clone(&regex));
    regex
}

struct Patterns {
    /// The start of a second number, as in `x302/x2303`.
    second: Regex,
    /// An extension at the end of a number.
    extension: Regex,
    /// A Chinese landline as it is dialled at home, and an extension behind a hyphen.
    landline_with_extension: Regex,
    /// A group in a rule of transformation, `$1`.
    group: Regex,
}

fn patterns() -> &'static Patterns {
    static PATTERNS: LazyLock<Patterns> = LazyLock::new(|| Patterns {
        second: compile(r"[\\/] *x"),
        extension: compile(
            r"(?i)(?:;ext=\d{1,20}|[ ,]*(?:e?xt(?:ensi(?:o\u{301}?|ó))?n?|доб|anexo|int|[;,x\#~])[:.]?[ ,-]*\d{1,20}\#?|[- ]+\d{1,6}\#)$",
        ),
        landline_with_extension: compile(r"^(?:\+?86[ -]?)?\(?0\d{2,3}[-) ] ?\d{7,8}-\d{1,6}$"),
        group: compile(r"\$(\d)"),
    });
    &PATTERNS
}

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern)
        .unwrap_or_else(|error| unreachable!("the plans' patterns are regular: {error}"))
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
