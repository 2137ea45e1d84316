//! What the host looks like: nothing of a landscape may be left after `down`.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::walk::Walk;

/// Takes the landscape down and looks for anything that is left, with the host's own tools.
pub(crate) fn down_leaves_nothing(walk: &Walk) -> Result<()> {
    walk.kubeception(&["down"])?;
    let mut left = Vec::new();
    for (what, found) in [
        ("network namespaces", list("ip", &["netns", "list"])?),
        ("interfaces", list("ip", &["-oneline", "link"])?),
        ("mounts", lines(&fs_err::read_to_string("/proc/self/mounts")?)),
        ("nftables rules", list("nft", &["list", "ruleset"])?),
        ("cgroups", cgroups()?),
        ("processes", processes(&walk.landscape)?),
    ] {
        let ours: Vec<String> = found
            .into_iter()
            .filter(|line| is_ours(line, &walk.landscape))
            .collect();
        if !ours.is_empty() {
            left.push(format!("{what}: {}", ours.join(", ")));
        }
    }
    for folder in [
        format!("/var/lib/kubeception/{}", walk.landscape),
        format!("/run/kubeception/{}", walk.landscape),
    ] {
        if fs_err::exists(&folder)? {
            left.push(format!("folder {folder}"));
        }
    }
    ensure!(left.is_empty(), "something is left:\n    {}", left.join("\n    "));
    Ok(())
}

/// Sends a signal, by its name without `SIG`.
pub(crate) fn signal(id: &str, signal: &str) -> Result<()> {
    let status = Command::new("kill")
        .args([format!("-{signal}").as_str(), id])
        .status()
        .context("failed to run kill")?;
    ensure!(status.success(), "kill -{signal} {id} failed");
    Ok(())
}

/// Ends the cloud's daemon without giving it time for anything.
pub(crate) fn kill_cloud_daemon(landscape: &str) -> Result<()> {
    let wished = format!("cloud --landscape {landscape} ");
    let processes = all_processes()?;
    let daemon = processes
        .iter()
        .find(|process| process.command_line().contains(&wished))
        .with_context(|| format!("no process `kubeception {wished}…` was found"))?;
    signal(&daemon.id, "KILL")
}

/// A second `down` succeeds.
pub(crate) fn down_again(walk: &Walk) -> Result<()> {
    walk.kubeception(&["down"]).map(|_| ())
}

/// Names of ours carry the landscape's name.
fn is_ours(line: &str, landscape: &str) -> bool {
    [
        format!("kc-{landscape}"),
        format!("kubeception-{landscape}"),
        format!("kubeception/{landscape}"),
    ]
    .iter()
    .any(|name| line.contains(name.as_str()))
}

fn list(program: &str, arguments: &[&str]) -> Result<Vec<String>> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .with_context(|| format!("failed to run {program}"))?;
    if !output.status.success() {
        bail!(
            "{program} {} failed: {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(lines(&String::from_utf8_lossy(&output.stdout)))
}

fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// Every cgroup directory near the top of the hierarchies, where machines have theirs.
fn cgroups() -> Result<Vec<String>> {
    let output = Command::new("find")
        .args(["/sys/fs/cgroup", "-maxdepth", "3", "-type", "d"])
        .output()
        .context("failed to run find")?;
    // It fails when one vanishes while it looks; what it found is true all the same.
    let found = lines(&String::from_utf8_lossy(&output.stdout));
    ensure!(
        !found.is_empty(),
        "find found nothing: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(found)
}

/// A process of the host, or of a machine on it.
pub(crate) struct HostProcess {
    pub(crate) id: String,
    pub(crate) arguments: Vec<String>,
    /// A line per hierarchy, as the kernel writes them.
    pub(crate) control_groups: String,
}

impl HostProcess {
    fn command_line(&self) -> String {
        self.arguments.join(" ")
    }
}

/// All living processes.
pub(crate) fn all_processes() -> Result<Vec<HostProcess>> {
    let mut found = Vec::new();
    for entry in fs_err::read_dir("/proc")? {
        let entry = entry?;
        let id = entry.file_name().to_string_lossy().into_owned();
        if !id.bytes().all(|byte| byte.is_ascii_digit()) {
            continue;
        }
        let read = |file: &str| {
            let text = std::fs::read(entry.path().join(file));
            text.map(|text| String::from_utf8_lossy(&text).into_owned())
        };
        // A process may end while it is looked at.
        let (Ok(command_line), Ok(state)) = (read("cmdline"), read("stat")) else {
            continue;
        };
        let is_dead = |rest: &str| rest.trim_start().starts_with('Z'); // the host's init has not noticed yet
        if state.rsplit(')').next().is_some_and(is_dead) {
            continue;
        }
        found.push(HostProcess {
            arguments: command_line.split('\0').map(str::to_owned).collect(),
            control_groups: read("cgroup").unwrap_or_default(),
            id,
        });
    }
    Ok(found)
}

/// Command lines of all processes but this one and its parents' shells, which name the landscape too.
fn processes(landscape: &str) -> Result<Vec<String>> {
    let own = std::process::id().to_string();
    let group = format!("kubeception-{landscape}");
    let found = all_processes()?.into_iter().filter(|process| process.id != own);
    Ok(found
        .filter(|process| process.control_groups.contains(&group) || is_ours(&process.command_line(), landscape))
        .map(|process| format!("{} {} {group}", process.id, process.command_line()))
        .collect())
}
