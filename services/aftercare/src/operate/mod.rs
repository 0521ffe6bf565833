//! What operators do to a running suite, through its admin ports.

pub(crate) mod clock;
pub(crate) mod feed;
pub(crate) mod index;
pub(crate) mod reach;

use tonic::Status;
use tonic_types::StatusExt as _;

/// What a status says, with every field that was wrong, as an error of the command.
pub(crate) fn told(status: &Status) -> anyhow::Error {
    let wrong = status.get_details_bad_request().map(|bad| bad.field_violations);
    let wrong = wrong.unwrap_or_default().into_iter();
    let mut lines = vec![status.message().to_owned()];
    lines.extend(wrong.map(|one| format!("  {}: {}", one.field, one.description)));
    anyhow::Error::msg(lines.join("\n")).context(format!("{:?}", status.code()))
}
