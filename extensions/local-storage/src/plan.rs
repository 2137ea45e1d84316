//! What to do with a claim or a volume. Pure.

use std::{collections::BTreeMap, path::Path};

use k8s_openapi::{
    api::{
        core::v1::{
            LocalVolumeSource, Node, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, ObjectReference,
            PersistentVolume, PersistentVolumeClaim, PersistentVolumeSpec, VolumeNodeAffinity,
            VolumeResourceRequirements,
        },
        storage::v1::StorageClass,
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
};
use sha2::{Digest as _, Sha256};

use crate::directories::VolumeName;

/// The provisioner's name in StorageClasses.
pub const PROVISIONER: &str = "local-storage.kubeception.dev";

/// Set on claims by kube-controller-manager once they shall be provisioned; the old name of it beside.
const STORAGE_PROVISIONER: [&str; 2] = [
    "volume.kubernetes.io/storage-provisioner",
    "volume.beta.kubernetes.io/storage-provisioner",
];
/// Set on claims by the scheduler.
const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// Set on volumes; kube-controller-manager then leaves their removal to us.
const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// The node as volumes name it.
pub(crate) const HOSTNAME_LABEL: &str = "kubernetes.io/hostname";

/// What a claim asks for that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// Directories are file systems.
    #[error("volume mode Block is not supported: volumes are directories")]
    Block,
    /// A volume holds what its pods write; nothing is copied into it.
    #[error("a data source is not supported: volumes begin empty")]
    DataSource,
    /// Directories are found by the volume's name only.
    #[error("a selector is not supported for provisioned volumes")]
    Selector,
    /// A claim without one is not valid.
    #[error("the claim requests no storage")]
    NoRequest,
}

/// Whose turn it is to give a claim its volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Not ours: the claim has its volume, goes, is another provisioner's, or waits for another node.
    Nobodys,
    /// Ours: the scheduler chose this node for the claim's pod.
    Ours,
    /// Nobody chose a node: none is chosen before the claim has a pod, or its class does not wait for one.
    AnyNodes,
}

/// Whose turn it is, as far as the claim says it.
pub(crate) fn turn(claim: &PersistentVolumeClaim, node: &str) -> Turn {
    let annotation = |key: &str| claim.metadata.annotations.as_ref()?.get(key).map(String::as_str);
    let unbound = claim
        .spec
        .as_ref()
        .is_some_and(|spec| spec.volume_name.as_deref().unwrap_or_default().is_empty());
    let waits = claim.metadata.deletion_timestamp.is_none()
        && unbound
        && STORAGE_PROVISIONER
            .iter()
            .any(|key| annotation(key) == Some(PROVISIONER));
    match annotation(SELECTED_NODE) {
        _ if !waits => Turn::Nobodys,
        Some(selected) if selected == node => Turn::Ours,
        Some(_) => Turn::Nobodys,
        None => Turn::AnyNodes,
    }
}

/// Whether volumes of the class are made for claims that no pod uses yet (Kubernetes' default).
pub(crate) fn binds_at_once(class: &StorageClass) -> bool {
    class.volume_binding_mode.as_deref().unwrap_or("Immediate") == "Immediate"
}

/// The node for a volume that does not wait for a pod: one that takes pods, drawn by the claim's uid, so that the instances on
/// all nodes agree without a word, and every node gets its share.
pub(crate) fn draw<'n>(claim: &PersistentVolumeClaim, nodes: &'n [Node]) -> Option<&'n str> {
    let uid = claim.metadata.uid.as_deref().unwrap_or_default();
    let names = nodes.iter().filter(|node| takes_pods(node));
    let names = names.filter_map(|node| node.metadata.name.as_deref());
    names.max_by_key(|name| Sha256::digest(format!("{uid} {name}")))
}

fn takes_pods(node: &Node) -> bool {
    let spec = node.spec.as_ref();
    let closed = spec.is_some_and(|spec| spec.unschedulable == Some(true));
    let taints = spec.and_then(|spec| spec.taints.as_deref()).unwrap_or_default();
    !closed && !taints.iter().any(|taint| taint.effect != "PreferNoSchedule")
}

/// The node that volumes lie on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NodeIdentity {
    pub(crate) name: String,
    /// Its label `kubernetes.io/hostname`.
    pub(crate) hostname: String,
}

/// The name of the claim's volume: by its uid, so that a claim of the same name made later gets another.
pub(crate) fn volume_name(claim: &PersistentVolumeClaim) -> String {
    format!("pvc-{}", claim.metadata.uid.as_deref().unwrap_or_default())
}

/// The volume for a claim.
pub(crate) fn volume_of(
    claim: &PersistentVolumeClaim,
    class: &StorageClass,
    node: &NodeIdentity,
    host_root: &Path,
) -> Result<PersistentVolume, Impossible> {
    let spec = claim.spec.clone().unwrap_or_default();
    if spec.volume_mode.as_deref() == Some("Block") {
        return Err(Impossible::Block);
    }
    if spec.data_source.is_some() || spec.data_source_ref.is_some() {
        return Err(Impossible::DataSource);
    }
    if spec.selector.is_some() {
        return Err(Impossible::Selector);
    }
    let requests = spec
        .resources
        .and_then(|VolumeResourceRequirements { requests, .. }| requests)
        .unwrap_or_default();
    let storage = requests.get("storage").cloned().ok_or(Impossible::NoRequest)?;
    let name = volume_name(claim);
    let path = host_root.join(&name).display().to_string();
    Ok(PersistentVolume {
        metadata: ObjectMeta {
            name: Some(name),
            annotations: Some(BTreeMap::from([(PROVISIONED_BY.to_owned(), PROVISIONER.to_owned())])),
            ..ObjectMeta::default()
        },
        spec: Some(PersistentVolumeSpec {
            access_modes: spec.access_modes,
            capacity: Some(BTreeMap::from([("storage".to_owned(), storage)])),
            claim_ref: Some(claim_reference(claim)),
            local: Some(LocalVolumeSource { path, fs_type: None }),
            node_affinity: Some(only_on(node)),
            persistent_volume_reclaim_policy: Some(class.reclaim_policy.clone().unwrap_or_else(|| "Delete".to_owned())),
            storage_class_name: spec.storage_class_name,
            volume_mode: Some("Filesystem".to_owned()),
            ..PersistentVolumeSpec::default()
        }),
        status: None,
    })
}

/// A reference to the claim, for volumes and for events.
pub(crate) fn claim_reference(claim: &PersistentVolumeClaim) -> ObjectReference {
    ObjectReference {
        api_version: Some("v1".to_owned()),
        kind: Some("PersistentVolumeClaim".to_owned()),
        name: claim.metadata.name.clone(),
        namespace: claim.metadata.namespace.clone(),
        uid: claim.metadata.uid.clone(),
        resource_version: claim.metadata.resource_version.clone(),
        field_path: None,
    }
}

fn only_on(node: &NodeIdentity) -> VolumeNodeAffinity {
    let requirement = NodeSelectorRequirement {
        key: HOSTNAME_LABEL.to_owned(),
        operator: "In".to_owned(),
        values: Some(vec![node.hostname.clone()]),
    };
    let term = NodeSelectorTerm {
        match_expressions: Some(vec![requirement]),
        match_fields: None,
    };
    VolumeNodeAffinity {
        required: Some(NodeSelector {
            node_selector_terms: vec![term],
        }),
    }
}

/// A volume that may go if its claim does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Removal {
    pub(crate) directory: VolumeName,
    pub(crate) claim_namespace: String,
    pub(crate) claim_name: String,
    pub(crate) claim_uid: String,
}

/// Whether the volume lies on this node.
pub(crate) fn is_here(volume: &PersistentVolume, node: &NodeIdentity) -> bool {
    let affinity = volume.spec.as_ref().and_then(|spec| spec.node_affinity.as_ref());
    affinity == Some(&only_on(node))
}

/// Whether the volume is one of ours, on this node, that was released to be deleted.
///
/// Everything must fit: its name, its path, its node. A volume that somebody made by hand, with a path of his own, is
/// never removed.
pub(crate) fn removal_of(volume: &PersistentVolume, node: &NodeIdentity, host_root: &Path) -> Option<Removal> {
    released(volume, host_root).filter(|_| is_here(volume, node))
}

/// The same for a volume on another node, with that node's label `kubernetes.io/hostname`.
pub(crate) fn removal_elsewhere(
    volume: &PersistentVolume,
    node: &NodeIdentity,
    host_root: &Path,
) -> Option<(Removal, String)> {
    let removal = released(volume, host_root)?;
    let affinity = volume.spec.as_ref()?.node_affinity.as_ref()?;
    let term = affinity.required.as_ref()?.node_selector_terms.first()?;
    let hostname = term.match_expressions.as_ref()?.first()?.values.as_ref()?.first()?;
    let other = NodeIdentity {
        name: String::new(),
        hostname: hostname.clone(),
    };
    let only_there = *affinity == only_on(&other) && *hostname != node.hostname;
    only_there.then(|| (removal, hostname.clone()))
}

/// Whether the volume is one of ours, wherever, that was released to be deleted.
fn released(volume: &PersistentVolume, host_root: &Path) -> Option<Removal> {
    let spec = volume.spec.as_ref()?;
    let annotations = volume.metadata.annotations.as_ref()?;
    let ours = annotations.get(PROVISIONED_BY).is_some_and(|name| name == PROVISIONER);
    let released = volume.status.as_ref()?.phase.as_deref() == Some("Released");
    let delete = spec.persistent_volume_reclaim_policy.as_deref() == Some("Delete");
    let directory = VolumeName::new(volume.metadata.name.as_deref()?).ok()?;
    let path_fits = Path::new(&spec.local.as_ref()?.path) == host_root.join(directory.as_str());
    if !(ours && released && delete && path_fits) {
        return None;
    }
    let claim = spec.claim_ref.as_ref()?;
    Some(Removal {
        directory,
        claim_namespace: claim.namespace.clone()?,
        claim_name: claim.name.clone()?,
        claim_uid: claim.uid.clone()?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const UID: &str = "0d6a4c1e-5a0b-4b5e-9a55-0123456789ab";

    fn root() -> &'static Path {
        Path::new("/var/lib/kubeception/volumes")
    }

    fn node() -> NodeIdentity {
        NodeIdentity {
            name: "seed".to_owned(),
            hostname: "seed.local".to_owned(),
        }
    }

    fn claim(change: impl FnOnce(&mut Value)) -> PersistentVolumeClaim {
        let mut claim = json!({
            "metadata": { "namespace": "garden", "name": "etcd", "uid": UID, "annotations": {
                "volume.kubernetes.io/storage-provisioner": "local-storage.kubeception.dev",
                "volume.kubernetes.io/selected-node": "seed",
            } },
            "spec": {
                "storageClassName": "default", "accessModes": ["ReadWriteOnce"],
                "resources": { "requests": { "storage": "5Gi" } },
            },
        });
        change(&mut claim);
        serde_json::from_value(claim).unwrap()
    }

    fn volume(change: impl FnOnce(&mut Value)) -> PersistentVolume {
        let made = volume_of(&claim(|_| {}), &StorageClass::default(), &node(), root()).unwrap();
        let mut volume = serde_json::to_value(made).unwrap();
        volume["status"] = json!({ "phase": "Released" });
        change(&mut volume);
        serde_json::from_value(volume).unwrap()
    }

    #[test]
    fn a_claim_is_ours_once_it_shall_be_provisioned_on_our_node() {
        assert_eq!(turn(&claim(|_| {}), "seed"), Turn::Ours);
        assert_eq!(turn(&claim(|_| {}), "other"), Turn::Nobodys);
        let unchosen = claim(|claim| {
            claim["metadata"]["annotations"] =
                json!({ "volume.kubernetes.io/storage-provisioner": "local-storage.kubeception.dev" });
        });
        assert_eq!(turn(&unchosen, "seed"), Turn::AnyNodes);
        let changes: [fn(&mut Value); 3] = [
            |claim| claim["metadata"]["annotations"] = json!({ "volume.kubernetes.io/selected-node": "seed" }),
            |claim| claim["spec"]["volumeName"] = json!("pv"),
            |claim| claim["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"),
        ];
        for change in changes {
            assert_eq!(turn(&claim(change), "seed"), Turn::Nobodys);
        }
    }

    fn nodes(names: &[&str], spec: &Value) -> Vec<Node> {
        let node = |name: &&str| serde_json::from_value(json!({ "metadata": { "name": name }, "spec": spec })).unwrap();
        names.iter().map(node).collect()
    }

    #[test]
    fn all_instances_draw_the_same_node_and_every_node_has_its_share() {
        let (one, other) = (nodes(&["a", "b", "c"], &json!({})), nodes(&["c", "b", "a"], &json!({})));
        let mut shares = BTreeMap::new();
        for index in 0..60 {
            let claim = claim(|claim| claim["metadata"]["uid"] = json!(format!("{UID}-{index}")));
            let drawn = draw(&claim, &one).unwrap();
            assert_eq!(draw(&claim, &other), Some(drawn));
            *shares.entry(drawn.to_owned()).or_insert(0) += 1;
        }
        assert!(
            shares.len() == 3 && shares.values().all(|share| *share > 5),
            "{shares:?}"
        );
    }

    #[test]
    fn nodes_that_take_no_pods_get_no_volumes() {
        let claim = claim(|_| {});
        for closed in [
            json!({ "unschedulable": true }),
            json!({ "taints": [{ "key": "node.kubernetes.io/not-ready", "effect": "NoSchedule" }] }),
            json!({ "taints": [{ "key": "a", "effect": "NoExecute" }] }),
        ] {
            let mut all = nodes(&["a", "b", "c"], &closed);
            assert_eq!(draw(&claim, &all), None, "{closed}");
            let reluctant = json!({ "taints": [{ "key": "a", "effect": "PreferNoSchedule" }] });
            all.extend(nodes(&["d"], &reluctant));
            assert_eq!(draw(&claim, &all), Some("d"), "{closed}");
        }
    }

    #[test]
    fn classes_wait_only_if_they_say_so() {
        let class = |mode: Option<&str>| StorageClass {
            volume_binding_mode: mode.map(str::to_owned),
            ..StorageClass::default()
        };
        assert!(binds_at_once(&class(None)) && binds_at_once(&class(Some("Immediate"))));
        assert!(!binds_at_once(&class(Some("WaitForFirstConsumer"))));
    }

    #[test]
    fn a_volume_is_bound_to_its_claim_and_its_node() {
        let volume = volume_of(&claim(|_| {}), &StorageClass::default(), &node(), root()).unwrap();
        let value = serde_json::to_value(volume).unwrap();
        assert_eq!(
            value,
            json!({
                "apiVersion": "v1", "kind": "PersistentVolume",
                "metadata": {
                    "name": format!("pvc-{UID}"),
                    "annotations": { "pv.kubernetes.io/provisioned-by": "local-storage.kubeception.dev" },
                },
                "spec": {
                    "accessModes": ["ReadWriteOnce"],
                    "capacity": { "storage": "5Gi" },
                    "claimRef": {
                        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
                        "namespace": "garden", "name": "etcd", "uid": UID,
                    },
                    "local": { "path": format!("/var/lib/kubeception/volumes/pvc-{UID}") },
                    "nodeAffinity": { "required": { "nodeSelectorTerms": [{ "matchExpressions": [
                        { "key": "kubernetes.io/hostname", "operator": "In", "values": ["seed.local"] },
                    ] }] } },
                    "persistentVolumeReclaimPolicy": "Delete",
                    "storageClassName": "default",
                    "volumeMode": "Filesystem",
                },
            })
        );
    }

    #[test]
    fn the_class_decides_what_happens_to_the_data() {
        let class = StorageClass {
            reclaim_policy: Some("Retain".to_owned()),
            ..StorageClass::default()
        };
        let volume = volume_of(&claim(|_| {}), &class, &node(), root()).unwrap();
        assert_eq!(
            volume.spec.unwrap().persistent_volume_reclaim_policy.as_deref(),
            Some("Retain")
        );
    }

    #[test]
    fn what_cannot_be_is_said() {
        let of =
            |change: fn(&mut Value)| volume_of(&claim(change), &StorageClass::default(), &node(), root()).unwrap_err();
        assert_eq!(
            of(|claim| claim["spec"]["volumeMode"] = json!("Block")),
            Impossible::Block
        );
        assert_eq!(
            of(|claim| claim["spec"]["dataSource"] = json!({ "kind": "X", "name": "x" })),
            Impossible::DataSource
        );
        assert_eq!(of(|claim| claim["spec"]["selector"] = json!({})), Impossible::Selector);
        assert_eq!(
            of(|claim| claim["spec"]["resources"] = json!({})),
            Impossible::NoRequest
        );
    }

    #[test]
    fn a_released_volume_of_ours_may_go() {
        let removal = removal_of(&volume(|_| {}), &node(), root()).unwrap();
        assert_eq!(removal.directory.as_str(), format!("pvc-{UID}"));
        assert_eq!(
            (removal.claim_namespace, removal.claim_name, removal.claim_uid),
            ("garden".into(), "etcd".into(), UID.into())
        );
    }

    #[test]
    fn any_other_volume_stays() {
        let changes: [fn(&mut Value); 11] = [
            |volume| volume["status"]["phase"] = json!("Bound"),
            |volume| volume["status"]["phase"] = json!("Available"),
            |volume| volume["status"] = Value::Null,
            |volume| volume["spec"]["persistentVolumeReclaimPolicy"] = json!("Retain"),
            |volume| volume["metadata"]["annotations"] = json!({ "pv.kubernetes.io/provisioned-by": "other" }),
            |volume| volume["metadata"]["annotations"] = json!({}),
            |volume| volume["spec"]["local"]["path"] = json!("/var/lib/kubeception/volumes/../../etcd"),
            |volume| volume["spec"]["local"]["path"] = json!("/etc"),
            |volume| volume["metadata"]["name"] = json!("../etc"),
            |volume| volume["spec"]["nodeAffinity"]["required"]["nodeSelectorTerms"] = json!([]),
            |volume| volume["spec"]["claimRef"]["uid"] = Value::Null,
        ];
        for (index, change) in changes.into_iter().enumerate() {
            assert_eq!(removal_of(&volume(change), &node(), root()), None, "case {index}");
        }
    }
}
