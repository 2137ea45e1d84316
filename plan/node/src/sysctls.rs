//! Settings of the kernel that a node wants.

use std::collections::BTreeMap;

/// What a node with many pods needs; the pool's own settings go above them.
const DEFAULTS: &[(&str, &str)] = &[
    // Neighbours: a cluster has more of them than a home network.
    ("net.ipv4.neigh.default.gc_thresh1", "4096"),
    ("net.ipv4.neigh.default.gc_thresh2", "8192"),
    ("net.ipv4.neigh.default.gc_thresh3", "16384"),
    ("net.core.somaxconn", "16384"),
    ("net.ipv4.conf.all.forwarding", "1"),
    ("net.ipv4.conf.default.forwarding", "1"),
    ("net.ipv4.ip_forward", "1"),
    ("net.ipv4.tcp_slow_start_after_idle", "0"),
    // Each pod takes some of these; the kernel's default is made for one user.
    ("fs.inotify.max_user_instances", "8192"),
    ("fs.inotify.max_user_watches", "524288"),
    ("fs.file-max", "2097152"),
    ("kernel.pid_max", "4194304"),
    ("kernel.threads-max", "1048576"),
    ("vm.max_map_count", "262144"),
    // What the kubelet insists on where it protects the kernel's settings.
    ("kernel.panic", "10"),
    ("kernel.panic_on_oops", "1"),
    ("vm.overcommit_memory", "1"),
    ("vm.panic_on_oom", "0"),
];

/// The file's text.
pub(crate) fn sysctls(own: &BTreeMap<String, String>) -> String {
    let mut settings: BTreeMap<&str, &str> = DEFAULTS.iter().copied().collect();
    settings.extend(own.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    // With `-`, a setting that this kernel does not have is no failure.
    settings
        .iter()
        .map(|(name, value)| format!("-{name} = {value}\n"))
        .collect()
}
