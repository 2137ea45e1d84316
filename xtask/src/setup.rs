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

/// What is needed on disk for builds, packages and a landscape.
const DISK_NEEDED_GIB: u64 = 20;

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
    check_host(&cache)?;
    let work = Work::find(&cache);
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

fn check_host(cache: &Cache) -> anyhow::Result<()> {
    let mut problems = Vec::new();
    let upstream_is_there = LANDSCAPE.iter().all(|component| cache.has(component));
    if !upstream_is_there {
        let output = Command::new("go").arg("version").output();
        let version = output
            .ok()
            .and_then(|output| go_version(&String::from_utf8_lossy(&output.stdout)));
        if version.is_none_or(|version| version < GO) {
            problems.push(format!(
                "Go {}.{} or later is needed: get it from https://go.dev/dl and put it into the path",
                GO.0, GO.1
            ));
        }
    }
    if !is_installed("apt-get") {
        problems.push("apt-get is missing: Debian 12 or later, or Ubuntu 24.04 or later, is needed".to_owned());
    }
    if !is_root() && !is_installed("sudo") {
        problems
            .push("root is needed for packages and for the landscape: run this as root, or install sudo".to_owned());
    }
    if let Some(free) = disk_free_gib(cache.root()).filter(|free| *free < DISK_NEEDED_GIB) {
        problems.push(format!(
            "{free} GiB of disk are free, {DISK_NEEDED_GIB} GiB are needed: free some"
        ));
    }
    if problems.is_empty() {
        Ok(())
    } else {
        bail!("this machine is not ready:\n  - {}", problems.join("\n  - "))
    }
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
    for arguments in [
        vec!["update"],
        [&["install", "--yes", "--no-install-recommends"], packages].concat(),
    ] {
        let mut command = if is_root() {
            Command::new("apt-get")
        } else {
            Command::new("sudo")
        };
        if !is_root() {
            command.arg("apt-get");
        }
        let status = command.args(&arguments).status().context("failed to start apt-get")?;
        ensure!(status.success(), "apt-get {} failed", arguments[0]);
    }
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
