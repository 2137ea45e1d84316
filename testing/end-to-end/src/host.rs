//! What the host looks like: nothing of a landscape may be left after `down`.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::walk::{UP, Walk, eventually, succeeded};

/// Kinds of traces that every living landscape has. Its interfaces and nftables rules lie in its network namespaces.
const LIVING: [&str; 5] = ["network namespaces", "mounts", "cgroups", "processes", "folders"];

/// The machine of the shoot that `up` makes: the beginning of its name.
const MACHINE: &str = "shoot--dev--first-";

/// Takes the landscape down and looks for anything that is left, with the host's own tools.
pub(crate) fn down_leaves_nothing(walk: &Walk) -> Result<()> {
    walk.kubeception(&["down"])?;
    let traces = traces(&walk.landscape)?.into_iter();
    let left: Vec<String> = traces
        .filter(|(_, ours)| !ours.is_empty())
        .map(|(what, ours)| format!("{what}: {}", ours.join(", ")))
        .collect();
    ensure!(left.is_empty(), "something is left:\n    {}", left.join("\n    "));
    Ok(())
}

/// As [`down_leaves_nothing`], with a shoot at work and the cloud's daemon killed: nobody is there to be asked, or to let go of anything.
pub(crate) fn down_of_the_living(walk: &Walk) -> Result<()> {
    let lives = lives(&walk.landscape);
    let killed = kill_cloud_daemon(&walk.landscape);
    // Whatever came of it, nothing may be left.
    down_leaves_nothing(walk)?;
    lives.and(killed).context("before `down`")
}

/// The shoot's machine has containers and a tunnel into the seed.
fn lives(landscape: &str) -> Result<()> {
    is_seen(landscape)?;
    ensure!(has_container(landscape, MACHINE)?, "no container runs in {MACHINE}…");
    let tunnel = "tunnel-client".to_owned();
    let has_tunnel = of_machine(landscape, MACHINE)?
        .iter()
        .any(|process| process.arguments.contains(&tunnel));
    ensure!(has_tunnel, "{MACHINE}… has no tunnel");
    Ok(())
}

/// The landscape has traces of every kind: those who do not see them now would not see what is left of them either.
pub(crate) fn is_seen(landscape: &str) -> Result<()> {
    for (what, ours) in traces(landscape)? {
        ensure!(!LIVING.contains(&what) || !ours.is_empty(), "it lives without {what}");
    }
    Ok(())
}

/// What of the landscape is there, by its kind, with the host's own tools.
fn traces(landscape: &str) -> Result<Vec<(&'static str, Vec<String>)>> {
    let all = [
        ("network namespaces", list("ip", &["netns", "list"])?),
        ("interfaces", interfaces(landscape)?),
        ("mounts", lines(&fs_err::read_to_string("/proc/self/mounts")?)),
        ("nftables rules", list("nft", &["list", "ruleset"])?),
        ("cgroups", cgroups()?),
        ("processes", processes(landscape)?),
        ("folders", folders(landscape)?),
    ];
    let ours = all.into_iter().map(|(what, found)| {
        let ours: Vec<String> = found.into_iter().filter(|line| is_ours(line, landscape)).collect();
        (what, ours)
    });
    Ok(ours.collect())
}

/// Interfaces of the host that could be the cloud's: named alike in all landscapes, and each has its place in a namespace, not here.
fn interfaces(landscape: &str) -> Result<Vec<String>> {
    let all = list("ip", &["-oneline", "link"])?.into_iter();
    let is_clouds = |line: &String| line.split(": ").nth(1).is_some_and(|name| name.starts_with("kc"));
    Ok(all
        .filter(is_clouds)
        .map(|line| format!("kc-{landscape}? {line}"))
        .collect())
}

fn folders(landscape: &str) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for parent in ["/var/lib/kubeception", "/run/kubeception"] {
        let folder = format!("{parent}/{landscape}");
        if fs_err::exists(&folder)? {
            found.push(folder);
        }
    }
    Ok(found)
}

/// Whether a pod's container runs in a machine whose name begins so.
pub(crate) fn has_container(landscape: &str, machine: &str) -> Result<bool> {
    let mut all = of_machine(landscape, machine)?.into_iter();
    Ok(all.any(|process| process.control_groups.contains("kubepods")))
}

/// Processes in a machine whose name begins so.
fn of_machine(landscape: &str, machine: &str) -> Result<Vec<HostProcess>> {
    let group = format!("/kubeception-{landscape}/{machine}");
    let all = all_processes()?.into_iter();
    Ok(all.filter(|process| process.control_groups.contains(&group)).collect())
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

/// Kills the processes that `running` finds, and waits for another one; `missing` says what it means that there is none.
pub(crate) fn kill_and_see_another(
    seconds: u64,
    missing: &str,
    running: impl Fn() -> Result<Vec<String>>,
) -> Result<()> {
    let killed = running()?;
    ensure!(!killed.is_empty(), "{missing}");
    for id in &killed {
        signal(id, "KILL")?;
    }
    eventually(seconds, "a new process", || {
        let running = running()?;
        ensure!(
            running.iter().any(|id| !killed.contains(id)),
            "the processes are: {}",
            running.join(", ")
        );
        Ok(())
    })
}

/// Brings the cloud's daemon back, with this quota or none.
pub(crate) fn start_cloud(walk: &Walk, quota: Option<&str>) -> Result<()> {
    let mut up = walk.kubeception_command(&UP);
    if let Some(quota) = quota {
        up.env("KUBECEPTION_CLOUD_QUOTA", quota);
    }
    let output = up.output().context("failed to run `up`")?;
    succeeded(&output, "kubeception up").map(|_| ())
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
