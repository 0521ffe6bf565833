//! How a failure is told to people, and what to type next.

use std::path::{Path, PathBuf};

use tonic::Status;
use tonic_types::StatusExt as _;

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

/// What a status says, in one line: code, reason, message, and every field that was wrong.
pub(crate) fn told(status: &Status) -> anyhow::Error {
    let reason = status.get_details_error_info().map(|info| format!(" {}", info.reason));
    let mut told =
        format!("{:?}{}: {}", status.code(), reason.unwrap_or_default(), status.message());
    let bad = status.get_details_bad_request().map(|bad| bad.field_violations);
    for violation in bad.unwrap_or_default() {
        told = format!("{told}; {} {}", violation.field, violation.description);
    }
    anyhow::Error::msg(told)
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
    fn a_refusal_is_told_with_its_reason() {
        let code = kernel::Code::FailedPrecondition;
        let status = rpc::status::plain(code, "TRANSITION_REFUSED", "it is closed");
        assert_eq!(
            told(&status).to_string(),
            "FailedPrecondition TRANSITION_REFUSED: it is closed"
        );
    }

    #[test]
    fn nothing_is_said_twice_in_a_row() {
        let error = anyhow::anyhow!("disk full").context("disk full").context("not saved");
        assert_eq!(causes(&error), ["disk full"]);
    }
}
