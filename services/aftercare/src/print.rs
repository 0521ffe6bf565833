//! How a failure is told to people.

/// The error and its causes, one a line.
pub(crate) fn failure(error: &anyhow::Error) {
    eprintln!("aftercare: {error}");
    for cause in error.chain().skip(1) {
        eprintln!("  because: {cause}");
    }
}
