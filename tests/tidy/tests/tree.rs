//! The house rules, over the workspace

use aftercare_tidy::{Exceptions, Source, rust_sources, source, statements, twins, workspace};

const EXCEPTIONS: &str = include_str!("../tenant-exceptions.txt");

/// The Rust files, of which there must be some: an empty tree would pass every rule.
fn sources() -> Vec<Source> {
    let sources = rust_sources(&workspace());
    assert!(sources.iter().any(|s| s.path == "libs/store/src/lib.rs"), "reads the wrong folder");
    sources
}

fn report(findings: &[String]) {
    assert!(findings.is_empty(), "\n{} findings:\n{}\n", findings.len(), findings.join("\n"));
}

#[test]
fn files_names_words_and_log_messages() {
    let findings: Vec<String> = sources().iter().flat_map(source).collect();
    report(&findings);
}

#[test]
fn every_statement_keeps_to_its_tenant() {
    let mut exceptions = Exceptions::parse(EXCEPTIONS);
    let mut findings = Vec::new();
    for file in sources() {
        let is_suite = file.path.starts_with("libs/") || file.path.starts_with("services/");
        let is_test = file.path.contains("/tests/") || file.path.ends_with("/tests.rs");
        if is_suite && !is_test && file.path.contains("/src/") {
            findings.extend(statements(&file, &mut exceptions));
        }
    }
    findings.extend(exceptions.findings());
    report(&findings);
}

#[test]
fn migrations_are_twins() {
    report(&twins(&workspace()));
}
