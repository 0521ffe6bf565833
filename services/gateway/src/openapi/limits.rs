//! Limits that the contracts' comments state in so many words, `at most 200 characters`. A clause that
//! says anything else is no limit: a schema must never claim more than is true.

/// From and up to how much, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Limits {
    /// The least.
    pub(crate) least: Option<u64>,
    /// The most.
    pub(crate) most: u64,
}

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// The characters of a text.
    Characters,
    /// The items of a list, or the number itself.
    Plain,
}

/// The one limit of this unit in a comment; `None` where there is none, or more than one.
pub(crate) fn read(comment: &str, unit: Unit) -> Option<Limits> {
    let mut found = None;
    for clause in comment.split([';', ',', '.', ':']) {
        let Some(limits) = clause_limits(clause.trim(), unit) else { continue };
        if found.replace(limits).is_some() {
            return None;
        }
    }
    found
}

fn clause_limits(clause: &str, unit: Unit) -> Option<Limits> {
    let numbers = match unit {
        Unit::Characters => clause.strip_suffix(" characters")?,
        Unit::Plain => clause,
    };
    if let Some(most) =
        numbers.strip_prefix("at most ").or_else(|| numbers.strip_prefix("At most "))
    {
        return Some(Limits { least: None, most: number(most)? });
    }
    let (least, most) = numbers.split_once(" to ")?;
    Some(Limits { least: Some(number(least)?), most: number(most)? })
}

/// A number whose thousands are set apart, `32 000`.
fn number(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ');
    is_number.then(|| text.replace(' ', "").parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(least: impl Into<Option<u64>>, most: u64) -> Limits {
        Limits { least: least.into(), most }
    }

    #[test]
    fn what_is_said_in_so_many_words_is_read() {
        let characters = |comment| read(comment, Unit::Characters);
        assert_eq!(characters("What was said; 1 to 32 000 characters."), Some(limits(1, 32_000)));
        assert_eq!(characters("Words. At most 8 000 characters."), Some(limits(None, 8_000)));
        assert_eq!(characters("Letters and `. _`, at most 64 characters."), Some(limits(None, 64)));
        assert_eq!(
            read("Skills, for instance `refunds`; at most 8.", Unit::Plain),
            Some(limits(None, 8))
        );
        assert_eq!(
            read("Calls a second, kept up: 1 to 100 000.", Unit::Plain),
            Some(limits(1, 100_000))
        );
    }

    #[test]
    fn anything_else_is_no_limit() {
        assert_eq!(read("How bad it is: 1 (worst) to 4.", Unit::Plain), None);
        assert_eq!(
            read("How many at most: 0 means 50, more than 1 000 means 1 000.", Unit::Plain),
            None
        );
        assert_eq!(read("at most 30 days; 24 hours", Unit::Plain), None);
        assert_eq!(read("At most 8 characters", Unit::Plain), None);
        assert_eq!(read("at most 8; at most 9", Unit::Plain), None);
    }
}
