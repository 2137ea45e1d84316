//! The default storage class, and the provisioner that makes folders of a node into its volumes.

use serde_json::{Value, json};

use crate::Object;
use crate::object::{
    NAMESPACE, cluster_role, cluster_role_binding, http_probe, rule, service_account, tolerate_everything,
};

const NAME: &str = "local-storage-provisioner";
const HEALTH_PORT: u16 = 8081;

/// When a volume is made, which a storage class cannot change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeBinding {
    /// When its pod is scheduled, where that one will run. The scheduler looks for the result once a second.
    WithItsPod,
    /// At once, on any node. Where there is only one, its pod starts a second or two earlier.
    AtOnce,
}

impl VolumeBinding {
    /// The name of the default storage class.
    pub fn storage_class(self) -> &'static str {
        match self {
            Self::WithItsPod => "local",
            Self::AtOnce => "local-at-once",
        }
    }

    fn mode(self) -> &'static str {
        match self {
            Self::WithItsPod => "WaitForFirstConsumer",
            Self::AtOnce => "Immediate",
        }
    }
}

/// What local storage needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalStorage {
    /// Our own image.
    pub image: String,
    /// The provisioner's name, as claims and classes carry it.
    pub provisioner: String,
    /// The folder of the node in which volumes are made.
    pub directory: String,
    /// When they are made.
    pub binding: VolumeBinding,
}

/// The default storage class and, as a DaemonSet, the provisioner.
pub fn plan_local_storage(storage: &LocalStorage) -> Vec<Object> {
    vec![
        storage_class(storage),
        service_account(NAME),
        cluster_role("kubeception:local-storage-provisioner", &rules()),
        cluster_role_binding(
            "kubeception:local-storage-provisioner",
            "kubeception:local-storage-provisioner",
            NAME,
        ),
        daemon_set(storage),
    ]
}

fn storage_class(storage: &LocalStorage) -> Object {
    json!({
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {
            "name": storage.binding.storage_class(),
            "annotations": {"storageclass.kubernetes.io/is-default-class": "true"},
        },
        "provisioner": storage.provisioner,
        "reclaimPolicy": "Delete",
        "volumeBindingMode": storage.binding.mode(),
    })
}

fn rules() -> Vec<Value> {
    vec![
        rule(
            &[""],
            &["persistentvolumes"],
            &["get", "list", "watch", "create", "update", "patch", "delete"],
        ),
        rule(
            &[""],
            &["persistentvolumeclaims"],
            &["get", "list", "watch", "update", "patch"],
        ),
        rule(&[""], &["nodes"], &["get", "list", "watch"]),
        rule(&["storage.k8s.io"], &["storageclasses"], &["get", "list", "watch"]),
        rule(&["", "events.k8s.io"], &["events"], &["create", "patch", "update"]),
    ]
}

fn daemon_set(storage: &LocalStorage) -> Object {
    let labels = json!({"app": NAME});
    json!({
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": NAME, "namespace": NAMESPACE, "labels": labels},
        "spec": {
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod(storage)},
        },
    })
}

/// Makes folders that belong to root in the node's file system: nothing less than root will do, but it needs no capability more
/// than those for files.
fn pod(storage: &LocalStorage) -> Value {
    json!({
        "automountServiceAccountToken": true,
        "priorityClassName": "system-node-critical",
        "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
        "serviceAccountName": NAME,
        "tolerations": tolerate_everything(),
        "containers": [{
            "name": NAME,
            "image": storage.image,
            "args": [
                NAME,
                "--node-name=$(NODE_NAME)",
                format!("--directory={}", storage.directory),
                format!("--host-directory={}", storage.directory),
                format!("--health-port={HEALTH_PORT}"),
            ],
            "env": [{"name": "NODE_NAME", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}}],
            "livenessProbe": http_probe("/healthz", HEALTH_PORT, 10),
            "readinessProbe": http_probe("/readyz", HEALTH_PORT, 1),
            "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "128Mi"}},
            "securityContext": {
                "allowPrivilegeEscalation": false,
                "capabilities": {"drop": ["ALL"], "add": ["CHOWN", "DAC_OVERRIDE", "FOWNER"]},
                "readOnlyRootFilesystem": true,
                "runAsUser": 0,
            },
            "volumeMounts": [{"name": "volumes", "mountPath": storage.directory}],
        }],
        "volumes": [{"name": "volumes", "hostPath": {"path": storage.directory, "type": "DirectoryOrCreate"}}],
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::testing::{check_types, to_yaml};

    #[test]
    fn local_storage_is_planned() {
        let objects = plan_local_storage(&LocalStorage {
            image: "registry/kubeception:1".to_owned(),
            provisioner: "local.example.com".to_owned(),
            directory: "/var/lib/volumes".to_owned(),
            binding: VolumeBinding::WithItsPod,
        });
        check_types(&objects);
        expect_test::expect_file!["../tests/golden/storage.yaml"].assert_eq(&to_yaml(&objects));
    }

    #[test]
    fn the_binding_of_a_class_never_changes_so_each_has_its_name() {
        let class = |binding| {
            let objects = plan_local_storage(&LocalStorage {
                image: String::new(),
                provisioner: "local.example.com".to_owned(),
                directory: "/var/lib/volumes".to_owned(),
                binding,
            });
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            (
                text(&objects[0]["metadata"]["name"]),
                text(&objects[0]["volumeBindingMode"]),
            )
        };
        let (with_pod, at_once) = (class(VolumeBinding::WithItsPod), class(VolumeBinding::AtOnce));
        assert_eq!(with_pod, ("local".to_owned(), "WaitForFirstConsumer".to_owned()));
        assert_eq!(at_once, ("local-at-once".to_owned(), "Immediate".to_owned()));
    }
}
