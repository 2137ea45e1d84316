//! The project's own chores, as `cargo xtask <chore>`. It builds in seconds: the landscape itself is not among what it imports.

mod bench; // measures a landscape
mod cgroup2; // a seed on a host with cgroup v2
mod host; // what a machine must have
mod setup; // everything that a first landscape needs
mod static_binary; // our one binary, without dynamic libraries
mod test; // everything that CI runs
mod upstream; // Kubernetes, etcd, containerd, CoreDNS

use clap::{Parser, Subcommand};

/// The project's own chores.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Bring the upstream components into the cache; what is there already is left alone
    Upstream(upstream::Arguments),
    /// Set up everything that is missing, and bring a landscape up
    Up(setup::Arguments),
    /// Install the packages that are missing
    Packages,
    /// Measure a landscape side by side with bare upstream components
    Bench(bench::Arguments),
    /// Run everything that CI runs
    Test,
    /// Bring a seed up in a virtual machine whose kernel has cgroup v2 (by hand, as root)
    TestCgroup2(cgroup2::Arguments),
    /// Build the kubeception binary statically and print its path
    StaticBinary(static_binary::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().chore {
        Chore::Upstream(arguments) => upstream::run(&arguments),
        Chore::Up(arguments) => setup::run(&arguments),
        Chore::Packages => setup::packages(),
        Chore::Bench(arguments) => bench::run(&arguments),
        Chore::TestCgroup2(arguments) => cgroup2::run(&arguments),
        Chore::Test => test::run(),
        Chore::StaticBinary(arguments) => static_binary::run(&arguments),
    }
}
