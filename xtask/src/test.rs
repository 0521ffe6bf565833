//! `cargo xtask test`: the checks, then every test on both databases
//!
//! Nothing is printed after cargo's own closing lines, which CI reads.

use std::process::ExitCode;

use anyhow::Result;

use crate::check;
use crate::metadata::Metadata;
use crate::postgres::Cluster;
use crate::shell::Shell;
use crate::tools;

/// Answers with the tests' exit code.
pub(crate) fn run(shell: &Shell, args: &[String]) -> Result<ExitCode> {
    let metadata = Metadata::read(shell)?;
    // First, so that a missing tool is known before minutes of building.
    tools::ensure(shell, tools::FOR_TEST)?;
    check::run(shell, &metadata)?;
    let python = shell.step("python packages", || tools::python(shell, &metadata.target))?;
    let modules = tools::node_modules(shell, &metadata.target)?;
    shell.step("build", || {
        // The binary together with the tests: one set of features, so one build of each crate.
        let build = ["build", "--workspace", "--tests", "--bin", "aftercare"];
        shell.must(shell.command("cargo").args(build))
    })?;
    let cluster = shell.step("postgres", || Cluster::start(shell, &metadata.target))?;
    eprintln!("==> tests");
    let status = shell.run(
        shell
            .command("cargo")
            .args(["test", "--workspace"])
            .args(args)
            .env("AFTERCARE_TEST_POSTGRES", cluster.url())
            .env("AFTERCARE_TEST_PYTHON", python)
            .env("AFTERCARE_TEST_NODE_MODULES", modules)
            .env("AFTERCARE_TEST_BINARY", metadata.target.join("debug/aftercare")),
    )?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1);
    Ok(ExitCode::from(code))
}
