//! One reconcile of one extension object: status, annotation and finalizer around the actuator's work.
//!
//! Order: first the status says that the work has begun, then the annotation goes (with it the finalizer comes), then
//! the actuator works, then the status says how it ended. Who waits for the object (annotation gone, generation observed,
//! last operation succeeded) can so never take the end of the operation before for the end of this one.

use std::sync::Arc;

use api::{
    constants::GARDENER_OPERATION,
    core::v1beta1::{LastError, LastOperation, LastOperationState, LastOperationType},
    extensions::v1alpha1::{Cluster, ExtensionClass},
};
use apimachinery::meta::Time;
use controller::{
    error::{is_conflict, is_not_found},
    retry::Retry,
    status::merge_difference,
};
use k8s_openapi::api::core::v1::{Secret, SecretReference};
use kube::{
    Api, Client, ResourceExt as _,
    api::{Patch, PatchParams},
};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use serde_json::{Value, json};

use crate::{
    Actuator, ActuatorError, ExtensionKind, Request,
    operation::{Operation, operation_of},
};

/// Why a reconcile did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum DriveError {
    /// Something could not be read or written in the cluster.
    #[error("failed to {step}")]
    Cluster {
        /// What was tried.
        step: &'static str,
        /// What went wrong.
        source: Box<kube::Error>,
    },
    /// The actuator failed; the object's status says so already.
    #[error("the operation failed")]
    Actuator(#[source] ActuatorError),
    /// The status cannot be written as JSON.
    #[error("failed to encode the status")]
    Encode(#[source] serde_json::Error),
}

impl DriveError {
    /// When to try again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Cluster { source, .. } if is_conflict(source) => Retry::Now,
            Self::Cluster { .. } => Retry::Backoff,
            Self::Actuator(error) => error.wait().map_or(Retry::Backoff, Retry::After),
            Self::Encode(_) => Retry::OnChange,
        }
    }
}

fn failed(step: &'static str) -> impl Fn(kube::Error) -> DriveError {
    move |source| DriveError::Cluster {
        step,
        source: Box::new(source),
    }
}

/// Drives an actuator for the objects of a kind and a type.
pub struct Driver<K, A> {
    client: Client,
    actuator: A,
    clock: Arc<dyn Clock>,
    extension_type: String,
    of_garden: bool,
    kind: std::marker::PhantomData<fn(K)>,
}

impl<K: ExtensionKind, A: Actuator<K>> Driver<K, A> {
    /// A driver for objects whose `spec.type` is `extension_type`.
    pub fn new(client: Client, extension_type: impl Into<String>, actuator: A, clock: Arc<dyn Clock>) -> Self {
        Self {
            client,
            actuator,
            clock,
            extension_type: extension_type.into(),
            of_garden: false,
            kind: std::marker::PhantomData,
        }
    }

    /// Acts on objects of the class `garden` only, where it would act on all others. Where one cluster is the garden's runtime
    /// cluster and a seed, two processes of an extension share it.
    #[must_use]
    pub fn of_garden(mut self) -> Self {
        self.of_garden = true;
        self
    }

    /// Whether the object is meant for this extension.
    pub fn is_responsible(&self, object: &K) -> bool {
        let spec = object.default_spec();
        spec.type_ == self.extension_type && (spec.class == Some(ExtensionClass::Garden)) == self.of_garden
    }

    /// Does what the object asks for; `false` when it asked for nothing.
    pub async fn reconcile(&self, object: &K) -> Result<bool, DriveError> {
        if !self.is_responsible(object) || operation_of(object) == Operation::None {
            return Ok(false);
        }
        let api = K::api(self.client.clone(), &object.namespace().unwrap_or_default());
        // What was watched may be older than what this driver wrote last, and ask for what is done already.
        let current = api
            .get_opt(&object.name_any())
            .await
            .map_err(failed("read the object"))?;
        let Some(object) = current
            .as_ref()
            .filter(|current| current.metadata().uid == object.metadata().uid)
        else {
            return Ok(false);
        };
        let operation = operation_of(object);
        if operation == Operation::None {
            return Ok(false);
        }
        let object = self.begin(&api, object, &operation).await?;
        let mut status = object.status().clone();
        match self.act(&object, &mut status, &operation).await {
            Ok(()) => self.succeed(&api, &object, status, &operation).await?,
            Err(error) => {
                self.fail(&api, &object, status, &operation, &error).await?;
                return Err(DriveError::Actuator(error));
            }
        }
        tracing::info!(operation = ?operation.last_operation_type(), "reconciled");
        Ok(true)
    }

    /// Says that the work has begun, then takes the annotation and sets the finalizer.
    async fn begin(&self, api: &Api<K>, object: &K, operation: &Operation) -> Result<K, DriveError> {
        let mut status = object.status().clone();
        let last = self.last_operation(operation, LastOperationState::Processing, 1, "The operation has begun.");
        K::default_status_mut(&mut status).last_operation = Some(last);
        let object = self
            .write_status(api, object, &status)
            .await?
            .unwrap_or_else(|| object.clone());
        let metadata = object.metadata();
        let finalizer = K::finalizer();
        let mut finalizers = metadata.finalizers.clone().unwrap_or_default();
        let wants_finalizer = !matches!(operation, Operation::Delete) && !finalizers.contains(&finalizer);
        let annotated = metadata
            .annotations
            .iter()
            .flatten()
            .any(|(key, _)| key == GARDENER_OPERATION);
        if !wants_finalizer && !annotated {
            return Ok(object);
        }
        if wants_finalizer {
            finalizers.push(finalizer);
        }
        let body = json!({ "metadata": {
            "resourceVersion": metadata.resource_version,
            "finalizers": finalizers,
            "annotations": { GARDENER_OPERATION: null },
        } });
        let patched = api
            .patch(&object.name_any(), &PatchParams::default(), &Patch::Merge(body))
            .await;
        patched.map_err(failed("take up the operation"))
    }

    async fn act(&self, object: &K, status: &mut K::Status, operation: &Operation) -> Result<(), ActuatorError> {
        let cluster = self.cluster(object).await?;
        let secret = self.secret(object).await?;
        let request = Request {
            object,
            status,
            cluster: cluster.as_ref(),
            secret: secret.as_ref(),
        };
        match operation {
            Operation::None => Ok(()),
            Operation::Reconcile(_) => self.actuator.reconcile(request).await,
            Operation::Restore => self.actuator.restore(request).await,
            Operation::Migrate => self.actuator.migrate(request).await,
            Operation::Delete => self.actuator.delete(request).await,
        }
    }

    /// The `Cluster` has the name of the namespace; what lies in none has none.
    async fn cluster(&self, object: &K) -> Result<Option<Cluster>, ActuatorError> {
        let Some(namespace) = object.namespace() else {
            return Ok(None);
        };
        let api: Api<Cluster> = Api::all(self.client.clone());
        match api.get_opt(&namespace).await {
            Ok(cluster) => Ok(cluster),
            Err(error) => Err(ActuatorError::new(format!("failed to read Cluster {namespace}")).caused_by(error)),
        }
    }

    async fn secret(&self, object: &K) -> Result<Option<Secret>, ActuatorError> {
        let Some(SecretReference {
            name: Some(name),
            namespace,
        }) = secret_reference(object)
        else {
            return Ok(None);
        };
        let Some(namespace) = namespace.or_else(|| object.namespace()) else {
            return Err(ActuatorError::new(format!(
                "the reference to Secret {name} names no namespace"
            )));
        };
        let api: Api<Secret> = Api::namespaced(self.client.clone(), &namespace);
        match api.get(&name).await {
            Ok(secret) => Ok(Some(secret)),
            // The actuator knows whether it can do without: a record's credentials may be gone before the record.
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(ActuatorError::new(format!("failed to read Secret {namespace}/{name}")).caused_by(error)),
        }
    }

    async fn succeed(
        &self,
        api: &Api<K>,
        object: &K,
        mut status: K::Status,
        operation: &Operation,
    ) -> Result<(), DriveError> {
        match operation {
            Operation::Delete => return self.release(api, object).await,
            // Before its success is told: who waits for that deletes the object, and to find its finalizer then would mean to
            // remove what was just given up.
            Operation::Migrate => self.release(api, object).await?,
            _ => {}
        }
        let common = K::default_status_mut(&mut status);
        common.last_operation = Some(self.last_operation(
            operation,
            LastOperationState::Succeeded,
            100,
            "The operation has succeeded.",
        ));
        common.last_error = None;
        common.observed_generation = object.metadata().generation.unwrap_or_default();
        self.write_status(api, object, &status).await.map(drop)
    }

    /// Removes the finalizer; if the object changed meanwhile, from what is there now.
    async fn release(&self, api: &Api<K>, object: &K) -> Result<(), DriveError> {
        let Some(current) = api
            .get_opt(&object.name_any())
            .await
            .map_err(failed("read the object"))?
        else {
            return Ok(());
        };
        let removed = controller::finalizers::remove(api, &current, &K::finalizer()).await;
        removed.map_err(failed("remove the finalizer"))
    }

    async fn fail(
        &self,
        api: &Api<K>,
        object: &K,
        mut status: K::Status,
        operation: &Operation,
        error: &ActuatorError,
    ) -> Result<(), DriveError> {
        let description = ErrorChain(error).to_string();
        let common = K::default_status_mut(&mut status);
        common.last_operation = Some(self.last_operation(operation, LastOperationState::Error, 1, &description));
        common.last_error = Some(LastError {
            description,
            codes: error.codes().to_vec(),
            last_update_time: Some(Time(self.clock.now())),
            ..LastError::default()
        });
        common.observed_generation = object.metadata().generation.unwrap_or_default();
        self.write_status(api, object, &status).await.map(drop)
    }

    fn last_operation(
        &self,
        operation: &Operation,
        state: LastOperationState,
        progress: i32,
        description: &str,
    ) -> LastOperation {
        let type_: LastOperationType = operation.last_operation_type();
        let last_update_time = Some(Time(self.clock.now()));
        LastOperation {
            description: description.to_owned(),
            last_update_time,
            progress,
            state,
            type_,
        }
    }

    /// Writes what differs. Nobody else writes this status, so no resource version guards it: a change of the spec in
    /// between must not lose the operation's end. The uid does: a successor of the same name has not seen anything yet.
    async fn write_status(&self, api: &Api<K>, object: &K, new: &K::Status) -> Result<Option<K>, DriveError> {
        let value = |status: &K::Status| serde_json::to_value(status).map_err(DriveError::Encode);
        let Some(difference) = merge_difference(&value(object.status())?, &value(new)?) else {
            return Ok(None);
        };
        let body: Value = json!({ "metadata": { "uid": object.metadata().uid }, "status": difference });
        match api
            .patch_status(&object.name_any(), &PatchParams::default(), &Patch::Merge(body))
            .await
        {
            Ok(written) => Ok(Some(written)),
            Err(error) if is_not_found(&error) => Ok(None),
            Err(error) => Err(failed("write the status")(error)),
        }
    }
}

/// `spec.secretRef`, which most kinds have, at the same place. An exposure has `spec.credentialsRef`, which may be another kind
/// of credentials.
fn secret_reference<K: ExtensionKind>(object: &K) -> Option<SecretReference> {
    let value = serde_json::to_value(object).ok()?;
    let spec = value.get("spec")?;
    let credentials = || spec.get("credentialsRef").filter(|named| named["kind"] == "Secret");
    serde_json::from_value(spec.get("secretRef").or_else(credentials)?.clone()).ok()
}
