//! What we add to the distribution's packages: units, a script, settings. Pure data, part of the image's version.

/// A file of ours in the image.
pub(crate) struct ImageFile {
    pub(crate) path: &'static str,
    pub(crate) mode: u32,
    pub(crate) text: &'static str,
}

const fn file(path: &'static str, text: &'static str) -> ImageFile {
    ImageFile {
        path,
        mode: 0o644,
        text,
    }
}

pub(crate) const FILES: &[ImageFile] = &[
    ImageFile {
        path: "usr/local/lib/kubeception/user-data",
        mode: 0o755,
        text: include_str!("../../image/user-data.sh"),
    },
    file(
        "etc/systemd/system/kubeception-user-data.service",
        include_str!("../../image/kubeception-user-data.service"),
    ),
    file(
        "etc/systemd/system/kubeception-console.service",
        include_str!("../../image/kubeception-console.service"),
    ),
    file(
        "etc/systemd/system/kubeception-mounts.service",
        include_str!("../../image/kubeception-mounts.service"),
    ),
    file(
        "etc/systemd/system/containerd.service",
        include_str!("../../image/containerd.service"),
    ),
    file(
        "etc/containerd/config.toml",
        include_str!("../../image/containerd.toml"),
    ),
    file(
        "etc/systemd/journald.conf.d/kubeception.conf",
        include_str!("../../image/journald.conf"),
    ),
    file(
        "etc/systemd/system.conf.d/kubeception.conf",
        include_str!("../../image/system.conf"),
    ),
    file("etc/fstab", ""),
    file("etc/motd", ""),
];

/// Symbolic links: path and target.
pub(crate) const LINKS: &[(&str, &str)] = &[
    (
        "etc/systemd/system/default.target",
        "/lib/systemd/system/multi-user.target",
    ),
    (
        "etc/systemd/system/multi-user.target.wants/kubeception-user-data.service",
        "/etc/systemd/system/kubeception-user-data.service",
    ),
    (
        "etc/systemd/system/multi-user.target.wants/kubeception-console.service",
        "/etc/systemd/system/kubeception-console.service",
    ),
    (
        "etc/systemd/system/sysinit.target.wants/kubeception-mounts.service",
        "/etc/systemd/system/kubeception-mounts.service",
    ),
    // Where container runtimes look for network plugins.
    ("opt/cni/bin", "/usr/lib/cni"),
];

/// Units that have nothing to do in a machine without hardware, consoles or logins, or that would work on the host's devices.
pub(crate) const MASKED_UNITS: &[&str] = &[
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "console-getty.service",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty-static.service",
    "getty.target",
    "ldconfig.service",
    "logrotate.timer",
    "motd-news.timer",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-binfmt.service",
    "systemd-boot-system-token.service",
    "systemd-firstboot.service",
    "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
    "systemd-journal-flush.service",
    "systemd-logind.service",
    "systemd-machine-id-commit.service",
    "systemd-modules-load.service",
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-random-seed.service",
    "systemd-remount-fs.service",
    "systemd-resolved.service",
    "systemd-timesyncd.service",
    "systemd-tmpfiles-clean.timer",
    "systemd-udev-settle.service",
    "systemd-udev-trigger.service",
    "systemd-udevd-control.socket",
    "systemd-udevd-kernel.socket",
    "systemd-udevd.service",
    "systemd-update-done.service",
    "systemd-update-utmp-runlevel.service",
    "systemd-update-utmp.service",
    "systemd-user-sessions.service",
];

/// Packages of the distribution on top of its minimal system.
pub(crate) const PACKAGES: &[&str] = &[
    "ca-certificates",
    "conntrack",
    "containernetworking-plugins",
    "curl",
    "dbus",
    "ethtool",
    "iproute2",
    "iptables",
    "kmod",
    "mount",
    "nftables",
    "procps",
    "runc",
    "socat",
    "systemd",
    "systemd-sysv",
    "util-linux",
];

/// What nobody reads in a machine. Packages are unpacked without it.
pub(crate) const EXCLUDED: &[&str] = &[
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/lintian/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
];

/// Version of the containerd that goes into the image, and its programs.
pub(crate) const CONTAINERD: &str = "containerd-2.2.1";
pub(crate) const CONTAINERD_PROGRAMS: &[&str] = &["containerd", "containerd-shim-runc-v2", "ctr"];
