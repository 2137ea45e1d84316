//! `cargo xtask up`: everything that a first landscape needs, then the landscape.
//!
//! It looks first, says what is missing and how long that will take, and only then begins. Everything but packages, the machine
//! image and the landscape itself is made as the user who called it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use landscape_upstream::{Cache, DISK_NEEDED, LANDSCAPE, PROXY_PORT};

use crate::host::{self, Demand, GIB, Share, is_installed, is_root};
use crate::{static_binary, upstream};

/// What each part takes on disk, rounded up: half a GiB of components; what Go compiled for them and what it fetched, measured from
/// nothing; our own binary with all that it is made of, which has no debug information; a machine image and its workshop.
const COMPONENTS_GIB: u64 = 1;
const GO_CACHES_GIB: [u64; 2] = [7, 3];
const BINARY_GIB: u64 = 4;
const MACHINE_IMAGE_GIB: u64 = 1;

/// Where a landscape that is there has a folder of its name: one that survives a restart of the host, one that is there while it runs.
const STATE: &str = "/var/lib/kubeception";
const RUN: &str = "/run/kubeception";

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
    host::check(&demand(&cache, &work, arguments))?;
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

    /// The room that builds take.
    fn shares(&self, cache: &Cache, go_caches: Vec<PathBuf>, target: &Path) -> Vec<Share> {
        let share = |what, path: PathBuf, gib| Share { what, path, gib };
        let mut shares = Vec::new();
        if self.components > Duration::ZERO {
            shares.push(share("upstream components", cache.upstream(), COMPONENTS_GIB));
            let go_caches = go_caches.into_iter().zip(GO_CACHES_GIB);
            shares.extend(go_caches.map(|(path, gib)| share("Go's caches", path, gib)));
        }
        if self.binary {
            shares.push(share("the kubeception binary", target.to_owned(), BINARY_GIB));
        }
        if self.machine_image {
            shares.push(share("the machine image", cache.root().to_owned(), MACHINE_IMAGE_GIB));
        }
        shares
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

/// What the machine must provide for. A landscape that is there has its room, its memory and its port already, and looks for itself.
fn demand(cache: &Cache, work: &Work, arguments: &Arguments) -> Demand {
    let landscape = Landscape::of(&arguments.up, std::env::var("KUBECEPTION_LANDSCAPE").ok());
    let runs = landscape.folder(RUN).exists();
    let is_there = runs || landscape.folder(STATE).exists();
    let starts = !arguments.only_setup;
    let mut shares = work.shares(cache, go_caches(), &static_binary::target());
    if starts && !is_there {
        shares.push(Share {
            what: "the landscape",
            path: landscape.folder(STATE),
            gib: DISK_NEEDED / GIB,
        });
    }
    Demand {
        go: work.components > Duration::ZERO,
        shares,
        // To link our binary takes half of it: it is asked for without a landscape, too.
        memory: !(starts && is_there),
        port: (starts && !runs).then_some(landscape.proxy_port),
    }
}

/// The landscape that will be started, as far as the chores must know it.
#[derive(Debug, PartialEq, Eq)]
struct Landscape {
    name: String,
    proxy_port: u16,
}

impl Landscape {
    /// That of the arguments of `kubeception up`, or else of the environment.
    fn of(arguments: &[String], environment: Option<String>) -> Self {
        let name = option(arguments, "--landscape").map(str::to_owned).or(environment);
        let port = option(arguments, "--proxy-port").and_then(|port| port.parse().ok());
        Self {
            name: name.unwrap_or_else(|| "local".to_owned()),
            proxy_port: port.unwrap_or(PROXY_PORT),
        }
    }

    fn folder(&self, parent: &str) -> PathBuf {
        Path::new(parent).join(&self.name)
    }
}

/// The value of an option, behind it or behind its equals sign.
fn option<'a>(arguments: &'a [String], name: &str) -> Option<&'a str> {
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.strip_prefix(name) {
            Some("") => return arguments.next().map(String::as_str),
            Some(rest) if rest.starts_with('=') => return rest.strip_prefix('='),
            _ => {}
        }
    }
    None
}

/// Where Go keeps what it compiled and what it fetched. Without Go there is nothing to look at.
fn go_caches() -> Vec<PathBuf> {
    let output = Command::new("go").args(["env", "GOCACHE", "GOMODCACHE"]).output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text)
        .lines()
        .filter(|line| !line.is_empty())
        .map(PathBuf::from)
        .collect()
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

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn the_landscape_that_will_be_started_is_found_in_the_arguments() {
        let other = || Some("other".to_owned());
        let cases = [
            ("", None, "local", PROXY_PORT),
            ("--until seed", other(), "other", PROXY_PORT),
            ("--landscape mine --proxy-port 7000", other(), "mine", 7000),
            ("--proxy-port=7001 --landscape=mine", None, "mine", 7001),
            ("--landscape", None, "local", PROXY_PORT),
        ];
        for (arguments, environment, name, proxy_port) in cases {
            let name = name.to_owned();
            assert_eq!(
                Landscape::of(&words(arguments), environment),
                Landscape { name, proxy_port },
                "{arguments}"
            );
        }
    }

    #[test]
    fn only_what_is_missing_takes_room() {
        let places = |work: &Work| -> Vec<String> {
            let go_caches = vec![PathBuf::from("/go/cache"), PathBuf::from("/go/mod")];
            work.shares(&Cache::new("/cache"), go_caches, Path::new("/target"))
                .iter()
                .map(|share| format!("{} {}", share.path.display(), share.gib))
                .collect()
        };
        let all = Work {
            components: Duration::from_secs(600),
            binary: true,
            machine_image: true,
            ..Work::default()
        };
        let expected = ["/cache/upstream 1", "/go/cache 7", "/go/mod 3", "/target 4", "/cache 1"];
        assert_eq!(places(&all), expected);
        assert_eq!(places(&Work::default()), Vec::<String>::new());
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
