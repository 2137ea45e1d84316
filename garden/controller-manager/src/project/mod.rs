//! A project's namespace and roles.
//!
//! In: Projects. Out: the plan of each, applied; its phase. A project that is deleted keeps its namespace until the last
//! shoot in it is gone.

mod plan;

use std::sync::Arc;
use std::time::Duration;

use api::constants;
use api::core::v1beta1::{Project, ProjectPhase, Shoot};
use futures::StreamExt as _;
use futures::future::{try_join, try_join_all};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{ListParams, Patch, PatchParams};
use kube::runtime::controller::{Action, Controller};
use kube::runtime::events::{Event, EventType};
use kube::runtime::watcher;
use kube::{Api, Resource as _, ResourceExt as _};
use lib_error_chain::ErrorChain;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use self::plan::{ProjectPlan, namespace_name, plan};
use crate::context::{Context, FINALIZER, ReconcileError, key, on_error};

/// How often a project that goes away looks for shoots that are left.
const RETRY_NOT_EMPTY: Duration = Duration::from_secs(5);
/// How long the namespace's contents may take to go.
const NAMESPACE_DEADLINE: Duration = Duration::from_secs(120);
/// How often what belongs to a project is put right again, if nothing changes.
const RESYNC: Duration = Duration::from_secs(3600);

/// Runs the controller until `end`.
pub(crate) async fn run(context: Arc<Context>, end: CancellationToken) {
    Controller::new(
        Api::<Project>::all(context.garden_client.clone()),
        watcher::Config::default(),
    )
    .graceful_shutdown_on(async move { end.cancelled().await })
    .run(reconcile, on_error, context)
    .for_each(|_| async {})
    .await;
}

async fn reconcile(project: Arc<Project>, context: Arc<Context>) -> Result<Action, ReconcileError> {
    let result = if project.metadata.deletion_timestamp.is_some() {
        delete(&project, &context).await
    } else {
        create(&project, &context).await
    };
    match &result {
        Ok(_) => context.failures.succeeded(&key(project.as_ref())),
        Err(error) => {
            let note = ErrorChain(error).to_string();
            set_phase(&project, ProjectPhase::Failed, &context).await.ok();
            publish(
                &project,
                EventType::Warning,
                "NamespaceReconcileFailed",
                &note,
                &context,
            )
            .await;
        }
    }
    result
}

async fn create(project: &Project, context: &Context) -> Result<Action, ReconcileError> {
    let projects = Api::<Project>::all(context.garden_client.clone());
    let project = controller::finalizers::ensure(&projects, project, FINALIZER)
        .await
        .map_err(ReconcileError::request("set the finalizer"))?;
    let planned = plan(&project);
    check_namespace(&project, context).await?;
    apply(&planned, context).await?;
    let project = name_namespace(&projects, project).await?;
    let first = project.status.phase != ProjectPhase::Ready;
    set_phase(&project, ProjectPhase::Ready, context).await?;
    if first {
        let note = format!(
            "Successfully reconciled namespace {:?} for project",
            namespace_name(&project)
        );
        publish(
            &project,
            EventType::Normal,
            "NamespaceReconcileSuccessful",
            &note,
            context,
        )
        .await;
    }
    Ok(Action::requeue(RESYNC))
}

/// The namespace first: bindings lie in it. Everything else side by side.
async fn apply(planned: &ProjectPlan, context: &Context) -> Result<(), ReconcileError> {
    // No `..`: a new field must be applied here before this compiles.
    let ProjectPlan {
        namespace,
        cluster_roles,
        cluster_role_bindings,
        role_bindings,
    } = planned;
    let applier = &context.applier;
    let in_namespace = async {
        applier.apply(namespace).await?;
        try_join_all(role_bindings.iter().map(|binding| applier.apply(binding))).await
    };
    let cluster_wide = async {
        try_join_all(cluster_roles.iter().map(|role| applier.apply(role))).await?;
        try_join_all(cluster_role_bindings.iter().map(|binding| applier.apply(binding))).await
    };
    try_join(in_namespace, cluster_wide).await?;
    Ok(())
}

/// A namespace that belongs to another project is not taken.
async fn check_namespace(project: &Project, context: &Context) -> Result<(), ReconcileError> {
    let name = namespace_name(project);
    let namespaces = Api::<Namespace>::all(context.garden_client.clone());
    let found = namespaces
        .get_opt(&name)
        .await
        .map_err(ReconcileError::request("read the namespace"))?;
    let owner = found.and_then(|namespace| namespace.labels().get(constants::PROJECT_NAME).cloned());
    match owner {
        Some(owner) if owner != project.name_any() => Err(ReconcileError::ForeignNamespace { namespace: name, owner }),
        _ => Ok(()),
    }
}

/// Writes the namespace's name into a project that did not choose one.
async fn name_namespace(projects: &Api<Project>, project: Project) -> Result<Project, ReconcileError> {
    if project.spec.namespace.is_some() {
        return Ok(project);
    }
    let patch = json!({
        "metadata": { "resourceVersion": project.metadata.resource_version },
        "spec": { "namespace": namespace_name(&project) },
    });
    let patched = projects
        .patch(&project.name_any(), &PatchParams::default(), &Patch::Merge(&patch))
        .await;
    patched.map_err(ReconcileError::request("name the namespace"))
}

async fn set_phase(project: &Project, phase: ProjectPhase, context: &Context) -> Result<(), ReconcileError> {
    let projects = Api::<Project>::all(context.garden_client.clone());
    let mut status = project.status.clone();
    status.phase = phase;
    status.observed_generation = project.metadata.generation.unwrap_or_default();
    controller::status::update(&projects, project, &project.status, &status).await?;
    Ok(())
}

async fn delete(project: &Project, context: &Context) -> Result<Action, ReconcileError> {
    if !controller::finalizers::has(project, FINALIZER) {
        return Ok(Action::await_change());
    }
    let namespace = namespace_name(project);
    let shoots = Api::<Shoot>::namespaced(context.garden_client.clone(), &namespace);
    let left = shoots
        .list(&ListParams::default())
        .await
        .map_err(ReconcileError::request("list shoots"))?;
    if !left.items.is_empty() {
        let names: Vec<String> = left.items.iter().map(kube::ResourceExt::name_any).collect();
        let note = format!("The project is deleted once its shoots are gone: {}", names.join(", "));
        publish(project, EventType::Warning, "NamespaceNotEmpty", &note, context).await;
        set_phase(project, ProjectPhase::Terminating, context).await?;
        return Ok(Action::requeue(RETRY_NOT_EMPTY));
    }
    delete_namespace(project, &namespace, context).await?;
    delete_roles(project, context).await?;
    let projects = Api::<Project>::all(context.garden_client.clone());
    controller::finalizers::remove(&projects, project, FINALIZER)
        .await
        .map_err(ReconcileError::request("remove the finalizer"))?;
    Ok(Action::await_change())
}

/// Only a namespace that says it is the project's; and not one that its owner wants to keep.
async fn delete_namespace(project: &Project, name: &str, context: &Context) -> Result<(), ReconcileError> {
    let namespaces = Api::<Namespace>::all(context.garden_client.clone());
    let found = namespaces
        .get_opt(name)
        .await
        .map_err(ReconcileError::request("read the namespace"))?;
    let Some(found) = found else { return Ok(()) };
    let ours = found.labels().get(constants::PROJECT_NAME) == Some(&project.name_any());
    let kept = found
        .annotations()
        .get(constants::NAMESPACE_KEEP_AFTER_PROJECT_DELETION)
        .is_some_and(|keep| keep == "true");
    if !ours || kept {
        return Ok(());
    }
    controller::delete::delete_and_wait(&namespaces, name, NAMESPACE_DEADLINE).await?;
    publish(
        project,
        EventType::Normal,
        "NamespaceMarkedForDeletion",
        &format!("Deleted namespace {name:?}"),
        context,
    )
    .await;
    Ok(())
}

async fn delete_roles(project: &Project, context: &Context) -> Result<(), ReconcileError> {
    let planned = plan(project);
    let roles = Api::<ClusterRole>::all(context.garden_client.clone());
    let bindings = Api::<ClusterRoleBinding>::all(context.garden_client.clone());
    for role in &planned.cluster_roles {
        controller::delete::delete(&roles, &role.name_any()).await?;
    }
    for binding in &planned.cluster_role_bindings {
        controller::delete::delete(&bindings, &binding.name_any()).await?;
    }
    Ok(())
}

async fn publish(project: &Project, type_: EventType, reason: &str, note: &str, context: &Context) {
    let event = Event {
        type_,
        reason: reason.to_owned(),
        note: Some(note.to_owned()),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    // What was done stands without its event.
    if let Err(error) = context.recorder.publish(&event, &project.object_ref(&())).await {
        tracing::debug!(error = %ErrorChain(&error), "failed to publish an event");
    }
}
