//! `cargo xtask upstream`: the upstream components, into the cache, with what happens shown.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use anyhow::Context;
use indicatif::{HumanDuration, ProgressBar, ProgressStyle};
use landscape_upstream::{Cache, Component, GoModules, LANDSCAPE, Report, ensure};

/// Arguments of `cargo xtask upstream`.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Only say how many seconds it will take
    #[arg(long)]
    estimate: bool,
}

/// Brings what is missing, or says how long that will take.
#[allow(clippy::print_stdout, reason = "the estimate is this chore's answer")]
pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let cache = Cache::from_environment()?;
    if arguments.estimate {
        let missing = LANDSCAPE.iter().filter(|component| !cache.has(component));
        println!(
            "{}",
            missing.map(|component| component.build_estimate.as_secs()).sum::<u64>()
        );
        return Ok(());
    }
    bring(&cache)?;
    println!("upstream components are in {}", cache.upstream().display());
    Ok(())
}

/// Brings what is missing.
pub(crate) fn bring(cache: &Cache) -> anyhow::Result<()> {
    ensure(cache, LANDSCAPE, &[&GoModules], &Terminal::default()).context("failed to bring the upstream components")
}

/// A log is not a terminal: it gets a line now and then.
const SAY_EVERY: Duration = Duration::from_secs(20);

/// A running line on a terminal, plain lines in a log.
#[derive(Default)]
struct Terminal {
    line: RefCell<Option<ProgressBar>>,
    /// When the last plain line was written.
    said: Cell<Option<Instant>>,
}

#[allow(clippy::print_stderr, reason = "progress is what this chore shows")]
impl Report for Terminal {
    fn started(&self, component: &Component, source: &str) {
        let name = component.directory();
        let estimate = HumanDuration(component.build_estimate);
        let line = ProgressBar::new_spinner().with_message("starts");
        line.set_style(
            ProgressStyle::with_template("{spinner} {prefix}: {msg} [{elapsed}]")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
        line.set_prefix(name.clone());
        if line.is_hidden() {
            eprintln!("{name}: building from {source}, up to about {estimate} on two cores");
        } else {
            line.println(format!(
                "{name}: building from {source}, up to about {estimate} on two cores"
            ));
        }
        line.enable_steady_tick(Duration::from_millis(200));
        self.line.replace(Some(line));
    }

    fn progress(&self, component: &Component, detail: &str) {
        let line = self.line.borrow();
        let Some(line) = &*line else { return };
        line.set_message(detail.to_owned());
        let is_time = self.said.get().is_none_or(|said| said.elapsed() > SAY_EVERY);
        if line.is_hidden() && is_time {
            eprintln!("{}: {detail}", component.directory());
            self.said.set(Some(Instant::now()));
        }
    }

    fn finished(&self, component: &Component, elapsed: Duration) {
        if let Some(line) = self.line.take() {
            line.finish_and_clear();
        }
        eprintln!("{}: done in {:.0} s", component.directory(), elapsed.as_secs_f64());
    }

    fn waiting_for_lock(&self) {
        eprintln!("another build holds the cache, waiting for it to end");
    }
}
