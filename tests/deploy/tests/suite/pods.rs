//! Every pod of the chart: what it may do, where its secrets come from, how it is watched and ended.

use std::{collections::BTreeSet, time::Duration};

use aftercare_deploy::{
    SERVICES,
    chart::{Set, chooses, list, name, sets, text},
};
use serde_json::{Value, json};

/// Where the suite's own index lies.
const INDEX: &str = "/var/lib/aftercare/search";
/// Secrets that there need not be.
const WHILE_KEYS_CHANGE: [&str; 2] = ["AFTERCARE__KEYS__CHANGING", "AFTERCARE__KEYS__RETIRED"];

#[test]
fn there_are_four_sets_of_values() {
    let names: Vec<&str> = sets().iter().map(|set| set.name.as_str()).collect();
    let all =
        ["minimal", "plain", "production", "public"].map(|name| format!("{name}-values.yaml"));
    assert_eq!(names, all);
}

/// The only container of a pod.
fn container(pod: &Value) -> &Value {
    let containers = list(&pod["spec"]["containers"]);
    assert_eq!(containers.len(), 1, "{pod:#}");
    assert!(pod["spec"]["initContainers"].is_null(), "{pod:#}");
    &containers[0]
}

#[test]
fn every_container_is_restricted() {
    for set in sets() {
        for (pod, template) in set.pods() {
            let spec = &template["spec"];
            assert_eq!(spec["automountServiceAccountToken"], false, "{}: {pod}", set.name);
            assert_eq!(spec["enableServiceLinks"], false, "{}: {pod}", set.name);
            for host in ["hostNetwork", "hostPID", "hostIPC"] {
                assert!(spec[host].is_null(), "{}: {pod}", set.name);
            }
            let shared = &spec["securityContext"];
            assert_eq!(shared["runAsNonRoot"], true, "{}: {pod}", set.name);
            assert_eq!(shared["runAsUser"], 65532, "{}: {pod}", set.name);
            assert_eq!(shared["seccompProfile"]["type"], "RuntimeDefault", "{}: {pod}", set.name);
            let own = &container(template)["securityContext"];
            assert_eq!(own["allowPrivilegeEscalation"], false, "{}: {pod}", set.name);
            assert_eq!(own["privileged"], false, "{}: {pod}", set.name);
            assert_eq!(own["readOnlyRootFilesystem"], true, "{}: {pod}", set.name);
            assert_eq!(own["capabilities"], json!({"drop": ["ALL"]}), "{}: {pod}", set.name);
            let limit = &container(template)["resources"]["limits"]["memory"];
            assert!(limit.is_string(), "{}: {pod} may take all memory", set.name);
        }
    }
}

#[test]
fn volumes_are_settings_seed_and_index_alone() {
    for set in sets() {
        for (pod, template) in set.pods() {
            for mount in list(&container(template)["volumeMounts"]) {
                let is_index = mount["mountPath"] == INDEX;
                assert!(is_index || mount["readOnly"] == true, "{}: {pod}: {mount}", set.name);
            }
            for volume in list(&template["spec"]["volumes"]) {
                assert!(volume["hostPath"].is_null(), "{}: {pod}: {volume}", set.name);
            }
        }
        let knowledge = &set.one("Deployment", "-knowledge")["spec"]["template"];
        let mounts = list(&container(knowledge)["volumeMounts"]);
        let index = mounts.iter().find(|mount| mount["mountPath"] == INDEX).unwrap();
        let volumes = list(&knowledge["spec"]["volumes"]);
        let volume = volumes.iter().find(|volume| volume["name"] == index["name"]).unwrap();
        // Of each pod alone: two processes must not share one.
        let own = !volume["emptyDir"].is_null() || !volume["ephemeral"].is_null();
        assert!(own, "{}: {volume}", set.name);
        assert!(set.settings().contains(&format!("folder = \"{INDEX}\"")), "{}", set.name);
    }
}

#[test]
fn secrets_are_named_and_nowhere_else() {
    for set in sets() {
        assert!(!set.has("Secret"), "{}: the chart makes no secrets", set.name);
        for (pod, template) in set.pods() {
            let mut by_reference = BTreeSet::new();
            for variable in list(&container(template)["env"]) {
                let (name, reference) =
                    (text(&variable["name"]), &variable["valueFrom"]["secretKeyRef"]);
                if reference.is_object() {
                    by_reference.insert(name);
                    assert!(!text(&reference["name"]).is_empty(), "{}: {name}", set.name);
                    let may_lack = reference["optional"] == true;
                    assert_eq!(may_lack, WHILE_KEYS_CHANGE.contains(&name), "{pod}: {name}");
                }
            }
            let mut wanted = BTreeSet::from(["AFTERCARE__DATABASE__URL"]);
            if !pod.ends_with("-migrate") {
                wanted.insert("AFTERCARE__KEYS__ROOT");
                wanted.extend(WHILE_KEYS_CHANGE);
            }
            assert_eq!(by_reference, wanted, "{}: {pod}", set.name);
        }
        for object in &set.objects {
            let told = object.to_string();
            assert!(!told.contains("postgres://"), "{}: {}", set.name, name(object));
        }
        assert!(!set.settings().contains("[keys]"), "{}", set.name);
    }
}

#[test]
fn every_service_runs_is_probed_and_has_a_budget() {
    for set in sets() {
        for service in SERVICES {
            let ending = format!("-{service}");
            let deployment = set.one("Deployment", &ending);
            let pod = &deployment["spec"]["template"];
            let labels = &pod["metadata"]["labels"];
            assert!(chooses(&deployment["spec"]["selector"]["matchLabels"], labels));
            let container = container(pod);
            assert_eq!(container["args"], json!(["serve", service]), "{}", set.name);
            for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
                assert_eq!(container[probe]["grpc"], json!({"port": 9090}), "{}", set.name);
            }
            let budget = &set.one("PodDisruptionBudget", &ending)["spec"];
            assert!(chooses(&budget["selector"]["matchLabels"], labels), "{}", set.name);
            assert!(budget["maxUnavailable"].as_u64().unwrap() >= 1, "no node could be drained");
            for constraint in list(&pod["spec"]["topologySpreadConstraints"]) {
                assert!(chooses(&constraint["labelSelector"]["matchLabels"], labels));
            }
            scales(set, deployment, container);
        }
    }
}

/// The replicas are the autoscaler's, or a number.
fn scales(set: &Set, deployment: &Value, container: &Value) {
    if set.name == "plain-values.yaml" {
        assert_eq!(deployment["spec"]["replicas"], 1);
        assert!(!set.has("HorizontalPodAutoscaler"));
        return;
    }
    assert!(deployment["spec"]["replicas"].is_null(), "{}: it would fight it", set.name);
    let scaler = &set.one("HorizontalPodAutoscaler", name(deployment))["spec"];
    assert_eq!(scaler["scaleTargetRef"]["name"], deployment["metadata"]["name"]);
    let replicas = |key: &str| scaler[key].as_u64().unwrap();
    assert!(replicas("minReplicas") >= 2 && replicas("maxReplicas") > replicas("minReplicas"));
    // A share of what is asked for has no meaning where nothing is.
    assert!(container["resources"]["requests"]["cpu"].is_string(), "{}", set.name);
}

#[test]
fn the_own_values_of_a_service_go_before_those_of_all() {
    let set = sets().iter().find(|set| set.name == "production-values.yaml").unwrap();
    let most =
        |service: &str| set.one("HorizontalPodAutoscaler", service)["spec"]["maxReplicas"].clone();
    assert_eq!((most("-gateway"), most("-tickets")), (json!(24), json!(12)));
    let image = text(&container(&set.one("Deployment", "-surveys")["spec"]["template"])["image"]);
    assert!(image.starts_with("registry.example.com/care/aftercare@sha256:"), "{image}");
}

/// A length of time in the settings file, in whole seconds.
fn seconds(settings: &str, key: &str) -> Duration {
    let line = settings.lines().find_map(|line| line.strip_prefix(&format!("{key} = \"")));
    let number = line.unwrap().trim_end_matches("s\"");
    Duration::from_secs(number.parse().unwrap())
}

#[test]
fn kubernetes_waits_for_the_drain() {
    for set in sets() {
        let (delay, grace) = (seconds(set.settings(), "delay"), seconds(set.settings(), "grace"));
        // Connections a grace, work a grace of a second at least, three seconds for the last traces.
        let longest = delay + grace + grace.max(Duration::from_secs(1)) + Duration::from_secs(3);
        for service in SERVICES {
            let pod = &set.one("Deployment", &format!("-{service}"))["spec"]["template"];
            let patience = pod["spec"]["terminationGracePeriodSeconds"].as_u64().unwrap();
            assert!(Duration::from_secs(patience) > longest, "{}: {patience} s", set.name);
        }
    }
}

#[test]
fn the_job_comes_first_and_stands_alone() {
    for set in sets().iter().filter(|set| set.name != "plain-values.yaml") {
        let job = set.one("Job", "-migrate");
        assert_eq!(job["metadata"]["annotations"]["helm.sh/hook"], "pre-install,pre-upgrade");
        let pod = &job["spec"]["template"];
        assert_eq!(container(pod)["args"], json!(["migrate"]));
        // None of the release's own objects is there yet.
        assert!(pod["spec"]["volumes"].is_null() && pod["spec"]["serviceAccountName"].is_null());
    }
}
