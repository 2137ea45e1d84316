//! A Shoot's row.

use api::constants;
use api::core::v1beta1::Shoot;
use serde_json::Value;

use super::{condition, last_operation, or, text};

/// CloudProfile, Provider, Region, Seed, K8S Version, Hibernation, Last Operation, Status, Purpose, Gardener Version,
/// APIServer, Control, Observability, Nodes, System.
pub(crate) fn shoot(shoot: &Shoot) -> Vec<Value> {
    let (spec, status) = (&shoot.spec, &shoot.status);
    let health = |condition_type: &str| text(condition(&status.conditions, condition_type));
    let label = shoot
        .metadata
        .labels
        .as_ref()
        .and_then(|labels| labels.get(constants::SHOOT_STATUS));
    let operation = match &status.last_operation {
        None if status.seed_name.is_none() && spec.seed_name.is_none() => "<pending>".to_owned(),
        operation => last_operation(operation.as_ref()),
    };
    vec![
        text(cloud_profile(shoot)),
        text(&spec.provider.type_),
        text(&spec.region),
        or(spec.seed_name.as_deref(), "<none>"),
        text(&spec.kubernetes.version),
        text(hibernation(shoot)),
        text(operation),
        or(label.map(String::as_str), "<pending>"),
        or(spec.purpose.as_ref().map(|purpose| purpose.as_str()), "<none>"),
        or(Some(&status.gardener.version), "<none>"),
        health("APIServerAvailable"),
        health("ControlPlaneHealthy"),
        health("ObservabilityComponentsHealthy"),
        health("EveryNodeReady"),
        health("SystemComponentsHealthy"),
    ]
}

/// The name; a profile of a namespace with its namespace.
fn cloud_profile(shoot: &Shoot) -> String {
    match &shoot.spec.cloud_profile {
        Some(reference) if reference.kind == constants::NAMESPACED_CLOUD_PROFILE_KIND => {
            format!(
                "{}/{}",
                shoot.metadata.namespace.as_deref().unwrap_or_default(),
                reference.name
            )
        }
        Some(reference) => reference.name.clone(),
        None => shoot.spec.cloud_profile_name.clone().unwrap_or_default(),
    }
}

fn hibernation(shoot: &Shoot) -> &'static str {
    let wanted = shoot
        .spec
        .hibernation
        .as_ref()
        .and_then(|hibernation| hibernation.enabled)
        .unwrap_or(false);
    match (wanted, shoot.status.hibernated) {
        (false, false) => "Awake",
        (true, true) => "Hibernated",
        (true, false) => "Hibernating",
        (false, true) => "Waking Up",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    #[test]
    fn a_row_shows_what_is_known() {
        let shoot = serde_json::from_value(json!({
            "metadata": { "name": "first", "namespace": "garden-dev", "labels": { "shoot.gardener.cloud/status": "healthy" } },
            "spec": {
                "cloudProfile": { "kind": "CloudProfile", "name": "local" }, "region": "local", "seedName": "seed",
                "provider": { "type": "local" }, "kubernetes": { "version": "1.35.4" }, "purpose": "evaluation",
            },
            "status": {
                "lastOperation": { "type": "Create", "state": "Processing", "progress": 40 },
                "conditions": [{ "type": "APIServerAvailable", "status": "True" }],
                "gardener": { "version": "v0.1.0" },
            },
        }))
        .unwrap();
        let cells: Vec<Value> = super::shoot(&shoot);
        let expected = json!([
            "local",
            "local",
            "local",
            "seed",
            "1.35.4",
            "Awake",
            "Create Processing (40%)",
            "healthy",
            "evaluation",
            "v0.1.0",
            "True",
            "<unknown>",
            "<unknown>",
            "<unknown>",
            "<unknown>",
        ]);
        assert_eq!(json!(cells), expected);
    }

    #[test]
    fn a_new_shoot_is_pending() {
        let cells = super::shoot(&api::core::v1beta1::Shoot::default());
        assert_eq!(cells[3], "<none>");
        assert_eq!(cells[6], "<pending>");
    }
}
