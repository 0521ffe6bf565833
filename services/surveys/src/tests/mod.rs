//! What several parts do together.

mod figures;
mod scores;
