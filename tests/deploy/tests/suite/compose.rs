//! The compose file and the image that it runs.

use std::path::Path;

use aftercare_deploy::{
    SERVICES,
    chart::{list, text},
    compose, read,
    settings::{Given, accepted},
    workspace,
};
use serde_json::{Value, json};

/// The image that is built here.
const OURS: &str = "aftercare:0.1.0";

fn ours(compose: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let services = compose["services"].as_object().unwrap().iter();
    services.filter(|(_, service)| service["image"] == OURS)
}

#[test]
fn every_service_runs_once_after_the_migration() {
    let read = compose::read();
    let services = &read["compose"]["services"];
    for service in SERVICES {
        assert_eq!(services[service]["command"], json!(["serve", service]));
        let after = &services[service]["depends_on"]["migrate"]["condition"];
        assert_eq!(after, "service_completed_successfully");
    }
    assert_eq!(services["migrate"]["command"], json!(["migrate"]));
    assert_eq!(ours(&read["compose"]).count(), SERVICES.len() + 1);
}

#[test]
fn containers_may_do_nothing_that_they_need_not() {
    let read = compose::read();
    for (name, service) in ours(&read["compose"]) {
        assert_eq!(service["user"], "65532:65532", "{name}");
        assert_eq!(service["read_only"], true, "{name}");
    }
    for (name, service) in read["compose"]["services"].as_object().unwrap() {
        let (_, tag) = text(&service["image"]).rsplit_once(':').unwrap();
        assert!(tag != "latest" && tag.contains('.'), "{name}: {tag} is no version");
        // The database's image changes to its own user by itself.
        if name != "postgres" {
            assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
            assert_eq!(service["security_opt"], json!(["no-new-privileges:true"]), "{name}");
        }
        for port in list(&service["ports"]) {
            assert!(text(port).starts_with("127.0.0.1:"), "{name}: {port} is open to the world");
        }
    }
}

#[test]
fn no_password_has_a_default() {
    let read = compose::read();
    let variables = read["variables"].as_object().unwrap();
    for (name, variable) in variables {
        let secret = name.ends_with("_PASSWORD") || name.ends_with("_KEY");
        assert_eq!(variable["required"], secret, "{name}");
        let example = variable["example"].as_str().unwrap_or_else(|| panic!("{name}: no example"));
        let empty = secret || name.ends_with("_KEYS");
        assert_eq!(example.is_empty(), empty, "{name}: {example}");
    }
    let example = read["example"].as_object().unwrap();
    assert!(example.keys().all(|name| variables.contains_key(name)), "{example:?}");
}

#[test]
fn the_suite_accepts_what_each_container_is_given() {
    let read = compose::read();
    let settings = aftercare_deploy::read("compose/aftercare.toml");
    for (name, service) in ours(&read["compose"]) {
        let pairs = service["environment"].as_object().unwrap();
        let mut env: Vec<_> =
            pairs.iter().map(|(key, value)| (key.as_str(), text(value))).collect();
        env.retain(|(key, _)| *key != "AFTERCARE_CONFIG");
        env.push(("AFTERCARE_CONFIG", "aftercare.toml"));
        let holds = accepted(&Given { settings: Some(&settings), seed: None, env });
        assert!(holds.contains("production = true"), "{name}:\n{holds}");
        assert!(holds.contains("@postgres:5432/aftercare"), "{name}:\n{holds}");
    }
    for service in SERVICES {
        let section = format!("[services.{service}]\nlink = \"http://{service}:8181\"");
        assert!(settings.contains(&section), "{section}");
    }
}

#[test]
fn files_are_there_and_names_are_those_of_containers() {
    let read_file = |path: &str| read(&format!("compose/{path}"));
    let composed = compose::read();
    let folder = workspace().join("deploy/compose");
    for (name, file) in composed["compose"]["configs"].as_object().unwrap() {
        // The operator writes the seed.
        let there = name == "seed" || folder.join(text(&file["file"])).is_file();
        assert!(there, "{name}: {file}");
    }
    let ignored = std::fs::read_to_string(workspace().join(".gitignore")).unwrap();
    for file in [".env", "seed.toml"] {
        assert!(ignored.contains(&format!("/deploy/compose/{file}\n")), "{file}");
    }
    let all = SERVICES.join(", ");
    assert!(read_file("prometheus.yml").contains(&format!("names: [{all}]")));
    assert!(read_file("aftercare.toml").contains("otlp = \"http://collector:4317\""));
    assert!(read_file("collector.yaml").contains("endpoint: traces:4317"));
    for name in ["collector", "traces", "prometheus", "grafana"] {
        assert!(composed["compose"]["services"][name].is_object(), "{name}");
    }
}

#[test]
fn the_image_is_built_by_our_compiler_from_what_cargo_needs() {
    let (image, root) = (read("docker/Dockerfile"), workspace());
    let toolchain = std::fs::read_to_string(root.join("rust-toolchain.toml")).unwrap();
    let channel = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).unwrap();
    let from = format!("FROM rust:{}-bookworm AS build", channel.trim_matches('"'));
    assert!(image.contains(&from), "the image is not built by {channel}");
    assert!(image.contains("\nFROM gcr.io/distroless/cc-debian12:nonroot\n"), "another Debian");
    assert!(image.contains("\nUSER 65532:65532\n"));
    let sent = std::fs::read_to_string(root.join(".dockerignore")).unwrap();
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let members = manifest.lines().find_map(|line| line.strip_prefix("members = [")).unwrap();
    let members = members.trim_end_matches(']').split(", ");
    for member in members.map(|member| member.trim_matches('"')) {
        let top = Path::new(member).iter().next().unwrap().to_str().unwrap();
        assert!(sent.contains(&format!("\n!{top}\n")), "{member} is not sent to the builder");
    }
}
