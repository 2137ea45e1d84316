//! Measures what a user waits for, side by side with bare etcd and kube-apiserver started by hand, in one run.
//!
//! In: the release binary and the upstream components. Out: a table on the terminal and a JSON file. Nothing is asserted:
//! numbers are for people. The landscape has a name of its own and is taken down at the end. The tunnel is measured in this
//! process, beside direct TCP, and needs none of all this.

mod bare;
mod ends;
mod landscape;
mod machines;
mod processor;
mod report;
mod tunnel;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, ValueEnum};

use crate::{
    landscape::{Clusters, Landscape},
    processor::Watch,
    report::Report,
};

/// How many programs are named that take the processors' time.
const PROGRAMS: usize = 15;

/// Measures bring-up, creation and deletion of shoots, and the tunnel.
#[derive(Debug, Parser)]
struct Arguments {
    /// Only this part; without it, all of them.
    #[arg(long)]
    only: Option<Part>,
    /// Name of the landscape to make and to remove.
    #[arg(long, default_value = "bench")]
    landscape: String,
    /// How often each single shoot, and the tunnel, is measured; the table shows minimum, median and maximum.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// How many shoots are created at once; 0 leaves that part out.
    #[arg(long, default_value_t = 10)]
    at_once: u32,
    /// The binary under test.
    #[arg(long, default_value = "target/release/kubeception")]
    binary: PathBuf,
    /// Where the figures go.
    #[arg(long, default_value = "target/bench.json")]
    output: PathBuf,
}

/// A part of what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Bring-up, and shoots without machines, beside etcd and kube-apiserver started by hand.
    Landscape,
    /// Shoots with machines, on a landscape as well.
    Machines,
    /// The tunnel by itself, beside direct TCP.
    Tunnel,
}

impl Arguments {
    fn wants(&self, part: Part) -> bool {
        self.only.is_none_or(|only| only == part)
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    // An error says only that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::say(&format!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut report = Report::default();
    let measured = measure(&arguments, &mut report).await;
    report.print();
    report.write(&arguments.output)?;
    measured
}

async fn measure(arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    if arguments.wants(Part::Tunnel) {
        // It blocks, and nothing else is to run meanwhile.
        tunnel::measure(arguments.rounds, report)?;
    }
    if arguments.wants(Part::Landscape) {
        for _ in 0..arguments.rounds {
            report.add(
                "bare etcd + kube-apiserver, started by hand → /readyz",
                bare::start_to_ready().await,
            );
        }
    }
    if arguments.only == Some(Part::Tunnel) {
        return Ok(());
    }
    let landscape = Landscape::new(&arguments.landscape, &arguments.binary)?;
    let measured = on_landscape(&landscape, arguments, report).await;
    let down = landscape.down().map(|took| report.add("`down` → nothing left", took));
    measured.and(down)
}

async fn on_landscape(landscape: &Landscape, arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    report.add(
        "nothing → garden and seed Ready (`up --until garden`)",
        landscape.up("garden")?,
    );
    report.add("from there → first shoot Succeeded (`up`)", landscape.up("shoot")?);
    let clusters = landscape.connect().await?;
    if arguments.wants(Part::Landscape) {
        without_machines(&clusters, arguments, report).await?;
    }
    if arguments.wants(Part::Machines) {
        machines::measure(&clusters, arguments.rounds, report).await?;
    }
    Ok(())
}

async fn without_machines(clusters: &Clusters<'_>, arguments: &Arguments, report: &mut Report) -> anyhow::Result<()> {
    for round in 0..arguments.rounds {
        let names = [format!("one{round}")];
        let created = clusters.create_shoots(&names).await?;
        report.add("Shoot created → its API answers through the gateway", created.last);
        let succeeded = clusters.wait_succeeded(&names, created.started).await?;
        report.add("Shoot created → Succeeded", succeeded.last);
        report.add(
            "Shoot deleted → nothing left",
            clusters.delete_shoots(&names).await?.last,
        );
    }
    if arguments.at_once == 0 {
        return Ok(());
    }
    at_once(clusters, arguments.at_once, report).await
}

/// Shoots created at once, and who works for them: on a machine whose processors are full, that is what decides.
async fn at_once(clusters: &Clusters<'_>, count: u32, report: &mut Report) -> anyhow::Result<()> {
    let names: Vec<String> = (0..count).map(|index| format!("many{index}")).collect();
    let watch = Watch::start();
    let created = clusters.create_shoots(&names).await?;
    report.add("shoots created at once → half of them answer", created.median);
    report.add("shoots created at once → all of them answer", created.last);
    let succeeded = clusters.wait_succeeded(&names, created.started).await?;
    report.add("shoots created at once → all of them Succeeded", succeeded.last);
    for (program, spent) in watch.stop()?.into_iter().take(PROGRAMS) {
        report.add(&format!("  of the processors' time meanwhile: {program}"), spent);
    }
    let deleted = clusters.delete_shoots(&names).await?;
    report.add("shoots deleted at once → nothing left", deleted.last);
    Ok(())
}
