//! Values that are never printed.

use std::fmt;

use serde::{Deserialize, Serialize, Serializer};

const HIDDEN: &str = "(hidden)";

/// A text that only who asks for it by name sees: it prints and serialises as `(hidden)`.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(HIDDEN)
    }
}

/// Where the databases are; its password is never printed.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The URL with its password.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// The folder of the files, where it is SQLite.
    pub fn sqlite_folder(&self) -> Option<&str> {
        let path = self.0.strip_prefix("sqlite:")?;
        Some(path.strip_prefix("//").unwrap_or(path))
    }

    /// The URL without its password, which stands between the first `:` of the authority and the
    /// last `@` before the path, or in a parameter.
    pub fn redacted(&self) -> String {
        let Some((scheme, rest)) = self.0.split_once("://") else { return self.0.clone() };
        let (rest, parameters) = match rest.split_once('?') {
            Some((rest, _)) => (rest, "?(hidden)"),
            None => (rest, ""),
        };
        match rest.rsplit_once('@') {
            Some((user, place)) => {
                let name = user.split_once(':').map_or(user, |(name, _)| name);
                let password = if name == user { "" } else { ":(hidden)" };
                format!("{scheme}://{name}{password}@{place}{parameters}")
            }
            None => format!("{scheme}://{rest}{parameters}"),
        }
    }
}

impl From<&str> for DatabaseUrl {
    fn from(url: &str) -> Self {
        Self(url.to_owned())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.redacted())
    }
}

impl Serialize for DatabaseUrl {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&self.redacted())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_hidden_and_the_rest_is_not() {
        for (url, shown) in [
            ("sqlite:./data", "sqlite:./data"),
            ("sqlite:///var/lib/aftercare", "sqlite:///var/lib/aftercare"),
            ("postgres://me@db/aftercare", "postgres://me@db/aftercare"),
            ("postgres://me:p@ss:1@db:5432/x", "postgres://me:(hidden)@db:5432/x"),
            ("postgres://db/x?password=p", "postgres://db/x?(hidden)"),
        ] {
            assert_eq!(DatabaseUrl::from(url).redacted(), shown);
        }
        assert_eq!(format!("{:?}", Secret::from("00")), "(hidden)");
    }
}
