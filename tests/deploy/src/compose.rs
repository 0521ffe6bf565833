//! The compose file, with its variables put in.

use serde_json::Value;

use crate::{finish, script};

/// What Compose makes of it: `compose`, the tree; `variables`, each with whether it is required and
/// what the example says; `example`, all that the example names.
///
/// # Panics
/// Where it is not of the specification.
pub fn read() -> Value {
    let mut command = script("compose.py");
    let output =
        finish(command.args(["deploy/compose/compose.yaml", "deploy/compose/.env.example"]));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("the script prints JSON")
}
