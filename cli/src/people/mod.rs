//! Commands for people: bring up, look at, use and remove a landscape.

mod bring_up; // up
mod look; // status, cloud list
mod tear_down; // down

use std::io::{self, Write};

use clap::{CommandFactory, Subcommand, ValueEnum};
use cloud_daemon::Landscape;
use landscape::{Access, Target};
use landscape_upstream::Cache;
use lib_clock::SystemClock;

pub(crate) use self::look::{CloudList, list_cloud};
use crate::arguments::CommandLine;
use crate::privilege::become_root;
use crate::process::runtime;

/// Commands for people.
#[derive(Subcommand)]
pub(crate) enum PeopleCommand {
    /// Bring a landscape up: cloud, seed, garden and a first shoot
    Up(bring_up::Up),
    /// Remove a landscape and everything it made on this machine
    Down(tear_down::Down),
    /// Show garden, seeds, shoots and machines, and what each waits for
    Status(look::ShowStatus),
    /// Print a kubeconfig that works from this machine
    Kubeconfig(PrintKubeconfig),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
    /// Build the machine image into the cache
    #[command(hide = true)]
    MachineImage,
}

/// Which landscape.
#[derive(clap::Args)]
pub(crate) struct LandscapeName {
    /// Name of the landscape; several can live side by side
    #[arg(long, global = true, default_value = "local", env = "KUBECEPTION_LANDSCAPE")]
    landscape: Landscape,
}

impl LandscapeName {
    fn name(&self) -> String {
        self.landscape.to_string()
    }
}

/// Arguments of `kubeconfig`.
#[derive(clap::Args)]
pub(crate) struct PrintKubeconfig {
    #[command(flatten)]
    name: LandscapeName,
    #[command(subcommand)]
    target: Target,
}

/// How something is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Output {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Runs one command.
pub(crate) fn run(command: PeopleCommand) -> anyhow::Result<()> {
    match command {
        PeopleCommand::Up(up) => bring_up::run(&up),
        PeopleCommand::Down(down) => tear_down::run(&down),
        PeopleCommand::Status(status) => look::show_status(&status),
        PeopleCommand::Kubeconfig(kubeconfig) => print_kubeconfig(&kubeconfig),
        PeopleCommand::Completions { shell } => {
            clap_complete::generate(shell, &mut CommandLine::command(), "kubeception", &mut io::stdout());
            Ok(())
        }
        PeopleCommand::Man => Ok(clap_mangen::Man::new(CommandLine::command()).render(&mut io::stdout())?),
        PeopleCommand::MachineImage => build_machine_image(),
    }
}

fn print_kubeconfig(arguments: &PrintKubeconfig) -> anyhow::Result<()> {
    become_root()?;
    let text = runtime()?.block_on(async {
        let access = Access::find(&arguments.name.name()).await?;
        access.kubeconfig(&arguments.target, &SystemClock).await
    })?;
    Ok(io::stdout().write_all(text.as_bytes())?)
}

fn build_machine_image() -> anyhow::Result<()> {
    become_root()?;
    let cache = Cache::from_environment()?;
    let say = |text: &str| {
        let _ = writeln!(io::stderr(), "{text}");
    };
    let image = cloud_daemon::image::build(cache.root(), &say)?;
    Ok(writeln!(
        io::stdout(),
        "machine image {} is in {}",
        image.version,
        image.root.display()
    )?)
}
