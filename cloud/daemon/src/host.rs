//! What the cloud needs of the host, and the one setting that it changes there.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    process::Command,
};

use lib_error_chain::ErrorChain;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::{Error, command, file_lock::FileLock, layout::Layout, plan::machine::Host};

/// Programs and the Debian packages that bring them.
const PROGRAMS: &[(&str, &str)] = &[
    ("docker-registry", "docker-registry"),
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("nsenter", "util-linux"),
    ("runc", "runc"),
];

/// Where programs of the system lie, also for a caller whose PATH lacks the `sbin` folders.
const PROGRAM_FOLDERS: &[&str] = &[
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// More than the proxy will ever carry.
const OPEN_FILES: u64 = 65_536;

/// Kubelets, containerds and systemds of many machines share the limit: the kernel's 128 are used up by a few of them, and then
/// they fail oddly.
const INOTIFY_INSTANCES: u64 = 8192;
const INOTIFY_FILE: &str = "/proc/sys/fs/inotify/max_user_instances";

/// Whether everything is there.
pub(crate) fn check() -> Result<(), Error> {
    if !nix::unistd::geteuid().is_root() {
        return Err(Error::NotRoot);
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path)
        .chain(PROGRAM_FOLDERS.iter().map(PathBuf::from))
        .collect();
    for (program, package) in PROGRAMS {
        if !folders.iter().any(|folder| folder.join(program).is_file()) {
            return Err(Error::MissingProgram {
                program: (*program).to_owned(),
                package,
            });
        }
    }
    Ok(())
}

/// Where the kernel shows what it does with packets that a bridge carries, if it can look at them at all.
const BRIDGE_PARAMETERS: &str = "/proc/sys/net/bridge";

/// Kubernetes' proxies must see what a bridge carries between two pods. Other modules are loaded by the kernel itself when somebody
/// asks for what they do; a machine may not load any.
pub(crate) fn load_modules() {
    if Path::new(BRIDGE_PARAMETERS).is_dir() {
        return;
    }
    if let Err(error) = command::run(
        Command::new("modprobe").arg("br_netfilter"),
        "watch bridges",
        command::QUICK,
    ) {
        tracing::warn!(error = %ErrorChain(&error), "Services may not answer pods on their own machine");
        return;
    }
    // The host's own bridges go on as before: the module would send their packets through the host's rules.
    for name in [
        "bridge-nf-call-arptables",
        "bridge-nf-call-ip6tables",
        "bridge-nf-call-iptables",
    ] {
        let path = Path::new(BRIDGE_PARAMETERS).join(name);
        if let Err(error) = fs_err::write(&path, "0") {
            tracing::warn!(%error, "failed to leave the host's bridges as they were");
        }
    }
}

/// Security groups look at what a bridge carries.
pub(crate) fn check_bridges() -> Result<(), Error> {
    if Path::new(BRIDGE_PARAMETERS).is_dir() {
        return Ok(());
    }
    let message = "security groups need the kernel module br_netfilter, and it cannot be loaded";
    Err(Error::Unsupported(message.to_owned()))
}

/// Every proxied connection takes two file descriptors, and many hosts allow 1024 to those who do not ask.
pub(crate) fn raise_open_files() {
    let raised = getrlimit(Resource::RLIMIT_NOFILE)
        .and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, hard.min(OPEN_FILES), hard));
    if let Err(error) = raised {
        tracing::warn!(%error, "failed to raise the number of open files");
    }
}

/// What a machine may be given.
pub(crate) fn facts() -> Result<Host, Error> {
    let status = read("/proc/self/status")?;
    let limits = read("/proc/self/limits")?;
    Ok(Host {
        capabilities: bounding_set(&status),
        open_files: open_files(&limits),
    })
}

fn bounding_set(status: &str) -> u64 {
    let text = status
        .lines()
        .find_map(|line| line.strip_prefix("CapBnd:"))
        .unwrap_or_default();
    u64::from_str_radix(text.trim(), 16).unwrap_or_default()
}

/// The hard limit; `unlimited` cannot be set and stands for the kernel's highest usual number.
fn open_files(limits: &str) -> u64 {
    let words = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .unwrap_or_default();
    words
        .split_whitespace()
        .nth(1)
        .and_then(|hard| hard.parse().ok())
        .unwrap_or(1_048_576)
}

fn read(path: &str) -> Result<String, Error> {
    fs_err::read_to_string(path).map_err(Error::file("read", path))
}

/// Who raised the limit, and what it was: shared by all landscapes, the last of which puts it back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Raised {
    /// A restart of the host puts everything back by itself.
    boot: String,
    original: u64,
    landscapes: BTreeSet<String>,
}

/// Raises the limit of inotify instances, if it is low.
pub(crate) fn raise_limits(landscape: &str) -> Result<(), Error> {
    change(|raised, boot, now| {
        let mut raised = match raised {
            Some(raised) if raised.boot == boot => raised,
            _ if now >= INOTIFY_INSTANCES => return (None, None),
            _ => Raised {
                boot: boot.to_owned(),
                original: now,
                landscapes: BTreeSet::new(),
            },
        };
        raised.landscapes.insert(landscape.to_owned());
        (Some(raised), (now < INOTIFY_INSTANCES).then_some(INOTIFY_INSTANCES))
    })
    .map(drop)
}

/// Puts the limit back if no other landscape needs it. Returns whether this landscape had raised it.
pub(crate) fn restore_limits(landscape: &str) -> Result<bool, Error> {
    if !has_raised(landscape) {
        return Ok(false);
    }
    change(|raised, boot, now| {
        let Some(mut raised) = raised.filter(|raised| raised.boot == boot) else {
            return (None, None);
        };
        raised.landscapes.remove(landscape);
        if !raised.landscapes.is_empty() {
            return (Some(raised), None);
        }
        // Whoever set another value meanwhile meant it.
        (None, (now == INOTIFY_INSTANCES).then_some(raised.original))
    })?;
    Ok(true)
}

/// Whether the landscape still holds the limit up.
pub(crate) fn has_raised(landscape: &str) -> bool {
    load(&file()).is_some_and(|raised| raised.landscapes.contains(landscape))
}

fn change(decide: impl FnOnce(Option<Raised>, &str, u64) -> (Option<Raised>, Option<u64>)) -> Result<(), Error> {
    let folder = Layout::shared_run();
    fs_err::create_dir_all(folder).map_err(Error::file("create", folder))?;
    let _lock = FileLock::wait(&folder.join("limits.lock"))?;
    let path = file();
    let boot = read("/proc/sys/kernel/random/boot_id")?;
    let now = read(INOTIFY_FILE)?.trim().parse().unwrap_or(u64::MAX);
    let (raised, value) = decide(load(&path), boot.trim(), now);
    // Written before the change: after a crash the old value is still known.
    match raised {
        Some(raised) => {
            write(&path, &raised)?;
            set(value)
        }
        None => {
            set(value)?;
            if path.exists() {
                fs_err::remove_file(&path).map_err(Error::file("remove", &path))
            } else {
                Ok(())
            }
        }
    }
}

fn set(value: Option<u64>) -> Result<(), Error> {
    match value {
        Some(value) => fs_err::write(INOTIFY_FILE, value.to_string()).map_err(Error::file("write", INOTIFY_FILE)),
        None => Ok(()),
    }
}

fn file() -> PathBuf {
    Layout::shared_run().join("limits.json")
}

fn load(path: &Path) -> Option<Raised> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn write(path: &Path, raised: &Raised) -> Result<(), Error> {
    let text = serde_json::to_vec(raised).map_err(|source| Error::Damaged {
        path: path.to_owned(),
        source,
    })?;
    crate::store::write_durably(path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_parsed() {
        assert_eq!(bounding_set("CapEff:\t0\nCapBnd:\t000001fffeffffff\n"), 0x1ff_feff_ffff);
        assert_eq!(
            open_files("Max open files            1024                 524288               files\n"),
            524_288
        );
        assert_eq!(
            open_files("Max open files            1024                 unlimited            files\n"),
            1_048_576
        );
    }
}
