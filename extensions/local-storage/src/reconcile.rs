//! Doing it: a claim gets its directory and its volume; a released volume loses both.
//!
//! The directory comes before the volume and goes before it: a volume without a directory would let pods fail, and a
//! directory without a volume would be forgotten.

use std::{path::PathBuf, time::Duration};

use controller::{
    delete::{DeleteError, delete_uid},
    error::{is_already_exists, is_conflict},
    retry::Retry,
};
use k8s_openapi::api::{
    core::v1::{Node, ObjectReference, PersistentVolume, PersistentVolumeClaim},
    storage::v1::StorageClass,
};
use kube::{
    Api, Client, ResourceExt as _,
    api::{ListParams, PostParams},
    runtime::events::{Event, EventType, Recorder, Reporter},
};
use lib_error_chain::ErrorChain;

use crate::{
    directories::{Directories, DirectoryError, VolumeName},
    plan::{
        HOSTNAME_LABEL, Impossible, NodeIdentity, PROVISIONER, Removal, Turn, binds_at_once, claim_reference, draw,
        is_here, removal_elsewhere, removal_of, turn, volume_name, volume_of,
    },
};

/// A claim that still exists holds its volume, though the volume says that it was released: somebody must look.
const CLAIM_STILL_THERE: Duration = Duration::from_secs(30);

/// Why a claim has no volume, or a volume is still there.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The claim asks for what cannot be.
    #[error("the claim cannot be provisioned")]
    Impossible(#[source] Impossible),
    /// The directory could not be made or removed.
    #[error("failed to work on the volume {volume}")]
    Directory {
        /// The volume.
        volume: String,
        /// What went wrong.
        source: DirectoryError,
    },
    /// Something could not be read or written in the cluster.
    #[error("failed to {step}")]
    Cluster {
        /// What was tried.
        step: &'static str,
        /// What went wrong.
        source: Box<kube::Error>,
    },
    /// The volume could not be removed.
    #[error("failed to remove the volume")]
    Delete(#[source] DeleteError),
    /// The claim of a released volume exists: its data is not touched.
    #[error("the volume {volume} is released, but its claim {claim} exists: nothing is removed")]
    ClaimExists {
        /// The volume.
        volume: String,
        /// The claim.
        claim: String,
    },
}

impl ReconcileError {
    /// When to try again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Impossible(_) => Retry::OnChange,
            Self::ClaimExists { .. } => Retry::After(CLAIM_STILL_THERE),
            Self::Cluster { source, .. } if is_conflict(source) => Retry::Now,
            Self::Cluster { .. } | Self::Directory { .. } | Self::Delete(_) => Retry::Backoff,
        }
    }
}

fn failed(step: &'static str) -> impl Fn(kube::Error) -> ReconcileError {
    move |source| ReconcileError::Cluster {
        step,
        source: Box::new(source),
    }
}

/// Where volumes lie.
#[derive(Clone, Debug)]
pub struct ProvisionerOptions {
    /// The node that this instance works for.
    pub node: String,
    /// The volumes' directory as this process sees it.
    pub root: PathBuf,
    /// The same directory as the host sees it.
    pub host_root: PathBuf,
}

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provisioned {
    /// It has a volume on this node.
    Here,
    /// The volume will lie on a node that was drawn by lot: if that one goes first, lots are drawn again.
    Elsewhere,
    /// There is nothing to do until the claim changes.
    NotOurs,
}

/// Provisions the volumes of one node.
pub struct Provisioner {
    client: Client,
    directories: Directories,
    host_root: PathBuf,
    node: NodeIdentity,
    recorder: Recorder,
}

impl Provisioner {
    /// Reads the node and prepares the volumes' directory.
    pub async fn start(client: Client, options: ProvisionerOptions) -> Result<Self, ReconcileError> {
        let node: Node = Api::all(client.clone())
            .get(&options.node)
            .await
            .map_err(failed("read the node"))?;
        let hostname = node.labels().get(HOSTNAME_LABEL).cloned();
        let node = NodeIdentity {
            hostname: hostname.unwrap_or_else(|| options.node.clone()),
            name: options.node,
        };
        let directories = Directories::new(options.root);
        let prepared = directories.prepare().await;
        prepared.map_err(|source| ReconcileError::Directory {
            volume: "all".to_owned(),
            source,
        })?;
        let reporter = Reporter {
            controller: PROVISIONER.to_owned(),
            instance: Some(node.name.clone()),
        };
        let recorder = Recorder::new(client.clone(), reporter);
        Ok(Self {
            client,
            directories,
            host_root: options.host_root,
            node,
            recorder,
        })
    }

    /// Gives the claim its volume if it waits for one from us.
    pub async fn provision(&self, claim: &PersistentVolumeClaim) -> Result<Provisioned, ReconcileError> {
        let class = match turn(claim, &self.node.name) {
            Turn::Nobodys => return Ok(Provisioned::NotOurs),
            Turn::Ours => self.class_of(claim).await?,
            Turn::AnyNodes => {
                let class = self.class_of(claim).await?;
                if !binds_at_once(&class) {
                    return Ok(Provisioned::NotOurs);
                }
                if !self.is_drawn(claim).await? {
                    return Ok(Provisioned::Elsewhere);
                }
                class
            }
        };
        let result = self.provision_new(claim, &class).await;
        let (kind, reason, note) = match &result {
            Ok(name) => (
                EventType::Normal,
                "ProvisioningSucceeded",
                format!("Successfully provisioned volume {name}"),
            ),
            Err(error) => (EventType::Warning, "ProvisioningFailed", ErrorChain(error).to_string()),
        };
        self.tell(&claim_reference(claim), kind, reason, note).await;
        result.map(|_| Provisioned::Here)
    }

    async fn is_drawn(&self, claim: &PersistentVolumeClaim) -> Result<bool, ReconcileError> {
        let nodes: Api<Node> = Api::all(self.client.clone());
        let nodes = nodes.list(&ListParams::default()).await;
        let nodes = nodes.map_err(failed("list the nodes"))?;
        Ok(draw(claim, &nodes.items) == Some(self.node.name.as_str()))
    }

    async fn provision_new(
        &self,
        claim: &PersistentVolumeClaim,
        class: &StorageClass,
    ) -> Result<String, ReconcileError> {
        let volume = volume_of(claim, class, &self.node, &self.host_root).map_err(ReconcileError::Impossible)?;
        let name = volume_name(claim);
        let wrong = |source| ReconcileError::Directory {
            volume: name.clone(),
            source,
        };
        let directory = VolumeName::new(&name).map_err(wrong)?;
        self.directories.create(&directory).await.map_err(wrong)?;
        let api: Api<PersistentVolume> = Api::all(self.client.clone());
        match api.create(&PostParams::default(), &volume).await {
            Ok(_) => tracing::info!(volume = %name, "provisioned"),
            // Made before a crash; its name is the claim's uid, so it is this claim's.
            Err(error) if is_already_exists(&error) => self.forget_if_elsewhere(&api, &directory).await?,
            Err(error) => return Err(failed("create the volume")(error)),
        }
        Ok(name)
    }

    /// When nodes come and go while one is drawn, two instances may have drawn themselves: the volume is where the first one said,
    /// and the other's directory, which no pod has seen, goes.
    async fn forget_if_elsewhere(
        &self,
        api: &Api<PersistentVolume>,
        directory: &VolumeName,
    ) -> Result<(), ReconcileError> {
        let volume = api.get_opt(directory.as_str()).await;
        let volume = volume.map_err(failed("read the volume"))?;
        if volume.is_none_or(|volume| is_here(&volume, &self.node)) {
            return Ok(());
        }
        let removed = self.directories.remove_empty(directory).await;
        removed.map_err(|source| ReconcileError::Directory {
            volume: directory.as_str().to_owned(),
            source,
        })
    }

    async fn class_of(&self, claim: &PersistentVolumeClaim) -> Result<StorageClass, ReconcileError> {
        let name = claim
            .spec
            .as_ref()
            .and_then(|spec| spec.storage_class_name.as_deref())
            .unwrap_or_default();
        Api::all(self.client.clone())
            .get(name)
            .await
            .map_err(failed("read the storage class"))
    }

    /// Removes the volume and its data if it was released for that and its claim does not exist.
    ///
    /// Of a volume on a node that is gone there is nothing left but the object; whoever sees it first removes it.
    pub async fn reclaim(&self, volume: &PersistentVolume) -> Result<(), ReconcileError> {
        let Some(removal) = removal_of(volume, &self.node, &self.host_root) else {
            return self.reclaim_left_behind(volume).await;
        };
        let name = volume.name_any();
        self.check_claim(&name, &removal).await?;
        let api: Api<PersistentVolume> = Api::all(self.client.clone());
        // The event may be old: what is removed must be released now.
        let current = api.get_opt(&name).await.map_err(failed("read the volume"))?;
        let Some(current) = current.filter(|current| current.metadata.uid == volume.metadata.uid) else {
            return Ok(());
        };
        if removal_of(&current, &self.node, &self.host_root).as_ref() != Some(&removal) {
            return Ok(());
        }
        let removed = self.directories.remove(&removal.directory).await;
        if removed.map_err(|source| ReconcileError::Directory {
            volume: name.clone(),
            source,
        })? {
            tracing::info!(volume = %name, "removed the data of a released volume");
        }
        if current.metadata.deletion_timestamp.is_none() {
            let uid = current.uid().unwrap_or_default();
            delete_uid(&api, &name, &uid).await.map_err(ReconcileError::Delete)?;
        }
        Ok(())
    }

    async fn reclaim_left_behind(&self, volume: &PersistentVolume) -> Result<(), ReconcileError> {
        let Some((removal, hostname)) = removal_elsewhere(volume, &self.node, &self.host_root) else {
            return Ok(());
        };
        let nodes: Api<Node> = Api::all(self.client.clone());
        let on_it = ListParams::default().labels(&format!("{HOSTNAME_LABEL}={hostname}"));
        let found = nodes.list(&on_it).await.map_err(failed("look for the volume's node"))?;
        if !found.items.is_empty() {
            return Ok(());
        }
        let name = volume.name_any();
        self.check_claim(&name, &removal).await?;
        let api: Api<PersistentVolume> = Api::all(self.client.clone());
        let uid = volume.uid().unwrap_or_default();
        if delete_uid(&api, &name, &uid).await.map_err(ReconcileError::Delete)? {
            tracing::info!(volume = %name, node = %hostname, "removed a released volume whose node is gone");
        }
        Ok(())
    }

    /// A claim that exists holds its volume.
    async fn check_claim(&self, volume: &str, removal: &Removal) -> Result<(), ReconcileError> {
        let claims: Api<PersistentVolumeClaim> = Api::namespaced(self.client.clone(), &removal.claim_namespace);
        let claim = claims
            .get_opt(&removal.claim_name)
            .await
            .map_err(failed("look for the claim"))?;
        if claim.is_some_and(|claim| claim.metadata.uid.as_deref() == Some(&removal.claim_uid)) {
            return Err(ReconcileError::ClaimExists {
                volume: volume.to_owned(),
                claim: format!("{}/{}", removal.claim_namespace, removal.claim_name),
            });
        }
        Ok(())
    }

    /// Events are for people; that one could not be written stops nothing.
    async fn tell(&self, about: &ObjectReference, type_: EventType, reason: &str, note: String) {
        let note = Some(note.chars().take(1000).collect());
        let event = Event {
            type_,
            reason: reason.to_owned(),
            note,
            action: "Provision".to_owned(),
            secondary: None,
        };
        if let Err(error) = self.recorder.publish(&event, about).await {
            tracing::debug!(error = %ErrorChain(&error), "failed to write an event");
        }
    }
}
