//! The numbering plans: which country a number is of, what of it is dialled only at home, how long it
//! can be and whether it exists. The steps are libphonenumber's.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, PoisonError, RwLock},
};

use phonenumber::metadata::{DATABASE, Descriptor, Metadata};
use regex::Regex;

use super::text::digits;

/// The fewest digits that a number has after its country code.
const SHORTEST: usize = 2;
/// Country calling codes have at most this many digits.
const MAX_CODE: usize = 3;

/// The plan of a region.
pub(super) fn of_region(region: &str) -> Option<&'static Metadata> {
    DATABASE.by_id(region)
}

/// Why a number has no country code.
pub(super) enum NoCode {
    /// It starts with none, and no region says one.
    Unknown,
    /// Too few digits follow the plus or the dialling prefix.
    Short,
}

/// The country calling code that a number is written with, and the rest; `None` where it is written
/// as at home.
pub(super) fn written_code(
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
        let national = national_prefix_off(rest, home).unwrap_or_else(|| rest.to_owned());
        let only_then = !fits(general, &all) && fits(general, &national);
        if only_then || matches!(length(&all, home), Length::TooLong) {
            return Ok(Some((home.country_code(), national)));
        }
    }
    Ok(None)
}

/// The country calling code that an international number starts with.
fn leading_code(number: &str) -> Result<(u16, String), NoCode> {
    if number.len() <= SHORTEST {
        return Err(NoCode::Short);
    }
    if number.starts_with('0') {
        return Err(NoCode::Unknown);
    }
    for length in 1..=MAX_CODE.min(number.len()) {
        let (code, national) = number.split_at(length);
        if let Some(code) = code.parse().ok().filter(|code| main(*code).is_some()) {
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
pub(super) fn main(code: u16) -> Option<&'static Metadata> {
    DATABASE.by_code(&code)?.into_iter().next()
}

/// The number without the prefix that is dialled inside its country, unless it needs that to be a
/// number, or is too short without.
pub(super) fn without_national_prefix(number: String, plan: &'static Metadata) -> String {
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
            found.expand(&braced(rule), &mut start);
            still_fits(number, start + rest, plan)
        }
        _ => still_fits(number, rest.to_owned(), plan),
    }
}

/// A rule of transformation such as `9$1` with its groups in braces, so that what follows a group is
/// not taken for a part of its name.
fn braced(rule: &str) -> String {
    let mut text = String::new();
    let mut in_group = false;
    for c in rule.chars() {
        match c {
            '$' => {
                text.push_str("${");
                in_group = true;
                continue;
            }
            _ if in_group => text.extend([c, '}']),
            _ => text.push(c),
        }
        in_group = false;
    }
    text
}

/// A number that fits its country's pattern must not lose that by being stripped.
fn still_fits(before: &str, after: String, plan: &'static Metadata) -> Option<String> {
    let general = plan.descriptors().general();
    (!fits(general, before) || fits(general, &after)).then_some(after)
}

/// How the length of a national number compares with those that its plan has.
pub(super) enum Length {
    Possible,
    /// Only inside one area.
    LocalOnly,
    TooShort,
    /// Neither too short nor too long, and yet none has this length.
    Between,
    TooLong,
}

pub(super) fn length(number: &str, plan: &'static Metadata) -> Length {
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
pub(super) fn is_valid(code: u16, national: &str) -> bool {
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

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern)
        .unwrap_or_else(|error| unreachable!("the plans' patterns are regular: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_of_a_rule_is_one_digit() {
        assert_eq!(braced("9$1"), "9${1}");
        assert_eq!(braced("$15$2"), "${1}5${2}");
        assert_eq!(braced("700"), "700");
    }

    #[test]
    fn every_pattern_of_every_plan_compiles() {
        for plan in DATABASE.iter() {
            let plan = DATABASE.by_id(plan.id()).unwrap();
            for number in ["", "0", "1234567", "13800138000"] {
                has_type(plan, number);
                without_national_prefix(number.to_owned(), plan);
            }
        }
    }
}
