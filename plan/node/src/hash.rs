//! When the machines of a pool have to be replaced by new ones.

use api::core::v1beta1::KubeletConfig;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::NodeWish;

/// The first eight hexadecimal digits of a hash over all that a machine gets only when it is made, or that a running kubelet cannot
/// change below its pods: the minor version of Kubernetes, operating system, root volume, container runtime, assignment of processors,
/// reserved resources, thresholds of eviction, rotations of credentials.
pub fn pool_hash(wish: &NodeWish) -> String {
    // Written as JSON, whose keys are in order: nothing in it depends on chance.
    let digest = Sha256::digest(needs_new_machine(wish).to_string().as_bytes());
    digest.iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

/// Name of the shoot's Secret in `kube-system` that node-agents of the pool fetch; the OperatingSystemConfigs are named after it.
pub fn node_agent_secret_name(wish: &NodeWish) -> String {
    format!("gardener-node-agent-{}-{}", wish.pool, pool_hash(wish))
}

fn needs_new_machine(wish: &NodeWish) -> Value {
    let minor: Vec<&str> = wish.kubernetes_version.split('.').take(2).collect();
    let volume = wish
        .volume
        .as_ref()
        .map(|volume| json!({"type": volume.type_, "size": volume.size, "encrypted": volume.encrypted}));
    json!({
        "kubernetes": minor.join("."),
        "image": [wish.machine_image.name, wish.machine_image.version],
        "volume": volume,
        "cri": "containerd",
        "kubelet": kubelet(&wish.kubelet),
        "rotations": wish.rotations,
    })
}

fn kubelet(settings: &KubeletConfig) -> Value {
    json!({
        "cpuManagerPolicy": settings.cpu_manager_policy,
        "evictionHard": settings.eviction_hard,
        "kubeReserved": settings.kube_reserved,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wish::tests::wish;

    #[track_caller]
    fn check(change: impl FnOnce(&mut NodeWish), replaces: bool) {
        let mut changed = wish();
        change(&mut changed);
        assert_eq!(pool_hash(&changed) != pool_hash(&wish()), replaces);
    }

    #[test]
    fn names_are_stable() {
        // A change here replaces every machine of every shoot.
        expect_test::expect!["gardener-node-agent-worker-95d4c68b"].assert_eq(&node_agent_secret_name(&wish()));
    }

    #[test]
    fn what_a_machine_gets_when_it_is_made_replaces_it() {
        check(|wish| wish.kubernetes_version = "1.36.0".into(), true);
        check(|wish| wish.machine_image.version = "2.0.0".into(), true);
        check(|wish| wish.volume = Some(api::core::v1beta1::Volume::default()), true);
        check(|wish| wish.rotations.push("2026-01-01T00:00:00Z".into()), true);
        check(|wish| wish.kubelet.cpu_manager_policy = Some("static".into()), true);
    }

    #[test]
    fn what_node_agent_can_change_does_not() {
        check(|wish| wish.kubernetes_version = "1.35.9".into(), false);
        check(|wish| wish.kubelet.max_pods = Some(42), false);
        check(|wish| wish.images.kubeception = "kubeception:new".into(), false);
        check(|wish| wish.labels.clear(), false);
        check(|wish| wish.ca_bundle = "another".into(), false);
    }
}
