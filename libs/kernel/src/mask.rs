//! Field masks (AIP-134): which fields of a resource an update writes.

use crate::Violations;

/// The fields to write, each one of those that may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask(Vec<&'static str>);

impl Mask {
    /// Reads a request's mask against the fields that may be written.
    ///
    /// No mask means the fields that are populated in the request, `*` all of `known`. A path that
    /// is not known, or a mask that is given but empty of paths, is a violation of `update_mask`.
    pub fn parse(
        paths: Option<&[String]>,
        known: &[&'static str],
        populated: impl Fn(&str) -> bool,
        violations: &mut Violations,
    ) -> Self {
        let Some(paths) = paths else {
            return Self(known.iter().copied().filter(|path| populated(path)).collect());
        };
        if paths.iter().any(|path| path == "*") {
            if paths.len() > 1 {
                violations.add("update_mask", "`*` stands alone");
            }
            return Self(known.to_vec());
        }
        if paths.is_empty() {
            violations
                .add("update_mask", "names no field; leave it out to write the populated ones");
        }
        let mut chosen = Vec::new();
        for path in paths {
            match known.iter().find(|known| **known == path.as_str()) {
                Some(known) if !chosen.contains(known) => chosen.push(known),
                Some(_) => {}
                None => violations.add(
                    "update_mask",
                    format!("`{path}` cannot be written here; writable are {}", known.join(", ")),
                ),
            }
        }
        Self(chosen)
    }

    /// Whether this field is to be written.
    pub fn has(&self, path: &str) -> bool {
        self.0.contains(&path)
    }

    /// Whether nothing is to be written.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields to write.
    pub fn paths(&self) -> &[&'static str] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[&str] = &["title", "facts.occur_time"];

    fn parse(paths: Option<&[&str]>) -> (Mask, Violations) {
        let mut violations = Violations::new();
        let owned: Option<Vec<String>> =
            paths.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect());
        let mask = Mask::parse(owned.as_deref(), KNOWN, |path| path == "title", &mut violations);
        (mask, violations)
    }

    #[test]
    fn no_mask_means_what_is_populated_and_a_star_everything() {
        assert_eq!(parse(None).0.paths(), ["title"]);
        assert_eq!(parse(Some(&["*"])).0.paths(), KNOWN);
    }

    #[test]
    fn a_mask_without_paths_is_refused() {
        let (mask, violations) = parse(Some(&[]));
        assert!(mask.is_empty());
        assert_eq!(violations.as_slice()[0].field, "update_mask");
    }

    #[test]
    fn an_unknown_path_is_named() {
        let (_, violations) = parse(Some(&["state", "title"]));
        assert!(violations.as_slice()[0].description.contains("`state`"));
    }
}
