//! Objects of the seed as the garden's runtime cluster: the Garden, its namespace, the priorities of its pods.

use landscape_upstream::KUBERNETES;
use serde_json::{Value, json};

use crate::seed::{Domain, NETWORK_RANGE, POD_RANGE, SERVICE_RANGE};

/// The name of the Garden.
pub(crate) const GARDEN: &str = "local";

/// Addresses of the virtual garden's Services: they exist in its API only, but may be nobody else's.
const VIRTUAL_SERVICES: &str = "10.4.0.0/16";

/// The namespace of everything of ours.
pub(crate) fn namespace() -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "garden"}})
}

/// Which pods give way to which.
pub(crate) fn priority_classes() -> Result<Vec<Value>, serde_json::Error> {
    let classes = plan_control_plane::seed_priority_classes()
        .into_iter()
        .chain(plan_control_plane::garden_priority_classes());
    classes.map(serde_json::to_value).collect()
}

/// The garden of this landscape.
pub(crate) fn garden(landscape: &str, domain: &Domain) -> Value {
    json!({
        "apiVersion": "operator.gardener.cloud/v1alpha1",
        "kind": "Garden",
        "metadata": {"name": GARDEN},
        "spec": {
            "dns": {"providers": [{"name": "local", "type": "local", "secretRef": {"name": "dns-local"}}]},
            "runtimeCluster": {
                "ingress": {"domains": [{"name": format!("ingress.{domain}")}], "controller": {"kind": "nginx"}},
                "networking": {"nodes": [NETWORK_RANGE], "pods": [POD_RANGE], "services": [SERVICE_RANGE]},
                "provider": {"region": "local", "zones": ["0"]},
                "settings": {"verticalPodAutoscaler": {"enabled": false}},
            },
            "virtualCluster": {
                "dns": {"domains": [{"name": format!("garden.{domain}"), "provider": "local"}]},
                "etcd": {"main": {"storage": {"capacity": "2Gi"}}},
                "gardener": {"clusterIdentity": format!("kubeception-{landscape}")},
                "kubernetes": {"version": KUBERNETES.version},
                "maintenance": {"timeWindow": {"begin": "220000+0100", "end": "230000+0100"}},
                "networking": {"services": [VIRTUAL_SERVICES]},
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use api::operator::v1alpha1::Garden;

    use super::*;

    #[test]
    fn the_garden_is_named_as_the_landscape_reaches_it() {
        let domain = Domain::of("test");
        let garden: Garden = serde_json::from_value(garden("test", &domain)).unwrap();
        let name = &garden.spec.virtual_cluster.dns.domains[0].name;
        assert_eq!(format!("api.{name}"), domain.garden_host());
    }
}
