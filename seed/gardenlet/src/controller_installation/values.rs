//! What every chart is told: Gardener's values, over those of the ControllerDeployment. Pure.

use api::core::v1beta1::{Seed, SeedTaint};
use kube::ResourceExt;
use serde_json::{Value, json};

/// A seed with this taint is for a few shoots only.
const PROTECTED: &str = "seed.gardener.cloud/protected";

/// The values of a release. `cluster_identity` is the garden's.
pub(super) fn values(own: Option<&Value>, seed: &Seed, cluster_identity: Option<&str>) -> Value {
    let mut values = own.filter(|own| own.is_object()).cloned().unwrap_or_else(|| json!({}));
    merge(&mut values, gardener(seed, cluster_identity));
    values
}

fn gardener(seed: &Seed, cluster_identity: Option<&str>) -> Value {
    let spec = &seed.spec;
    let volume_providers = spec
        .volume
        .as_ref()
        .map(|volume| volume.providers.as_slice())
        .unwrap_or_default();
    let is_protected = |taint: &SeedTaint| taint.key == PROTECTED;
    let scheduling = spec.settings.as_ref().and_then(|settings| settings.scheduling.as_ref());
    json!({
        "gardener": {
            "version": env!("CARGO_PKG_VERSION"),
            "garden": { "clusterIdentity": cluster_identity.unwrap_or_default() },
            "seed": {
                "name": seed.name_any(),
                "clusterIdentity": seed.status.cluster_identity,
                "annotations": seed.annotations(),
                "labels": seed.labels(),
                "provider": spec.provider.type_,
                "region": spec.provider.region,
                "volumeProvider": volume_providers.first().map(|provider| provider.name.as_str()).unwrap_or_default(),
                "volumeProviders": volume_providers,
                "ingressDomain": spec.ingress.as_ref().map(|ingress| ingress.domain.as_str()).unwrap_or_default(),
                "protected": spec.taints.iter().any(is_protected),
                "visible": scheduling.is_none_or(|scheduling| scheduling.visible),
                "taints": spec.taints,
                "networks": spec.networks,
                "blockCIDRs": spec.networks.block_cidrs,
                "spec": spec,
            },
            "gardenlet": { "featureGates": {} },
        },
    })
}

/// Puts `over` over `values`: maps are merged, everything else is replaced.
fn merge(values: &mut Value, over: Value) {
    match (values, over) {
        (Value::Object(values), Value::Object(over)) => {
            for (key, value) in over {
                merge(values.entry(key).or_insert(Value::Null), value);
            }
        }
        (values, over) => *values = over,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_is_told_of_garden_and_seed() {
        let seed = json!({
            "metadata": { "name": "one", "labels": { "environment": "test" } },
            "spec": {
                "provider": { "type": "local", "region": "here", "zones": ["0"] },
                "networks": { "pods": "10.2.0.0/16", "services": "10.3.0.0/16", "blockCIDRs": ["169.254.169.254/32"] },
                "taints": [{ "key": PROTECTED }],
                "volume": { "providers": [{ "purpose": "etcd-main", "name": "fast" }] },
                "ingress": { "domain": "ingress.test", "controller": { "kind": "nginx" } },
            },
            "status": { "clusterIdentity": "seed-one" },
        });
        let own = json!({
            "image": "a/b:1", "gardener": { "version": "forged", "more": 1 }, "resources": { "requests": { "cpu": "10m" } },
        });
        let values = values(Some(&own), &serde_json::from_value(seed).unwrap(), Some("garden-test"));
        assert_eq!(values["image"], "a/b:1");
        assert_eq!(
            values["gardener"]["version"],
            env!("CARGO_PKG_VERSION"),
            "it is not the deployment's to say"
        );
        assert_eq!(values["gardener"]["more"], 1);
        assert_eq!(values["gardener"]["garden"]["clusterIdentity"], "garden-test");
        let seed = &values["gardener"]["seed"];
        let picked = [
            &seed["name"],
            &seed["clusterIdentity"],
            &seed["labels"]["environment"],
            &seed["provider"],
            &seed["region"],
            &seed["volumeProvider"],
            &seed["ingressDomain"],
            &seed["blockCIDRs"][0],
            &seed["spec"]["provider"]["zones"][0],
        ];
        let expected = [
            "one",
            "seed-one",
            "test",
            "local",
            "here",
            "fast",
            "ingress.test",
            "169.254.169.254/32",
            "0",
        ];
        assert_eq!(picked.map(|value| value.as_str().unwrap_or_default()), expected);
        assert_eq!((&seed["protected"], &seed["visible"]), (&json!(true), &json!(true)));
    }

    #[test]
    fn a_deployment_without_values_is_told_the_same() {
        let seed = Seed::default();
        assert_eq!(values(None, &seed, None), values(Some(&json!(null)), &seed, None));
    }
}
