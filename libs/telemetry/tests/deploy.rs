//! What is shipped for operators, against the metrics that there are: the dashboard and the alerts
//! name no metric and no label that does not exist, and the dashboard shows every metric.
#![expect(clippy::unwrap_used, reason = "a test that fails panics")]

use std::{collections::BTreeSet, fs, path::Path};

use aftercare_telemetry::{Metrics, Name};
use serde_json::Value;

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy").join(path))
        .unwrap()
}

/// The words that look like a metric, a label of ours or a recorded ratio.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
    let ours = ["aftercare_", "aftercare:", "rpc_", "http_"];
    words.filter(move |word| ours.iter().any(|prefix| word.starts_with(prefix)))
}

/// A metric without what a histogram's samples have behind its name.
fn bare(word: &str) -> &str {
    ["_bucket", "_count", "_sum"].iter().find_map(|end| word.strip_suffix(end)).unwrap_or(word)
}

/// Words of `text` that are nothing.
fn unknown<'a>(text: &'a str, names: &[Name], rules: &str) -> BTreeSet<&'a str> {
    let is_metric = |word: &str| names.iter().any(|known| known.name == bare(word));
    let is_label =
        |word: &str| names.iter().any(|known| known.labels.iter().any(|label| label == word));
    let is_recorded = |word: &str| rules.contains(&format!("record: {word}\n"));
    words(text).filter(|word| !is_metric(word) && !is_label(word) && !is_recorded(word)).collect()
}

/// Every value of this key, however deep.
fn values<'a>(json: &'a Value, key: &str, into: &mut Vec<&'a str>) {
    match json {
        Value::Object(fields) => {
            for (name, value) in fields {
                if let Some(text) = value.as_str().filter(|_| name == key) {
                    into.push(text);
                }
                values(value, key, into);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| values(item, key, into)),
        _ => {}
    }
}

#[test]
fn dashboard_and_alerts_name_what_there_is() {
    let (metrics, rules) = (Metrics::new(), read("alerts/aftercare.rules.yml"));
    let nothing = BTreeSet::new();
    for path in
        ["grafana/aftercare.json", "alerts/aftercare.rules.yml", "alerts/aftercare.rules.test.yml"]
    {
        assert_eq!(unknown(&read(path), metrics.names(), &rules), nothing, "{path}");
    }
    let planted = "sum(rate(aftercare_gone_total[5m])) / aftercare:gone:ratio{rpc_gone=\"x\"}";
    let found = ["aftercare:gone:ratio", "aftercare_gone_total", "rpc_gone"];
    assert_eq!(unknown(planted, metrics.names(), &rules), BTreeSet::from(found));
}

#[test]
fn the_dashboard_shows_every_metric() {
    let dashboard: Value = serde_json::from_str(&read("grafana/aftercare.json")).unwrap();
    let mut shown = Vec::new();
    values(&dashboard, "expr", &mut shown);
    let shown: BTreeSet<&str> = shown.into_iter().flat_map(words).map(bare).collect();
    let metrics = Metrics::new();
    let missing: Vec<&str> = metrics
        .names()
        .iter()
        .map(|known| known.name.as_str())
        .filter(|name| !shown.contains(name))
        .collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn a_panel_says_what_it_shows() {
    let dashboard: Value = serde_json::from_str(&read("grafana/aftercare.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let ids: BTreeSet<u64> = panels.iter().map(|panel| panel["id"].as_u64().unwrap()).collect();
    assert_eq!(ids.len(), panels.len(), "ids are unique");
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let described = panel["description"].as_str().is_some_and(|text| !text.is_empty());
        assert!(described, "{}", panel["title"]);
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
    }
}
