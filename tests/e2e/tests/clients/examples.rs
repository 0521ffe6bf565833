//! The calls of the README: each is quoted there as it is here, and works.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use aftercare_e2e::{
    Backend, Suite, Tenant, node, python,
    suite::{finish, integration_of, member_of},
};

const EXAMPLES: [&str; 5] =
    ["grpcurl.sh", "curl.sh", "python/first_call.py", "typescript/first_call.ts", "survey.sh"];
/// Where the examples call.
const THERE: &str = "127.0.0.1:8080";

fn example(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

#[test]
fn the_readmes_quote_the_examples() {
    for readme in ["README.md", "README.zh.md"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(readme);
        let text = fs::read_to_string(path).unwrap();
        for name in EXAMPLES {
            let quoted = fs::read_to_string(example(name)).unwrap();
            assert!(
                text.contains(&format!("\n{quoted}```\n")),
                "{readme} quotes no {name}:\n{quoted}"
            );
        }
    }
}

/// A copy of a script that calls this suite.
fn aimed(suite: &Suite, script: &Path, folder: &Path) -> PathBuf {
    let text = fs::read_to_string(script).unwrap();
    assert!(text.contains(THERE), "{} calls nobody", script.display());
    let copy = folder.join(script.file_name().unwrap());
    fs::write(&copy, text.replace(THERE, &suite.at("tickets").public.to_string())).unwrap();
    copy
}

#[tokio::test]
async fn every_example_works() {
    let suite = Suite::shared(Backend::Sqlite).await;
    let folder = tempfile::tempdir().unwrap();
    let run = |command: &mut Command| {
        let token = suite.token(&member_of(Tenant::North, "amy"));
        let ran = finish(command.env("TOKEN", token));
        assert_eq!(ran.code, 0, "{command:?}\n{}{}", ran.out, ran.err);
        assert!(ran.out.contains("tickets/"), "{command:?}\n{}{}", ran.out, ran.err);
    };
    let typescript = node::bundle("examples/typescript/first_call.ts", "node");
    run(&mut node::script(aimed(suite, &typescript, folder.path())));
    let first_call = aimed(suite, &example("python/first_call.py"), folder.path());
    run(python::script(first_call).env("PYTHONPATH", python::stubs()));
    for name in ["grpcurl.sh", "curl.sh"] {
        let mut shell = Command::new("sh");
        shell.arg("-e").arg(aimed(suite, &example(name), folder.path()));
        run(shell.env("PATH", python::path()));
    }
}

#[tokio::test]
async fn a_survey_is_made_as_the_readme_says() {
    // What is asked after each resolution would be asked after those of other tests.
    let suite = Suite::new(Backend::Sqlite).await;
    let _process = suite.serve(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Command::new("sh");
    shell.arg("-e").arg(aimed(&suite, &example("survey.sh"), folder.path()));
    let token = suite.token(&integration_of(Tenant::North));
    let ran = finish(shell.env("TOKEN", token));
    assert_eq!(ran.code, 0, "{}{}", ran.out, ran.err);
    let survey: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(survey["state"], "SURVEY_STATE_LIVE", "{survey:#}");
}
