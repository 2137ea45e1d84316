//! `down`: nothing is left.

use std::io::{self, Write};

use landscape::down;
use landscape_upstream::Cache;

use super::LandscapeName;
use crate::privilege::become_root;

/// Arguments of `down`.
#[derive(clap::Args)]
pub(crate) struct Down {
    #[command(flatten)]
    name: LandscapeName,
    /// Drop downloads and builds in the cache, too, unless another landscape needs them: the next `make up` takes minutes
    #[arg(long)]
    purge: bool,
}

/// Removes the landscape and says what was removed.
pub(crate) fn run(arguments: &Down) -> anyhow::Result<()> {
    become_root()?;
    let cache = if arguments.purge {
        Some(Cache::from_environment()?)
    } else {
        None
    };
    let removed = down(&arguments.name.landscape, cache.as_ref())?.0;
    let mut output = io::stdout();
    if removed.is_empty() {
        writeln!(output, "There was nothing of landscape {}.", arguments.name.name())?;
        return Ok(());
    }
    for line in &removed {
        writeln!(output, "  - {line}")?;
    }
    Ok(writeln!(output, "Landscape {} is gone.", arguments.name.name())?)
}
