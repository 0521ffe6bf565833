//! `cargo xtask check`: what can be said about the tree without running the suite
//!
//! The steps stop at the first failure. Clippy runs on the dev profile with the features of the
//! tests, so that nothing is built twice.

use std::fs;
use std::path::Path;
use std::process::Stdio;

use anyhow::Result;

use crate::licences;
use crate::metadata::Metadata;
use crate::shell::Shell;
use crate::tools;

/// Runs every check.
pub(crate) fn run(shell: &Shell, metadata: &Metadata) -> Result<()> {
    shell
        .step("format", || shell.must(shell.command("cargo").args(["fmt", "--all", "--check"])))?;
    shell.step("lints", || {
        let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        shell.must(shell.command("cargo").args(clippy))
    })?;
    shell.step("contracts", || {
        let modules = tools::node_modules(shell, &metadata.target)?;
        let mut buf = shell.command(modules.join(".bin/buf"));
        // Its cache goes where everything else of ours goes, whatever HOME is.
        shell.must(buf.args(["lint", "proto"]).env("BUF_CACHE_DIR", modules.join(".cache/buf")))
    })?;
    shell.step("alerts", || {
        let alerts = "deploy/alerts/aftercare.rules.yml";
        let tests = "deploy/alerts/aftercare.rules.test.yml";
        shell.must(shell.command("promtool").args(["check", "rules", alerts]))?;
        shell.must(shell.command("promtool").args(["test", "rules", tests]))?;
        let prometheus = "deploy/compose/prometheus.yml";
        let config = ["check", "config", "--syntax-only", prometheus];
        shell.must(shell.command("promtool").args(config))
    })?;
    shell.step("deployment", || deployment(shell, &metadata.target))?;
    shell.step("licences", || licences::check(&metadata.packages))?;
    shell.step("house rules", || {
        shell.must(shell.command("cargo").args(["test", "--quiet", "--package", "aftercare-tidy"]))
    })
}

/// The image's recipe, the compose file, and the chart with each set of its values.
fn deployment(shell: &Shell, target: &Path) -> Result<()> {
    let python = tools::python(shell, target)?;
    let image = ["--failure-threshold", "style", "deploy/docker/Dockerfile"];
    shell.must(shell.command(python.with_file_name("hadolint")).args(image))?;
    let script = |name: &str| {
        let mut command = shell.command(&python);
        // What they print is for the tests that look closer.
        command.arg("-B").arg(format!("tests/deploy/python/{name}")).stdout(Stdio::null());
        command
    };
    let compose = ["deploy/compose/compose.yaml", "deploy/compose/.env.example"];
    shell.must(script("compose.py").args(compose))?;
    let chart = "deploy/helm/aftercare";
    let mut sets = Vec::new();
    for entry in fs::read_dir(shell.root().join(chart).join("ci"))? {
        sets.push(entry?.path());
    }
    shell.must(script("chart.py").arg(chart).args(sets))
}
