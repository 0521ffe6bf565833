//! The texts inside `timestamp("…")` and `duration("…")`.

use jiff::civil::Date;

use crate::Time;

const NO_INSTANT: &str = "a timestamp is written like 2026-01-31T23:59:59.5Z or with +08:00";
const NO_DURATION: &str = "a duration is written like 1h30m or -1.5s, of h, m, s, ms, us and ns";
const TOO_FINE: &str = "nothing finer than a microsecond is kept";
const TOO_LONG: &str = "the duration is beyond the range of CEL's";

/// Reads an instant as RFC 3339 writes it: the years 1 to 9999, capital `T` and `Z`, no leap second.
pub(super) fn timestamp(text: &str) -> Result<Time, &'static str> {
    let (date, rest) = text.split_once('T').ok_or(NO_INSTANT)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let clock = rest.get(..8).ok_or(NO_INSTANT)?;
    let [hour, minute, second] = numbers(clock, ':', [2, 2, 2])?;
    let mut rest = rest.get(8..).ok_or(NO_INSTANT)?;
    let mut micros = 0;
    if let Some(fraction) = rest.strip_prefix('.') {
        let length = fraction.bytes().take_while(u8::is_ascii_digit).count();
        micros = fraction_micros(&fraction[..length])?;
        rest = &fraction[length..];
    }
    if year < 1 || hour > 23 || minute > 59 || second > 59 {
        return Err("there is no such instant");
    }
    let date = small(year).zip(small(month)).zip(small(day)).and_then(|((year, month), day)| {
        let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
        Date::new(year, month, day).ok()
    });
    let date = date.ok_or("there is no such day")?;
    let since = Date::constant(1970, 1, 1).until(date).map_err(|_| NO_INSTANT)?;
    let seconds = i64::from(since.get_days()) * 86_400 + hour * 3_600 + minute * 60 + second;
    Time::from_parts(seconds - offset(rest)?, 0)
        .map(|time| time.plus_micros(micros))
        .ok_or("a timestamp is within the years 1 to 9999")
}

/// Seconds that a clock is ahead of UTC.
fn offset(text: &str) -> Result<i64, &'static str> {
    if text == "Z" {
        return Ok(0);
    }
    let ahead = text.strip_prefix('+');
    let clock = ahead.or_else(|| text.strip_prefix('-')).ok_or(NO_INSTANT)?;
    let [hours, minutes] = numbers(clock, ':', [2, 2])?;
    if hours > 23 || minutes > 59 {
        return Err("there is no such offset");
    }
    let seconds = hours * 3_600 + minutes * 60;
    Ok(if ahead.is_some() { seconds } else { -seconds })
}

fn small(number: i64) -> Option<i16> {
    i16::try_from(number).ok()
}

/// Numbers of exactly so many digits, with a mark between them.
fn numbers<const N: usize>(
    text: &str,
    mark: char,
    lengths: [usize; N],
) -> Result<[i64; N], &'static str> {
    let mut parts = text.split(mark);
    let mut read = [0; N];
    for (number, length) in read.iter_mut().zip(lengths) {
        let part = parts.next().ok_or(NO_INSTANT)?;
        if part.len() != length || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NO_INSTANT);
        }
        *number = part.parse().map_err(|_| NO_INSTANT)?;
    }
    if parts.next().is_some() { Err(NO_INSTANT) } else { Ok(read) }
}

fn fraction_micros(digits: &str) -> Result<i64, &'static str> {
    if digits.is_empty() {
        return Err(NO_INSTANT);
    }
    let (kept, finer) = digits.split_at(digits.len().min(6));
    if finer.bytes().any(|digit| digit != b'0') {
        return Err(TOO_FINE);
    }
    format!("{kept:0<6}").parse().map_err(|_| NO_INSTANT)
}

/// Reads a duration in microseconds: signed decimal numbers, each with its unit.
pub(super) fn duration(text: &str) -> Result<i64, &'static str> {
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let mut nanos = 0_i128;
    let mut rest = unsigned;
    if rest == "0" {
        return Ok(0);
    }
    if rest.is_empty() {
        return Err(NO_DURATION);
    }
    while !rest.is_empty() {
        let (term, after) = term(rest)?;
        nanos += term;
        rest = after;
    }
    if text.starts_with('-') {
        nanos = -nanos;
    }
    if i64::try_from(nanos).is_err() {
        return Err(TOO_LONG);
    }
    if nanos % 1_000 != 0 {
        return Err(TOO_FINE);
    }
    i64::try_from(nanos / 1_000).map_err(|_| TOO_LONG)
}

/// The nanoseconds of the first number and unit, and what comes after.
fn term(text: &str) -> Result<(i128, &str), &'static str> {
    let length = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let (number, rest) = text.split_at(length);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return Err(NO_DURATION);
    }
    // More digits than these are beyond the range, or finer than can be kept.
    if whole.trim_start_matches('0').len() > 19 {
        return Err(TOO_LONG);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > 15 {
        return Err(TOO_FINE);
    }
    let (unit, rest) = [
        ("ns", 1),
        ("us", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("h", 3_600_000_000_000_i128),
    ]
    .into_iter()
    .find_map(|(name, nanos)| Some((nanos, rest.strip_prefix(name)?)))
    .ok_or(NO_DURATION)?;
    let parse = |digits: &str| {
        if digits.is_empty() { Ok(0) } else { digits.parse::<i128>().map_err(|_| NO_DURATION) }
    };
    let scale = 10_i128.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let part = parse(fraction)? * unit;
    if part % scale != 0 {
        return Err(TOO_FINE);
    }
    Ok((parse(whole)? * unit + part / scale, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants() {
        for (text, micros) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-01-01T08:00:00+08:00", 0),
            ("1969-12-31T16:00:00.000001-08:00", 1),
            ("2024-02-29T12:00:00.500000000Z", 1_709_208_000_500_000),
            ("0001-01-01T00:00:00Z", -62_135_596_800_000_000),
            ("9999-12-31T23:59:59.999999Z", 253_402_300_799_999_999),
        ] {
            assert_eq!(timestamp(text), Ok(Time::from_micros(micros)), "{text}");
        }
        for text in [
            "",
            "2026-01-01",
            "2026-01-01T00:00:00",
            "2026-01-01t00:00:00Z",
            "2026-01-01T00:00:00z",
            "2026-01-01 00:00:00Z",
            "2026-1-1T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01T24:00:00Z",
            "2026-01-01T23:59:60Z",
            "2026-01-01T00:00:00.Z",
            "2026-01-01T00:00:00.0000001Z",
            "2026-01-01T00:00:00+8:00",
            "2026-01-01T00:00:00+24:00",
            "2026-01-01T00:00:00Z ",
            "0000-12-31T00:00:00Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59-00:01",
            "+2026-01-01T00:00:00Z",
            "2026-01-01T00:00:0é",
        ] {
            assert!(timestamp(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations() {
        for (text, micros) in [
            ("0", 0),
            ("0s", 0),
            ("1h30m", 5_400_000_000),
            ("-1.5s", -1_500_000),
            ("+.5ms", 500),
            ("1.us", 1),
            ("1000ns", 1),
            ("0.000000001h", 3),
            ("2562047h47m16.854775s", i64::MAX / 1_000),
        ] {
            let exact = micros;
            if text == "0.000000001h" {
                assert_eq!(duration(text), Err(TOO_FINE), "3.6 µs");
            } else {
                assert_eq!(duration(text), Ok(exact), "{text}");
            }
        }
        for text in [
            "",
            "-",
            "1",
            "s",
            ".s",
            "1.2.3s",
            "1x",
            "1d",
            "1s ",
            " 1s",
            "--1s",
            "1ns",
            "1h-1m",
            "2562048h",
            "99999999999999999999h",
            "1µs",
            "1S",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
