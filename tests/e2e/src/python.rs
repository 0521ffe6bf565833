//! The Python that `xtask` prepared, with the packages that it pinned.

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::suite::finish;

/// The variable that names the interpreter.
const PYTHON: &str = "AFTERCARE_TEST_PYTHON";

/// The interpreter, ready to run one of the scripts of `tests/e2e/python`.
///
/// # Panics
/// Where none is named and none was prepared.
#[expect(clippy::disallowed_methods, reason = "the test's environment is no configuration")]
pub fn script(name: &str) -> Command {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let prepared = || here.join("../../target/python/bin/python");
    let python = std::env::var_os(PYTHON).map_or_else(prepared, PathBuf::from);
    assert!(
        python.exists(),
        "there is no {}: run `cargo xtask test`, which prepares it, or name one in {PYTHON}",
        python.display()
    );
    let mut command = Command::new(python);
    command.arg("-B").arg(here.join("python").join(name));
    command
}

/// A folder with stubs made from our protos by grpcio-tools, once for each test program.
pub fn stubs() -> &'static Path {
    static STUBS: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = STUBS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder for the stubs");
        let protos = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
        let made = finish(script("stubs.py").arg(protos).arg(folder.path()));
        assert_eq!(made.code, 0, "stubs could not be made:\n{}", made.err);
        folder
    });
    folder.path()
}
