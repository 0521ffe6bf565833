//! Conditions: a table of what each one is, CEL itself as an oracle, and texts made to hurt.
#![cfg(test)]

// The rest of the workspace calls the crate by this name.
extern crate aftercare_kernel as kernel;

mod hostile;
mod oracle;
mod table;
