//! The queue of installations: each is rendered and applied, its conditions told; one that goes takes everything along.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use api::{
    core::v1::ControllerDeployment,
    core::v1beta1::{ControllerInstallation, ControllerRegistration, Seed},
    resources::v1alpha1::ManagedResource,
};
use controller::{
    apply::ApplyError,
    delete::{DeleteError, delete},
    finalizers,
    retry::{Failures, Retry},
    status::StatusError,
    watch::WatchBackoff,
};
use futures::StreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::{
    Api, Resource, ResourceExt,
    runtime::{
        controller::{Action, Controller},
        reflector::ObjectRef,
        watcher,
    },
};
use lib_error_chain::ErrorChain;
use parking_lot::Mutex;
use serde::de::DeserializeOwned;
use tokio_util::sync::CancellationToken;

use super::{
    chart::{ChartError, Release, Renderer, helm},
    conditions::{self, INSTALLED, REQUIRED, Told, VALID, told},
    plan::{self, INSTALLATION_LABEL, NAMESPACE, Plan},
    required::needed_for,
    values::values,
};
use crate::{care::set_condition, context::Gardenlet};

/// Gardener's finalizer.
const FINALIZER: &str = "core.gardener.cloud/controllerinstallation";
/// The program that renders charts, as it is found in the path.
const HELM: &str = "helm";
/// How often it is looked whether an extension is still needed.
const RESYNC: Duration = Duration::from_secs(30);
/// How often it is looked whether what shall go is gone, beside what the watch tells.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// Why an installation is not as it shall be.
#[derive(Debug, thiserror::Error)]
pub(super) enum InstallationError {
    #[error("failed to {action}")]
    Request {
        action: &'static str,
        source: Box<kube::Error>,
    },
    #[error("failed to render the chart")]
    Chart(#[from] ChartError),
    #[error("{0} does not exist")]
    Missing(String),
    #[error("{0}")]
    Unsupported(&'static str),
    #[error(transparent)]
    Apply(#[from] ApplyError),
    #[error(transparent)]
    Delete(#[from] DeleteError),
    #[error(transparent)]
    Status(#[from] StatusError),
}

impl InstallationError {
    fn request(action: &'static str) -> impl FnOnce(kube::Error) -> Self {
        move |source| Self::Request {
            action,
            source: Box::new(source),
        }
    }

    fn retry(&self) -> Retry {
        match self {
            Self::Status(error) if error.is_conflict() => Retry::Now,
            Self::Unsupported(_) => Retry::OnChange,
            Self::Chart(ChartError::Refused(_)) => Retry::After(RESYNC), // the chart's mistake, or one of its values'
            Self::Request { .. }
            | Self::Chart(_)
            | Self::Missing(_)
            | Self::Apply(_)
            | Self::Delete(_)
            | Self::Status(_) => Retry::Backoff,
        }
    }

    /// What the error makes of the installation's conditions.
    fn told(&self) -> Option<Told> {
        let message = ErrorChain(self).to_string();
        match self {
            Self::Chart(_) => Some(told(VALID, false, "ChartCannotBeRendered", message)),
            Self::Missing(_) | Self::Unsupported(_) => Some(told(VALID, false, "ChartInformationInvalid", message)),
            Self::Apply(_) => Some(told(INSTALLED, false, "InstallationFailed", message)),
            Self::Delete(_) => Some(told(INSTALLED, false, "DeletionFailed", message)),
            Self::Request { .. } | Self::Status(_) => None,
        }
    }
}

/// What reconciling needs.
pub(super) struct Queue {
    pub(super) gardenlet: Gardenlet,
    pub(super) renderer: Renderer,
    /// What was rendered last of each: an installation is looked at far more often than it changes.
    pub(super) rendered: Mutex<BTreeMap<String, (Release, String)>>,
    pub(super) failures: Failures,
}

impl Queue {
    pub(super) fn new(gardenlet: Gardenlet, renderer: Renderer) -> Self {
        Self {
            gardenlet,
            renderer,
            rendered: Mutex::default(),
            failures: Failures::default(),
        }
    }
}

/// Installs until `shutdown`.
pub(crate) async fn run(gardenlet: Gardenlet, shutdown: CancellationToken) {
    let installations: Api<ControllerInstallation> = Api::all(gardenlet.garden_client.clone());
    let ours = watcher::Config::default().fields(&format!("spec.seedRef.name={}", gardenlet.settings.seed_name()));
    let resources: Api<ManagedResource> = Api::namespaced(gardenlet.seed_client(), NAMESPACE);
    let queue = Arc::new(Queue::new(gardenlet, helm(PathBuf::from(HELM))));
    Controller::new(installations, ours)
        .trigger_backoff(WatchBackoff::default())
        .watches(
            resources,
            watcher::Config::default().labels(INSTALLATION_LABEL),
            |resource| {
                resource
                    .labels()
                    .get(INSTALLATION_LABEL)
                    .map(|name| ObjectRef::new(name))
            },
        )
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(reconcile, on_error, queue)
        .for_each(|_| std::future::ready(()))
        .await;
}

#[expect(clippy::needless_pass_by_value, reason = "the signature is kube's")]
fn on_error(installation: Arc<ControllerInstallation>, error: &InstallationError, queue: Arc<Queue>) -> Action {
    let name = installation.name_any();
    tracing::warn!(installation = %name, error = %ErrorChain(error), "the extension is not as it shall be");
    queue.failures.failed(&name, error.retry())
}

/// One look: the installation is made so, or is on its way out; either way its conditions say how it is.
pub(super) async fn reconcile(
    installation: Arc<ControllerInstallation>,
    queue: Arc<Queue>,
) -> Result<Action, InstallationError> {
    let installations: Api<ControllerInstallation> = Api::all(queue.gardenlet.garden_client.clone());
    let name = installation.name_any();
    let Some(installation) = read(&installations, &name, "read the installation").await? else {
        return Ok(Action::await_change());
    };
    if installation.metadata.deletion_timestamp.is_some() {
        return remove(&installations, &installation, &queue).await;
    }
    let installation = finalizers::ensure(&installations, &installation, FINALIZER)
        .await
        .map_err(InstallationError::request("set the installation's finalizer"))?;
    let result = install(&installation, &queue).await;
    let findings = match &result {
        Ok(findings) => findings.clone(),
        Err(error) => error.told().into_iter().collect(),
    };
    tell(&installations, &installation, findings, &queue).await?;
    result?;
    queue.failures.succeeded(&name);
    Ok(Action::requeue(RESYNC))
}

async fn read<K>(api: &Api<K>, name: &str, action: &'static str) -> Result<Option<K>, InstallationError>
where
    K: Clone + DeserializeOwned + std::fmt::Debug,
{
    api.get_opt(name).await.map_err(InstallationError::request(action))
}

async fn tell(
    api: &Api<ControllerInstallation>,
    installation: &ControllerInstallation,
    findings: Vec<Told>,
    queue: &Queue,
) -> Result<(), InstallationError> {
    let mut status = installation.status.clone();
    let now = queue.gardenlet.clock.now();
    for (type_, finding) in findings {
        set_condition(&mut status.conditions, type_, finding, now);
    }
    controller::status::update(api, installation, &installation.status, &status).await?;
    Ok(())
}

/// Renders and applies the extension, and says how it is.
async fn install(installation: &ControllerInstallation, queue: &Queue) -> Result<Vec<Told>, InstallationError> {
    let gardenlet = &queue.gardenlet;
    let garden = &gardenlet.garden_client;
    let reference = &installation.spec.registration_ref;
    let name = reference.name.clone().unwrap_or_default();
    let registrations: Api<ControllerRegistration> = Api::all(garden.clone());
    let registration = read(&registrations, &name, "read the registration").await?;
    let registration =
        registration.ok_or_else(|| InstallationError::Missing(format!("ControllerRegistration {name}")))?;

    let release = release(installation, queue).await?;
    let rendered = render(release, queue).await?;
    let Plan {
        namespace,
        secret,
        resource,
    } = plan::plan(installation, &registration, rendered);
    gardenlet.seed.apply(&namespace).await?;
    gardenlet.seed.apply(&secret).await?;
    gardenlet.seed.apply(&resource).await?;

    let resources: Api<ManagedResource> = Api::namespaced(gardenlet.seed_client(), NAMESPACE);
    let resource = read(&resources, &installation.name_any(), "read the ManagedResource").await?;
    let mut findings = vec![told(VALID, true, "RegistrationValid", "The chart can be rendered.")];
    findings.extend(conditions::of_resource(resource.as_ref()));
    let needed_for = needed_for(&gardenlet.seed_client(), &registration)
        .await
        .map_err(InstallationError::request("list extension objects"))?;
    findings.push(match needed_for {
        Some(object) => told(REQUIRED, true, "ExtensionObjectsExist", format!("{object} needs it.")),
        None => told(REQUIRED, false, "NoExtensionObjects", "No object in the seed needs it."),
    });
    Ok(findings)
}

/// The chart of the installation, and all it is told.
async fn release(installation: &ControllerInstallation, queue: &Queue) -> Result<Release, InstallationError> {
    let gardenlet = &queue.gardenlet;
    let garden = &gardenlet.garden_client;
    let no_chart = InstallationError::Unsupported("the registration names no deployment: there is nothing to install");
    let reference = installation.spec.deployment_ref.as_ref();
    let name = reference.and_then(|reference| reference.name.clone()).ok_or(no_chart)?;
    let deployments: Api<ControllerDeployment> = Api::all(garden.clone());
    let deployment = read(&deployments, &name, "read the deployment").await?;
    let deployment = deployment.ok_or_else(|| InstallationError::Missing(format!("ControllerDeployment {name}")))?;
    let chart = deployment.helm.unwrap_or_default();
    if chart.raw_chart.0.is_empty() {
        let text = "only charts in rawChart can be installed yet: pack it, and put it there";
        return Err(InstallationError::Unsupported(text));
    }
    let seeds: Api<Seed> = Api::all(garden.clone());
    let seed = read(&seeds, gardenlet.settings.seed_name(), "read the Seed").await?;
    let seed = seed.ok_or_else(|| InstallationError::Missing("the Seed".to_owned()))?;
    let identities: Api<ConfigMap> = Api::namespaced(garden.clone(), "kube-system");
    let identity = read(&identities, "cluster-identity", "read the garden's identity").await?;
    let identity = identity.and_then(|identity| identity.data?.remove("cluster-identity"));
    let own = chart.values.as_ref().map(|values| &values.0);
    Ok(Release {
        name: name.clone(),
        namespace: plan::namespace_of(&installation.name_any()),
        values: values(own, &seed, identity.as_deref()),
        chart: chart.raw_chart.0,
        kubernetes_version: seed.status.kubernetes_version,
    })
}

/// The chart rendered, or what was rendered of the same before.
async fn render(release: Release, queue: &Queue) -> Result<String, InstallationError> {
    let key = release.namespace.clone();
    let known = queue
        .rendered
        .lock()
        .get(&key)
        .filter(|(known, _)| *known == release)
        .cloned();
    if let Some((_, text)) = known {
        return Ok(text);
    }
    let text = (queue.renderer)(release.clone()).await?;
    queue.rendered.lock().insert(key, (release, text.clone()));
    Ok(text)
}

/// Removes the extension: its objects while resource-manager can still see them, then its namespace, then the finalizer.
async fn remove(
    installations: &Api<ControllerInstallation>,
    installation: &ControllerInstallation,
    queue: &Queue,
) -> Result<Action, InstallationError> {
    if !finalizers::has(installation, FINALIZER) {
        return Ok(Action::await_change());
    }
    let name = installation.name_any();
    let left = match take_away(&name, queue).await {
        Ok(left) => left,
        Err(error) => {
            let findings = error.told().into_iter().collect();
            tell(installations, installation, findings, queue).await?;
            return Err(error);
        }
    };
    if let Some(left) = left {
        let pending = told(INSTALLED, false, "DeletionPending", left);
        tell(installations, installation, vec![pending], queue).await?;
        return Ok(Action::requeue(LOOK_AGAIN));
    }
    queue.rendered.lock().remove(&plan::namespace_of(&name));
    queue.failures.succeeded(&name);
    finalizers::remove(installations, installation, FINALIZER)
        .await
        .map_err(InstallationError::request("remove the installation's finalizer"))?;
    Ok(Action::await_change())
}

/// One step of the removal; `Some` says what is still there.
async fn take_away(name: &str, queue: &Queue) -> Result<Option<String>, InstallationError> {
    let seed = queue.gardenlet.seed_client();
    let resources: Api<ManagedResource> = Api::namespaced(seed.clone(), NAMESPACE);
    if let Some(resource) = ask_to_go(&resources, name, "read the ManagedResource").await? {
        let conditions = resource.status.conditions.iter();
        let applied = conditions.filter(|condition| condition.type_ == "ResourcesApplied");
        let says: String = applied.map(|applied| format!(": {}", applied.message)).collect();
        return Ok(Some(format!("The extension's objects are being removed{says}")));
    }
    let secrets: Api<Secret> = Api::namespaced(seed.clone(), NAMESPACE);
    delete(&secrets, name).await?;
    let namespaces: Api<Namespace> = Api::all(seed);
    let namespace = plan::namespace_of(name);
    let left = ask_to_go(&namespaces, &namespace, "read the extension's namespace").await?;
    Ok(left.map(|_| format!("Namespace {namespace} is being removed.")))
}

/// Has an object deleted, once; returns it while it is still there.
async fn ask_to_go<K>(api: &Api<K>, name: &str, action: &'static str) -> Result<Option<K>, InstallationError>
where
    K: Resource<DynamicType = ()> + Clone + DeserializeOwned + std::fmt::Debug,
{
    let Some(object) = read(api, name, action).await? else {
        return Ok(None);
    };
    if object.meta().deletion_timestamp.is_none() {
        delete(api, name).await?;
    }
    read(api, name, action).await
}
