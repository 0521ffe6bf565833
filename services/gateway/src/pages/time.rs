//! Instants as whoever reads a page tells them.

use jiff::{Timestamp, Zoned, tz::TimeZone};

/// An instant where the tenant is: in the zone of this IANA name.
pub(crate) fn local(at: Option<&prost_types::Timestamp>, zone: &str) -> Option<Zoned> {
    let at = at.and_then(|at| Timestamp::new(at.seconds, at.nanos).ok())?;
    let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
    Some(at.to_zoned(zone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_is_that_of_the_tenant() {
        let late = prost_types::Timestamp { seconds: 1_772_990_000, nanos: 0 };
        let of = |zone| local(Some(&late), zone).unwrap().date().to_string();
        assert_eq!(
            (of("UTC"), of("Asia/Shanghai")),
            ("2026-03-08".to_owned(), "2026-03-09".to_owned())
        );
        assert_eq!(local(None, "UTC"), None);
    }
}
