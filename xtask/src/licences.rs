//! Which licences and packages may enter the lockfile
//!
//! Only permissive licences, read as SPDX expressions: of an OR one side must be permitted, of an
//! AND both. Banned packages would bring a second TLS stack, a C++ build, or a second clock into
//! the program. Absent: duplicate versions, which cost build time but no correctness.

use anyhow::{Result, bail};

use crate::metadata::Package;

/// What may be linked; "MPL-2.0 OR MIT" passes by its MIT side.
const PERMITTED: [&str; 12] = [
    "0BSD",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CDLA-Permissive-2.0",
    "ISC",
    "MIT",
    "MIT-0",
    "Unicode-3.0",
    "Unlicense",
    "Zlib",
];

/// Packages that must not enter, each with what to use instead.
const BANNED: [(&str, &str); 7] = [
    ("openssl", "TLS is rustls with ring"),
    ("openssl-sys", "TLS is rustls with ring"),
    ("native-tls", "TLS is rustls with ring"),
    ("aws-lc-rs", "TLS is rustls with ring; aws-lc needs cmake"),
    ("aws-lc-sys", "TLS is rustls with ring; aws-lc needs cmake"),
    ("cmake", "`cargo build` needs nothing but cargo and a C compiler"),
    ("chrono", "time is jiff's"),
];

/// Fails with every offender and what to do about it.
pub(crate) fn check(packages: &[Package]) -> Result<()> {
    let offenders = offenders(packages);
    if !offenders.is_empty() {
        bail!("{}", offenders.join("\n"));
    }
    Ok(())
}

fn offenders(packages: &[Package]) -> Vec<String> {
    let mut found = Vec::new();
    for package in packages {
        let who = format!("{} {}", package.name, package.version);
        for (banned, instead) in BANNED {
            if package.name == banned {
                found.push(format!("{who} is banned: {instead} (see `cargo tree -i {banned}`)"));
            }
        }
        match &package.license {
            None => found.push(format!("{who} declares no licence")),
            Some(license) if !permitted(license) => {
                found.push(format!("{who} has the licence {license}, which is not permitted"));
            }
            Some(_) => {}
        }
    }
    found
}

/// Whether an SPDX expression can be met by permitted licences alone. `/` is the old way to
/// write OR. An expression that does not parse is not permitted.
fn permitted(expression: &str) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut rest = words.as_slice();
    either(&mut rest) == Some(true) && rest.is_empty()
}

fn either(words: &mut &[&str]) -> Option<bool> {
    let mut met = both(words)?;
    while let Some(("OR", rest)) = split(words) {
        *words = rest;
        met |= both(words)?;
    }
    Some(met)
}

fn both(words: &mut &[&str]) -> Option<bool> {
    let mut met = one(words)?;
    while let Some(("AND", rest)) = split(words) {
        *words = rest;
        met &= one(words)?;
    }
    Some(met)
}

fn one(words: &mut &[&str]) -> Option<bool> {
    let (word, rest) = split(words)?;
    *words = rest;
    if word == "(" {
        let met = either(words)?;
        let (")", rest) = split(words)? else { return None };
        *words = rest;
        return Some(met);
    }
    let mut licence = word.to_owned();
    if let ["WITH", exception, rest @ ..] = *words {
        licence = format!("{word} WITH {exception}");
        *words = rest;
    }
    Some(PERMITTED.contains(&licence.as_str()))
}

fn split<'a, 'b>(words: &'b [&'a str]) -> Option<(&'a str, &'b [&'a str])> {
    words.split_first().map(|(first, rest)| (*first, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions() {
        for good in [
            "MIT",
            "MIT/Apache-2.0",
            "Apache-2.0 / MIT",
            "MIT OR Apache-2.0 OR LGPL-2.1-or-later",
            "MPL-2.0 OR MIT",
            "(MIT OR GPL-3.0) AND Unicode-3.0",
            "Apache-2.0 WITH LLVM-exception",
            "GPL-2.0 WITH Classpath-exception-2.0 OR MIT",
            "MIT AND BSD-3-Clause",
        ] {
            assert!(permitted(good), "{good}");
        }
        for bad in [
            "",
            "MPL-2.0",
            "GPL-3.0",
            "MIT AND GPL-3.0",
            "(MIT OR Apache-2.0) AND MPL-2.0",
            "MIT WITH something-odd",
            "MIT OR",
            "MIT Apache-2.0",
            "(MIT",
            "MIT)",
        ] {
            assert!(!permitted(bad), "{bad}");
        }
    }

    #[test]
    fn offenders_are_named_with_the_reason() {
        let package = |name: &str, license: Option<&str>| Package {
            name: name.to_owned(),
            version: "1.0.0".to_owned(),
            license: license.map(str::to_owned),
        };
        let found = offenders(&[
            package("serde", Some("MIT OR Apache-2.0")),
            package("openssl-sys", Some("MIT")),
            package("copyleft", Some("AGPL-3.0")),
            package("bare", None),
        ]);
        assert_eq!(
            found,
            [
                "openssl-sys 1.0.0 is banned: TLS is rustls with ring (see `cargo tree -i openssl-sys`)",
                "copyleft 1.0.0 has the licence AGPL-3.0, which is not permitted",
                "bare 1.0.0 declares no licence",
            ]
        );
    }
}
