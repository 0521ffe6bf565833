//! The Helm chart, rendered: objects by kind and name, and what is asked of them.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use serde_json::Value;

use crate::{finish, script, workspace};

/// What the release is called when it is rendered.
pub const RELEASE: &str = "care";

/// A set of values, rendered.
#[derive(Debug)]
pub struct Set {
    /// The file of the values.
    pub name: String,
    /// Everything that Kubernetes gets.
    pub objects: Vec<Value>,
    /// What the operator reads at the end.
    pub notes: String,
}

/// The chart's folder.
pub fn folder() -> PathBuf {
    workspace().join("deploy/helm/aftercare")
}

/// Every set of the chart, by name: linted, of the values' schema, and valid for Kubernetes.
///
/// # Panics
/// Where a fault was found in one.
pub fn sets() -> &'static [Set] {
    static SETS: LazyLock<Vec<Set>> = LazyLock::new(|| {
        let mut files: Vec<_> = fs::read_dir(folder().join("ci"))
            .expect("the chart has sets")
            .map(|entry| entry.expect("the folder can be read").path())
            .collect();
        files.sort();
        rendered(&files).unwrap_or_else(|faults| panic!("{faults}"))
    });
    &SETS
}

/// The chart with these values, or everything that was found wrong.
pub fn rendered(files: &[impl AsRef<Path>]) -> Result<Vec<Set>, String> {
    let mut command = script("chart.py");
    command.arg(folder()).args(files.iter().map(AsRef::as_ref));
    let output = finish(&mut command);
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let sets: BTreeMap<String, Value> =
        serde_json::from_slice(&output.stdout).expect("the script prints JSON");
    let set = |(name, value): (String, Value)| Set {
        name,
        objects: value["objects"].as_array().expect("a list").clone(),
        notes: value["notes"].as_str().expect("a text").to_owned(),
    };
    Ok(sets.into_iter().map(set).collect())
}

impl Set {
    /// All objects of a kind.
    pub fn all(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.objects.iter().filter(move |object| object["kind"] == kind)
    }

    /// The one object of a kind whose name ends so.
    ///
    /// # Panics
    /// Where there is none, or another one too.
    pub fn one(&self, kind: &str, ending: &str) -> &Value {
        let mut found = self.all(kind).filter(|object| name(object).ends_with(ending));
        let first = found.next();
        assert!(found.next().is_none(), "{}: two of {kind} …{ending}", self.name);
        first.unwrap_or_else(|| panic!("{}: no {kind} …{ending}", self.name))
    }

    /// Whether there is any object of a kind.
    pub fn has(&self, kind: &str) -> bool {
        self.all(kind).next().is_some()
    }

    /// The pods that the set starts: their name and template.
    pub fn pods(&self) -> impl Iterator<Item = (&str, &Value)> {
        let starts = |object: &&Value| object["kind"] == "Deployment" || object["kind"] == "Job";
        self.objects.iter().filter(starts).map(|object| (name(object), &object["spec"]["template"]))
    }

    /// The settings file that all processes share.
    pub fn settings(&self) -> &str {
        text(&self.one("ConfigMap", "-settings")["data"]["aftercare.toml"])
    }
}

/// The name of an object.
pub fn name(object: &Value) -> &str {
    text(&object["metadata"]["name"])
}

/// A text.
///
/// # Panics
/// Where it is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text"))
}

/// A list, empty where there is none.
pub fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

/// Whether a selector of labels, by equality alone, chooses these labels.
pub fn chooses(selector: &Value, labels: &Value) -> bool {
    let wanted = selector.as_object().filter(|wanted| !wanted.is_empty());
    wanted.is_some_and(|wanted| wanted.iter().all(|(key, value)| &labels[key] == value))
}
