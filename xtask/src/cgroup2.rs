//! `cargo xtask test-cgroup2`: a seed on a host with cgroup v2, which most users have and CI has not.
//!
//! In: the static binary, the cache, root, QEMU. Out: whether a landscape comes up to its seed, and goes, in a virtual machine that
//! boots the distribution's own kernel. By hand: without KVM it takes a quarter of an hour.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use landscape_upstream::Cache;

use crate::static_binary;

/// Longest for the guest: a quarter of an hour without KVM, on a machine that does nothing else.
const GUEST_DEADLINE: &str = "60m";

/// What the guest needs of the distribution, beside a kernel: an init, and what a landscape needs of its host.
const PACKAGES: &str = "systemd,systemd-sysv,dbus,kmod,udev,iproute2,nftables,iptables,conntrack,runc,\
                        docker-registry,busybox,mmdebstrap,procps,util-linux,libc-bin,ca-certificates";

/// The guest says this on its console when all went well.
const PASSED: &str = "CGROUP2 TEST PASSED";
const FAILED: &str = "CGROUP2 TEST FAILED";

/// Arguments of `cargo xtask test-cgroup2`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The cargo profile of the binary that is tested
    #[arg(long, default_value = "dev")]
    profile: String,
    /// QEMU's accelerator: `kvm` is fast where it works, `tcg` works everywhere
    #[arg(long, default_value = "tcg")]
    accelerator: String,
}

/// Makes the guest, boots it, and reads from its console how it went.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let found = Command::new("qemu-system-x86_64").arg("--version").output();
    found.context("QEMU is missing: apt-get install qemu-system-x86")?;
    let cache = Cache::from_environment()?;
    let binary = static_binary::build(&arguments.profile)?;
    let status = Command::new(&binary)
        .arg("machine-image")
        .status()
        .context("failed to build the machine image")?;
    ensure!(status.success(), "failed to build the machine image");
    let folder = cache.root().join("test-cgroup2");
    let root = folder.join("root");
    if !root.join("boot").is_dir() {
        make_root(&root)?;
    }
    fill_root(&root, &binary, &cache)?;
    let disk = make_disk(&folder, &root)?;
    boot(&root, &disk, &arguments.accelerator)
}

/// The distribution's part, made once.
fn make_root(root: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(root)?;
    let codename = output(Command::new("sh").args(["-c", ". /etc/os-release && echo $VERSION_CODENAME"]))?;
    let distribution = output(Command::new("sh").args(["-c", ". /etc/os-release && echo $ID"]))?;
    let kernel = match distribution.trim() {
        "ubuntu" => "linux-image-virtual",
        _ => "linux-image-cloud-amd64",
    };
    let mut command = Command::new("mmdebstrap");
    command.args([
        "--mode=root",
        "--variant=minbase",
        &format!("--include={kernel},{PACKAGES}"),
        codename.trim(),
    ]);
    run_command(command.arg(root), "mmdebstrap")
}

/// Our part: the binary, the cache, and a unit that runs the test at boot.
fn fill_root(root: &Path, binary: &Path, cache: &Cache) -> anyhow::Result<()> {
    let guest_cache = root.join("var/cache/kubeception");
    fs::create_dir_all(&guest_cache)?;
    for part in ["upstream", "machine-image"] {
        let to = guest_cache.join(part);
        if to.exists() {
            fs::remove_dir_all(&to)?;
        }
        run_command(Command::new("cp").arg("-a").arg(cache.root().join(part)).arg(&to), "cp")?;
    }
    fs::copy(binary, root.join("usr/local/bin/kubeception")).context("failed to copy the binary")?;
    let script = root.join("usr/local/bin/test-cgroup2");
    fs::write(&script, SCRIPT)?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    fs::write(root.join("etc/systemd/system/test-cgroup2.service"), UNIT)?;
    let wants = root.join("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants)?;
    let link = wants.join("test-cgroup2.service");
    if !link.is_symlink() {
        std::os::unix::fs::symlink("../test-cgroup2.service", link)?;
    }
    Ok(())
}

const SCRIPT: &str = r#"#!/bin/sh
# Step by step, so that the console says where it stopped.
exec >/dev/console 2>&1
export KUBECEPTION_CACHE=/var/cache/kubeception HOME=/root
finish() {
    [ "$1" = 0 ] && echo "CGROUP2 TEST PASSED" || echo "CGROUP2 TEST FAILED: $2"
    sync
    systemctl poweroff --force
    exit "$1"
}
echo "testing on kernel $(uname -r)"
ip link set lo up
test -e /sys/fs/cgroup/cgroup.controllers || finish 1 "this is not cgroup v2"
kubeception up --until seed || {
    kubeception status
    tail -n 40 /var/lib/kubeception/local/cloud.log /var/lib/kubeception/local/machines/seed/console.log
    finish 1 "up failed"
}
kubeception up --until seed | grep -q "nothing to change" || finish 1 "the second up changed something"
kubeception kubeconfig seed >/run/seed.yaml || finish 1 "no kubeconfig"
/var/cache/kubeception/upstream/kubernetes-*/hyperkube kubectl --kubeconfig /run/seed.yaml get nodes,pods -A || finish 1 "kubectl failed"
kubeception down || finish 1 "down failed"
kubeception down | grep -q "There was nothing" || finish 1 "down left something"
finish 0
"#;

const UNIT: &str = "[Unit]
Description=The test of the landscape on cgroup v2
After=network.target dbus.socket
# The script ends the guest; should it not even begin, this does.
FailureAction=poweroff-force

[Service]
Type=oneshot
ExecStart=/usr/local/bin/test-cgroup2
TimeoutStartSec=infinity
Delegate=yes

[Install]
WantedBy=multi-user.target
";

fn make_disk(folder: &Path, root: &Path) -> anyhow::Result<PathBuf> {
    let disk = folder.join("disk.raw");
    if disk.exists() {
        fs::remove_file(&disk)?;
    }
    let mut command = Command::new("mke2fs");
    command.args(["-q", "-t", "ext4", "-d"]).arg(root).arg(&disk).arg("12G");
    run_command(&mut command, "mke2fs")?;
    Ok(disk)
}

/// A login on the console would hang up what the test writes there.
fn boot(root: &Path, disk: &Path, accelerator: &str) -> anyhow::Result<()> {
    let kernel = newest(&root.join("boot"), "vmlinuz-")?;
    let initrd = newest(&root.join("boot"), "initrd.img-")?;
    let mut command = Command::new("timeout");
    command.args(["--kill-after=10", GUEST_DEADLINE, "qemu-system-x86_64"]);
    command.args([
        "-machine",
        "q35",
        "-accel",
        accelerator,
        "-cpu",
        "max",
        "-smp",
        "2",
        "-m",
        "6G",
        "-nographic",
        "-no-reboot",
    ]);
    command.arg("-kernel").arg(kernel).arg("-initrd").arg(initrd);
    command.args([
        "-append",
        "root=/dev/vda rw console=ttyS0 panic=-1 systemd.unified_cgroup_hierarchy=1 systemd.mask=serial-getty@ttyS0.service",
    ]);
    command
        .arg("-drive")
        .arg(format!("file={},if=virtio,format=raw,cache=unsafe", disk.display()));
    command
        .args(["-nic", "none"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    let mut guest = command.spawn().context("failed to start QEMU")?;
    let mut passed = None;
    if let Some(console) = guest.stdout.take() {
        for line in BufReader::new(console).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).trim_end().to_owned();
            say(&line);
            if line.contains(PASSED) || line.contains(FAILED) {
                passed = Some(line.contains(PASSED));
            }
        }
    }
    guest.wait()?;
    match passed {
        Some(true) => Ok(()),
        Some(false) => bail!("the test failed in the guest: its console is above"),
        None => bail!("the guest ended without a word on the test: its console is above"),
    }
}

fn newest(folder: &Path, prefix: &str) -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(folder)?.flatten().map(|entry| entry.path());
    let is_wanted = |path: &PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with(prefix))
    };
    entries
        .filter(is_wanted)
        .max()
        .with_context(|| format!("there is no {prefix}* in {}", folder.display()))
}

fn output(command: &mut Command) -> anyhow::Result<String> {
    Ok(String::from_utf8_lossy(&command.output()?.stdout).into_owned())
}

fn run_command(command: &mut Command, name: &str) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("failed to start {name}"))?;
    ensure!(status.success(), "{name} failed: it needs root");
    Ok(())
}

#[allow(clippy::print_stdout, reason = "the guest's console is what one watches")]
fn say(text: &str) {
    println!("{text}");
}
