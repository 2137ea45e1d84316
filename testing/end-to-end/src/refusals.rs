//! Hosts on which no landscape can be made: `up` says why and what to do, and makes nothing.

use std::{
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};

use crate::walk::{PROXY_PORT, Walk, refused, succeeded};

/// A user without rights: `nobody` of every distribution.
const NOBODY: &str = "65534";

pub(crate) fn steps(walk: &mut Walk) {
    walk.step("up: refused with neither root nor sudo", without_root);
    walk.step("up: refused while its port is in use", port_in_use);
    walk.step("up: refused with too little disk", too_little_disk);
}

/// In a folder that everybody may enter, with a path on which there is no sudo.
fn without_root(walk: &Walk) -> Result<()> {
    let folder = tempfile::tempdir().context("failed to make a temporary directory")?;
    fs_err::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))?;
    let binary = folder.path().join("kubeception");
    fs_err::copy(&walk.binary, &binary)?;
    let mut command = Command::new("setpriv");
    command
        .args([
            "--reuid",
            NOBODY,
            "--regid",
            NOBODY,
            "--clear-groups",
            "env",
            "PATH=/nonexistent",
        ])
        .arg(format!("HOME={}", folder.path().display()))
        .arg(format!("KUBECEPTION_LANDSCAPE={}", walk.landscape))
        .arg(&binary)
        .arg("up");
    refused(
        run(&mut command, "up without root"),
        "run it as root, or install sudo and run it as a user who may use it",
    )?;
    nothing_was_made(walk)
}

fn port_in_use(walk: &Walk) -> Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).context("failed to take a port")?;
    let port = listener.local_addr().context("the port has no address")?.port();
    let result = walk.kubeception(&["up", "--proxy-port", &port.to_string()]);
    only_problem(
        result,
        &format!("port {port} of 127.0.0.1 is in use: stop what listens there"),
    )?;
    nothing_was_made(walk)
}

/// The landscape's folder lies on a file system that is far too small, in a mount namespace of the test.
fn too_little_disk(walk: &Walk) -> Result<()> {
    let script = format!(
        "mkdir -p /var/lib/kubeception && mount -t tmpfs -o size=64m tmpfs /var/lib/kubeception && exec \"$0\" up --proxy-port {PROXY_PORT}"
    );
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "sh", "-c", &script])
        .arg(&walk.binary)
        .env("KUBECEPTION_LANDSCAPE", &walk.landscape);
    only_problem(
        run(&mut command, "up on a small disk"),
        "too little disk space in /var/lib",
    )?;
    nothing_was_made(walk)
}

/// Refused because of this and nothing else: all problems of a host are listed at once.
fn only_problem(result: Result<String>, because: &str) -> Result<()> {
    let Err(reason) = result else {
        bail!("it was accepted");
    };
    let text = format!("{reason:#}");
    let problems = text.lines().filter(|line| line.trim_start().starts_with("- ")).count();
    ensure!(
        problems == 1 && text.contains(because),
        "not one problem, {because:?}, but: {text}"
    );
    Ok(())
}

fn run(command: &mut Command, what: &str) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to run {what}"))?;
    succeeded(&output, what)
}

fn nothing_was_made(walk: &Walk) -> Result<()> {
    let state = format!("/var/lib/kubeception/{}", walk.landscape);
    ensure!(!Path::new(&state).exists(), "{state} was made all the same");
    Ok(())
}
