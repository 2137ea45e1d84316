//! `cargo xtask up`: everything that a first landscape needs, then the landscape.
//!
//! It looks first, says what is missing and how long that will take, and only then begins. Everything but packages, the machine
//! image and the landscape itself is made as the user who called it.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use landscape_upstream::{Cache, LANDSCAPE};

use crate::{static_binary, upstream};

/// The oldest Go that builds the upstream components.
const GO: (u32, u32) = (1, 26);

/// What is needed on disk: for what has still to be built and fetched, and for a landscape.
const BUILD_DISK_GIB: u64 = 12;
const LANDSCAPE_DISK_GIB: u64 = 8;

/// What of memory is needed: the linker takes half of it, a landscape with a shoot nearly all.
const MEMORY_NEEDED_GIB: f64 = 4.0;

/// Programs and files that are needed, with the package of Debian and Ubuntu that brings each.
const PROGRAMS: [(&str, &str); 13] = [
    ("/usr/include/google/protobuf/any.proto", "libprotobuf-dev"),
    ("busybox", "busybox"),
    ("cc", "build-essential"),
    ("conntrack", "conntrack"),
    ("docker-registry", "docker-registry"),
    ("ip", "iproute2"),
    ("iptables", "iptables"),
    ("mmdebstrap", "mmdebstrap"),
    ("nft", "nftables"),
    ("protoc", "protobuf-compiler"),
    ("runc", "runc"),
    ("setsid", "util-linux"),
    ("sysctl", "procps"),
];

/// Measured with cold caches on two cores; the words say "about".
const PACKAGES_ESTIMATE: Duration = Duration::from_secs(60);
const BINARY_ESTIMATE: Duration = Duration::from_secs(15 * 60);
const MACHINE_IMAGE_ESTIMATE: Duration = Duration::from_secs(30);
const LANDSCAPE_ESTIMATE: Duration = Duration::from_secs(60);

/// Arguments of `cargo xtask up`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Set everything up, but start no landscape
    #[arg(long)]
    only_setup: bool,
    /// Arguments of `kubeception up`
    #[arg(last = true)]
    up: Vec<String>,
}

/// Sets up what is missing, and starts the landscape.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let cache = Cache::from_environment()?;
    let work = Work::find(&cache);
    check_host(&cache, &work)?;
    say(&work.announcement());

    install_packages(&work.packages)?;
    if work.components > Duration::ZERO {
        upstream::bring(&cache)?;
    }
    say("building the kubeception binary");
    let binary = static_binary::build("release")?;
    // It becomes root by itself where it must.
    let call = |arguments: &[String]| -> anyhow::Result<()> {
        let status = Command::new(&binary)
            .args(arguments)
            .status()
            .context("failed to start the kubeception binary")?;
        ensure!(status.success(), "kubeception {} failed", arguments.join(" "));
        Ok(())
    };
    call(&["machine-image".to_owned()])?;
    if arguments.only_setup {
        return Ok(());
    }
    call(&[vec!["up".to_owned()], arguments.up.clone()].concat())
}

/// Installs the packages that are missing, for builds, tests and landscapes.
pub(crate) fn packages() -> anyhow::Result<()> {
    install_packages(&Work::find(&Cache::from_environment()?).packages)
}

/// What has to be made.
#[derive(Debug, Default, PartialEq, Eq)]
struct Work {
    packages: Vec<&'static str>,
    components: Duration,
    binary: bool,
    machine_image: bool,
}

impl Work {
    fn find(cache: &Cache) -> Self {
        let missing = LANDSCAPE.iter().filter(|component| !cache.has(component));
        let images = cache.root().join("machine-image");
        let has_image = fs_is_folder_with_content(&images);
        Self {
            packages: PROGRAMS
                .iter()
                .filter(|(program, _)| !is_installed(program))
                .map(|(_, package)| *package)
                .collect(),
            components: missing.map(|component| component.build_estimate).sum(),
            binary: !static_binary::path("release").is_file(),
            machine_image: !has_image,
        }
    }

    /// Room for what is still missing; a landscape that is there has its own already, and looks for itself.
    fn disk_gib(&self) -> u64 {
        let builds = self.components > Duration::ZERO || self.binary || self.machine_image;
        if builds { BUILD_DISK_GIB + LANDSCAPE_DISK_GIB } else { 0 }
    }

    /// What will be done and about how long it takes.
    fn announcement(&self) -> String {
        let mut steps = Vec::new();
        if !self.packages.is_empty() {
            steps.push((format!("packages ({})", self.packages.join(", ")), PACKAGES_ESTIMATE));
        }
        if self.components > Duration::ZERO {
            steps.push(("upstream components".to_owned(), self.components));
        }
        if self.binary {
            steps.push(("the kubeception binary".to_owned(), BINARY_ESTIMATE));
        }
        if self.machine_image {
            steps.push(("the machine image".to_owned(), MACHINE_IMAGE_ESTIMATE));
        }
        steps.push(("the landscape".to_owned(), LANDSCAPE_ESTIMATE));
        let total: Duration = steps.iter().map(|(_, estimate)| *estimate).sum();
        let mut text = format!("This takes about {} on two cores:\n", minutes(total));
        for (step, estimate) in steps {
            text.push_str(&format!("  {:<11} {step}\n", minutes(estimate)));
        }
        text
    }
}

fn minutes(duration: Duration) -> String {
    match duration.as_secs().div_ceil(60) {
        0 | 1 => "1 minute".to_owned(),
        minutes => format!("{minutes} minutes"),
    }
}

fn fs_is_folder_with_content(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|entries| entries.flatten().any(|entry| entry.path().is_dir()))
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(Into::into);
    std::env::split_paths(&path)
        .chain(folders)
        .any(|folder| folder.join(program).is_file())
}

fn check_host(cache: &Cache, work: &Work) -> anyhow::Result<()> {
    let problems = problems(&HostFacts::gather(cache), work);
    if problems.is_empty() {
        Ok(())
    } else {
        bail!("this machine is not ready:\n  - {}", problems.join("\n  - "))
    }
}

/// What matters of this machine; `None` where it does not tell.
#[derive(Clone, Debug, Default)]
struct HostFacts {
    go: Option<(u32, u32)>,
    has_apt: bool,
    may_be_root: bool,
    disk_free_gib: Option<u64>,
    memory_gib: Option<f64>,
}

impl HostFacts {
    fn gather(cache: &Cache) -> Self {
        let output = Command::new("go").arg("version").output();
        let version = |output: std::process::Output| go_version(&String::from_utf8_lossy(&output.stdout));
        Self {
            go: output.ok().and_then(version),
            has_apt: is_installed("apt-get"),
            may_be_root: is_root() || is_installed("sudo"),
            disk_free_gib: disk_free_gib(cache.root()),
            memory_gib: std::fs::read_to_string("/proc/meminfo")
                .ok()
                .and_then(|text| memory_gib(&text)),
        }
    }
}

/// Everything that stands in the way, each with its remedy.
fn problems(facts: &HostFacts, work: &Work) -> Vec<String> {
    let mut problems = Vec::new();
    if work.components > Duration::ZERO && facts.go.is_none_or(|version| version < GO) {
        problems.push(format!(
            "Go {}.{} or later is needed: get it from https://go.dev/dl and put it into the path",
            GO.0, GO.1
        ));
    }
    if !facts.has_apt {
        problems.push("apt-get is missing: Debian 12 or later, or Ubuntu 24.04 or later, is needed".to_owned());
    }
    if !facts.may_be_root {
        problems
            .push("root is needed for packages and for the landscape: run this as root, or install sudo".to_owned());
    }
    let needed = work.disk_gib();
    if let Some(free) = facts.disk_free_gib.filter(|free| *free < needed) {
        problems.push(format!(
            "{free} GiB of disk are free, {needed} GiB are needed: free some"
        ));
    }
    if let Some(memory) = facts.memory_gib.filter(|memory| *memory < MEMORY_NEEDED_GIB) {
        problems.push(format!(
            "this machine has {memory:.1} GiB of memory, {MEMORY_NEEDED_GIB} GiB are needed: use a larger one"
        ));
    }
    problems
}

/// `MemTotal:       24592184 kB`.
fn memory_gib(meminfo: &str) -> Option<f64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: f64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes / f64::from(1 << 20))
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

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output();
    output.is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// What `df` says of the first folder of the path that exists.
fn disk_free_gib(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|folder| folder.exists())?;
    let output = Command::new("df")
        .args(["--output=avail", "--block-size=1G"])
        .arg(existing)
        .output()
        .ok()?;
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .nth(1)?
        .trim()
        .parse()
        .ok()
}

fn install_packages(packages: &[&str]) -> anyhow::Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    // Debian starts what it installs; the registry that a landscape runs is its own.
    let silences = packages.contains(&"docker-registry") && Path::new("/run/systemd/system").exists();
    if silences {
        as_root(&["systemctl", "mask", "docker-registry.service"])?;
    }
    let noninteractive = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
    as_root(&["apt-get", "update"])?;
    let install = ["install", "--yes", "--no-install-recommends"];
    let installed = as_root(&[&noninteractive[..], &install, packages].concat());
    if silences {
        as_root(&["systemctl", "unmask", "docker-registry.service"])?;
        as_root(&["systemctl", "disable", "docker-registry.service"])?;
    }
    installed
}

/// Runs a program as root, by sudo if need be.
fn as_root(words: &[&str]) -> anyhow::Result<()> {
    let words = if is_root() {
        words.to_vec()
    } else {
        [&["sudo"], words].concat()
    };
    let line = words.join(" ");
    let (program, arguments) = words.split_first().context("there is nothing to run")?;
    let status = Command::new(program).args(arguments).status();
    let status = status.with_context(|| format!("failed to start `{line}`"))?;
    ensure!(status.success(), "`{line}` failed");
    Ok(())
}

#[allow(clippy::print_stderr, reason = "what is done is told while it is done")]
fn say(text: &str) {
    eprintln!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_go_are_read() {
        assert_eq!(go_version("go version go1.26.8 linux/amd64"), Some((1, 26)));
        assert_eq!(go_version("go version go1.27rc1 linux/amd64"), Some((1, 27)));
        assert_eq!(go_version("no"), None);
    }

    #[test]
    fn every_problem_names_its_remedy() {
        let good = HostFacts {
            go: Some((1, 26)),
            has_apt: true,
            may_be_root: true,
            disk_free_gib: Some(30),
            memory_gib: memory_gib("MemTotal:       8388608 kB\n"),
        };
        let fresh = Work {
            components: Duration::from_secs(600),
            ..Work::default()
        };
        assert_eq!(good.memory_gib, Some(8.0));
        assert_eq!(problems(&good, &fresh), Vec::<String>::new());
        let poor = HostFacts {
            disk_free_gib: Some(3),
            memory_gib: Some(2.0),
            ..HostFacts::default()
        };
        assert_eq!(
            problems(&poor, &fresh),
            [
                "Go 1.26 or later is needed: get it from https://go.dev/dl and put it into the path",
                "apt-get is missing: Debian 12 or later, or Ubuntu 24.04 or later, is needed",
                "root is needed for packages and for the landscape: run this as root, or install sudo",
                "3 GiB of disk are free, 20 GiB are needed: free some",
                "this machine has 2.0 GiB of memory, 4 GiB are needed: use a larger one",
            ]
        );
        // Where all is built, nothing is built again.
        let full = HostFacts {
            go: None,
            disk_free_gib: Some(3),
            ..good
        };
        assert_eq!(problems(&full, &Work::default()), Vec::<String>::new());
    }

    #[test]
    fn what_will_be_done_is_said_first() {
        let work = Work {
            packages: vec!["runc"],
            components: Duration::from_secs(600),
            binary: true,
            machine_image: true,
        };
        let expected = "This takes about 28 minutes on two cores:\n\
                        \x20 1 minute    packages (runc)\n\
                        \x20 10 minutes  upstream components\n\
                        \x20 15 minutes  the kubeception binary\n\
                        \x20 1 minute    the machine image\n\
                        \x20 1 minute    the landscape\n";
        assert_eq!(work.announcement(), expected);
        let done = "This takes about 1 minute on two cores:\n  1 minute    the landscape\n";
        assert_eq!(Work::default().announcement(), done);
    }
}
