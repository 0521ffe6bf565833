//! What operators run the suite by (`deploy/`), read as a cluster and as Compose read it.
//!
//! - [`chart`]: the Helm chart, rendered with each set of values of its `ci` folder.
//! - [`compose`]: the compose file with its variables.
//! - [`settings`]: what the suite's own binary says of a settings file.
//! - [`running`]: the chart's pods as processes of this machine.
//!
//! The rendering and the schemas of Kubernetes and of Compose are those of Python packages that
//! `xtask` pins; a set that they find a fault in fails every test that asks for it.
//!
//! Deliberately absent: a cluster and a Docker daemon. What is not seen here is whether they do as
//! they are told.

pub mod chart;
pub mod compose;
pub mod running;
pub mod settings;

use std::{
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

/// The services of the suite, each with a process of its own.
pub const SERVICES: [&str; 5] = ["gateway", "tickets", "customers", "knowledge", "surveys"];
/// The variable that names the interpreter with the packages.
const PYTHON: &str = "AFTERCARE_TEST_PYTHON";

/// The workspace's folder.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file of `deploy/`, as text.
pub fn read(path: &str) -> String {
    let path = workspace().join("deploy").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// One of our scripts, ready to run in the workspace's folder.
fn script(name: &str) -> Command {
    let python = prepared(PYTHON, "python/bin/python");
    let mut command = Command::new(python);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(name);
    command.current_dir(workspace()).arg("-B").arg(file);
    command
}

/// A program that `cargo xtask test` prepares under `target` and names in a variable.
#[expect(clippy::disallowed_methods, reason = "the test's environment is no configuration")]
fn prepared(variable: &str, below: &str) -> PathBuf {
    let default = || workspace().join("target").join(below);
    let program = std::env::var_os(variable).map_or_else(default, PathBuf::from);
    assert!(
        program.exists(),
        "there is no {}: run `cargo xtask test`, which prepares it, or name one in {variable}",
        program.display()
    );
    program
}

/// Runs a command to its end.
fn finish(command: &mut Command) -> Output {
    command.stdin(Stdio::null()).output().expect("the command starts")
}
