//! The garden's end: it is not deleted while it has shoots, or while it cannot be asked for them, and then with all it had; and another
//! one can be made in its place.
//!
//! Little comes after it. So the garden is that of the landscape that was made with interruptions, and the walk goes on with
//! another one: that has a garden and a shoot at work when it is taken down itself, and was made by one `up` that nobody disturbed.

use anyhow::{Result, ensure};

use crate::{
    host, landscape,
    walk::{Cluster, UP, Walk, eventually, refused},
};

const CONFIRMATION: &str = "confirmation.gardener.cloud/deletion";
const DELETE: [&str; 4] = ["delete", "garden", "local", "--wait=false"];
const API_SERVER: &str = "deployment/virtual-garden-kube-apiserver";
/// The operator tries again within this.
const SECONDS: u64 = 120;
/// Longest for a shoot with a machine, or a garden, to go.
const GONE: u64 = 400;

type Step = fn(&Walk) -> Result<()>;

const STEPS: [(&str, Step); 5] = [
    ("garden: deletion without confirmation is refused", refused_unconfirmed),
    ("garden: deletion is refused while it has shoots", refused_with_shoots),
    (
        "garden: deletion is refused while it cannot be asked",
        refused_while_silent,
    ),
    ("garden: its last shoot is deleted, and it goes", goes),
    ("garden: another one is made where it was", made_again),
];

pub(crate) fn steps(walk: &mut Walk) {
    // It costs a whole `up`: those who ask for other steps are spared it.
    if !STEPS.iter().any(|(name, _)| walk.wants(name)) {
        return;
    }
    if walk.must("up: from there to garden, seed and shoot", landscape::up) {
        for (name, step) in STEPS {
            walk.step(name, step);
        }
    }
    // Whatever came of it: what is left of the garden must not disturb the next one.
    walk.must(
        "down: of a garden without shoots leaves nothing",
        host::down_leaves_nothing,
    );
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

/// Its certificates, keys and tokens have the names that the first one's had.
fn made_again(walk: &Walk) -> Result<()> {
    walk.kubeception(&[&UP[..], &["--until", "garden"]].concat())?;
    let projects = walk.kubectl(Cluster::Garden, &["get", "projects", "--output", "name"])?;
    ensure!(projects.contains("/dev"), "the projects are: {projects}");
    Ok(())
}
