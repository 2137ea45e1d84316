//! What a host must have before anything is made on it. Every problem names its remedy, and all are told at once.
//!
//! [`HostFacts::gather`] looks; [`problems`] judges, and is pure.

use std::path::{Path, PathBuf};

use landscape_upstream::{DISK_NEEDED, LANDSCAPE, MEMORY_NEEDED, is_port_taken, memory_available};

use super::context::Settings;

const GIB: u64 = 1 << 30;

/// Programs of the distribution, with the package that brings each.
const TOOLS: [(&str, &str); 10] = [
    ("busybox", "busybox-static"),
    ("conntrack", "conntrack"),
    ("docker-registry", "docker-registry"),
    ("ip", "iproute2"),
    ("ldd", "libc-bin"),
    ("mmdebstrap", "mmdebstrap"),
    ("nft", "nftables"),
    ("runc", "runc"),
    ("setsid", "util-linux"),
    ("sysctl", "procps"),
];

/// Where programs lie; root's path may lack half of it.
const PROGRAM_FOLDERS: [&str; 6] = [
    "/usr/local/sbin",
    "/usr/local/bin",
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
];

/// What matters of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostFacts {
    /// Whether this process is root's.
    pub is_root: bool,
    /// Free bytes where the landscape's state will lie.
    pub disk_free: u64,
    /// Bytes of memory that can be had.
    pub memory_available: u64,
    /// Programs that are missing: name and package.
    pub missing_tools: Vec<(String, String)>,
    /// Upstream components that are not in the cache.
    pub missing_components: Vec<String>,
    /// The proxy's port, when another program has it.
    pub port_taken: Option<u16>,
    /// Whether our own binary needs libraries of this host: then it runs nowhere else.
    pub is_dynamic: bool,
    /// Whether the landscape is there already: then it has its disk and memory.
    pub is_there: bool,
}

/// Something that is missing, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {remedy}")]
pub struct Problem {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

impl HostFacts {
    /// Looks at this host. `is_running` says whether the landscape's cloud answers already.
    pub fn gather(state: &Path, settings: &Settings, is_running: bool) -> Self {
        let Settings {
            cache,
            proxy_port,
            own_binary,
            ..
        } = settings;
        let proxy_port = *proxy_port;
        let missing_tools = TOOLS.iter().filter(|(tool, _)| find_program(tool).is_none());
        let missing_components = LANDSCAPE.iter().filter(|component| !cache.has(component));
        Self {
            is_root: nix::unistd::geteuid().is_root(),
            disk_free: disk_free(state),
            memory_available: memory_available(&fs_err::read_to_string("/proc/meminfo").unwrap_or_default())
                .unwrap_or(u64::MAX), // not to be told is no reason to stop
            missing_tools: missing_tools
                .map(|(tool, package)| ((*tool).to_owned(), (*package).to_owned()))
                .collect(),
            missing_components: missing_components.map(|component| component.directory()).collect(),
            port_taken: (!is_running && is_port_taken(proxy_port)).then_some(proxy_port),
            is_dynamic: is_dynamic(own_binary),
            // A killed daemon answers nobody; what it has made is there all the same.
            is_there: is_running || state.join("machines").exists(),
        }
    }
}

/// Everything that stands in the way.
pub fn problems(facts: &HostFacts) -> Vec<Problem> {
    let problem = |what: String, remedy: String| Problem { what, remedy };
    let mut problems = Vec::new();
    if !facts.is_root {
        problems.push(problem(
            "a landscape makes network namespaces, mounts and control groups, which only root may".to_owned(),
            "run this as root, or install sudo and run it as a user who may use it".to_owned(),
        ));
    }
    if !facts.missing_tools.is_empty() {
        let tools: Vec<&str> = facts.missing_tools.iter().map(|(tool, _)| tool.as_str()).collect();
        let packages: Vec<&str> = facts
            .missing_tools
            .iter()
            .map(|(_, package)| package.as_str())
            .collect();
        problems.push(problem(
            format!("missing programs: {}", tools.join(", ")),
            format!("run `make up`, or `apt-get install {}`", packages.join(" ")),
        ));
    }
    if !facts.missing_components.is_empty() {
        let what = format!(
            "upstream components are not built: {}",
            facts.missing_components.join(", ")
        );
        problems.push(problem(what, "run `make upstream`".to_owned()));
    }
    if facts.is_dynamic {
        let what = "this binary is linked to libraries of this host, but pods run it, too".to_owned();
        problems.push(problem(what, "build it with `cargo xtask static-binary`".to_owned()));
    }
    if let Some(port) = facts.port_taken {
        let remedy =
            format!("stop what listens there (`ss -ltnp 'sport = :{port}'`), or choose another with --proxy-port");
        problems.push(problem(format!("port {port} of 127.0.0.1 is in use"), remedy));
    }
    if !facts.is_there {
        problems.extend(too_little(
            "disk space in /var/lib",
            facts.disk_free,
            DISK_NEEDED,
            "free some",
        ));
        problems.extend(too_little(
            "memory",
            facts.memory_available,
            MEMORY_NEEDED,
            "end other programs, or use a larger machine",
        ));
    }
    problems
}

fn too_little(what: &str, there: u64, needed: u64, remedy: &str) -> Option<Problem> {
    let gib = |bytes: u64| bytes as f64 / GIB as f64;
    (there < needed).then(|| Problem {
        what: format!(
            "too little {what}: {:.1} GiB are free, {:.0} GiB are needed",
            gib(there),
            gib(needed)
        ),
        remedy: remedy.to_owned(),
    })
}

/// The program's path, wherever the distribution keeps programs.
fn find_program(name: &str) -> Option<PathBuf> {
    let own = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&own).chain(PROGRAM_FOLDERS.iter().map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// A program that names an interpreter (a loader of libraries) is a dynamic one. What cannot be read is not judged.
fn is_dynamic(program: &Path) -> bool {
    let output = std::process::Command::new("ldd").arg(program).output();
    output.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("=>"))
}

/// The file system of the first folder of the path that exists.
fn disk_free(path: &Path) -> u64 {
    let existing = path
        .ancestors()
        .find(|folder| folder.exists())
        .unwrap_or_else(|| Path::new("/"));
    match nix::sys::statvfs::statvfs(existing) {
        Ok(status) => status.blocks_available().saturating_mul(status.fragment_size()),
        Err(_) => u64::MAX, // not to be told is no reason to stop
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> HostFacts {
        HostFacts {
            is_root: true,
            disk_free: 100 * GIB,
            memory_available: 16 * GIB,
            ..HostFacts::default()
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut HostFacts), expected: &[&str]) {
        let mut facts = good();
        change(&mut facts);
        let problems: Vec<String> = problems(&facts).iter().map(Problem::to_string).collect();
        assert_eq!(problems, expected);
    }

    #[test]
    fn a_good_host_has_no_problem() {
        check(|_| {}, &[]);
    }

    #[test]
    fn every_problem_names_its_remedy() {
        check(
            |facts| facts.is_root = false,
            &[
                "a landscape makes network namespaces, mounts and control groups, which only root may: run this as root, or install sudo and run it as a user who may use it",
            ],
        );
        check(
            |facts| facts.missing_tools = vec![("nft".into(), "nftables".into()), ("runc".into(), "runc".into())],
            &["missing programs: nft, runc: run `make up`, or `apt-get install nftables runc`"],
        );
        check(
            |facts| facts.missing_components = vec!["coredns-1.12.4".into()],
            &["upstream components are not built: coredns-1.12.4: run `make upstream`"],
        );
        check(
            |facts| facts.is_dynamic = true,
            &[
                "this binary is linked to libraries of this host, but pods run it, too: build it with `cargo xtask static-binary`",
            ],
        );
        check(
            |facts| facts.port_taken = Some(6480),
            &[
                "port 6480 of 127.0.0.1 is in use: stop what listens there (`ss -ltnp 'sport = :6480'`), or choose another with --proxy-port",
            ],
        );
        check(
            |facts| facts.disk_free = 3 * GIB,
            &["too little disk space in /var/lib: 3.0 GiB are free, 8 GiB are needed: free some"],
        );
        check(
            |facts| facts.memory_available = GIB,
            &["too little memory: 1.0 GiB are free, 4 GiB are needed: end other programs, or use a larger machine"],
        );
    }

    #[test]
    fn a_running_landscape_has_its_disk_and_memory_already() {
        check(
            |facts| (facts.is_there, facts.disk_free, facts.memory_available) = (true, 0, 0),
            &[],
        );
    }

    #[test]
    fn all_problems_are_told_at_once() {
        let facts = HostFacts {
            missing_tools: vec![("nft".into(), "nftables".into())],
            ..HostFacts::default()
        };
        assert_eq!(problems(&facts).len(), 4);
    }
}
