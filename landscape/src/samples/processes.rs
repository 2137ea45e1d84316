//! Our processes that bring-up deploys into the seed: the operator, gardenlet, and the local provider for the garden itself.
//!
//! Everything else in the seed the operator deploys. The garden's name needs a DNS record before there is a garden: one process of
//! the provider is for the garden's own extension objects and stays; the one for shoots comes by ControllerInstallation.

use plan_images::{Image, OVERWRITE_ENVIRONMENT, REGISTRY_HOST};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::garden::SEED;
use crate::seed::{Domain, NETWORK_RANGE, POD_RANGE, SERVICE_RANGE};

const NAMESPACE: &str = "garden";
const HEALTH_PORT: u16 = 8081;

/// The Secret with gardenlet's kubeconfig for the garden.
pub(crate) const GARDENLET_KUBECONFIG: &str = "gardenlet-kubeconfig";

/// The ConfigMap with the override of the image vector.
const IMAGES: &str = "image-vector-overwrite";
const IMAGES_FOLDER: &str = "/etc/image-vector";
const IMAGES_FILE: &str = "images.yaml";

const TEMPORARY_FOLDER: &str = "/tmp";

/// No business of a shoot's API server: the networks of machines, other shoots' among them (its own come first), the cloud's own services
/// and its routers in the backbone. Load balancers lie behind these.
const BLOCKED: [&str; 2] = ["10.0.0.0/8", "172.30.0.0/23"];

/// What tells one process from another.
struct Process<'a> {
    name: &'a str,
    image: &'a Image,
    arguments: Vec<String>,
    priority_class: &'a str,
    /// Files: name of the volume, its source, where it is mounted.
    files: Vec<(&'a str, Value, &'a str)>,
    /// A change makes a new pod.
    annotations: Value,
}

/// The override of the image vector that our processes get: whoever plans pods takes their images from it.
pub(crate) fn image_overwrite(text: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": IMAGES, "namespace": NAMESPACE},
        "data": {IMAGES_FILE: text},
    })
}

/// Enough of a checksum to tell one content from the next.
fn checksum(text: &str) -> String {
    format!("{:x}", Sha256::digest(text))[..16].to_owned()
}

fn images_volume() -> (&'static str, Value, &'static str) {
    ("images", json!({"configMap": {"name": IMAGES}}), IMAGES_FOLDER)
}

/// gardener-operator. It makes everything of the garden: its rights are an administrator's. `overwrite` is the override of the image
/// vector: it is read at the start, so another one makes a new pod.
pub(crate) fn operator(image: &Image, overwrite: &str) -> Vec<Value> {
    let name = "gardener-operator";
    let process = Process {
        name,
        image,
        arguments: vec![name.to_owned(), format!("--health-port={HEALTH_PORT}")],
        priority_class: "gardener-garden-system-critical",
        files: vec![images_volume()],
        annotations: json!({"checksum/images": checksum(overwrite)}),
    };
    [administrator(name), vec![deployment(&process)]].concat()
}

/// The local provider for the garden's own extension objects, which are DNS records.
pub(crate) fn garden_extension(image: &Image) -> Vec<Value> {
    let name = "gardener-extension-provider-local";
    let process = Process {
        name,
        image,
        arguments: vec![
            name.to_owned(),
            "--extension-class=garden".to_owned(),
            format!("--health-port={HEALTH_PORT}"),
        ],
        priority_class: "gardener-system-900",
        files: Vec::new(),
        annotations: json!({}),
    };
    [administrator(name), vec![deployment(&process)]].concat()
}

/// gardenlet with its configuration. `kubeconfig` is that for the garden, `overwrite` the override of the image vector: another one
/// makes a new pod.
pub(crate) fn gardenlet(image: &Image, domain: &Domain, kubeconfig: &str, overwrite: &str) -> Vec<Value> {
    let name = "gardenlet";
    let configuration = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "data": {"config.yaml": configuration(domain).to_string()},
    });
    let process = Process {
        name,
        image,
        arguments: vec![
            name.to_owned(),
            "--config=/etc/gardenlet/config/config.yaml".to_owned(),
            // Shoots' machines, as the seed's own, find the image vector's registry in the cloud.
            format!("--registry={REGISTRY_HOST}=http://{}", domain.registry()),
        ],
        priority_class: "gardener-system-critical",
        files: vec![
            ("config", json!({"configMap": {"name": name}}), "/etc/gardenlet/config"),
            (
                "kubeconfig",
                json!({"secret": {"secretName": GARDENLET_KUBECONFIG}}),
                "/etc/gardenlet/kubeconfig-garden",
            ),
            // helm unpacks charts there.
            ("tmp", json!({"emptyDir": {"sizeLimit": "256Mi"}}), TEMPORARY_FOLDER),
            images_volume(),
        ],
        annotations: json!({"checksum/images": checksum(overwrite), "checksum/kubeconfig": checksum(kubeconfig)}),
    };
    [administrator(name), vec![configuration, deployment(&process)]].concat()
}

fn configuration(domain: &Domain) -> Value {
    let provider = |domain: String| {
        json!({
            "type": "local",
            "domain": domain,
            "credentialsRef": {"apiVersion": "v1", "kind": "Secret", "namespace": "garden", "name": "dns-local"},
        })
    };
    json!({
        "apiVersion": "gardenlet.config.gardener.cloud/v1alpha1",
        "kind": "GardenletConfiguration",
        "gardenClientConnection": {
            "kubeconfig": "/etc/gardenlet/kubeconfig-garden/kubeconfig",
            "qps": 100,
            "burst": 200,
        },
        "controllers": {"shoot": {"concurrentSyncs": 20}},
        "server": {"healthProbes": {"bindAddress": "0.0.0.0", "port": HEALTH_PORT}},
        "seedConfig": {
            "metadata": {"name": SEED},
            "spec": {
                "dns": {
                    "provider": {
                        "type": "local",
                        "credentialsRef": {"apiVersion": "v1", "kind": "Secret", "namespace": "garden", "name": "dns-local"},
                    },
                    "internal": provider(domain.internal()),
                    "defaults": [provider(domain.shoots())],
                },
                "ingress": {"domain": format!("ingress.{domain}"), "controller": {"kind": "nginx"}},
                "networks": {
                    "nodes": NETWORK_RANGE,
                    "pods": POD_RANGE,
                    "services": SERVICE_RANGE,
                    "blockCIDRs": BLOCKED,
                },
                "provider": {"type": "local", "region": "local", "zones": ["0"]},
            },
        },
    })
}

/// A ServiceAccount that may do everything in the seed.
fn administrator(name: &str) -> Vec<Value> {
    vec![
        json!({
            "apiVersion": "v1",
            "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "automountServiceAccountToken": false,
        }),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": format!("kubeception:{name}")},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": NAMESPACE}],
        }),
    ]
}

fn deployment(process: &Process<'_>) -> Value {
    let labels = json!({"app": "gardener", "role": process.name});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": process.name, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "replicas": 1,
            "revisionHistoryLimit": 1,
            "selector": {"matchLabels": labels},
            // Two at once would only wait for each other's lease.
            "strategy": {"type": "Recreate"},
            "template": {"metadata": {"labels": labels, "annotations": process.annotations}, "spec": pod(process)},
        },
    })
}

fn pod(process: &Process<'_>) -> Value {
    let volumes = process.files.iter().map(|(name, source, _)| {
        let mut volume = source.clone();
        volume["name"] = json!(name);
        volume
    });
    let mounts = process
        .files
        .iter()
        .map(|(name, _, path)| json!({"name": name, "mountPath": path, "readOnly": *path != TEMPORARY_FOLDER}));
    let reads_images = process.files.iter().any(|(_, _, path)| *path == IMAGES_FOLDER);
    let overwrite = json!({"name": OVERWRITE_ENVIRONMENT, "value": format!("{IMAGES_FOLDER}/{IMAGES_FILE}")});
    let environment = if reads_images { vec![overwrite] } else { Vec::new() };
    let probe =
        |path: &str, period: u32| json!({"httpGet": {"path": path, "port": HEALTH_PORT}, "periodSeconds": period});
    json!({
        "automountServiceAccountToken": true,
        "enableServiceLinks": false,
        "priorityClassName": process.priority_class,
        "securityContext": {
            "fsGroup": 65532,
            "runAsGroup": 65532,
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "serviceAccountName": process.name,
        "containers": [{
            "name": process.name,
            "image": process.image.to_string(),
            "env": environment,
            "args": process.arguments,
            "livenessProbe": probe("/healthz", 10),
            "readinessProbe": probe("/readyz", 1),
            "resources": {"requests": {"cpu": "20m", "memory": "32Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"]},
                "readOnlyRootFilesystem": true,
            },
            "volumeMounts": mounts.collect::<Vec<_>>(),
        }],
        "volumes": volumes.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use api::config::gardenlet::GardenletConfiguration;
    use api::core::v1beta1::Seed;
    use api::{defaulting, validation};

    use super::*;

    fn to_yaml(objects: &[Value]) -> String {
        let documents: Vec<String> = objects
            .iter()
            .map(|object| serde_yaml_ng::to_string(object).unwrap())
            .collect();
        documents.join("---\n")
    }

    #[test]
    fn processes_are_deployed_as_reviewed() {
        let domain = Domain::of("test");
        let image = Image {
            repository: "registry/kubeception".to_owned(),
            tag: Some("sha256:0123".to_owned()),
        };
        let overwrite = crate::images::overwrite(&[], &image).unwrap();
        let mut all = vec![image_overwrite(&overwrite)];
        all.extend(
            [
                operator(&image, &overwrite),
                garden_extension(&image),
                gardenlet(&image, &domain, "kubeconfig", &overwrite),
            ]
            .concat(),
        );
        expect_test::expect_file!["../../tests/golden/processes.yaml"].assert_eq(&to_yaml(&all));
    }

    #[test]
    fn another_override_makes_new_pods_of_those_who_read_it() {
        let image = Image {
            repository: "registry/kubeception".to_owned(),
            tag: None,
        };
        let domain = Domain::of("test");
        let all = |overwrite: &str| {
            [
                operator(&image, overwrite),
                gardenlet(&image, &domain, "kubeconfig", overwrite),
            ]
        };
        for (one, other) in all("{}").into_iter().zip(all("{\"images\":[]}")) {
            assert_ne!(one, other);
        }
    }

    #[test]
    fn the_api_takes_the_seed() {
        let configuration: GardenletConfiguration = serde_json::from_value(configuration(&Domain::of("test"))).unwrap();
        let template = configuration.seed_config.unwrap().seed_template;
        let mut seed = Seed {
            metadata: template.metadata,
            spec: template.spec,
            ..Seed::default()
        };
        defaulting::set_defaults_seed(&mut seed);
        assert!(
            validation::validate_seed(&seed).is_empty(),
            "{:?}",
            validation::validate_seed(&seed)
        );
    }
}
