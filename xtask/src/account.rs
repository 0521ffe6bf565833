//! Who we are, and who PostgreSQL runs as
//!
//! PostgreSQL refuses to run as root; then its programs run under an existing account without
//! rights: `postgres` where there is one, else `nobody`.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::shell::Shell;

/// The account of PostgreSQL's programs, where it is not our own.
#[derive(Clone, Copy)]
pub(crate) struct Account {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// Whether this process may install packages and must not run PostgreSQL itself.
pub(crate) fn is_root(shell: &Shell) -> bool {
    shell.output("id", &["-u"]).as_deref() == Some("0")
}

impl Account {
    /// The account to change to; none when we are not root and stay who we are.
    pub(crate) fn unprivileged(shell: &Shell) -> Result<Option<Self>> {
        if !is_root(shell) {
            return Ok(None);
        }
        let number = |flag: &str, name: &str| shell.output("id", &[flag, name])?.parse().ok();
        for name in ["postgres", "nobody"] {
            if let (Some(uid), Some(gid)) = (number("-u", name), number("-g", name)) {
                return Ok(Some(Self { uid, gid }));
            }
        }
        None.context("PostgreSQL cannot run as root, and there is no account postgres or nobody")
    }

    /// Lets a program run under this account.
    pub(crate) fn apply(self, command: &mut Command) {
        // With a uid set, the standard library also drops the supplementary groups.
        command.uid(self.uid).gid(self.gid);
    }

    /// Whether this account can write to a folder, all the folders above it included.
    pub(crate) fn reaches(self, folder: &Path) -> bool {
        let mut probe = Command::new("test");
        self.apply(probe.arg("-w").arg(folder).current_dir("/").stdin(Stdio::null()));
        probe.status().is_ok_and(|status| status.success())
    }
}
