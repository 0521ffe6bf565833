//! How a failure is told to people.

/// The error and its causes, one a line.
pub(crate) fn failure(error: &anyhow::Error) {
    eprintln!("aftercare: {error}");
    for cause in causes(error) {
        eprintln!("  because: {cause}");
    }
}

/// The causes, outermost first, without those that only say again what the one before has said.
pub(crate) fn causes(error: &anyhow::Error) -> Vec<String> {
    let mut said: Vec<String> = error.chain().map(ToString::to_string).collect();
    said.dedup();
    said.split_off(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_said_twice_in_a_row() {
        let error = anyhow::anyhow!("disk full").context("disk full").context("not saved");
        assert_eq!(causes(&error), ["disk full"]);
    }
}
