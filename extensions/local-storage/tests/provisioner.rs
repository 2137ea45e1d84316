//! Claims get volumes and released volumes go, with real directories and an API server in memory.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic")]

use controller::fake::FakeCluster;
use extensions_local_storage::{Provisioned, Provisioner, ProvisionerOptions, ReconcileError};
use http::Method;
use k8s_openapi::api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use serde_json::{Value, json};

const UID: &str = "0d6a4c1e-5a0b-4b5e-9a55-0123456789ab";
const CLAIM: &str = "/api/v1/namespaces/garden/persistentvolumeclaims/etcd";
const VOLUME: &str = "/api/v1/persistentvolumes/pvc-0d6a4c1e-5a0b-4b5e-9a55-0123456789ab";

struct World {
    cluster: FakeCluster,
    provisioner: Provisioner,
    root: tempfile::TempDir,
}

async fn world() -> World {
    let (cluster, root) = (FakeCluster::new(), tempfile::tempdir().unwrap());
    cluster.insert(&json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": "seed", "labels": { "kubernetes.io/hostname": "seed.local" } },
    }));
    cluster.insert(&json!({
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": { "name": "default" },
        "provisioner": "local-storage.kubeception.dev", "reclaimPolicy": "Delete",
    }));
    cluster.insert(&json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": { "namespace": "garden", "name": "etcd", "uid": UID, "annotations": {
            "volume.kubernetes.io/storage-provisioner": "local-storage.kubeception.dev",
            "volume.kubernetes.io/selected-node": "seed",
        } },
        "spec": { "storageClassName": "default", "resources": { "requests": { "storage": "1Gi" } } },
    }));
    let options = ProvisionerOptions {
        node: "seed".to_owned(),
        root: root.path().join("volumes"),
        host_root: "/var/lib/kubeception/volumes".into(),
    };
    let provisioner = Provisioner::start(cluster.client(), options).await.unwrap();
    World {
        cluster,
        provisioner,
        root,
    }
}

impl World {
    fn directory(&self) -> std::path::PathBuf {
        self.root.path().join("volumes").join(format!("pvc-{UID}"))
    }

    async fn provision(&self) -> Result<Provisioned, ReconcileError> {
        self.provisioner
            .provision(&self.cluster.get_as::<PersistentVolumeClaim>(CLAIM).unwrap())
            .await
    }

    async fn reclaim(&self) -> Result<(), ReconcileError> {
        self.provisioner
            .reclaim(&self.cluster.get_as::<PersistentVolume>(VOLUME).unwrap())
            .await
    }

    fn change(&self, path: &str, change: impl FnOnce(&mut Value)) {
        let mut object = self.cluster.get(path).unwrap();
        change(&mut object);
        self.cluster.insert(&object);
    }

    /// Provisioned, with data in it, and released.
    async fn released() -> Self {
        let world = world().await;
        world.provision().await.unwrap();
        std::fs::write(world.directory().join("data"), "precious").unwrap();
        world.change(VOLUME, |volume| volume["status"] = json!({ "phase": "Released" }));
        world
    }

    async fn delete_claim(&self) {
        let api: kube::Api<PersistentVolumeClaim> = kube::Api::namespaced(self.cluster.client(), "garden");
        api.delete("etcd", &kube::api::DeleteParams::default()).await.unwrap();
    }

    fn has_data(&self) -> bool {
        self.directory().join("data").exists()
    }

    /// `reason: note` of all events.
    fn events(&self) -> usize {
        self.cluster
            .writes()
            .iter()
            .filter(|write| write.starts_with("POST") && write.ends_with("/events"))
            .count()
    }
}

#[tokio::test]
async fn a_claim_gets_a_directory_and_a_volume_and_an_event() {
    let world = world().await;
    world.provision().await.unwrap();
    assert!(world.directory().is_dir());
    let volume = world.cluster.get(VOLUME).unwrap();
    assert_eq!(
        volume["spec"]["local"]["path"],
        format!("/var/lib/kubeception/volumes/pvc-{UID}")
    );
    assert_eq!(volume["spec"]["claimRef"]["name"], "etcd");
    assert_eq!(world.events(), 1);
}

/// Nobody chose a node for the claim, and its class binds so.
async fn undecided(mode: &str) -> World {
    let world = world().await;
    world.change(CLAIM, |claim| {
        claim["metadata"]["annotations"] =
            json!({ "volume.kubernetes.io/storage-provisioner": "local-storage.kubeception.dev" });
    });
    let class = "/apis/storage.k8s.io/v1/storageclasses/default";
    world.change(class, |class| class["volumeBindingMode"] = json!(mode));
    world
}

#[tokio::test]
async fn a_claim_whose_class_binds_at_once_waits_for_no_pod() {
    let world = undecided("Immediate").await;
    assert_eq!(world.provision().await.unwrap(), Provisioned::Here);
    assert!(world.directory().is_dir());
    assert!(world.cluster.get(VOLUME).is_some());

    let world = undecided("WaitForFirstConsumer").await;
    assert_eq!(world.provision().await.unwrap(), Provisioned::NotOurs);
    assert!(world.cluster.writes().is_empty());
}

#[tokio::test]
async fn another_node_may_be_drawn_and_lots_are_drawn_again_when_it_goes() {
    let world = undecided("Immediate").await;
    // Among many nodes, ours is drawn for few claims: the first one that is another's is looked for.
    let others = ["a", "b", "c", "d", "e", "f", "g", "h"];
    for name in others {
        world
            .cluster
            .insert(&json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": name } }));
    }
    let mut provisioned = Provisioned::Here;
    for index in 0..20 {
        world.change(CLAIM, |claim| claim["metadata"]["uid"] = json!(format!("{index}")));
        provisioned = world.provision().await.unwrap();
        if provisioned == Provisioned::Elsewhere {
            break;
        }
    }
    assert_eq!(provisioned, Provisioned::Elsewhere);
    for name in others {
        world.change(&format!("/api/v1/nodes/{name}"), |node| {
            node["spec"] = json!({ "unschedulable": true });
        });
    }
    assert_eq!(world.provision().await.unwrap(), Provisioned::Here);
}

#[tokio::test]
async fn a_volume_that_another_node_made_first_leaves_no_directory_here() {
    let world = undecided("Immediate").await;
    world.cluster.insert(&json!({
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": { "name": format!("pvc-{UID}") },
        "spec": { "nodeAffinity": { "required": { "nodeSelectorTerms": [{ "matchExpressions": [
            { "key": "kubernetes.io/hostname", "operator": "In", "values": ["other.local"] },
        ] }] } } },
    }));
    world.provision().await.unwrap();
    assert!(!world.directory().exists());
}

#[tokio::test]
async fn provisioning_is_repeated_without_harm() {
    let world = world().await;
    world.cluster.fail(&Method::POST, "/persistentvolumes", 500, 1);
    world.provision().await.unwrap_err();
    assert!(world.directory().is_dir());
    std::fs::write(world.directory().join("data"), "precious").unwrap();
    world.provision().await.unwrap();
    world.provision().await.unwrap();
    assert!(world.has_data());
}

#[tokio::test]
async fn a_claim_for_another_node_or_bound_already_is_left_alone() {
    for change in [
        (|claim: &mut Value| claim["metadata"]["annotations"]["volume.kubernetes.io/selected-node"] = json!("other"))
            as fn(&mut Value),
        |claim| claim["spec"]["volumeName"] = json!("pv"),
    ] {
        let world = world().await;
        world.change(CLAIM, change);
        world.provision().await.unwrap();
        assert!(!world.directory().exists());
        assert!(world.cluster.writes().is_empty());
    }
}

#[tokio::test]
async fn what_cannot_be_provisioned_is_told_by_an_event() {
    let world = world().await;
    world.change(CLAIM, |claim| claim["spec"]["volumeMode"] = json!("Block"));
    assert!(matches!(world.provision().await, Err(ReconcileError::Impossible(_))));
    assert_eq!(world.events(), 1);
    assert!(!world.directory().exists());
}

#[tokio::test]
async fn a_uid_that_is_a_path_leads_nowhere() {
    let world = world().await;
    world.change(CLAIM, |claim| claim["metadata"]["uid"] = json!("../../escape"));
    assert!(matches!(world.provision().await, Err(ReconcileError::Directory { .. })));
    assert!(!world.root.path().join("escape").exists());
}

#[tokio::test]
async fn a_released_volume_goes_with_its_data_once_the_claim_is_gone() {
    let world = World::released().await;
    world.delete_claim().await;
    world.reclaim().await.unwrap();
    assert!(!world.directory().exists());
    assert_eq!(world.cluster.get(VOLUME), None);
}

#[tokio::test]
async fn a_volume_whose_claim_exists_is_never_removed() {
    let world = World::released().await;
    let error = world.reclaim().await.unwrap_err();
    assert!(matches!(error, ReconcileError::ClaimExists { .. }));
    assert!(world.has_data() && world.cluster.get(VOLUME).is_some());
}

#[tokio::test]
async fn a_new_claim_of_the_same_name_does_not_hold_the_old_volume() {
    let world = World::released().await;
    world.delete_claim().await;
    world.cluster.insert(&json!({
        "apiVersion": "v1", "kind": "PersistentVolumeClaim",
        "metadata": { "namespace": "garden", "name": "etcd", "uid": "another" }, "spec": {},
    }));
    world.reclaim().await.unwrap();
    assert!(!world.directory().exists());
}

#[tokio::test]
async fn nothing_is_removed_when_the_claim_cannot_be_looked_for() {
    let world = World::released().await;
    world.delete_claim().await;
    world.cluster.fail(&Method::GET, "/persistentvolumeclaims/etcd", 500, 1);
    world.reclaim().await.unwrap_err();
    assert!(world.has_data());
    world.reclaim().await.unwrap();
    assert!(!world.has_data());
}

#[tokio::test]
async fn an_old_event_removes_nothing() {
    let world = World::released().await;
    let old: PersistentVolume = world.cluster.get_as(VOLUME).unwrap();
    world.delete_claim().await;
    // Since the event, somebody made the volume available again, or kept it.
    for change in [
        (|volume: &mut Value| volume["status"]["phase"] = json!("Available")) as fn(&mut Value),
        |volume| volume["spec"]["persistentVolumeReclaimPolicy"] = json!("Retain"),
        |volume| volume["spec"]["claimRef"]["uid"] = json!("another"),
    ] {
        let now = world.cluster.get(VOLUME).unwrap();
        world.change(VOLUME, change);
        world.provisioner.reclaim(&old).await.unwrap();
        assert!(world.has_data());
        world.cluster.insert(&now);
    }
}

#[tokio::test]
async fn a_removal_that_was_interrupted_is_finished() {
    let world = World::released().await;
    world.delete_claim().await;
    world.cluster.fail(&Method::DELETE, "/persistentvolumes", 500, 1);
    world.reclaim().await.unwrap_err();
    assert!(!world.directory().exists());
    world.reclaim().await.unwrap();
    assert_eq!(world.cluster.get(VOLUME), None);
}

#[tokio::test]
async fn a_volume_whose_node_is_gone_goes_and_one_whose_node_is_there_stays() {
    let world = World::released().await;
    world.delete_claim().await;
    let move_to = |hostname: &str| {
        let mut volume = world.cluster.get(VOLUME).unwrap();
        let term = "/spec/nodeAffinity/required/nodeSelectorTerms/0/matchExpressions/0/values/0";
        *volume.pointer_mut(term).unwrap() = json!(hostname);
        world.cluster.insert(&volume);
    };
    world.cluster.insert(&json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": { "name": "other", "labels": { "kubernetes.io/hostname": "other" } },
    }));
    move_to("other");
    world.reclaim().await.unwrap();
    assert!(world.cluster.get(VOLUME).is_some());
    move_to("gone");
    world.reclaim().await.unwrap();
    assert_eq!(world.cluster.get(VOLUME), None);
    assert!(
        world.directory().exists(),
        "another node's volume is no business of ours"
    );
}
