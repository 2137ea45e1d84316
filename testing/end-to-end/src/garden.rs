//! The garden: what it serves, what it refuses, and why.

use anyhow::{Result, ensure};

use crate::walk::{Cluster, Walk, refused};

pub(crate) fn steps(walk: &mut Walk) {
    walk.step("garden: `kubectl get shoots` through the aggregator", shoots);
    walk.step("garden: seed is ready", seed_ready);
    walk.step("garden: what a nodeless cluster needs works", plain_objects);
    walk.step("garden: pods are refused with the reason", pods_refused);
    walk.step("garden: deployments are unknown", deployments_unknown);
    for case in BAD_SHOOTS {
        walk.step(&format!("garden: refused: {}", case.what), |walk| bad_shoot(walk, case));
    }
}

fn shoots(walk: &Walk) -> Result<()> {
    let table = walk.kubectl(Cluster::Garden, &["get", "shoots", "--namespace", "garden-dev"])?;
    ensure!(
        table.contains("LAST OPERATION") && table.contains("first"),
        "the table is:\n{table}"
    );
    Ok(())
}

fn seed_ready(walk: &Walk) -> Result<()> {
    let table = walk.kubectl(Cluster::Garden, &["get", "seeds", "--no-headers"])?;
    ensure!(table.contains(" Ready "), "the table is: {table}");
    Ok(())
}

fn plain_objects(walk: &Walk) -> Result<()> {
    walk.kubectl(Cluster::Garden, &["create", "namespace", "plain"])?;
    for kind in [
        &["create", "configmap", "one", "--from-literal=key=value"][..],
        &["create", "secret", "generic", "one", "--from-literal=key=value"],
        &["create", "serviceaccount", "one"],
        &["create", "quota", "one", "--hard=count/shoots.core.gardener.cloud=3"],
        &["create", "role", "one", "--verb=get", "--resource=configmaps"],
    ] {
        walk.kubectl(Cluster::Garden, &[kind, &["--namespace", "plain"]].concat())?;
    }
    walk.kubectl(Cluster::Garden, &["delete", "namespace", "plain", "--timeout=60s"])
        .map(|_| ())
}

fn pods_refused(walk: &Walk) -> Result<()> {
    refused(
        walk.kubectl(
            Cluster::Garden,
            &["run", "one", "--image=none", "--namespace", "garden-dev"],
        ),
        "no nodes",
    )
}

fn deployments_unknown(walk: &Walk) -> Result<()> {
    refused(
        walk.kubectl(Cluster::Garden, &["get", "deployments"]),
        "the server doesn't have a resource type",
    )
}

/// A Shoot that must not be accepted.
struct BadShoot {
    what: &'static str,
    name: &'static str,
    /// Lines of the spec that stand for the good ones of the same field.
    spec: &'static str,
    because: &'static str,
}

const BAD_SHOOTS: &[BadShoot] = &[
    BadShoot {
        what: "unknown CloudProfile",
        name: "bad",
        spec: "cloudProfile: {kind: CloudProfile, name: nowhere}",
        because: "nowhere",
    },
    BadShoot {
        what: "unknown region",
        name: "bad",
        spec: "region: mars",
        because: "spec.region",
    },
    BadShoot {
        what: "unknown Kubernetes version",
        name: "bad",
        spec: "kubernetes: {version: 1.2.3}",
        because: "spec.kubernetes.version",
    },
    BadShoot {
        what: "overlapping networks",
        name: "bad",
        spec: "provider: {type: local, workers: [{name: one, minimum: 1, maximum: 1, machine: {type: local}}]}\n  credentialsBindingName: some\n  networking: {type: calico, nodes: 10.10.0.0/16, pods: 10.10.0.0/16}",
        because: "spec.networking",
    },
    BadShoot {
        what: "a bad name",
        name: "bad--name",
        spec: "",
        because: "metadata.name",
    },
    BadShoot {
        what: "a too long name",
        name: "far-too-long-a-name-for-a-shoot",
        spec: "",
        because: "21",
    },
    BadShoot {
        what: "a binding on a workerless Shoot",
        name: "bad",
        spec: "credentialsBindingName: some",
        because: "spec.credentialsBindingName",
    },
    BadShoot {
        what: "workers while no extension offers them",
        name: "bad",
        spec: "provider: {type: local, workers: [{name: one, minimum: 1, maximum: 1, machine: {type: local, image: {name: local, version: 1.0.0}}}]}\n  credentialsBindingName: local\n  networking: {type: calico, nodes: 10.10.0.0/16}",
        because: "calico",
    },
];

fn bad_shoot(walk: &Walk, case: &BadShoot) -> Result<()> {
    let mut lines = vec![
        "cloudProfile: {kind: CloudProfile, name: local}",
        "region: local",
        "provider: {type: local}",
        "kubernetes: {version: 1.35.4}",
    ];
    let field = |line: &str| line.split(':').next().unwrap_or_default().to_owned();
    lines.retain(|line| field(line) != field(case.spec));
    lines.push(case.spec);
    let manifest = format!(
        "apiVersion: core.gardener.cloud/v1beta1\nkind: Shoot\nmetadata: {{name: {}, namespace: garden-dev}}\nspec:\n  {}\n",
        case.name,
        lines.join("\n  "),
    );
    let file = walk.file("bad-shoot.yaml", &manifest)?;
    refused(
        walk.kubectl(Cluster::Garden, &["create", "-f", &file.display().to_string()]),
        case.because,
    )
}
