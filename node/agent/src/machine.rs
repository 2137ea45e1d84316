//! What only the machine itself knows.

use api::extensions::v1alpha1::CgroupDriverName;
use plan_node::machine::{MachineFacts, Resources};

use crate::layout::Layout;

/// There where the hierarchy of control groups is unified.
const UNIFIED: &str = "/sys/fs/cgroup/cgroup.controllers";
/// systemd writes here what kind of container it runs in, if it does.
const CONTAINER: &str = "/run/systemd/container";
/// What systemd-resolved knows; `/etc/resolv.conf` only names its stub then, which pods do not reach.
const RESOLVED: &str = "/run/systemd/resolve/resolv.conf";

// The limits of the machine's own control group. A system container has a namespace of control groups: what it sees as their root is its
// own group, with its files. Where the kernel is the machine's own the root has none in version 2, and no limits in version 1.
const MEMORY_LIMIT: &str = "/sys/fs/cgroup/memory.max";
/// Quota and period.
const CPU_LIMIT: &str = "/sys/fs/cgroup/cpu.max";
const MEMORY_LIMIT_V1: &str = "/sys/fs/cgroup/memory/memory.limit_in_bytes";
const CPU_QUOTA_V1: &str = "/sys/fs/cgroup/cpu/cpu.cfs_quota_us";
const CPU_PERIOD_V1: &str = "/sys/fs/cgroup/cpu/cpu.cfs_period_us";

/// Where the kubelet finds how much memory there is.
const MEMORY: &str = "/proc/meminfo";
/// The processors that run, such as `0-3,8`.
const PROCESSORS: &str = "/sys/devices/system/cpu/online";

/// Looks at the machine.
pub(crate) fn facts(layout: &Layout) -> MachineFacts {
    let there = |path: &str| layout.at(path).exists();
    MachineFacts {
        cgroup_driver: if there(UNIFIED) {
            CgroupDriverName::Systemd
        } else {
            CgroupDriverName::Cgroupfs
        },
        shares_kernel: there(CONTAINER),
        resolver_configuration: if there(RESOLVED) { RESOLVED } else { "/etc/resolv.conf" }.to_owned(),
        kernel: kernel(layout),
        limits: if there(UNIFIED) {
            limits(layout)
        } else {
            limits_v1(layout)
        },
    }
}

fn text(layout: &Layout, path: &str) -> Option<String> {
    fs_err::read_to_string(layout.at(path)).ok()
}

/// What is no number (`max`, `-1`) is no limit.
fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

fn kernel(layout: &Layout) -> Resources {
    let memory = text(layout, MEMORY).and_then(|text| {
        let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        number(total.trim().strip_suffix("kB")?)?.checked_mul(1024)
    });
    let processors = text(layout, PROCESSORS).and_then(|text| count(&text));
    Resources {
        memory,
        cpu_millis: processors.and_then(|count| count.checked_mul(1000)),
    }
}

/// How many a list of ranges names.
fn count(list: &str) -> Option<u64> {
    let ranges = list.trim().split(',').map(|range| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        number(last)?.checked_sub(number(first)?)?.checked_add(1)
    });
    ranges.sum()
}

fn limits(layout: &Layout) -> Resources {
    let cpu = text(layout, CPU_LIMIT).unwrap_or_default();
    let mut words = cpu.split_whitespace().map(number);
    let (quota, period) = (words.next().flatten(), words.next().flatten());
    Resources {
        memory: text(layout, MEMORY_LIMIT).and_then(|text| number(&text)),
        cpu_millis: millis(quota, period),
    }
}

fn limits_v1(layout: &Layout) -> Resources {
    let read = |path: &str| text(layout, path).and_then(|text| number(&text));
    Resources {
        memory: read(MEMORY_LIMIT_V1),
        cpu_millis: millis(read(CPU_QUOTA_V1), read(CPU_PERIOD_V1)),
    }
}

fn millis(quota: Option<u64>, period: Option<u64>) -> Option<u64> {
    quota?.checked_mul(1000)?.checked_div(period?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The facts of a machine with these files.
    fn facts_of(files: &[(&str, &str)]) -> MachineFacts {
        let root = tempfile::tempdir().unwrap();
        let layout = Layout::below(root.path());
        for (path, text) in files {
            crate::files::replace(&layout.at(path), 0o644, text.as_bytes()).unwrap();
        }
        facts(&layout)
    }

    fn resources(memory: Option<u64>, cpu_millis: Option<u64>) -> Resources {
        Resources { memory, cpu_millis }
    }

    #[test]
    fn the_machine_tells_what_it_is() {
        let bare = facts_of(&[]);
        assert_eq!(bare.cgroup_driver, CgroupDriverName::Cgroupfs);
        assert!(!bare.shares_kernel);
        assert_eq!(bare.resolver_configuration, "/etc/resolv.conf");
        assert_eq!((bare.kernel, bare.limits), (Resources::default(), Resources::default()));
        let full = facts_of(&[(UNIFIED, ""), (CONTAINER, ""), (RESOLVED, "")]);
        assert_eq!(full.cgroup_driver, CgroupDriverName::Systemd);
        assert!(full.shares_kernel);
        assert_eq!(full.resolver_configuration, RESOLVED);
        assert_eq!((full.kernel, full.limits), (Resources::default(), Resources::default()));
    }

    #[test]
    fn the_kernel_tells_what_it_has() {
        let memory = "MemTotal:       24684096 kB\nMemFree:        22817320 kB\n";
        let kernel = facts_of(&[(MEMORY, memory), (PROCESSORS, "0-3,8\n")]).kernel;
        assert_eq!(kernel, resources(Some(24_684_096 * 1024), Some(5000)));
        let kernel = facts_of(&[(MEMORY, "MemFree: 1 kB\n"), (PROCESSORS, "0\n")]).kernel;
        assert_eq!(kernel, resources(None, Some(1000)));
        assert_eq!(facts_of(&[(PROCESSORS, "3-0\n")]).kernel, Resources::default());
    }

    #[track_caller]
    fn check_v1(memory: &str, quota: &str, limits: Resources) {
        let files = [
            (MEMORY_LIMIT_V1, memory),
            (CPU_QUOTA_V1, quota),
            (CPU_PERIOD_V1, "100000\n"),
        ];
        assert_eq!(facts_of(&files).limits, limits);
    }

    #[test]
    fn limits_of_version_1() {
        check_v1("2147483648\n", "150000\n", resources(Some(2 << 30), Some(1500)));
        // No limit at all: the number is larger than any memory.
        check_v1(
            "9223372036854771712\n",
            "-1\n",
            resources(Some(0x7fff_ffff_ffff_f000), None),
        );
    }

    #[track_caller]
    fn check_v2(memory: &str, cpu: &str, limits: Resources) {
        let files = [(UNIFIED, "cpu memory\n"), (MEMORY_LIMIT, memory), (CPU_LIMIT, cpu)];
        assert_eq!(facts_of(&files).limits, limits);
    }

    #[test]
    fn limits_of_version_2() {
        check_v2("2147483648\n", "150000 100000\n", resources(Some(2 << 30), Some(1500)));
        check_v2("max\n", "max 100000\n", Resources::default());
        check_v2("", "150000 0\n", Resources::default());
    }
}
