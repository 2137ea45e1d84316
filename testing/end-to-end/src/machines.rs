//! A shoot with machines, from its creation to its deletion: nodes join, pools shrink, come and go, and nothing is left.
//!
//! Absent: a pool that grows, for which the cloud is away first (`absence`).

use anyhow::{Context, Result, bail, ensure};

use crate::walk::{Cluster, Walk, eventually};

/// The shoot that `examples/shoot.yaml` makes.
pub(crate) const SHOOT: &str = "third";
pub(crate) const MACHINES: Cluster<'_> = Cluster::Shoot("dev/third");
/// The pool of every sample.
pub(crate) const POOL: &str = "worker";
/// The pool that is added and removed.
const EXTRA: &str = "extra";
/// Longest for a pod to start, a Service to answer.
pub(crate) const SECONDS: u64 = 120;
/// Longest for a pool to change: machines boot, or are drained.
pub(crate) const CHANGED: u64 = 400;

/// Memory of the machine types in the sample cloud profile, in KiB.
const LOCAL: u64 = 2 * 1024 * 1024;
const LOCAL_SMALL: u64 = 1024 * 1024;

pub(crate) fn steps(walk: &mut Walk) {
    walk.step("machines: the example is created, and its two nodes are Ready", created);
    walk.step("machines: nodes offer no more memory than their machine type", |walk| {
        allocatable(walk, POOL, LOCAL)
    });
}

pub(crate) fn changes(walk: &mut Walk) {
    walk.step("machines: a pool is scaled down", scaled_down);
    walk.step("machines: a pool of another machine type is added", pool_added);
    walk.step("machines: the added pool is removed", pool_removed);
}

pub(crate) fn removal(walk: &mut Walk) {
    walk.step("machines: deletion leaves nothing in the cloud", deleted);
}

fn created(walk: &Walk) -> Result<()> {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples/shoot.yaml");
    walk.kubectl(Cluster::Garden, &["apply", "-f", example])?;
    succeeds(walk, SHOOT, 600)?;
    pool_ready(walk, POOL, 2)
}

/// Waits until the shoot's last operation, on its newest generation, succeeded.
pub(crate) fn succeeds(walk: &Walk, shoot: &str, seconds: u64) -> Result<()> {
    let path = "jsonpath={.metadata.generation} {.status.observedGeneration} {.status.lastOperation.state} {.status.lastOperation.description} {.status.lastErrors}";
    eventually(seconds, &format!("the shoot {shoot} to succeed"), || {
        let state = walk.kubectl(
            Cluster::Garden,
            &["get", "shoot", shoot, "-n", "garden-dev", "-o", path],
        )?;
        let mut words = state.split(' ');
        let (wished, seen, operation) = (words.next(), words.next(), words.next());
        ensure!(wished == seen && operation == Some("Succeeded"), "it is: {state}");
        Ok(())
    })
}

/// Changes a shoot's specification by a JSON patch.
pub(crate) fn patch(walk: &Walk, shoot: &str, patch: &str) -> Result<()> {
    let arguments = ["patch", "shoot", shoot, "-n", "garden-dev", "--type=json", "-p", patch];
    walk.kubectl(Cluster::Garden, &arguments).map(|_| ())
}

/// A patch that makes the first pool have this many machines.
pub(crate) fn size(number: u32) -> String {
    let field = |name: &str| format!(r#"{{"op":"replace","path":"/spec/provider/workers/0/{name}","value":{number}}}"#);
    format!("[{},{}]", field("minimum"), field("maximum"))
}

/// Names of the pool's nodes; an error when one is not Ready.
pub(crate) fn ready_nodes(walk: &Walk, cluster: Cluster<'_>, pool: &str) -> Result<Vec<String>> {
    let label = format!("worker.gardener.cloud/pool={pool}");
    let nodes = walk.kubectl(cluster, &["get", "nodes", "--no-headers", "-l", &label])?;
    ensure!(
        nodes.lines().all(|line| line.contains(" Ready ")),
        "the nodes are:\n{nodes}"
    );
    let names = nodes.lines().filter_map(|line| line.split_whitespace().next());
    Ok(names.map(str::to_owned).collect())
}

pub(crate) fn pool_ready(walk: &Walk, pool: &str, wished: usize) -> Result<()> {
    eventually(SECONDS, "all nodes to be Ready", || {
        let nodes = ready_nodes(walk, MACHINES, pool)?;
        ensure!(
            nodes.len() == wished,
            "of the pool {pool} there are {}",
            nodes.join(", ")
        );
        Ok(())
    })
}

/// The host has more memory than a machine: a kubelet that believed the host would take more pods than fit.
fn allocatable(walk: &Walk, pool: &str, most: u64) -> Result<()> {
    let label = format!("worker.gardener.cloud/pool={pool}");
    let path = "jsonpath={.items[*].status.allocatable.memory}";
    let found = walk.kubectl(MACHINES, &["get", "nodes", "-l", &label, "-o", path])?;
    ensure!(!found.is_empty(), "the pool {pool} has no nodes that say so");
    for quantity in found.split(' ') {
        ensure!(
            kibibytes(quantity)? <= most,
            "a node offers {quantity} of memory, its machine has {most}Ki"
        );
    }
    Ok(())
}

fn kibibytes(quantity: &str) -> Result<u64> {
    let digits = quantity.trim_end_matches(|character: char| !character.is_ascii_digit());
    let number: u64 = digits.parse().with_context(|| format!("{quantity:?} is no quantity"))?;
    match quantity.strip_prefix(digits) {
        Some("") => Ok(number / 1024),
        Some("Ki") => Ok(number),
        Some("Mi") => Ok(number * 1024),
        Some("Gi") => Ok(number * 1024 * 1024),
        _ => bail!("{quantity:?} has an unknown unit"),
    }
}

pub(crate) fn scaled_down(walk: &Walk) -> Result<()> {
    patch(walk, SHOOT, &size(1))?;
    succeeds(walk, SHOOT, 300)?;
    pool_ready(walk, POOL, 1)
}

fn pool_added(walk: &Walk) -> Result<()> {
    let pool = format!(
        r#"{{"name":"{EXTRA}","machine":{{"type":"local-small","image":{{"name":"local","version":"1.0.0"}}}},"minimum":1,"maximum":1,"zones":["1"]}}"#
    );
    let addition = format!(r#"[{{"op":"add","path":"/spec/provider/workers/-","value":{pool}}}]"#);
    patch(walk, SHOOT, &addition)?;
    succeeds(walk, SHOOT, CHANGED)?;
    pool_ready(walk, EXTRA, 1)?;
    allocatable(walk, EXTRA, LOCAL_SMALL)
}

fn pool_removed(walk: &Walk) -> Result<()> {
    let is_extra = format!(r#"{{"op":"test","path":"/spec/provider/workers/1/name","value":"{EXTRA}"}}"#);
    let removal = r#"{"op":"remove","path":"/spec/provider/workers/1"}"#;
    patch(walk, SHOOT, &format!("[{is_extra},{removal}]"))?;
    succeeds(walk, SHOOT, CHANGED)?;
    pool_ready(walk, EXTRA, 0)
}

fn deleted(walk: &Walk) -> Result<()> {
    let confirm = [
        "annotate",
        "shoot",
        SHOOT,
        "-n",
        "garden-dev",
        "confirmation.gardener.cloud/deletion=true",
        "--overwrite",
    ];
    walk.kubectl(Cluster::Garden, &confirm)?;
    walk.kubectl(
        Cluster::Garden,
        &["delete", "shoot", SHOOT, "-n", "garden-dev", "--wait=false"],
    )?;
    eventually(CHANGED, "the shoot with machines to go", || {
        let left = walk.kubectl(
            Cluster::Garden,
            &["get", "shoot", SHOOT, "-n", "garden-dev", "--ignore-not-found"],
        )?;
        ensure!(left.is_empty(), "it is still there: {left}");
        Ok(())
    })?;
    let cloud = walk.kubeception(&["cloud", "list"])?;
    ensure!(
        !cloud.contains(&format!("--{SHOOT}")) && !cloud.contains(&format!(".{SHOOT}.")),
        "left in the cloud:\n{cloud}"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read() {
        for (quantity, expected) in [
            ("1939916Ki", Some(1_939_916)),
            ("2Gi", Some(LOCAL)),
            ("2097152", Some(2048)),
            ("1G", None),
            ("", None),
        ] {
            assert_eq!(kibibytes(quantity).ok(), expected, "{quantity}");
        }
    }

    #[test]
    fn a_size_is_a_patch() {
        let patch: serde_json::Value = serde_json::from_str(&size(3)).unwrap();
        assert_eq!(patch[0]["path"], "/spec/provider/workers/0/minimum");
        assert_eq!(patch[1]["value"], 3);
    }
}
