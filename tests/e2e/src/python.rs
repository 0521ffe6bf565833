//! The Python that `xtask` prepared, with the packages that it pinned.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::{
    Suite,
    suite::{finish, search_path},
    walk::{Steps, Walk},
};

/// The variable that names the interpreter.
const PYTHON: &str = "AFTERCARE_TEST_PYTHON";

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The interpreter.
///
/// # Panics
/// Where none is named and none was prepared.
#[expect(clippy::disallowed_methods, reason = "the test's environment is no configuration")]
fn interpreter() -> PathBuf {
    let prepared = || here().join("../../target/python/bin/python");
    let python = std::env::var_os(PYTHON).map_or_else(prepared, PathBuf::from);
    assert!(
        python.exists(),
        "there is no {}: run `cargo xtask test`, which prepares it, or name one in {PYTHON}",
        python.display()
    );
    python
}

/// A program of the packages that the interpreter has.
pub fn tool(name: &str) -> Command {
    Command::new(interpreter().with_file_name(name))
}

/// The search path for programs, those of the packages first.
pub fn path() -> OsString {
    let python = interpreter();
    search_path(python.parent().expect("an interpreter stands in a folder"))
}

/// The interpreter, ready to run a script, given by its path from here.
pub fn script(script: impl AsRef<Path>) -> Command {
    let mut command = Command::new(interpreter());
    command.arg("-B").arg(here().join(script));
    command
}

/// The folder of Google's own protos, as PyPI's `googleapis-common-protos` ships them.
pub fn protos() -> PathBuf {
    let found = finish(&mut script("python/google_protos.py"));
    assert_eq!(found.code, 0, "{}", found.err);
    PathBuf::from(found.out.trim())
}

/// A complaint, walked by Python: what it saw is as it should be.
pub async fn walk(suite: &Suite) {
    let walk = Walk::new(suite).await;
    let walked = finish(script("python/walk.py").arg(stubs()).arg(walk.told().to_string()));
    walk.check(&Steps::printed(&walked));
}

/// A folder with stubs made from our protos by grpcio-tools, once for each test program.
pub fn stubs() -> &'static Path {
    static STUBS: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = STUBS.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder for the stubs");
        let protos = here().join("../../proto");
        let made = finish(script("python/stubs.py").arg(protos).arg(folder.path()));
        assert_eq!(made.code, 0, "stubs could not be made:\n{}", made.err);
        folder
    });
    folder.path()
}
