//! Reconciles one ManagedResource: its objects are applied, what it no longer names is removed, and its conditions tell
//! how the objects are.
//!
//! In: the object, its Secrets, the target cluster. Out: the target's objects and the status. A pass takes no event: it
//! reads the world each time, so that it may be repeated, interrupted or run by another process.

use std::{collections::BTreeMap, time::Duration};

use api::{
    core::v1beta1::Condition,
    resources::v1alpha1::{ManagedResource, ManagedResourceStatus, ObjectReference},
};
use jiff::Timestamp;
use k8s_openapi::{ByteString, api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::Time};
use kube::{
    Api, Client, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::json;

use crate::{
    bundle::{self, BundleError},
    health,
    object::{Object, Reference},
    target::{FIELD_MANAGER, Target, TargetError, Targets},
};

/// Finalizer of ManagedResources (Gardener's, for the class without a name).
pub const FINALIZER: &str = "resources.gardener.cloud/gardener-resource-manager";
/// Class of ManagedResources whose objects belong into the seed itself.
const CLASS_SEED: &str = "seed";
/// Says which ManagedResource an object comes from.
const ORIGIN: &str = "resources.gardener.cloud/origin";
const MANAGED_BY: &str = "resources.gardener.cloud/managed-by";
const IGNORE: &str = "resources.gardener.cloud/ignore";
const KEEP_OBJECT: &str = "resources.gardener.cloud/keep-object";
const MODE: &str = "resources.gardener.cloud/mode";
/// How often healthy objects are looked at again.
const PERIOD: Duration = Duration::from_secs(30);
/// How often objects are looked at while they are not what they should be.
const IMPATIENT: Duration = Duration::from_secs(2);

/// Why a pass failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The object is not one that an API server gave out.
    #[error("the ManagedResource has no namespace")]
    NoNamespace,
    /// One of its Secrets could not be read.
    #[error("failed to read Secret {name}")]
    ReadSecret {
        /// Its name.
        name: String,
        /// What the client said.
        source: Box<kube::Error>,
    },
    /// One of its Secrets is not there.
    #[error("Secret {0} is missing")]
    NoSecret(String),
    /// The Secrets hold nothing that can be applied.
    #[error("failed to read the objects")]
    Bundle(#[from] BundleError),
    /// The target can't be reached or refuses an object.
    #[error("failed to work on the target cluster")]
    Target(#[from] TargetError),
    /// The ManagedResource itself could not be written.
    #[error("failed to {action} the ManagedResource")]
    Write {
        /// What was to be done.
        action: &'static str,
        /// What the client said.
        source: Box<kube::Error>,
    },
}

/// What a pass needs.
#[derive(Clone)]
pub struct Context {
    /// Clusters to work on.
    pub targets: Targets,
    /// Where ManagedResources lie.
    pub seed_client: Client,
}

/// One pass; returns when to look again.
pub async fn reconcile(resource: &ManagedResource, context: &Context, now: Timestamp) -> Result<Duration, Error> {
    let namespace = resource.namespace().ok_or(Error::NoNamespace)?;
    let api: Api<ManagedResource> = Api::namespaced(context.seed_client.clone(), &namespace);
    if resource.metadata.deletion_timestamp.is_some() {
        return delete(resource, context, &api, &namespace, now).await;
    }
    if resource.annotations().get(IGNORE).is_some_and(|value| value == "true") {
        return Ok(PERIOD);
    }
    if !resource.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        set_finalizer(&api, resource, true).await?;
    }
    let applied = apply_all(resource, context, &namespace).await;
    let mut status = resource.status.clone();
    let outcome = match &applied {
        Ok(outcome) => outcome.clone(),
        Err(error) => Outcome {
            failure: Some(lib_error_chain::ErrorChain(error).to_string()),
            ..Outcome::default()
        },
    };
    outcome.write_to(&mut status, resource, now);
    write_status(&api, resource, &status).await?;
    applied.map(|outcome| if outcome.settled() { PERIOD } else { IMPATIENT })
}

/// What a pass found.
#[derive(Clone, Default)]
struct Outcome {
    references: Vec<Reference>,
    failure: Option<String>,
    unhealthy: Option<String>,
    progressing: Option<String>,
    pruning: Option<String>,
}

impl Outcome {
    fn settled(&self) -> bool {
        [&self.failure, &self.unhealthy, &self.progressing, &self.pruning]
            .iter()
            .all(|complaint| complaint.is_none())
    }

    fn write_to(&self, status: &mut ManagedResourceStatus, resource: &ManagedResource, now: Timestamp) {
        if self.failure.is_none() {
            status.resources = self.references.iter().map(object_reference).collect();
            status.observed_generation = resource.metadata.generation.unwrap_or_default();
        }
        let complaints = [
            (
                "ResourcesApplied",
                "ApplySucceeded",
                "ApplyFailed",
                self.failure.as_ref().or(self.pruning.as_ref()),
                true,
            ),
            (
                "ResourcesHealthy",
                "ResourcesHealthy",
                "ResourceUnhealthy",
                self.failure.as_ref().or(self.unhealthy.as_ref()),
                true,
            ),
            (
                "ResourcesProgressing",
                "ResourcesRolledOut",
                "ResourceProgressing",
                self.progressing.as_ref(),
                false,
            ),
        ];
        let old = std::mem::take(&mut status.conditions);
        for (kind, good, bad, complaint, healthy_is) in complaints {
            let holds = complaint.is_none() == healthy_is;
            let reason = if complaint.is_none() { good } else { bad };
            let message = complaint
                .cloned()
                .unwrap_or_else(|| "All is as it should be.".to_owned());
            status
                .conditions
                .push(condition(&old, kind, holds, reason, message, now));
        }
    }
}

fn condition(old: &[Condition], kind: &str, holds: bool, reason: &str, message: String, now: Timestamp) -> Condition {
    let status = if holds { "True" } else { "False" };
    let same = old
        .iter()
        .find(|condition| condition.type_.as_str() == kind && condition.status.as_str() == status);
    let unchanged = same.filter(|condition| condition.message == message);
    Condition {
        type_: kind.into(),
        status: status.into(),
        reason: reason.to_owned(),
        last_transition_time: same.map_or(Some(Time(now)), |condition| condition.last_transition_time.clone()),
        last_update_time: unchanged.map_or(Some(Time(now)), |condition| condition.last_update_time.clone()),
        message,
        ..Condition::default()
    }
}

fn object_reference(reference: &Reference) -> ObjectReference {
    ObjectReference {
        object_reference: k8s_openapi::api::core::v1::ObjectReference {
            api_version: Some(reference.api_version.clone()),
            kind: Some(reference.kind.clone()),
            name: Some(reference.name.clone()),
            namespace: reference.namespace.clone(),
            ..Default::default()
        },
        ..ObjectReference::default()
    }
}

fn reference(object: &ObjectReference) -> Reference {
    let object = &object.object_reference;
    Reference {
        api_version: object.api_version.clone().unwrap_or_default(),
        kind: object.kind.clone().unwrap_or_default(),
        namespace: object.namespace.clone(),
        name: object.name.clone().unwrap_or_default(),
    }
}

async fn target_of(resource: &ManagedResource, context: &Context, namespace: &str) -> Result<Target, TargetError> {
    match resource.spec.class.as_deref() {
        Some(CLASS_SEED) => Ok(context.targets.seed.clone()),
        _ => context.targets.of_namespace(namespace).await,
    }
}

async fn apply_all(resource: &ManagedResource, context: &Context, namespace: &str) -> Result<Outcome, Error> {
    let secrets = read_secrets(resource, context, namespace).await?;
    let mut objects = bundle::read(&secrets)?;
    let target = target_of(resource, context, namespace).await?;
    for object in &mut objects {
        mark(object, resource, namespace);
    }
    let mut outcome = Outcome::default();
    for object in objects
        .iter()
        .filter(|object| object.annotation(MODE) != Some("Ignore"))
    {
        target.apply(object).await?;
    }
    outcome.references = objects.iter().map(|object| object.reference.clone()).collect();
    outcome.pruning = prune(resource, &target, &mut outcome.references).await?;
    for object in &objects {
        let Some(actual) = target.get(&object.reference).await? else {
            continue;
        };
        let complaint = |reason: String| format!("{}: {reason}", object.reference);
        outcome.unhealthy = outcome.unhealthy.or_else(|| health::unhealthy(&actual).map(complaint));
        outcome.progressing = outcome
            .progressing
            .or_else(|| health::progressing(&actual).map(complaint));
    }
    Ok(outcome)
}

async fn read_secrets(
    resource: &ManagedResource,
    context: &Context,
    namespace: &str,
) -> Result<Vec<BTreeMap<String, ByteString>>, Error> {
    let api: Api<Secret> = Api::namespaced(context.seed_client.clone(), namespace);
    let mut secrets = Vec::new();
    for name in resource.spec.secret_refs.iter().map(|reference| &reference.name) {
        let secret = api.get_opt(name).await;
        let secret = secret.map_err(|source| Error::ReadSecret {
            name: name.clone(),
            source: Box::new(source),
        })?;
        secrets.push(
            secret
                .ok_or_else(|| Error::NoSecret(name.clone()))?
                .data
                .unwrap_or_default(),
        );
    }
    Ok(secrets)
}

fn mark(object: &mut Object, resource: &ManagedResource, namespace: &str) {
    for (name, value) in &resource.spec.inject_labels {
        object.set_label(name, value);
    }
    object.set_label(MANAGED_BY, "gardener");
    object.set_annotation(ORIGIN, &format!("{namespace}/{}", resource.name_any()));
}

/// Deletes what earlier passes applied and the Secrets no longer name; what is not gone yet stays on the list.
async fn prune(
    resource: &ManagedResource,
    target: &Target,
    wished: &mut Vec<Reference>,
) -> Result<Option<String>, Error> {
    let mut complaint = None;
    for old in resource.status.resources.iter().map(reference) {
        if wished.iter().any(|reference| reference.is_same_object(&old)) || is_kept(target, &old).await? {
            continue;
        }
        if !target.delete(&old).await? {
            complaint = Some(format!("{old} is still being deleted"));
            wished.push(old);
        }
    }
    Ok(complaint)
}

/// Whether the object says itself that it outlives its ManagedResource. (`spec.keepObjects` is about a deletion only.)
async fn is_kept(target: &Target, reference: &Reference) -> Result<bool, Error> {
    let actual = match target.get(reference).await {
        Ok(actual) => actual,
        // Its kind is gone, and the object with it.
        Err(error) if error.is_not_found() => None,
        Err(error) => return Err(error.into()),
    };
    let kept = actual.is_some_and(|object| object["metadata"]["annotations"][KEEP_OBJECT] == "true");
    Ok(kept)
}

async fn delete(
    resource: &ManagedResource,
    context: &Context,
    api: &Api<ManagedResource>,
    namespace: &str,
    now: Timestamp,
) -> Result<Duration, Error> {
    if !resource.finalizers().iter().any(|finalizer| finalizer == FINALIZER) {
        return Ok(PERIOD);
    }
    let mut left = Vec::new();
    if resource.spec.keep_objects != Some(true) && !resource.status.resources.is_empty() {
        let target = target_of(resource, context, namespace).await?;
        for old in resource.status.resources.iter().map(reference) {
            if !is_kept(&target, &old).await? && !target.delete(&old).await? {
                left.push(old);
            }
        }
    }
    if left.is_empty() {
        set_finalizer(api, resource, false).await?;
        return Ok(PERIOD);
    }
    let names: Vec<String> = left.iter().map(ToString::to_string).collect();
    let outcome = Outcome {
        references: left,
        pruning: Some(format!("still being deleted: {}", names.join(", "))),
        ..Outcome::default()
    };
    let mut status = resource.status.clone();
    outcome.write_to(&mut status, resource, now);
    write_status(api, resource, &status).await?;
    Ok(IMPATIENT)
}

async fn set_finalizer(api: &Api<ManagedResource>, resource: &ManagedResource, wished: bool) -> Result<(), Error> {
    let mut finalizers = resource.finalizers().to_vec();
    finalizers.retain(|finalizer| finalizer != FINALIZER);
    if wished {
        finalizers.push(FINALIZER.to_owned());
    }
    let patch = json!({"metadata": {"finalizers": finalizers, "resourceVersion": resource.resource_version()}});
    let written = api
        .patch(&resource.name_any(), &PatchParams::default(), &Patch::Merge(&patch))
        .await;
    match written {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.code == 404 && !wished => Ok(()),
        Err(source) => Err(Error::Write {
            action: "set the finalizer of",
            source: Box::new(source),
        }),
    }
}

async fn write_status(
    api: &Api<ManagedResource>,
    resource: &ManagedResource,
    status: &ManagedResourceStatus,
) -> Result<(), Error> {
    if *status == resource.status {
        return Ok(());
    }
    let patch = json!({"status": status});
    let parameters = PatchParams {
        field_manager: Some(FIELD_MANAGER.to_owned()),
        ..PatchParams::default()
    };
    let written = api
        .patch_status(&resource.name_any(), &parameters, &Patch::Merge(&patch))
        .await;
    written.map(|_| ()).map_err(|source| Error::Write {
        action: "write the status of",
        source: Box::new(source),
    })
}
