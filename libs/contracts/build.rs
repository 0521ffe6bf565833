//! Compiles the contracts with protox: no protoc, no other tool than cargo.
#![expect(
    clippy::disallowed_methods,
    reason = "a build script is told by cargo in the environment"
)]

use std::{env, error::Error, fs, path::PathBuf};

use prost::Message as _;
use tonic_prost_build::FileDescriptorSet;

const PACKAGES: [&str; 6] = [
    "aftercare/type/v1",
    "aftercare/gateway/v1",
    "aftercare/tickets/v1",
    "aftercare/customers/v1",
    "aftercare/knowledge/v1",
    "aftercare/surveys/v1",
];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let mut files = Vec::new();
    for package in PACKAGES {
        for entry in fs::read_dir(root.join(package))? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "proto") {
                files.push(path);
            }
        }
    }
    files.sort();

    // The bytes of the compiler, not re-encoded ones: prost's own types drop custom options.
    let mut compiler = protox::Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    let bytes = compiler.encode_file_descriptor_set();
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("descriptors.binpb"), &bytes)?;

    tonic_prost_build::configure()
        .build_transport(false)
        .extern_path(".google.api", "crate::unused")
        .compile_fds(FileDescriptorSet::decode(bytes.as_slice())?)?;
    Ok(())
}
