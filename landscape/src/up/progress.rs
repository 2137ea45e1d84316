//! What a user sees of the bring-up while it runs: lines that move on a terminal, plain lines in a log.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use parking_lot::Mutex;

/// How a phase ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PhaseEnd {
    /// It made or changed something.
    Changed,
    /// It only waited for something that came.
    Reached,
    /// Everything was there.
    Unchanged,
    /// It failed.
    Failed,
}

/// Hears how the bring-up goes.
pub trait Progress: Send + Sync {
    /// A phase starts.
    fn started(&self, phase: &'static str);
    /// What the phase does or waits for at the moment.
    fn detail(&self, phase: &'static str, text: &str);
    /// A phase ended.
    fn finished(&self, phase: &'static str, took: Duration, end: PhaseEnd);
}

/// Shows progress on standard error.
pub struct Console {
    began: Instant,
    /// `None`: plain lines.
    terminal: Option<MultiProgress>,
    lines: Mutex<BTreeMap<&'static str, Line>>,
}

struct Line {
    bar: ProgressBar,
    /// What was said already: in a log nothing is said twice.
    said: BTreeSet<String>,
}

impl Default for Console {
    fn default() -> Self {
        let terminal = std::io::stderr().is_terminal().then(MultiProgress::new);
        Self {
            began: Instant::now(),
            terminal,
            lines: Mutex::default(),
        }
    }
}

impl Console {
    fn say(&self, text: &str) {
        match &self.terminal {
            Some(terminal) => drop(terminal.println(text)),
            None => {
                let _ = writeln!(
                    std::io::stderr(),
                    "{:7.1} s  {text}",
                    self.began.elapsed().as_secs_f64()
                );
            }
        }
    }
}

impl Progress for Console {
    fn started(&self, phase: &'static str) {
        let bar = match &self.terminal {
            Some(terminal) => terminal.add(ProgressBar::new_spinner()),
            None => ProgressBar::hidden(),
        };
        let style = ProgressStyle::with_template("  {spinner} {prefix:<28} {elapsed:>4}  {wide_msg:.dim}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_prefix(phase);
        bar.enable_steady_tick(Duration::from_millis(120));
        if self.terminal.is_none() {
            self.say(&format!("{phase} ..."));
        }
        self.lines.lock().insert(
            phase,
            Line {
                bar,
                said: BTreeSet::new(),
            },
        );
    }

    fn detail(&self, phase: &'static str, text: &str) {
        let mut lines = self.lines.lock();
        let Some(line) = lines.get_mut(phase) else { return };
        line.bar.set_message(text.to_owned());
        if self.terminal.is_none() && line.said.insert(text.to_owned()) {
            self.say(&format!("{phase}: {text}"));
        }
    }

    fn finished(&self, phase: &'static str, took: Duration, end: PhaseEnd) {
        if let Some(line) = self.lines.lock().remove(phase) {
            line.bar.finish_and_clear();
        }
        let (mark, note) = match end {
            PhaseEnd::Changed | PhaseEnd::Reached => ("+", ""),
            PhaseEnd::Unchanged => ("=", "  (was there)"),
            PhaseEnd::Failed => ("!", "  FAILED"),
        };
        self.say(&format!("  {mark} {phase:<28} {:5.1} s{note}", took.as_secs_f64()));
    }
}
