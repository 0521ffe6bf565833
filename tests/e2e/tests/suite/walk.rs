//! A complaint from its first call to its end, by Python with stubs made from our protos.

use std::process::Command;

use aftercare_e2e::{
    Suite, Tenant, each_backend, python,
    suite::{binary, finish},
};

/// Walks, and fails with what Python said.
pub(crate) fn walk(suite: &Suite) {
    let mut command: Command = python::script("walk.py");
    command
        .arg(python::stubs())
        .arg(suite.at("tickets").public.to_string())
        .arg(suite.at("customers").public.to_string())
        .arg(Tenant::North.slug())
        .arg(binary())
        .arg("--config")
        .arg(suite.config());
    let walked = finish(&mut command);
    assert_eq!(walked.code, 0, "{}{}", walked.out, walked.err);
    assert!(walked.out.ends_with("done\n"), "{}", walked.out);
}

#[tokio::test]
async fn python_walks_a_complaint() {
    each_backend(async |suite| walk(suite)).await;
}
