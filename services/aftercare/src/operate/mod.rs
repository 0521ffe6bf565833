//! What operators do to a running suite, through its admin ports.

pub(crate) mod clock;
pub(crate) mod feed;
pub(crate) mod index;
pub(crate) mod reach;
