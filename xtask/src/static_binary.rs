//! Our one binary, without dynamic libraries: pods and machines run it as it is.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

/// Arguments of `cargo xtask static-binary`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The cargo profile: `release` for users, `dev` for tests (it builds several times faster)
    #[arg(long, default_value = "release")]
    profile: String,
}

/// Builds, and prints where the binary is.
#[allow(clippy::print_stdout, reason = "the path is this chore's answer")]
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    println!("{}", build(&arguments.profile)?.display());
    Ok(())
}

/// Builds the binary with `profile`.
///
/// The flag is given to this one crate and not by RUSTFLAGS: with those, proc macros would have to be static, which they cannot be.
pub(crate) fn build(profile: &str) -> anyhow::Result<PathBuf> {
    let root = workspace_root();
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .current_dir(&root)
        .args([
            "rustc",
            "--package",
            "kubeception",
            "--bin",
            "kubeception",
            "--profile",
            profile,
        ])
        .args(["--", "-C", "target-feature=+crt-static"])
        .status()
        .context("failed to start cargo")?;
    ensure!(status.success(), "building the kubeception binary failed");
    Ok(path(profile))
}

/// Where the binary lies once it is built.
pub(crate) fn path(profile: &str) -> PathBuf {
    let folder = if profile == "dev" { "debug" } else { profile };
    target().join(folder).join("kubeception")
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from)
}

fn workspace_root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}
