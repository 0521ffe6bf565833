//! The Node packages that `xtask` prepared, and TypeScript clients made with them from our protos.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use crate::{
    python,
    suite::{finish, search_path},
};

/// The variable that names the folder of the packages.
const MODULES: &str = "AFTERCARE_TEST_NODE_MODULES";
/// The variable that names the browser.
const CHROMIUM: &str = "AFTERCARE_TEST_CHROMIUM";
/// Where Debian puts it.
const DEBIAN: &str = "/usr/bin/chromium";
/// How strictly TypeScript is read: as a bundler's user would, with nothing let through.
const STRICT: [&str; 11] = [
    "--noEmit",
    "--strict",
    "--skipLibCheck",
    "--module",
    "esnext",
    "--moduleResolution",
    "bundler",
    "--target",
    "es2022",
    "--lib",
    "es2022,dom",
];

/// The folder of the packages.
///
/// # Panics
/// Where none is named and none was prepared.
#[expect(clippy::disallowed_methods, reason = "the test's environment is no configuration")]
fn modules() -> PathBuf {
    let prepared = || here().join("../../target/node/node_modules");
    let modules = std::env::var_os(MODULES).map_or_else(prepared, PathBuf::from);
    fs::canonicalize(&modules).unwrap_or_else(|_| {
        panic!(
            "there is no {}: run `cargo xtask test`, which prepares it, or name one in {MODULES}",
            modules.display()
        )
    })
}

/// The browser.
///
/// # Panics
/// Where there is none.
#[expect(clippy::disallowed_methods, reason = "the test's environment is no configuration")]
pub fn chromium() -> PathBuf {
    let path = std::env::var_os(CHROMIUM).map_or_else(|| PathBuf::from(DEBIAN), PathBuf::from);
    assert!(path.exists(), "there is no {}: name a Chromium in {CHROMIUM}", path.display());
    path
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Node, ready to run a script that uses the packages.
pub fn script(script: impl AsRef<Path>) -> Command {
    let mut command = Command::new("node");
    command.env("NODE_PATH", modules()).arg(here().join(script));
    command
}

/// A folder in which TypeScript finds the packages, and in `gen` clients of our services and the
/// types of Google's error details, by protoc-gen-es; once for each test program.
fn workshop() -> &'static Path {
    static MADE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder for the clients");
        symlink(modules(), folder.path().join("node_modules")).expect("a link to the packages");
        let template = folder.path().join("buf.gen.yaml");
        fs::copy(here().join("examples/typescript/buf.gen.yaml"), template)
            .expect("the template is copied");
        let google = python::protos();
        let details = google.join("google/rpc/error_details.proto");
        must(buf(folder.path()).arg(here().join("../../proto")));
        must(buf(folder.path()).arg(&google).arg("--path").arg(details));
        folder
    });
    folder.path()
}

fn buf(workshop: &Path) -> Command {
    let mut command = tool("buf", workshop);
    let plugins = search_path(&workshop.join("node_modules/.bin"));
    command.arg("generate").env("BUF_CACHE_DIR", workshop.join("cache")).env("PATH", plugins);
    command
}

/// A program of the packages.
fn tool(name: &str, workshop: &Path) -> Command {
    let mut command = Command::new(workshop.join("node_modules/.bin").join(name));
    command.current_dir(workshop);
    command
}

fn must(command: &mut Command) {
    let finished = finish(command);
    assert_eq!(finished.code, 0, "{command:?}\n{}{}", finished.out, finished.err);
}

/// One script of a TypeScript source and all that it imports, checked and bundled for `platform`:
/// `browser` or `node`.
pub fn bundle(source: &str, platform: &str) -> PathBuf {
    let workshop = workshop();
    let path = Path::new(source);
    let name = path.file_name().expect("a source is a file");
    fs::copy(here().join(path), workshop.join(name)).expect("the source is copied");
    must(tool("tsc", workshop).args(STRICT).arg(name));
    let made = workshop.join(name).with_extension("js");
    let mut esbuild = tool("esbuild", workshop);
    esbuild.arg(name).args(["--bundle", "--log-level=warning"]);
    esbuild.arg(format!("--platform={platform}")).arg(format!("--outfile={}", made.display()));
    must(&mut esbuild);
    made
}
