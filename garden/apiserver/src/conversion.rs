//! ControllerDeployment: between `core.gardener.cloud/v1`, which is stored, and `v1beta1`.
//!
//! In: one version. Out: the other. What `v1` cannot say (types other than `helm`) lies in Gardener's migration annotations.

use std::collections::BTreeMap;

use api::constants;
use api::core::{v1, v1beta1};
use apimachinery::RawExtension;
use serde_json::Value;

const HELM: &str = "helm";

/// Reads the older version.
pub(crate) fn from_v1beta1(old: v1beta1::ControllerDeployment) -> v1::ControllerDeployment {
    let v1beta1::ControllerDeployment {
        mut metadata,
        type_,
        provider_config,
        inject_garden_kubeconfig,
    } = old;
    let mut helm = None;
    if type_ == HELM {
        let config: v1beta1::HelmControllerDeployment = provider_config.parse().unwrap_or_default();
        helm = Some(v1::HelmControllerDeployment {
            raw_chart: config.chart,
            values: config.values,
            oci_repository: config.oci_repository,
        });
    } else {
        let annotations = metadata.annotations.get_or_insert_with(BTreeMap::new);
        annotations.insert(constants::CONTROLLER_DEPLOYMENT_MIGRATION_TYPE.to_owned(), type_);
        if provider_config.0 != Value::Null {
            let key = constants::CONTROLLER_DEPLOYMENT_MIGRATION_PROVIDER_CONFIG.to_owned();
            annotations.insert(key, provider_config.0.to_string());
        }
    }
    v1::ControllerDeployment {
        metadata,
        helm,
        inject_garden_kubeconfig,
        resources: Vec::new(),
    }
}

/// Writes the older version.
pub(crate) fn to_v1beta1(new: &v1::ControllerDeployment) -> v1beta1::ControllerDeployment {
    let mut metadata = new.metadata.clone();
    let mut take = |key: &str| {
        metadata
            .annotations
            .as_mut()
            .and_then(|annotations| annotations.remove(key))
    };
    let custom_type = take(constants::CONTROLLER_DEPLOYMENT_MIGRATION_TYPE);
    let custom_config = take(constants::CONTROLLER_DEPLOYMENT_MIGRATION_PROVIDER_CONFIG);
    let (type_, provider_config) = match (&new.helm, custom_type) {
        (Some(helm), _) => {
            let config = v1beta1::HelmControllerDeployment {
                chart: helm.raw_chart.clone(),
                values: helm.values.clone(),
                oci_repository: helm.oci_repository.clone(),
            };
            // Our own types can always be written.
            (HELM.to_owned(), RawExtension::new(&config).unwrap_or_default())
        }
        (None, Some(custom)) => {
            let config = custom_config
                .and_then(|text| serde_json::from_str(&text).ok())
                .unwrap_or(Value::Null);
            (custom, RawExtension(config))
        }
        (None, None) => (String::new(), RawExtension::default()),
    };
    metadata.annotations = metadata.annotations.filter(|annotations| !annotations.is_empty());
    v1beta1::ControllerDeployment {
        metadata,
        type_,
        provider_config,
        inject_garden_kubeconfig: new.inject_garden_kubeconfig,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn round_trip(old: Value) {
        let parsed: v1beta1::ControllerDeployment = serde_json::from_value(old).unwrap();
        assert_eq!(to_v1beta1(&from_v1beta1(parsed.clone())), parsed);
    }

    #[test]
    fn nothing_is_lost_on_the_way() {
        round_trip(json!({
            "metadata": { "name": "a", "annotations": { "mine": "yes" } },
            "type": "helm",
            "providerConfig": { "ociRepository": { "ref": "registry.example.org/chart:v1" }, "values": { "a": 1 } },
        }));
        round_trip(json!({ "metadata": { "name": "a" }, "type": "custom", "providerConfig": { "b": [2] } }));
        round_trip(json!({ "metadata": { "name": "a" }, "type": "custom" }));
    }

    #[test]
    fn the_new_version_says_what_helm_needs() {
        let old = serde_json::from_value(json!({
            "metadata": { "name": "a" }, "type": "helm", "providerConfig": { "chart": "Q0hBUlQ=" },
        }));
        let new = from_v1beta1(old.unwrap());
        assert_eq!(new.helm.unwrap().raw_chart.0, b"CHART");
        assert_eq!(new.metadata.annotations, None);
    }
}
