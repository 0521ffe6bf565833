//! The programs and packages from outside that checks and tests need
//!
//! What Debian packages is installed when we are root, else named in one line to run. Packages
//! of npm and PyPI go under the target directory at exact versions, and are not fetched again
//! while the pinned versions stand there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::account;
use crate::shell::Shell;

/// What may be missing on a fresh machine.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tool {
    Node,
    Npm,
    Python,
    Postgres,
    Curl,
    Chromium,
    Promtool,
}

/// What `check` needs.
pub(crate) const FOR_CHECK: &[Tool] = &[Tool::Node, Tool::Npm, Tool::Promtool, Tool::Python];
/// What `test` needs.
pub(crate) const FOR_TEST: &[Tool] = &[
    Tool::Node,
    Tool::Npm,
    Tool::Promtool,
    Tool::Python,
    Tool::Postgres,
    Tool::Curl,
    Tool::Chromium,
];

impl Tool {
    fn is_present(self, shell: &Shell) -> bool {
        match self {
            Self::Node => shell.output("node", &["--version"]).is_some(),
            Self::Npm => shell.output("npm", &["--version"]).is_some(),
            Self::Python => shell.output("python3", &["-c", "import ensurepip, venv"]).is_some(),
            Self::Postgres => xtask::postgres_programs().is_some(),
            Self::Curl => shell.output("curl", &["--version"]).is_some(),
            Self::Chromium => shell.output("chromium", &["--version"]).is_some(),
            Self::Promtool => shell.output("promtool", &["--version"]).is_some(),
        }
    }

    /// The package of Debian and its kin.
    fn debian(self) -> &'static str {
        match self {
            Self::Node => "nodejs",
            Self::Npm => "npm",
            Self::Python => "python3-venv",
            Self::Postgres => "postgresql",
            Self::Curl => "curl",
            Self::Chromium => "chromium",
            Self::Promtool => "prometheus",
        }
    }
}

/// Makes sure that the tools are there, or fails with the line that installs them.
pub(crate) fn ensure(shell: &Shell, tools: &[Tool]) -> Result<()> {
    let missing: Vec<Tool> = tools.iter().copied().filter(|t| !t.is_present(shell)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.iter().map(|t| t.debian()).collect();
    let install = ["install", "-y", "--no-install-recommends"];
    if !account::is_root(shell) || shell.output("apt-get", &["--version"]).is_none() {
        bail!(
            "these tools are missing; on Debian or Ubuntu run:\n  \
             sudo apt-get update && sudo apt-get {} {}",
            install.join(" "),
            packages.join(" ")
        );
    }
    shell.step(&format!("install {}", packages.join(" ")), || {
        let apt = || {
            let mut command = shell.command("apt-get");
            command.env("DEBIAN_FRONTEND", "noninteractive");
            command
        };
        shell.must(apt().args(["-qq", "update"]))?;
        shell.must(apt().args(["-qq"]).args(install).args(&packages))
    })?;
    match missing.iter().find(|tool| !tool.is_present(shell)) {
        Some(tool) => bail!("{} is installed and still cannot be used", tool.debian()),
        None => Ok(()),
    }
}

/// The `node_modules` folder with the packages of `xtask/node/package.json`.
pub(crate) fn node_modules(shell: &Shell, target: &Path) -> Result<PathBuf> {
    let pinned = shell.root().join("xtask/node/package.json");
    let home = target.join("node");
    let modules = home.join("node_modules");
    if !is_installed(&pinned, &home, &modules)? {
        fs::create_dir_all(&home)?;
        fs::copy(&pinned, home.join("package.json"))?;
        let install = ["install", "--no-audit", "--no-fund", "--loglevel", "error", "--prefix"];
        shell.must(shell.command("npm").args(install).arg(&home))?;
        mark_installed(&pinned, &home)?;
    }
    Ok(modules)
}

/// The interpreter of a virtual environment with the packages of `xtask/python/requirements.txt`.
pub(crate) fn python(shell: &Shell, target: &Path) -> Result<PathBuf> {
    environment(shell, "requirements.txt", &target.join("python"))
}

/// The same with the packages of `xtask/python/bench.txt`.
pub(crate) fn python_bench(shell: &Shell, target: &Path) -> Result<PathBuf> {
    environment(shell, "bench.txt", &target.join("python-bench"))
}

fn environment(shell: &Shell, pins: &str, home: &Path) -> Result<PathBuf> {
    let pinned = shell.root().join("xtask/python").join(pins);
    let interpreter = home.join("bin/python");
    if !is_installed(&pinned, home, &interpreter)? {
        // From scratch, since an environment breaks when the interpreter below it changes.
        shell.must(shell.command("python3").args(["-m", "venv", "--clear"]).arg(home))?;
        let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
        shell.must(shell.command(&interpreter).args(install).arg(&pinned))?;
        mark_installed(&pinned, home)?;
    }
    Ok(interpreter)
}

/// Whether what is pinned now was installed completely; written last, so a broken install is not.
fn is_installed(pinned: &Path, home: &Path, product: &Path) -> Result<bool> {
    let wanted = fs::read(pinned).with_context(|| format!("cannot read {}", pinned.display()))?;
    Ok(product.exists() && fs::read(home.join("installed")).is_ok_and(|have| have == wanted))
}

fn mark_installed(pinned: &Path, home: &Path) -> Result<()> {
    fs::copy(pinned, home.join("installed"))?;
    Ok(())
}
