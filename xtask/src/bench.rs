//! `cargo xtask bench`: measures a landscape of its own with the release binary, side by side with bare upstream components.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::static_binary;

/// Arguments of `cargo xtask bench`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Arguments of the benchmark, such as `--rounds 5`
    #[arg(last = true)]
    bench: Vec<String>,
}

/// Builds what is measured and what measures, and measures.
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let binary = static_binary::build("release")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args([
            "run",
            "--release",
            "--quiet",
            "--package",
            "testing-bench",
            "--",
            "--binary",
        ])
        .arg(binary)
        .args(&arguments.bench)
        .status()
        .context("failed to start the benchmark")?;
    ensure!(status.success(), "the benchmark failed");
    Ok(())
}
