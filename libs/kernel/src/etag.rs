//! Etags: the version of a resource, in a form that callers hand back and do not read.

/// The etag of version `version`.
pub fn of(version: i64) -> String {
    format!("v{version:x}")
}

/// What a caller demands of the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Demand {
    /// Any version will do.
    Any,
    /// This version and no other.
    Version(i64),
    /// An etag that never was ours: no version can match it.
    Never,
}

impl Demand {
    /// What the etag of a request demands; the empty one demands nothing.
    pub fn parse(etag: &str) -> Self {
        if etag.is_empty() {
            return Self::Any;
        }
        let version = etag.strip_prefix('v').and_then(|hex| i64::from_str_radix(hex, 16).ok());
        version.map_or(Self::Never, Self::Version)
    }

    /// Whether a resource of this version may be changed.
    pub fn admits(self, version: i64) -> bool {
        match self {
            Self::Any => true,
            Self::Version(wanted) => wanted == version,
            Self::Never => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_version_is_admitted() {
        assert!(Demand::parse("").admits(3));
        assert!(Demand::parse(&of(300)).admits(300));
        assert!(!Demand::parse(&of(300)).admits(301));
        assert!(!Demand::parse("\"300\"").admits(300));
    }
}
