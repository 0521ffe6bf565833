//! What `aftercare` itself says of settings.

use std::{fs, process::Command};

use crate::{finish, prepared, workspace};

/// The variable that names the binary under test.
pub(crate) const BINARY: &str = "AFTERCARE_TEST_BINARY";

/// What a process is given: the settings file, the seed (the shipped one where there is none), and
/// its variables.
#[derive(Debug, Default)]
pub struct Given<'a> {
    /// The file's text; none where the process has no file.
    pub settings: Option<&'a str>,
    /// The seed's text.
    pub seed: Option<&'a str>,
    /// Names and values.
    pub env: Vec<(&'a str, &'a str)>,
}

/// What holds by these settings, after `aftercare config check` has found them right.
///
/// # Panics
/// Where they are wrong, with what is.
pub fn accepted(given: &Given<'_>) -> String {
    let folder = tempfile::tempdir().expect("a folder for the settings");
    let mut env = given.env.clone();
    let file = folder.path().join("aftercare.toml");
    let seed = folder.path().join("seed.toml");
    let shipped = || fs::read_to_string(workspace().join("libs/config/seed.toml"));
    let text = given.seed.map_or_else(shipped, |seed| Ok(seed.to_owned()));
    fs::write(&seed, text.expect("the shipped seed")).expect("the seed is written");
    let at = seed.display().to_string();
    if let Some(settings) = given.settings {
        fs::write(&file, settings).expect("the settings are written");
        // The place that they name is in the container.
        env.push(("AFTERCARE__SEED__FILE", &at));
    }
    let run = |subcommand: &str| {
        let mut command = Command::new(prepared(BINARY, "debug/aftercare"));
        command.current_dir(folder.path()).env_clear().envs(env.iter().copied());
        let output = finish(command.args(["config", subcommand]));
        let (out, err) = (output.stdout, String::from_utf8_lossy(&output.stderr).into_owned());
        assert!(output.status.success(), "{err}\n{given:#?}");
        String::from_utf8_lossy(&out).into_owned()
    };
    run("check");
    run("print")
}
