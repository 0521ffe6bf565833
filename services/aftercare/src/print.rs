//! How a failure is told to people, and what to type next.

use std::path::{Path, PathBuf};

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

/// This program with this configuration file, as a shell takes it in any folder.
pub(crate) fn myself(file: Option<&Path>) -> String {
    let path = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("aftercare"));
    let program = quoted(&path.display().to_string());
    let Some(file) = file else { return program };
    let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
    format!("{program} --config {}", quoted(&file.display().to_string()))
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    if word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_spaces_is_one_word() {
        assert_eq!(quoted("/a/b-c.d"), "/a/b-c.d");
        assert_eq!(quoted("/my files/it's"), "'/my files/it'\\''s'");
    }

    #[test]
    fn nothing_is_said_twice_in_a_row() {
        let error = anyhow::anyhow!("disk full").context("disk full").context("not saved");
        assert_eq!(causes(&error), ["disk full"]);
    }
}
