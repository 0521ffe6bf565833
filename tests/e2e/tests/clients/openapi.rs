//! Schemathesis, which knows nothing but the OpenAPI document: what it makes of it brings about no
//! server error, no undocumented answer, and none that is not as the document says.

use std::{path::Path, process::Command};

use aftercare_e2e::{
    Backend, Suite, Tenant,
    contract::{access, all_methods},
    python,
    suite::{finish, member_of},
};
use contracts::POOL;

const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_schema_conformance,response_headers_conformance";

/// The command line, for any base URL and token; run in `home`, where it leaves its notes.
fn schemathesis(base: &str, token: &str, home: &Path) -> Command {
    let mut command = python::tool("schemathesis");
    command
        .current_dir(home)
        .arg("run")
        .arg(format!("{base}/openapi.json"))
        .args(["--url", base, "--checks", CHECKS])
        .arg("--header")
        .arg(format!("Authorization: Bearer {token}"))
        // A watch does not end; the walks read it.
        .args(["--exclude-path-regex", ":watch$"])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "15", "--seed", "1"])
        .args(["--generation-database", "none", "--suppress-health-check", "all"])
        // One worker: of two, one sometimes trips over CPython's parser in the other's thread.
        .args(["--workers", "1", "--request-timeout", "20", "--no-color"]);
    command
}

#[tokio::test]
async fn schemathesis_finds_nothing() {
    // On PostgreSQL, which is stricter about what a text may hold; a suite of its own, since it writes
    // whatever comes to its mind.
    let suite = Suite::new(Backend::Postgres).await;
    let process = suite.serve(&[]).await;
    let base = format!("http://{}", suite.at("tickets").public);
    let token = suite.token(&member_of(Tenant::North, "grace"));
    let run = finish(&mut schemathesis(&base, &token, suite.home()));
    assert_eq!(run.code, 0, "{}{}\n{}", run.out, run.err, process.log());
    let tested = run.out.lines().find_map(|line| line.trim().strip_prefix("Tested: "));
    let tested: usize = tested.unwrap().parse().unwrap();
    assert_eq!(tested, calls(), "every call is in the document:\n{}", run.out);
}

/// How many public methods come to an end by themselves.
fn calls() -> usize {
    let public = all_methods(&POOL).into_iter().filter(|method| {
        let internal = access(method).is_none_or(|(_, internal)| internal);
        !internal && method.name() != "WatchTickets"
    });
    public.count()
}
