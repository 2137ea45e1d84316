//! The landscape as a whole: what `up` makes, that it may be killed at any time, and that a second `up` changes nothing.
//!
//! Absent: what `status` says of it (`status`).

use anyhow::{Context, Result, ensure};

use crate::{
    child::Running,
    host,
    walk::{Cluster, UP, Walk, eventually, refused, say},
};

/// The phases of a bring-up, in an order in which they can begin.
const PHASES: [&str; 16] = [
    "machine image",
    "local cloud",
    "images in the registry",
    "gardenlet's image",
    "seed machine",
    "seed API server",
    "resource definitions",
    "seed system components",
    "seed ready",
    "operator",
    "garden ready",
    "cloud profile and project",
    "gardenlet",
    "images for shoots",
    "seed takes shoots",
    "first shoot",
];

/// The phase after which there is little to lose: the cloud is there, and the seed's machine at best begins.
const YOUNG: &str = "images in the registry";
/// The phase that makes the seed's machine, and its name.
const MACHINE: &str = "seed machine";
const MACHINE_NAME: &str = "seed";
/// Longest from there to its first container.
const TO_CONTAINER: u64 = 120;
/// The phase in which a second `up` is tried.
const CROWDED: &str = "seed API server";
/// The phase in which a person changes their mind: it takes long.
const INTERRUPTED: &str = "garden ready";

/// Longest from the start of `up` to the beginning of a phase: it may have to build the machine image.
const TO_PHASE: u64 = 1800;

/// `up` is killed as soon as a phase has begun: in every phase once. The next step runs it again, which goes on from there.
pub(crate) fn interruptions(walk: &mut Walk) {
    for phase in PHASES {
        walk.step(&format!("up: killed in phase {phase}, and run again"), |walk| {
            killed_in(walk, phase)
        });
        if phase == YOUNG {
            walk.step(
                "down: of a seed in the making, after a kill -9 of its `up`, leaves nothing",
                removed_half_made,
            );
        }
        if phase == INTERRUPTED {
            walk.step(
                &format!("up: interrupted in phase {phase} says how to go on"),
                interrupted,
            );
        }
    }
}

/// `up` that has come to the phase.
fn begun(walk: &Walk, phase: &str) -> Result<Running> {
    let mut up = Running::start(&mut walk.kubeception_command(&UP))?;
    up.line(TO_PHASE, |line| line.ends_with(&format!("  {phase} ...")))
        .context("`up` did not come to the phase")?;
    Ok(up)
}

fn killed_in(walk: &Walk, phase: &str) -> Result<()> {
    let mut up = begun(walk, phase)?;
    let second = if phase == CROWDED {
        refused(walk.kubeception(&UP), "is at work on this landscape")
    } else {
        Ok(())
    };
    up.kill()?;
    second.context("the second `up`")
}

/// The machine runs, its first containers start, images travel into the registry. The next `up` begins with nothing.
fn removed_half_made(walk: &Walk) -> Result<()> {
    let mut up = begun(walk, MACHINE)?;
    let made = eventually(TO_CONTAINER, "a container in the seed's machine", || {
        ensure!(host::has_container(&walk.landscape, MACHINE_NAME)?, "there is none");
        host::is_seen(&walk.landscape)
    });
    up.kill()?;
    host::down_leaves_nothing(walk)?;
    made
}

fn interrupted(walk: &Walk) -> Result<()> {
    let mut up = begun(walk, INTERRUPTED)?;
    up.signal("INT")?;
    up.line(30, |line| line.contains("interrupted") && line.contains("again"))?;
    let status = up.end(30)?;
    ensure!(!status.success(), "it says that it succeeded");
    Ok(())
}

/// From whatever is there to garden, seed and the first shoot.
pub(crate) fn up(walk: &Walk) -> Result<()> {
    let output = walk.kubeception(&UP)?;
    for line in output.lines() {
        say(&format!("    {line}"));
    }
    Ok(())
}

pub(crate) fn steps(walk: &mut Walk) {
    walk.step("up: a second one changes nothing and says so", up_again);
    walk.step("kubeconfig: the seed's works with plain kubectl", seed_nodes);
    walk.step("kubeconfig: an unknown shoot is refused by name", unknown_shoot);
    walk.step(
        "cloud: after a kill -9 of its daemon, `up` finds everything as it was",
        killed_daemon,
    );
}

fn up_again(walk: &Walk) -> Result<()> {
    let output = walk.kubeception(&UP)?;
    ensure!(output.contains("nothing to change"), "it said: {output}");
    Ok(())
}

fn killed_daemon(walk: &Walk) -> Result<()> {
    host::kill_cloud_daemon(&walk.landscape)?;
    walk.kubeception(&UP)?;
    eventually(60, "the seed to answer", || seed_nodes(walk))?;
    eventually(60, "the first shoot to answer", || {
        walk.kubectl(Cluster::Shoot("dev/first"), &["get", "--raw", "/readyz"])
            .map(|_| ())
    })
}

fn seed_nodes(walk: &Walk) -> Result<()> {
    let nodes = walk.kubectl(Cluster::Seed, &["get", "nodes", "--no-headers"])?;
    ensure!(nodes.contains(" Ready "), "the nodes are: {nodes}");
    Ok(())
}

fn unknown_shoot(walk: &Walk) -> Result<()> {
    refused(walk.kubeception(&["kubeconfig", "shoot", "dev/nowhere"]), "nowhere")
}
