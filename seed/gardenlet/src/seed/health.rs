//! Judges the system components of the seed, from their own status.

use k8s_openapi::api::apps::v1::{Deployment, StatefulSet};

/// What every seed must have in its garden namespace; who made it does not matter.
pub(crate) const REQUIRED: [&str; 3] = ["etcd-druid", "gardener-resource-manager", "gateway"];

/// What is not as it should be, one sentence each; nothing when all is.
pub(crate) fn complaints(deployments: &[Deployment], stateful_sets: &[StatefulSet]) -> Vec<String> {
    let mut complaints = Vec::new();
    for name in REQUIRED {
        let found = deployments
            .iter()
            .find(|deployment| deployment.metadata.name.as_deref() == Some(name));
        match found {
            None => complaints.push(format!("Deployment {name} is missing")),
            Some(deployment) => complaints.extend(deployment_complaint(name, deployment)),
        }
    }
    for set in stateful_sets {
        let wished = set.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
        let ready = set
            .status
            .as_ref()
            .and_then(|status| status.ready_replicas)
            .unwrap_or_default();
        if ready < wished {
            let name = set.metadata.name.as_deref().unwrap_or_default();
            complaints.push(format!("StatefulSet {name} has {ready} of {wished} replicas ready"));
        }
    }
    complaints
}

fn deployment_complaint(name: &str, deployment: &Deployment) -> Option<String> {
    let wished = deployment.spec.as_ref().and_then(|spec| spec.replicas).unwrap_or(1);
    let available = deployment
        .status
        .as_ref()
        .and_then(|status| status.available_replicas)
        .unwrap_or_default();
    (available < wished).then(|| format!("Deployment {name} has {available} of {wished} replicas available"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(name: &str, available: i32) -> Deployment {
        let object = json!({
            "metadata": {"name": name},
            "spec": {"replicas": 1, "selector": {}, "template": {}},
            "status": {"availableReplicas": available},
        });
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn missing_and_unavailable_components_are_named() {
        let deployments = [deployment("etcd-druid", 1), deployment("gateway", 0)];
        assert_eq!(
            complaints(&deployments, &[]),
            [
                "Deployment gardener-resource-manager is missing",
                "Deployment gateway has 0 of 1 replicas available"
            ]
        );
    }

    #[test]
    fn all_there_is_healthy() {
        assert!(complaints(&REQUIRED.map(|name| deployment(name, 1)), &[]).is_empty());
    }
}
