//! The runtime's specification of a machine: a system container whose first process is systemd.

use std::{net::Ipv4Addr, path::Path};

use cloud_client::Limits;
use serde_json::{Value, json};

use crate::layout::MachineLayout;

/// In the kernel's order: the index is the bit in a capability set. `None`: a machine must not have it, because it would reach past
/// the machine (loading modules, the host's clock, its hardware, its keys).
const CAPABILITIES: &[Option<&str>] = &[
    Some("CHOWN"),
    Some("DAC_OVERRIDE"),
    Some("DAC_READ_SEARCH"),
    Some("FOWNER"),
    Some("FSETID"),
    Some("KILL"),
    Some("SETGID"),
    Some("SETUID"),
    Some("SETPCAP"),
    Some("LINUX_IMMUTABLE"),
    Some("NET_BIND_SERVICE"),
    Some("NET_BROADCAST"),
    Some("NET_ADMIN"),
    Some("NET_RAW"),
    Some("IPC_LOCK"),
    Some("IPC_OWNER"),
    None, // SYS_MODULE
    None, // SYS_RAWIO
    Some("SYS_CHROOT"),
    Some("SYS_PTRACE"),
    Some("SYS_PACCT"),
    Some("SYS_ADMIN"),
    Some("SYS_BOOT"),
    Some("SYS_NICE"),
    Some("SYS_RESOURCE"),
    None, // SYS_TIME
    Some("SYS_TTY_CONFIG"),
    Some("MKNOD"),
    Some("LEASE"),
    Some("AUDIT_WRITE"),
    Some("AUDIT_CONTROL"),
    Some("SETFCAP"),
    Some("MAC_OVERRIDE"),
    Some("MAC_ADMIN"),
    Some("SYSLOG"),
    None, // WAKE_ALARM
    None, // BLOCK_SUSPEND
    Some("AUDIT_READ"),
    Some("PERFMON"),
    Some("BPF"),
    Some("CHECKPOINT_RESTORE"),
];

/// Folders below `/var/lib` that are plain directories of the host: containerd's snapshots cannot lie on an overlay, and volumes and
/// databases should not.
pub(crate) const DATA: &[&str] = &["containerd", "kubelet", "kubeception"];

/// The period in which a processor limit is counted, the kernel's default in microseconds.
const PROCESSOR_PERIOD: u64 = 100_000;

/// What the specification needs to know of the host.
#[derive(Clone, Debug)]
pub(crate) struct Host {
    /// The bounding set of this process. A capability outside makes the runtime refuse the whole machine.
    pub(crate) capabilities: u64,
    /// The hard limit of open files: raising it may not be allowed.
    pub(crate) open_files: u64,
}

/// What the specification needs to know of the machine.
#[derive(Clone, Debug)]
pub(crate) struct Wish<'a> {
    pub(crate) name: &'a str,
    pub(crate) limits: Option<Limits>,
    pub(crate) namespace: &'a Path,
    pub(crate) control_group: String,
    pub(crate) layout: &'a MachineLayout,
}

/// The `config.json` of the machine's bundle.
pub(crate) fn specification(wish: &Wish<'_>, host: &Host) -> Value {
    let capabilities = capabilities(host.capabilities);
    json!({
        "ociVersion": "1.0.2",
        "hostname": wish.name,
        "process": {
            "user": {"uid": 0, "gid": 0},
            "cwd": "/",
            "args": ["/sbin/init"],
            "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "container=oci"],
            "capabilities": {"bounding": capabilities, "effective": capabilities, "permitted": capabilities},
            "rlimits": [{"type": "RLIMIT_NOFILE", "hard": host.open_files, "soft": host.open_files}],
        },
        "root": {"path": wish.layout.root()},
        "mounts": mounts(wish.layout),
        "linux": {
            "cgroupsPath": wish.control_group,
            "resources": resources(wish.limits),
            "namespaces": [
                {"type": "pid"}, {"type": "ipc"}, {"type": "uts"}, {"type": "mount"}, {"type": "cgroup"},
                {"type": "network", "path": wish.namespace},
            ],
            // Mounts of the machine are none of the host's.
            "rootfsPropagation": "rprivate",
        },
    })
}

fn capabilities(bounding: u64) -> Vec<String> {
    let allowed = CAPABILITIES
        .iter()
        .enumerate()
        .filter(|(bit, _)| bounding >> bit & 1 == 1);
    allowed
        .filter_map(|(_, name)| name.map(|name| format!("CAP_{name}")))
        .collect()
}

fn mounts(layout: &MachineLayout) -> Value {
    let mut mounts = vec![
        filesystem("/proc", "proc", &[]),
        filesystem("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        filesystem(
            "/dev/pts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ),
        filesystem("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777"]),
        filesystem("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        filesystem("/sys", "sysfs", &["nosuid", "noexec", "nodev"]),
        // Writable: systemd and the kubelet make control groups.
        filesystem("/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", "relatime"]),
        filesystem("/run", "tmpfs", &["nosuid", "nodev", "mode=755"]),
        filesystem("/tmp", "tmpfs", &["nosuid", "nodev"]),
        // The kernel's log is the host's; the kubelet only insists that there is something.
        bind(Path::new("/dev/null"), "/dev/kmsg"),
        bind(&layout.console(), "/var/log/console.log"),
    ];
    mounts.extend(
        DATA.iter()
            .map(|name| bind(&layout.data(name), &format!("/var/lib/{name}"))),
    );
    Value::Array(mounts)
}

fn filesystem(destination: &str, kind: &str, options: &[&str]) -> Value {
    json!({"destination": destination, "type": kind, "source": kind, "options": options})
}

fn bind(source: &Path, destination: &str) -> Value {
    json!({"destination": destination, "type": "bind", "source": source, "options": ["bind", "rw"]})
}

fn resources(limits: Option<Limits>) -> Value {
    let mut resources = json!({"devices": [{"allow": true, "access": "rwm"}]});
    let Some(limits) = limits else { return resources };
    if limits.cpu_millis > 0 {
        let quota = u64::from(limits.cpu_millis) * PROCESSOR_PERIOD / 1000;
        resources["cpu"] = json!({"quota": quota, "period": PROCESSOR_PERIOD});
    }
    if limits.memory_mib > 0 {
        resources["memory"] = json!({"limit": limits.memory_mib * 1024 * 1024});
    }
    resources
}

/// Files that make a machine out of its image: path below the root, and content.
pub(crate) fn identity_files(identity: &Identity<'_>) -> Vec<(String, String)> {
    let Identity {
        name,
        address,
        uid,
        domain,
        registry,
        dns,
    } = identity;
    vec![
        ("etc/hostname".into(), format!("{name}\n")),
        (
            "etc/hosts".into(),
            format!("127.0.0.1 localhost\n::1 localhost\n{address} {name}.{domain} {name}\n"),
        ),
        ("etc/machine-id".into(), format!("{uid}\n")),
        (
            "etc/resolv.conf".into(),
            format!("nameserver {dns}\noptions timeout:2 attempts:3\n"),
        ),
        (
            format!("etc/containerd/certs.d/{registry}/hosts.toml"),
            format!(
                "server = \"http://{registry}\"\n\n[host.\"http://{registry}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
            ),
        ),
    ]
}

/// Who a machine is.
#[derive(Clone, Debug)]
pub(crate) struct Identity<'a> {
    pub(crate) name: &'a str,
    pub(crate) address: Ipv4Addr,
    /// 32 hexadecimal digits.
    pub(crate) uid: &'a str,
    pub(crate) domain: &'a str,
    /// Name and port of the image registry.
    pub(crate) registry: &'a str,
    /// Address of the DNS server.
    pub(crate) dns: Ipv4Addr,
}

#[cfg(test)]
mod tests {
    use expect_test::expect_file;

    use super::*;
    use crate::layout::Layout;

    #[test]
    fn a_machine() {
        let layout = Layout::new("local".parse().unwrap());
        let namespace = layout.machine_namespace("seed");
        let wish = Wish {
            name: "seed",
            limits: Some(Limits {
                cpu_millis: 1500,
                memory_mib: 2048,
            }),
            namespace: &namespace,
            control_group: "/kubeception-local/seed".into(),
            layout: &layout.machine("seed"),
        };
        // All capabilities of this kernel but SYS_RESOURCE (24).
        let host = Host {
            capabilities: 0x1ff_ffff_ffff & !(1 << 24),
            open_files: 1024,
        };
        let text = serde_json::to_string_pretty(&specification(&wish, &host)).unwrap() + "\n";
        expect_file!["../../tests/golden/machine.json"].assert_eq(&text);
    }

    #[test]
    fn capabilities_stay_inside_the_bounding_set() {
        assert_eq!(capabilities(0b101), ["CAP_CHOWN", "CAP_DAC_READ_SEARCH"]);
        let all = capabilities(u64::MAX);
        assert!(
            !all.contains(&"CAP_SYS_TIME".to_owned()) && !all.contains(&"CAP_SYS_MODULE".to_owned()),
            "{all:?}"
        );
        assert_eq!(CAPABILITIES[38], Some("PERFMON"), "the order is the kernel's");
    }

    #[test]
    fn zero_is_no_limit() {
        assert_eq!(
            resources(None),
            resources(Some(Limits {
                cpu_millis: 0,
                memory_mib: 0
            }))
        );
    }
}
