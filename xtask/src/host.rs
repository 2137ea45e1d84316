//! What this machine must have before anything is built on it: all problems are told at once, each with its remedy.
//!
//! In: what will be made, with the room that each part takes. Out: a refusal, or nothing. [`HostFacts::gather`] looks; judging is pure.
//! Absent: packages, which are installed, and whatever only `kubeception up` can see, as root.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::bail;
use landscape_upstream::{MEMORY_NEEDED, is_port_taken, memory_available};

/// The oldest Go that builds the upstream components.
const GO: (u32, u32) = (1, 26);

/// The oldest distributions whose packages a landscape runs with.
const DEBIAN: (u32, u32) = (12, 0);
const UBUNTU: (u32, u32) = (24, 4);
const DISTRIBUTIONS: &str = "Debian 12 or later, or Ubuntu 24.04 or later, is needed";

pub(crate) const GIB: u64 = 1 << 30;

/// What will be made, as far as the machine must provide for it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    /// Whether Go builds something.
    pub(crate) go: bool,
    /// What takes room on disk.
    pub(crate) shares: Vec<Share>,
    /// Whether the memory of a landscape must be available: one that is there has it already.
    pub(crate) memory: bool,
    /// The port that the landscape's proxy will listen on, unless it does already.
    pub(crate) port: Option<u16>,
}

/// Something that takes room on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    /// What it is.
    pub(crate) what: &'static str,
    /// Where it will lie.
    pub(crate) path: PathBuf,
    /// How much room it takes.
    pub(crate) gib: u64,
}

/// Refuses if something stands in the way.
pub(crate) fn check(demand: &Demand) -> anyhow::Result<()> {
    let problems = problems(&HostFacts::gather(demand), demand);
    if problems.is_empty() {
        Ok(())
    } else {
        bail!("this machine is not ready:\n  - {}", problems.join("\n  - "))
    }
}

/// What matters of this machine; `None` or nothing where it does not tell.
#[derive(Clone, Debug, Default)]
struct HostFacts {
    /// The text of `/etc/os-release`.
    os_release: String,
    go: Option<(u32, u32)>,
    has_apt: bool,
    may_be_root: bool,
    /// Where each share will lie.
    file_systems: BTreeMap<PathBuf, FileSystem>,
    memory_available: Option<u64>,
    port_taken: Option<u16>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FileSystem {
    device: u64,
    free_gib: u64,
}

impl HostFacts {
    fn gather(demand: &Demand) -> Self {
        let output = Command::new("go").arg("version").output();
        let version = |output: std::process::Output| go_version(&String::from_utf8_lossy(&output.stdout));
        let file_systems = demand
            .shares
            .iter()
            .filter_map(|share| Some((share.path.clone(), FileSystem::of(&share.path)?)));
        let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
        Self {
            os_release: std::fs::read_to_string("/etc/os-release").unwrap_or_default(),
            go: output.ok().and_then(version),
            has_apt: is_installed("apt-get"),
            may_be_root: is_root() || is_installed("sudo"),
            file_systems: file_systems.collect(),
            memory_available: memory_available(&meminfo),
            port_taken: demand.port.filter(|port| is_port_taken(*port)),
        }
    }
}

impl FileSystem {
    /// That of the first folder of the path that exists; what is free there says `df`.
    fn of(path: &Path) -> Option<Self> {
        let path = std::path::absolute(path).ok()?;
        let existing = path.ancestors().find(|folder| folder.exists())?;
        let output = Command::new("df")
            .args(["--output=avail", "--block-size=1G"])
            .arg(existing)
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stdout);
        Some(Self {
            device: std::fs::metadata(existing).ok()?.dev(),
            free_gib: text.lines().nth(1)?.trim().parse().ok()?,
        })
    }
}

/// Everything that stands in the way, each with its remedy.
fn problems(facts: &HostFacts, demand: &Demand) -> Vec<String> {
    let mut problems = Vec::new();
    if demand.go && facts.go.is_none_or(|version| version < GO) {
        problems.push(format!(
            "Go {}.{} or later is needed: get it from https://go.dev/dl and put it into the path",
            GO.0, GO.1
        ));
    }
    problems.extend(wrong_distribution(&facts.os_release, facts.has_apt));
    if !facts.may_be_root {
        problems
            .push("root is needed for packages and for the landscape: run this as root, or install sudo".to_owned());
    }
    problems.extend(too_little_disk(&facts.file_systems, &demand.shares));
    let memory = facts.memory_available.filter(|memory| *memory < MEMORY_NEEDED);
    if let Some(memory) = memory.filter(|_| demand.memory) {
        problems.push(format!(
            "{:.1} GiB of memory are available, {} GiB are needed: end other programs, or use a larger machine",
            memory as f64 / GIB as f64,
            MEMORY_NEEDED / GIB
        ));
    }
    if let Some(port) = facts.port_taken {
        problems.push(format!(
            "port {port} of 127.0.0.1 is in use: stop what listens there (`ss -ltnp 'sport = :{port}'`), or choose another \
             with `cargo xtask up -- --proxy-port PORT`"
        ));
    }
    problems
}

/// What to say of a distribution that does not have the packages. One that does not say what it is may have them.
fn wrong_distribution(os_release: &str, has_apt: bool) -> Option<String> {
    let value = |key: &str| {
        let mut values = os_release
            .lines()
            .filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        values.next().unwrap_or_default().trim_matches(['"', '\'']).to_owned()
    };
    let (id, version) = (value("ID"), value("VERSION_ID"));
    let is_relative = || {
        value("ID_LIKE")
            .split(' ')
            .any(|like| like == "debian" || like == "ubuntu")
    };
    let is_right = match id.as_str() {
        "debian" => is_at_least(&version, DEBIAN),
        "ubuntu" => is_at_least(&version, UBUNTU),
        // Relatives count versions in their own way.
        _ => id.is_empty() || is_relative(),
    };
    if !is_right {
        return Some(format!("this is {id} {version}: {DISTRIBUTIONS}"));
    }
    (!has_apt).then(|| format!("apt-get is missing: {DISTRIBUTIONS}"))
}

/// Debian's testing and unstable have no version: they are later than any that has one.
fn is_at_least(version: &str, oldest: (u32, u32)) -> bool {
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    match (major.parse::<u32>(), minor.parse::<u32>()) {
        (Ok(major), Ok(minor)) => (major, minor) >= oldest,
        _ => true,
    }
}

/// File systems without the room for all that will lie on them.
fn too_little_disk(file_systems: &BTreeMap<PathBuf, FileSystem>, shares: &[Share]) -> Vec<String> {
    let mut by_device: BTreeMap<u64, (u64, Vec<&Share>)> = BTreeMap::new();
    for share in shares {
        if let Some(file_system) = file_systems.get(&share.path) {
            let (_, shares) = by_device
                .entry(file_system.device)
                .or_insert_with(|| (file_system.free_gib, Vec::new()));
            shares.push(share);
        }
    }
    let too_full = by_device.into_values().filter_map(|(free, shares)| {
        let needed: u64 = shares.iter().map(|share| share.gib).sum();
        let parts: Vec<String> = shares
            .iter()
            .map(|share| format!("{} for {} in {}", share.gib, share.what, share.path.display()))
            .collect();
        let text = || {
            format!(
                "{free} GiB of disk are free, {needed} GiB are needed ({}): free some",
                parts.join(", ")
            )
        };
        (free < needed).then(text)
    });
    too_full.collect()
}

/// `go version go1.26.8 linux/amd64`.
fn go_version(output: &str) -> Option<(u32, u32)> {
    let mut numbers = output
        .split_whitespace()
        .nth(2)?
        .strip_prefix("go")?
        .split(['.', 'r', 'b']);
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Whether a program is in the path or where the distribution keeps programs; an absolute path is itself.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(Into::into);
    std::env::split_paths(&path)
        .chain(folders)
        .any(|folder| folder.join(program).is_file())
}

pub(crate) fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(what: &'static str, path: &str, gib: u64) -> Share {
        Share {
            what,
            path: path.into(),
            gib,
        }
    }

    /// All is to be made.
    fn all() -> Demand {
        Demand {
            go: true,
            shares: vec![
                share("upstream components", "/cache", 1),
                share("the kubeception binary", "/target", 4),
                share("the landscape", "/var/lib/kubeception", 8),
            ],
            memory: true,
            port: Some(6480),
        }
    }

    /// `/cache` and `/var/lib` share a file system.
    fn good() -> HostFacts {
        let system = |device, free_gib| FileSystem { device, free_gib };
        HostFacts {
            os_release: "ID=debian\nVERSION_ID=\"12\"\n".to_owned(),
            go: Some((1, 26)),
            has_apt: true,
            may_be_root: true,
            file_systems: BTreeMap::from([
                (PathBuf::from("/cache"), system(1, 9)),
                (PathBuf::from("/target"), system(2, 4)),
                (PathBuf::from("/var/lib/kubeception"), system(1, 9)),
            ]),
            memory_available: Some(MEMORY_NEEDED),
            port_taken: None,
        }
    }

    #[track_caller]
    fn check(facts: &HostFacts, demand: &Demand, expected: &[&str]) {
        assert_eq!(problems(facts, demand), expected);
    }

    #[test]
    fn versions_of_go_are_read() {
        assert_eq!(go_version("go version go1.26.8 linux/amd64"), Some((1, 26)));
        assert_eq!(go_version("go version go1.27rc1 linux/amd64"), Some((1, 27)));
        assert_eq!(go_version("no"), None);
    }

    #[test]
    fn a_good_machine_has_no_problem() {
        check(&good(), &all(), &[]);
        // What it does not tell is not held against it.
        let silent = HostFacts {
            os_release: String::new(),
            file_systems: BTreeMap::new(),
            memory_available: None,
            ..good()
        };
        check(&silent, &all(), &[]);
    }

    #[test]
    fn every_problem_names_its_remedy() {
        let poor = HostFacts {
            file_systems: good().file_systems,
            memory_available: Some(MEMORY_NEEDED / 2),
            port_taken: Some(6480),
            ..HostFacts::default()
        };
        let mut demand = all();
        demand.shares[0].gib = 3;
        check(
            &poor,
            &demand,
            &[
                "Go 1.26 or later is needed: get it from https://go.dev/dl and put it into the path",
                "apt-get is missing: Debian 12 or later, or Ubuntu 24.04 or later, is needed",
                "root is needed for packages and for the landscape: run this as root, or install sudo",
                "9 GiB of disk are free, 11 GiB are needed (3 for upstream components in /cache, 8 for the landscape in \
                 /var/lib/kubeception): free some",
                "2.0 GiB of memory are available, 4 GiB are needed: end other programs, or use a larger machine",
                "port 6480 of 127.0.0.1 is in use: stop what listens there (`ss -ltnp 'sport = :6480'`), or choose another \
                 with `cargo xtask up -- --proxy-port PORT`",
            ],
        );
    }

    #[test]
    fn what_is_there_is_not_asked_for_again() {
        let facts = HostFacts {
            go: None,
            memory_available: Some(0),
            ..good()
        };
        check(&facts, &Demand::default(), &[]);
    }

    #[test]
    fn each_file_system_is_judged_by_itself() {
        let mut demand = all();
        demand.shares[1].gib = 5;
        check(
            &good(),
            &demand,
            &["4 GiB of disk are free, 5 GiB are needed (5 for the kubeception binary in /target): free some"],
        );
    }

    #[test]
    fn distributions_are_told_by_version() {
        let debian_11 = "this is debian 11: Debian 12 or later, or Ubuntu 24.04 or later, is needed";
        let ubuntu_22 = "this is ubuntu 22.04: Debian 12 or later, or Ubuntu 24.04 or later, is needed";
        let fedora = "this is fedora 43: Debian 12 or later, or Ubuntu 24.04 or later, is needed";
        let cases = [
            (
                "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\nID=debian\n",
                None,
            ),
            ("ID=debian\nVERSION_ID=\"13\"\n", None),
            ("ID=debian\nVERSION_ID=\"11\"\n", Some(debian_11)),
            ("PRETTY_NAME=\"Debian GNU/Linux forky/sid\"\nID=debian\n", None),
            ("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"24.04\"\n", None),
            ("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"25.10\"\n", None),
            ("ID=ubuntu\nID_LIKE=debian\nVERSION_ID=\"22.04\"\n", Some(ubuntu_22)),
            ("ID=linuxmint\nID_LIKE='ubuntu debian'\nVERSION_ID=\"22\"\n", None),
            ("ID=fedora\nVERSION_ID=43\n", Some(fedora)),
            ("", None),
        ];
        for (os_release, expected) in cases {
            assert_eq!(
                wrong_distribution(os_release, true).as_deref(),
                expected,
                "{os_release}"
            );
        }
    }

    #[test]
    fn a_folder_that_is_not_made_yet_lies_where_its_parent_does() {
        let device = |path: &str| FileSystem::of(Path::new(path)).map(|system| system.device);
        assert!(device("/").is_some());
        assert_eq!(device("/absent/folder"), device("/"));
    }
}
