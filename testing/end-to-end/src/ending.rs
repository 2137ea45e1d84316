//! The garden's end: it is not deleted while it has shoots, or while it cannot be asked for them, and then with all it had.
//!
//! Nothing but `down` comes after it.

use anyhow::{Result, ensure};

use crate::walk::{Cluster, Walk, eventually, refused};

const CONFIRMATION: &str = "confirmation.gardener.cloud/deletion";
const DELETE: [&str; 4] = ["delete", "garden", "local", "--wait=false"];
const API_SERVER: &str = "deployment/virtual-garden-kube-apiserver";
/// The operator tries again within this.
const SECONDS: u64 = 120;
/// Longest for a shoot with a machine, or a garden, to go.
const GONE: u64 = 400;

pub(crate) fn steps(walk: &mut Walk) {
    walk.step("garden: deletion without confirmation is refused", refused_unconfirmed);
    walk.step("garden: deletion is refused while it has shoots", refused_with_shoots);
    walk.step(
        "garden: deletion is refused while it cannot be asked",
        refused_while_silent,
    );
    walk.step("garden: its last shoot is deleted, and it goes", goes);
}

fn says(walk: &Walk, words: &str) -> Result<()> {
    let path =
        "jsonpath={.status.lastOperation.type} {.status.lastOperation.state} {.status.lastOperation.description}";
    eventually(SECONDS, "the operator to say why", || {
        let said = walk.kubectl(Cluster::Seed, &["get", "garden", "local", "--output", path])?;
        ensure!(
            said.starts_with("Delete Error ") && said.contains(words),
            "it says: {said}"
        );
        Ok(())
    })
}

fn refused_unconfirmed(walk: &Walk) -> Result<()> {
    refused(walk.kubectl(Cluster::Seed, &DELETE), CONFIRMATION)
}

fn refused_with_shoots(walk: &Walk) -> Result<()> {
    let confirmed = format!("{CONFIRMATION}=true");
    walk.kubectl(
        Cluster::Seed,
        &["annotate", "garden", "local", &confirmed, "--overwrite"],
    )?;
    walk.kubectl(Cluster::Seed, &DELETE)?;
    says(walk, "garden-dev/first")
}

fn refused_while_silent(walk: &Walk) -> Result<()> {
    let scale = |replicas: &str| {
        let words = ["scale", API_SERVER, "--namespace", "garden", "--replicas", replicas];
        walk.kubectl(Cluster::Seed, &words)
    };
    scale("0")?;
    let said = says(walk, "does not tell whether it still has shoots");
    scale("1")?;
    said?;
    says(walk, "garden-dev/first")
}

fn goes(walk: &Walk) -> Result<()> {
    let first = ["shoot", "first", "--namespace", "garden-dev"];
    let confirmed = format!("{CONFIRMATION}=true");
    let confirm = [confirmed.as_str(), "--overwrite"];
    walk.kubectl(Cluster::Garden, &[&["annotate"], &first[..], &confirm].concat())?;
    walk.kubectl(Cluster::Garden, &[&["delete"], &first[..], &["--wait=false"]].concat())?;
    eventually(GONE, "the garden to go", || {
        let left = walk.kubectl(Cluster::Seed, &["get", "garden", "local", "--ignore-not-found"])?;
        ensure!(left.is_empty(), "it is still there: {left}");
        Ok(())
    })?;
    for kinds in ["deployments,statefulsets,etcds", "persistentvolumeclaims", "secrets"] {
        let listed = ["get", kinds, "--namespace", "garden", "--output", "name"];
        let left = walk.kubectl(Cluster::Seed, &listed)?;
        let ours: Vec<&str> = left.lines().filter(|name| name.contains("virtual-garden")).collect();
        ensure!(ours.is_empty(), "left of the garden: {}", ours.join(", "));
    }
    Ok(())
}
