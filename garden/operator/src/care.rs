//! How the garden is: its conditions, kept up to date.
//!
//! In: the Garden, and the Deployments and the etcd it is made of. Out: `RuntimeComponentsHealthy`,
//! `VirtualComponentsHealthy`, `VirtualGardenAPIServerAvailable`; False with the reason when it is so.

use std::sync::Arc;
use std::time::Duration;

use api::constants;
use api::core::v1beta1::{Condition, ConditionStatus};
use api::druid::v1alpha1::Etcd;
use api::operator::v1alpha1::Garden;
use apimachinery::meta::Time;
use controller::wait::Progress;
use controller::watch::WatchBackoff;
use deploy::INTERNAL_KUBECONFIG_SECRET;
use futures::StreamExt as _;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::controller::{Action, Controller};
use kube::runtime::reflector::ObjectRef;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt as _};
use lib_error_chain::ErrorChain;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::control_plane;
use crate::garden::Context;
use crate::runtime::{GARDENER_COMPONENTS, RUNTIME_COMPONENTS};
use crate::settings::{NAMESPACE, PREFIX};

/// How often the garden is looked at, if nothing changes (Gardener's number).
const PERIOD: Duration = Duration::from_secs(30);
/// While something is amiss, it is looked at more often: people wait for it.
const PERIOD_AMISS: Duration = Duration::from_secs(2);
/// How long the API server may take for an answer.
const ANSWER_DEADLINE: Duration = Duration::from_secs(5);

/// Why the garden could not be looked at.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CareError {
    #[error("failed to {step}")]
    Request {
        step: &'static str,
        source: Box<kube::Error>,
    },
}

/// What a look found: all well, or what is not.
struct Verdict {
    condition: &'static str,
    reason: &'static str,
    problems: Vec<String>,
}

/// Runs the controller until `end`.
pub(crate) async fn run(context: Arc<Context>, end: CancellationToken) {
    let client = context.runtime.client().clone();
    let controller = Controller::new(context.gardens(), watcher::Config::default());
    let gardens = controller.store();
    let all = move |_: Deployment| -> Vec<ObjectRef<Garden>> {
        gardens
            .state()
            .iter()
            .map(|garden| ObjectRef::from_obj(garden.as_ref()))
            .collect()
    };
    controller
        .watches(
            Api::<Deployment>::namespaced(client, NAMESPACE),
            watcher::Config::default(),
            all,
        )
        .trigger_backoff(WatchBackoff::default())
        .graceful_shutdown_on(async move { end.cancelled().await })
        .run(look, on_error, context)
        .for_each(|_| async {})
        .await;
}

async fn look(garden: Arc<Garden>, context: Arc<Context>) -> Result<Action, CareError> {
    if garden.metadata.deletion_timestamp.is_some() || garden.status.last_operation.is_none() {
        return Ok(Action::await_change());
    }
    let client = context.runtime.client().clone();
    let (runtime, components, server) = futures::try_join!(
        runtime_components(&client),
        virtual_components(&client),
        api_server(&client)
    )?;
    let verdicts = [runtime, components, server];
    let well = verdicts.iter().all(|verdict| verdict.problems.is_empty());
    let mut conditions = garden.status.conditions.clone();
    for verdict in &verdicts {
        set(&mut conditions, verdict, context.clock.now());
    }
    if conditions != garden.status.conditions {
        let patch = json!({ "metadata": { "uid": garden.metadata.uid }, "status": { "conditions": conditions } });
        let written = context
            .gardens()
            .patch_status(
                &garden.name_any(),
                &Default::default(),
                &kube::api::Patch::Merge(&patch),
            )
            .await;
        written.map_err(|source| CareError::Request {
            step: "write the conditions",
            source: Box::new(source),
        })?;
    }
    Ok(Action::requeue(if well { PERIOD } else { PERIOD_AMISS }))
}

async fn runtime_components(client: &Client) -> Result<Verdict, CareError> {
    let problems = deployments(client, RUNTIME_COMPONENTS.iter().map(|name| (*name).to_owned())).await?;
    let condition = constants::GARDEN_RUNTIME_COMPONENTS_HEALTHY;
    Ok(Verdict {
        condition,
        reason: "DeploymentUnhealthy",
        problems,
    })
}

async fn virtual_components(client: &Client) -> Result<Verdict, CareError> {
    let control_plane = [
        constants::DEPLOYMENT_KUBE_API_SERVER,
        constants::DEPLOYMENT_KUBE_CONTROLLER_MANAGER,
    ];
    let control_plane = control_plane.into_iter().map(|name| format!("{PREFIX}{name}"));
    let names = control_plane.chain(GARDENER_COMPONENTS.iter().map(|name| (*name).to_owned()));
    let mut problems = deployments(client, names).await?;
    let name = control_plane::etcd_name();
    let etcd = Api::<Etcd>::namespaced(client.clone(), NAMESPACE).get_opt(&name).await;
    let etcd = etcd.map_err(|source| CareError::Request {
        step: "read etcd",
        source: Box::new(source),
    })?;
    if let Some(state) = waits(deploy::etcd_state(etcd.as_ref())) {
        problems.push(format!("Etcd {name}: {state}"));
    }
    Ok(Verdict {
        condition: constants::GARDEN_VIRTUAL_COMPONENTS_HEALTHY,
        reason: "ComponentUnhealthy",
        problems,
    })
}

/// What is wrong with some Deployments.
async fn deployments(client: &Client, names: impl Iterator<Item = String>) -> Result<Vec<String>, CareError> {
    let api = Api::<Deployment>::namespaced(client.clone(), NAMESPACE);
    let found = api.list(&Default::default()).await;
    let found = found.map_err(|source| CareError::Request {
        step: "list Deployments",
        source: Box::new(source),
    })?;
    let state = |name: String| {
        let deployment = found.items.iter().find(|deployment| deployment.name_any() == name);
        Some(format!(
            "Deployment {name}: {}",
            waits(deploy::deployment_state(deployment))?
        ))
    };
    Ok(names.filter_map(state).collect())
}

fn waits(progress: Progress) -> Option<String> {
    match progress {
        Progress::Done => None,
        Progress::Waiting(state) | Progress::Failed(state) => Some(state),
    }
}

/// Asks it for its health, the way that components reach it.
async fn api_server(runtime_client: &Client) -> Result<Verdict, CareError> {
    let condition = constants::GARDEN_API_SERVER_AVAILABLE;
    let problems = match ask(runtime_client).await {
        Ok(()) => Vec::new(),
        Err(reason) => vec![reason],
    };
    Ok(Verdict {
        condition,
        reason: "HealthzRequestFailed",
        problems,
    })
}

async fn ask(runtime_client: &Client) -> Result<(), String> {
    let secrets = Api::<Secret>::namespaced(runtime_client.clone(), NAMESPACE);
    let secret = secrets
        .get(INTERNAL_KUBECONFIG_SECRET)
        .await
        .map_err(|error| ErrorChain(&error).to_string())?;
    let kubeconfig = secret
        .data
        .as_ref()
        .and_then(|data| data.get("kubeconfig"))
        .ok_or("its kubeconfig is missing")?;
    let text = String::from_utf8_lossy(&kubeconfig.0);
    let client = controller::connect::from_kubeconfig_str(&text)
        .await
        .map_err(|error| ErrorChain(&error).to_string())?;
    let request = http::Request::get("/healthz")
        .body(Vec::new())
        .map_err(|error| error.to_string())?;
    match tokio::time::timeout(ANSWER_DEADLINE, client.request_text(request)).await {
        Ok(answer) => answer.map(drop).map_err(|error| ErrorChain(&error).to_string()),
        Err(_) => Err(format!("it did not answer within {} s", ANSWER_DEADLINE.as_secs())),
    }
}

/// The transition time moves with the status, the update time with anything.
fn set(conditions: &mut Vec<Condition>, verdict: &Verdict, now: Timestamp) {
    let well = verdict.problems.is_empty();
    let status = if well {
        ConditionStatus::True
    } else {
        ConditionStatus::False
    };
    let (reason, message) = if well {
        ("Healthy".to_owned(), "All is well.".to_owned())
    } else {
        (verdict.reason.to_owned(), verdict.problems.join("; "))
    };
    let present = conditions
        .iter()
        .position(|condition| condition.type_ == verdict.condition);
    let old = present.map(|index| conditions[index].clone());
    if old
        .as_ref()
        .is_some_and(|old| old.status == status && old.reason == reason && old.message == message)
    {
        return;
    }
    let since = old
        .filter(|old| old.status == status)
        .and_then(|old| old.last_transition_time);
    let condition = Condition {
        type_: verdict.condition.to_owned(),
        status,
        reason,
        message,
        last_transition_time: since.or(Some(Time(now))),
        last_update_time: Some(Time(now)),
        codes: Vec::new(),
    };
    match present {
        Some(index) => conditions[index] = condition,
        None => conditions.push(condition),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the controller hands over owned values")]
fn on_error(garden: Arc<Garden>, error: &CareError, context: Arc<Context>) -> Action {
    let key = format!("care {}", garden.name_any());
    tracing::warn!(garden = %garden.name_any(), error = %ErrorChain(error), "failed to look at the garden, will retry");
    Action::requeue(context.failures.next(&key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(problems: &[&str]) -> Verdict {
        let problems = problems.iter().map(|problem| (*problem).to_owned()).collect();
        Verdict {
            condition: "RuntimeComponentsHealthy",
            reason: "DeploymentUnhealthy",
            problems,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn times_move_with_what_they_stand_for() {
        let mut conditions = Vec::new();
        set(&mut conditions, &verdict(&[]), at(1));
        set(&mut conditions, &verdict(&[]), at(2));
        assert_eq!(conditions[0].last_update_time, Some(Time(at(1))));
        set(&mut conditions, &verdict(&["gateway: gone"]), at(3));
        assert_eq!(conditions[0].status, ConditionStatus::False);
        set(&mut conditions, &verdict(&["gateway: still gone"]), at(4));
        assert_eq!(conditions[0].message, "gateway: still gone");
        assert_eq!(
            (&conditions[0].last_transition_time, &conditions[0].last_update_time),
            (&Some(Time(at(3))), &Some(Time(at(4))))
        );
        assert_eq!(conditions.len(), 1);
    }
}
