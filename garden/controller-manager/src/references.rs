//! Nothing that is used may go: cloud profiles and credentials bindings keep a finalizer while a shoot names them.
//!
//! In: the object, and what may use it. Out: its finalizer. A binding's Secret is kept likewise, by a finalizer of its own.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use api::core::v1beta1::{CloudProfile, Shoot};
use api::security::v1alpha1::CredentialsBinding;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::api::ListParams;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::watcher;
use kube::{Api, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use crate::context::{Context, FINALIZER, ReconcileError, key, on_error};

/// The finalizer on objects that are not Gardener's own.
const EXTERNAL_FINALIZER: &str = "gardener.cloud/gardener";
/// How often an object that shall go looks for shoots that still use it.
const RETRY_IN_USE: Duration = Duration::from_secs(5);

/// Runs the controller of cloud profiles until `end`.
pub(crate) async fn run_cloud_profiles(context: Arc<Context>, end: CancellationToken) {
    Controller::new(
        Api::<CloudProfile>::all(context.garden_client.clone()),
        watcher::Config::default(),
    )
    .graceful_shutdown_on(async move { end.cancelled().await })
    .run(reconcile_cloud_profile, on_error, context)
    .for_each(|_| async {})
    .await;
}

/// Runs the controller of credentials bindings until `end`.
pub(crate) async fn run_credentials_bindings(context: Arc<Context>, end: CancellationToken) {
    Controller::new(
        Api::<CredentialsBinding>::all(context.garden_client.clone()),
        watcher::Config::default(),
    )
    .graceful_shutdown_on(async move { end.cancelled().await })
    .run(reconcile_credentials_binding, on_error, context)
    .for_each(|_| async {})
    .await;
}

async fn reconcile_cloud_profile(profile: Arc<CloudProfile>, context: Arc<Context>) -> Result<Action, ReconcileError> {
    let api = Api::<CloudProfile>::all(context.garden_client.clone());
    let shoots = Api::<Shoot>::all(context.garden_client.clone());
    let name = profile.name_any();
    let uses = |shoot: &Shoot| uses_profile(shoot, &name);
    keep_while_used(&api, profile.as_ref(), FINALIZER, &shoots, uses, &context)
        .await
        .map(|(action, _)| action)
}

async fn reconcile_credentials_binding(
    binding: Arc<CredentialsBinding>,
    context: Arc<Context>,
) -> Result<Action, ReconcileError> {
    let namespace = binding.namespace().unwrap_or_default();
    let api = Api::<CredentialsBinding>::namespaced(context.garden_client.clone(), &namespace);
    let shoots = Api::<Shoot>::namespaced(context.garden_client.clone(), &namespace);
    let name = binding.name_any();
    let uses = |shoot: &Shoot| shoot.spec.credentials_binding_name.as_deref() == Some(name.as_str());
    if binding.metadata.deletion_timestamp.is_none() {
        keep_secret(&binding, &context).await?;
    }
    let (action, freed) = keep_while_used(&api, binding.as_ref(), FINALIZER, &shoots, uses, &context).await?;
    if freed {
        free_secret(&binding, &context).await?;
    }
    Ok(action)
}

/// Sets the finalizer, or removes it from an object that shall go and is not used. `true`: it was removed.
pub(crate) async fn keep_while_used<K, U>(
    api: &Api<K>,
    object: &K,
    finalizer: &str,
    users: &Api<U>,
    uses: impl Fn(&U) -> bool,
    context: &Context,
) -> Result<(Action, bool), ReconcileError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
    U: Resource<DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    if object.meta().deletion_timestamp.is_none() {
        controller::finalizers::ensure(api, object, finalizer)
            .await
            .map_err(ReconcileError::request("set the finalizer"))?;
        context.failures.succeeded(&key(object));
        return Ok((Action::await_change(), false));
    }
    if !controller::finalizers::has(object, finalizer) {
        return Ok((Action::await_change(), false));
    }
    let users = users
        .list(&ListParams::default())
        .await
        .map_err(ReconcileError::request("list what may use it"))?;
    let users: Vec<String> = users.items.iter().filter(|user| uses(user)).map(key).collect();
    if !users.is_empty() {
        tracing::info!(object = %key(object), users = users.join(", "), "cannot go yet: it is used");
        return Ok((Action::requeue(RETRY_IN_USE), false));
    }
    controller::finalizers::remove(api, object, finalizer)
        .await
        .map_err(ReconcileError::request("remove the finalizer"))?;
    Ok((Action::await_change(), true))
}

fn uses_profile(shoot: &Shoot, name: &str) -> bool {
    match &shoot.spec.cloud_profile {
        Some(reference) => reference.kind != "NamespacedCloudProfile" && reference.name == name,
        None => shoot.spec.cloud_profile_name.as_deref() == Some(name),
    }
}

/// The Secret that a binding refers to, if it refers to one.
async fn secret_of(
    binding: &CredentialsBinding,
    context: &Context,
) -> Result<Option<(Api<Secret>, Secret)>, ReconcileError> {
    let reference = &binding.credentials_ref;
    let (Some("Secret"), Some(namespace), Some(name)) = (
        reference.kind.as_deref(),
        reference.namespace.as_deref(),
        reference.name.as_deref(),
    ) else {
        return Ok(None);
    };
    let secrets = Api::<Secret>::namespaced(context.garden_client.clone(), namespace);
    let secret = secrets
        .get_opt(name)
        .await
        .map_err(ReconcileError::request("read the secret"))?;
    Ok(secret.map(|secret| (secrets, secret)))
}

async fn keep_secret(binding: &CredentialsBinding, context: &Context) -> Result<(), ReconcileError> {
    if let Some((secrets, secret)) = secret_of(binding, context).await? {
        let kept = controller::finalizers::ensure(&secrets, &secret, EXTERNAL_FINALIZER).await;
        kept.map_err(ReconcileError::request("set the secret's finalizer"))?;
    }
    Ok(())
}

/// Another binding may use the same Secret: then it stays.
async fn free_secret(binding: &CredentialsBinding, context: &Context) -> Result<(), ReconcileError> {
    let Some((secrets, secret)) = secret_of(binding, context).await? else {
        return Ok(());
    };
    let bindings = Api::<CredentialsBinding>::all(context.garden_client.clone());
    let bindings = bindings
        .list(&ListParams::default())
        .await
        .map_err(ReconcileError::request("list bindings"))?;
    let other = |other: &CredentialsBinding| {
        other.metadata.uid != binding.metadata.uid && other.credentials_ref == binding.credentials_ref
    };
    if bindings.items.iter().any(other) {
        return Ok(());
    }
    let freed = controller::finalizers::remove(&secrets, &secret, EXTERNAL_FINALIZER).await;
    freed.map_err(ReconcileError::request("remove the secret's finalizer"))
}
