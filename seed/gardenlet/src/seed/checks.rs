//! Judgements of what a seed needs. Pure.

use std::collections::BTreeMap;

use api::core::v1beta1::ConditionStatus;
use apimachinery::meta::Quantity;
use controller::wait::Progress;
use k8s_openapi::api::apps::v1::Deployment;

/// Kinds that control planes are made of, by the names of their definitions, and who brings them.
pub(crate) const REQUIRED_KINDS: [&str; 5] = [
    "clusters.extensions.gardener.cloud",
    "dnsrecords.extensions.gardener.cloud",
    "etcds.druid.gardener.cloud",
    "managedresources.resources.gardener.cloud",
    "tlsroutes.gateway.networking.k8s.io",
];

/// What every control plane needs, as Deployments in the namespace `garden`.
pub(crate) const REQUIRED_DEPLOYMENTS: [&str; 3] = ["etcd-druid", "gardener-resource-manager", "gateway"];

/// Status, reason and message of a condition.
pub(crate) type Finding = (ConditionStatus, &'static str, String);

/// What is missing of `required` in `present`.
pub(crate) fn missing<'a>(required: &[&'a str], present: &[String]) -> Vec<&'a str> {
    required
        .iter()
        .copied()
        .filter(|name| !present.iter().any(|present| present == name))
        .collect()
}

/// Whether the seed's own components run.
pub(crate) fn system_components(deployments: &[Deployment], missing_kinds: &[&str]) -> Finding {
    if !missing_kinds.is_empty() {
        let message = format!(
            "kinds are not defined in the seed: {}; the operator brings them",
            missing_kinds.join(", ")
        );
        return (ConditionStatus::False, "KindsMissing", message);
    }
    for name in REQUIRED_DEPLOYMENTS {
        let deployment = deployments
            .iter()
            .find(|deployment| deployment.metadata.name.as_deref() == Some(name));
        if let Progress::Waiting(state) | Progress::Failed(state) = deploy::deployment_state(deployment) {
            let message = format!("Deployment garden/{name} is not healthy: {state}");
            return (ConditionStatus::False, "DeploymentUnhealthy", message);
        }
    }
    (
        ConditionStatus::True,
        "SystemComponentsRunning",
        "All system components of the seed are healthy.".to_owned(),
    )
}

/// What is left of the capacity for shoots. A quantity that is no plain number is not reduced.
pub(crate) fn allocatable(
    capacity: &BTreeMap<String, Quantity>,
    reserved: &BTreeMap<String, Quantity>,
) -> BTreeMap<String, Quantity> {
    let number = |quantity: &Quantity| quantity.0.parse::<i64>().ok();
    let left = |(name, total): (&String, &Quantity)| {
        let left = match (number(total), reserved.get(name).and_then(number)) {
            (Some(total), Some(reserved)) => Quantity((total - reserved).max(0).to_string()),
            _ => total.clone(),
        };
        (name.clone(), left)
    };
    capacity.iter().map(left).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let (status, reason, message) = system_components(&[], &["etcds.druid.gardener.cloud"]);
        assert_eq!((status, reason), (ConditionStatus::False, "KindsMissing"));
        assert!(message.contains("etcds.druid.gardener.cloud"), "{message}");
        let (_, reason, message) = system_components(&[], &[]);
        let expected = "Deployment garden/etcd-druid is not healthy: it does not exist";
        assert_eq!((reason, message.as_str()), ("DeploymentUnhealthy", expected));
        assert_eq!(missing(&["a", "b"], &["b".to_owned()]), ["a"]);
    }

    #[test]
    fn reserved_capacity_is_not_for_shoots() {
        let quantities = |number: &str| BTreeMap::from([("shoots".to_owned(), Quantity(number.to_owned()))]);
        assert_eq!(allocatable(&quantities("250"), &quantities("10")), quantities("240"));
        assert_eq!(allocatable(&quantities("250"), &BTreeMap::new()), quantities("250"));
        assert_eq!(allocatable(&quantities("5"), &quantities("10")), quantities("0"));
    }
}
