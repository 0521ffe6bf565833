//! What operators do to a running suite, through its admin ports.

pub(crate) mod clock;
pub(crate) mod feed;
pub(crate) mod index;
pub(crate) mod reach;

use tonic::Status;

/// What a status says, as an error of the command.
pub(crate) fn told(status: &Status) -> anyhow::Error {
    anyhow::Error::msg(status.message().to_owned()).context(format!("{:?}", status.code()))
}
