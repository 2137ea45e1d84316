//! Judgements of what is in a shoot's namespace. Pure.

use api::{core::v1beta1::ConditionStatus, druid::v1alpha1::Etcd, resources::v1alpha1::ManagedResource};
use controller::wait::Progress;
use k8s_openapi::api::apps::v1::Deployment;

/// What a condition shall say.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Finding {
    pub(crate) status: ConditionStatus,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
}

impl Finding {
    pub(super) fn healthy(reason: &'static str, message: &str) -> Self {
        Self {
            status: ConditionStatus::True,
            reason,
            message: message.to_owned(),
        }
    }

    pub(crate) fn unhealthy(reason: &'static str, message: String) -> Self {
        Self {
            status: ConditionStatus::False,
            reason,
            message,
        }
    }
}

/// Deployments that every shoot has.
const REQUIRED_DEPLOYMENTS: [&str; 2] = ["kube-apiserver", "kube-controller-manager"];
/// Deployments that shoots with machines have beside.
const REQUIRED_WITH_MACHINES: [&str; 1] = ["kube-scheduler"];

/// Whether the API server answered its health check.
pub(crate) fn api_server(answer: Result<(), String>) -> Finding {
    match answer {
        Ok(()) => Finding::healthy("HealthzRequestSucceeded", "The API server answers its health check."),
        Err(error) => Finding::unhealthy(
            "HealthzRequestFailed",
            format!("The API server does not answer its health check: {error}"),
        ),
    }
}

/// Whether etcd and the Deployments of the control plane run.
pub(crate) fn control_plane(deployments: &[Deployment], etcd: Option<&Etcd>, has_workers: bool) -> Finding {
    if let Progress::Waiting(state) | Progress::Failed(state) = deploy::etcd_state(etcd) {
        return Finding::unhealthy("EtcdUnhealthy", format!("Etcd etcd-main is not healthy: {state}"));
    }
    let more = REQUIRED_WITH_MACHINES.into_iter().filter(|_| has_workers);
    for name in REQUIRED_DEPLOYMENTS.into_iter().chain(more) {
        let deployment = deployments
            .iter()
            .find(|deployment| deployment.metadata.name.as_deref() == Some(name));
        if deployment.is_none() {
            return Finding::unhealthy("DeploymentMissing", format!("Deployment {name} is missing"));
        }
    }
    // One at a time is told: the first is mostly the cause of the others.
    for deployment in deployments {
        if let Some(trouble) = unavailable(deployment) {
            let name = deployment.metadata.name.as_deref().unwrap_or_default();
            return Finding::unhealthy(
                "DeploymentUnhealthy",
                format!("Deployment {name} is not healthy: {trouble}"),
            );
        }
    }
    Finding::healthy(
        "ControlPlaneRunning",
        "All components of the control plane are healthy.",
    )
}

/// A rollout is no illness, as long as enough old pods serve; [`deploy::deployment_state`] is stricter.
fn unavailable(deployment: &Deployment) -> Option<String> {
    let wished = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let available = deployment
        .status
        .as_ref()
        .and_then(|status| status.available_replicas)
        .unwrap_or(0);
    (available < wished).then(|| match deploy::deployment_state(Some(deployment)) {
        Progress::Waiting(state) | Progress::Failed(state) => state,
        Progress::Done => format!("{available} of {wished} pods are available"),
    })
}

/// Whether what resource-manager keeps inside the shoot is there. While the API server does not answer, nobody knows.
pub(crate) fn system_components(resources: &[ManagedResource], api_server: &Finding) -> Finding {
    if api_server.status != ConditionStatus::True {
        let message = "The API server does not answer, so the system components can't be looked at.".to_owned();
        return Finding {
            status: ConditionStatus::Unknown,
            reason: "ConditionCheckError",
            message,
        };
    }
    if resources.is_empty() {
        return Finding::unhealthy("ManagedResourceMissing", "no ManagedResource is there yet".to_owned());
    }
    for resource in resources {
        if let Progress::Waiting(state) | Progress::Failed(state) = deploy::managed_resource_state(Some(resource)) {
            let name = resource.metadata.name.as_deref().unwrap_or_default();
            let message = format!("ManagedResource {name} is not healthy: {state}");
            return Finding::unhealthy("ManagedResourceUnhealthy", message);
        }
    }
    Finding::healthy("SystemComponentsRunning", "All system components are healthy.")
}

/// The same with what a request through the tunnel brought; what is ill already is the more likely cause of the other.
pub(crate) fn with_tunnel(finding: Finding, answer: Result<(), String>) -> Finding {
    match answer {
        Err(error) if finding.status == ConditionStatus::True => Finding::unhealthy("TunnelBroken", error),
        _ => finding,
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::apps::v1::{DeploymentSpec, DeploymentStatus};

    use super::*;

    fn deployment(name: &str, available: i32) -> Deployment {
        let mut deployment = Deployment::default();
        deployment.metadata.name = Some(name.to_owned());
        deployment.spec = Some(DeploymentSpec {
            replicas: Some(1),
            ..DeploymentSpec::default()
        });
        deployment.status = Some(DeploymentStatus {
            replicas: Some(1),
            updated_replicas: Some(1),
            available_replicas: Some(available),
            ..DeploymentStatus::default()
        });
        deployment
    }

    fn etcd(ready: bool) -> Etcd {
        let mut etcd = Etcd::default();
        etcd.spec.replicas = 1;
        etcd.status.ready = Some(ready);
        etcd
    }

    #[track_caller]
    fn check(deployments: &[Deployment], etcd: Option<&Etcd>, reason: &str, message: &str) {
        let finding = control_plane(deployments, etcd, false);
        assert_eq!((finding.reason, finding.message.as_str()), (reason, message));
    }

    #[test]
    fn the_first_illness_is_told() {
        let healthy = [
            deployment("kube-apiserver", 1),
            deployment("kube-controller-manager", 1),
        ];
        let all = "All components of the control plane are healthy.";
        check(&healthy, Some(&etcd(true)), "ControlPlaneRunning", all);
        let missing = "Etcd etcd-main is not healthy: it does not exist";
        check(&healthy, None, "EtcdUnhealthy", missing);
        let not_ready = "Etcd etcd-main is not healthy: 0 of 1 members are ready";
        check(&healthy, Some(&etcd(false)), "EtcdUnhealthy", not_ready);
        check(
            &healthy[..1],
            Some(&etcd(true)),
            "DeploymentMissing",
            "Deployment kube-controller-manager is missing",
        );
        let ill = [
            deployment("kube-apiserver", 0),
            deployment("kube-controller-manager", 1),
        ];
        let message = "Deployment kube-apiserver is not healthy: 0 of 1 pods are available, 1 are up to date";
        check(&ill, Some(&etcd(true)), "DeploymentUnhealthy", message);
    }

    #[test]
    fn machines_need_a_scheduler() {
        let mut deployments = vec![
            deployment("kube-apiserver", 1),
            deployment("kube-controller-manager", 1),
        ];
        let missing = control_plane(&deployments, Some(&etcd(true)), true);
        assert_eq!(missing.message, "Deployment kube-scheduler is missing");
        deployments.push(deployment("kube-scheduler", 1));
        let healthy = control_plane(&deployments, Some(&etcd(true)), true);
        assert_eq!(healthy.status, ConditionStatus::True);
    }

    #[test]
    fn a_tunnel_that_leads_nowhere_is_an_illness() {
        let ill = with_tunnel(Finding::healthy("Good", ""), Err("node a is not reached".to_owned()));
        assert_eq!(
            (ill.reason, ill.message.as_str()),
            ("TunnelBroken", "node a is not reached")
        );
        let worse = Finding::unhealthy("Bad", String::new());
        assert_eq!(with_tunnel(worse.clone(), Err(String::new())), worse);
        assert_eq!(with_tunnel(Finding::healthy("Good", ""), Ok(())).reason, "Good");
    }

    #[test]
    fn a_rollout_with_an_available_pod_is_no_illness() {
        let mut rolling = deployment("kube-apiserver", 1);
        rolling.status.as_mut().unwrap().updated_replicas = Some(0);
        assert_eq!(unavailable(&rolling), None);
    }

    #[test]
    fn nobody_knows_what_is_behind_a_dead_api_server() {
        let dead = api_server(Err("connection refused".to_owned()));
        assert_eq!(system_components(&[], &dead).status, ConditionStatus::Unknown);
        let alive = api_server(Ok(()));
        assert_eq!(system_components(&[], &alive).reason, "ManagedResourceMissing");
        assert_eq!(
            system_components(&[ManagedResource::default()], &alive).reason,
            "ManagedResourceUnhealthy"
        );
    }
}
