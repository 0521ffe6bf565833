//! What the chart's values may say, and what the suite says of the settings that come of them.

use std::{collections::BTreeSet, fs};

use aftercare_deploy::{
    SERVICES,
    chart::{folder, list, name, rendered, sets, text},
    read,
    settings::{Given, accepted},
    workspace,
};
use serde_json::Value;

/// Any root key.
const ROOT: &str = "5a17c0de5a17c0de5a17c0de5a17c0de5a17c0de5a17c0de5a17c0de5a17c0de";
const DATABASE: &str = "postgres://aftercare:secret@postgres:5432/aftercare";
/// What the chart decides, so that no values say it.
const DECIDED: [&str; 16] = [
    "environment.production",
    "server.public",
    "server.peer",
    "server.admin",
    "services.*",
    "database.url",
    "database.migrate",
    "keys.root",
    "keys.file",
    "keys.retired",
    "keys.changing",
    "clock.virtual",
    "identity.local_issuer",
    "search.folder",
    "seed.file",
    "drain.*",
];

#[test]
fn the_suite_accepts_the_settings_of_every_set() {
    for set in sets() {
        let seeds = set.all("ConfigMap").find(|map| name(map).ends_with("-seed"));
        let given = Given {
            settings: Some(set.settings()),
            seed: seeds.map(|map| text(&map["data"]["seed.toml"])),
            env: vec![
                ("AFTERCARE_CONFIG", "aftercare.toml"),
                ("AFTERCARE__DATABASE__URL", DATABASE),
                ("AFTERCARE__KEYS__ROOT", ROOT),
            ],
        };
        let holds = accepted(&given);
        assert!(holds.contains("production = true"), "{}:\n{holds}", set.name);
        assert!(holds.contains("local_issuer = false"), "{}:\n{holds}", set.name);
        assert!(!holds.contains("secret"), "{holds}");
    }
    let production = sets().iter().find(|set| set.name == "production-values.yaml").unwrap();
    for line in [
        "proxies = 2",
        "max_connections = 12",
        "sampling_ratio = 0.05",
        "operators = [\"ada\"]",
        "auditor = [\"tickets.read\",\"tickets.history\"]",
        "quiet_hours = \"20:00-09:00\"",
    ] {
        assert!(production.settings().contains(line), "{line}\n{}", production.settings());
    }
}

#[test]
fn the_job_needs_no_settings_file() {
    let job = sets().iter().find_map(|set| set.all("Job").next()).unwrap();
    let mut env = vec![("AFTERCARE__DATABASE__URL", DATABASE)];
    for variable in list(&job["spec"]["template"]["spec"]["containers"][0]["env"]) {
        if let Some(value) = variable["value"].as_str() {
            env.push((text(&variable["name"]), value));
        }
    }
    let holds = accepted(&Given { settings: None, seed: None, env });
    assert!(holds.contains("production = true"), "{holds}");
}

/// Every key of the documented file, with its section.
fn documented() -> BTreeSet<String> {
    let text = fs::read_to_string(workspace().join("libs/config/aftercare.toml")).unwrap();
    let (mut keys, mut section) = (BTreeSet::new(), "");
    for line in text.lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_matches(['[', ']']);
            continue;
        }
        let Some((key, _)) = line.split_once(" = ") else { continue };
        if key.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_') {
            keys.insert(format!("{section}.{key}"));
        }
    }
    keys
}

/// Whether the schema of the values knows a key.
fn known(schema: &Value, key: &str) -> bool {
    let section = key.split('.').next().unwrap();
    let settings = &schema["properties"]["settings"]["properties"][section];
    if section == "roles" {
        return settings["additionalProperties"].is_object();
    }
    let mut here = settings;
    for part in key.split('.').skip(1) {
        let table = if here["type"] == "array" { &here["items"] } else { here };
        here = &table["properties"][part];
    }
    here.is_object()
}

#[test]
fn every_setting_is_of_the_values_or_of_the_chart() {
    let schema: Value = serde_json::from_str(&read("helm/aftercare/values.schema.json")).unwrap();
    let decided = |key: &str| {
        DECIDED.iter().any(|one| {
            one.strip_suffix('*').map_or(*one == key, |section| key.starts_with(section))
        })
    };
    let keys = documented();
    assert!(keys.contains("limits.calls_at_once") && keys.contains("identity.oidc.leeway"));
    for key in keys {
        assert_ne!(known(&schema, &key), decided(&key), "{key}: is it for values, or the chart's?");
    }
}

/// Every object of a schema that has properties admits no others; conditions aside.
fn strict(schema: &Value, path: &str) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties")
                && !path.ends_with("/if")
                && !path.ends_with("/then")
            {
                assert_eq!(schema["additionalProperties"], false, "{path} admits anything");
            }
            for (key, value) in fields {
                strict(value, &format!("{path}/{key}"));
            }
        }
        Value::Array(items) => items.iter().for_each(|item| strict(item, path)),
        _ => {}
    }
}

#[test]
fn the_schema_is_strict() {
    let schema: Value = serde_json::from_str(&read("helm/aftercare/values.schema.json")).unwrap();
    strict(&schema, "");
    for service in SERVICES {
        assert!(schema["properties"]["services"]["properties"][service].is_object(), "{service}");
    }
}

#[test]
fn wrong_values_are_refused_with_the_reason() {
    let minimal = fs::read_to_string(folder().join("ci/minimal-values.yaml")).unwrap();
    let without = |key: &str| minimal.replace(&format!("  existingSecret: {key}\n"), "  {}\n");
    let with = |more: &str| format!("{minimal}{more}\n");
    let folder = tempfile::tempdir().unwrap();
    for (values, reason) in [
        (without("aftercare-database"), "database.existingSecret must name"),
        (without("aftercare-keys"), "keys.existingSecret must name"),
        (minimal.split("seed:").next().unwrap().to_owned(), "seed.existingSecret or seed.content"),
        (with("replicas: 3"), "additional properties 'replicas' not allowed"),
        (with("settings: {keys: {root: abc}}"), "additional properties 'keys' not allowed"),
        (with("settings: {limits: {tenant_rat: 5}}"), "'tenant_rat' not allowed"),
        (with("settings: {limits: {tenant_rate: 0}}"), "tenant_rate"),
        (with("settings: {audit: {retention: long}}"), "retention"),
        (with("services: {tickets: {replicas: 0}}"), "replicas"),
        (with("services: {billing: {}}"), "'billing' not allowed"),
        (with("ingress: {enabled: true, hosts: [a.example.com]}"), "ingress.tls.existingSecret"),
        (with("ingress: {enabled: true}"), "hosts"),
        (with("image: {digest: latest}"), "digest"),
    ] {
        let file = folder.path().join("values.yaml");
        fs::write(&file, &values).unwrap();
        let said = rendered(&[&file]).expect_err(&values);
        assert!(said.contains(reason), "{reason}:\n{said}");
    }
}

#[test]
fn the_values_in_the_readme_work() {
    let readme = read("README.md");
    let (_, block) = readme.split_once("```yaml\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("readme.yaml");
    fs::write(&file, block.split_once("```").unwrap().0).unwrap();
    let sets = rendered(&[&file]).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(sets[0].settings().contains("operators = [\"ada\"]"), "{}", sets[0].settings());
    // The commands before it make what it names.
    for object in ["database", "keys", "seed"] {
        let made = format!("create secret generic aftercare-{object} ");
        assert!(readme.contains(&made), "{made}");
    }
}

#[test]
fn what_the_operator_reads_goes_by_the_values() {
    for set in sets() {
        let alone = !set.settings().contains("[[identity.oidc]]");
        assert_eq!(set.notes.contains("NOBODY CAN SIGN IN"), alone, "{}", set.name);
        assert_eq!(set.notes.contains("https://care.example.com"), set.has("Ingress"));
    }
}

#[test]
fn alerts_and_dashboard_are_the_shipped_ones() {
    let shipped = read("alerts/aftercare.rules.yml");
    let count = |key: &str| shipped.matches(&format!("- {key}: ")).count();
    let set = sets().iter().find(|set| set.name == "production-values.yaml").unwrap();
    let groups = list(&set.one("PrometheusRule", "")["spec"]["groups"]);
    let rules: Vec<&Value> = groups.iter().flat_map(|group| list(&group["rules"])).collect();
    let of = |key: &str| rules.iter().filter(|rule| rule[key].is_string()).count();
    assert_eq!((of("alert"), of("record")), (count("alert"), count("record")));
    let dashboard = text(&set.one("ConfigMap", "-dashboard")["data"]["aftercare.json"]);
    let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(parsed(dashboard), parsed(&read("grafana/aftercare.json")));
    let monitor = sets().iter().find(|set| set.has("ServiceMonitor")).unwrap();
    let selector = &monitor.one("ServiceMonitor", "")["spec"]["selector"];
    let reached = &selector["matchExpressions"][0];
    let scraped = monitor.all("Service").filter(|service| {
        let by = &service["metadata"]["labels"][text(&reached["key"])];
        list(&reached["values"]).contains(by)
    });
    let ports = scraped.map(|service| &service["spec"]["ports"]);
    let admin = |ports: &Value| list(ports).iter().any(|port| port["name"] == "admin");
    assert_eq!(ports.filter(|ports| admin(ports)).count(), SERVICES.len());
}
