//! Figures by name, in the order in which they were first taken.

use std::{io::Write, path::Path, time::Duration};

use anyhow::{Context, Result};
use serde_json::json;

/// Prints a line; a benchmark whose output is gone has nobody to tell.
pub(crate) fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

/// All figures of a run.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<(String, Vec<Duration>)>,
}

impl Report {
    pub(crate) fn add(&mut self, name: &str, figure: Duration) {
        say(&format!("  {:6.2} s  {name}", figure.as_secs_f64()));
        match self.rows.iter_mut().find(|(known, _)| known == name) {
            Some((_, figures)) => figures.push(figure),
            None => self.rows.push((name.to_owned(), vec![figure])),
        }
    }

    pub(crate) fn print(&self) {
        say(&format!("\n{:>8} {:>8} {:>8}  seconds", "min", "median", "max"));
        for (name, figures) in &self.rows {
            let [min, median, max] = spread(figures);
            say(&format!("{min:8.2} {median:8.2} {max:8.2}  {name}"));
        }
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|(name, figures)| {
                let [min, median, max] = spread(figures);
                json!({"name": name, "seconds": {"min": min, "median": median, "max": max}, "runs": figures.len()})
            })
            .collect();
        let text = serde_json::to_string_pretty(&rows).context("failed to render the figures")?;
        fs_err::write(path, text)?;
        say(&format!("\nfigures written to {}", path.display()));
        Ok(())
    }
}

fn spread(figures: &[Duration]) -> [f64; 3] {
    let mut seconds: Vec<f64> = figures.iter().map(Duration::as_secs_f64).collect();
    seconds.sort_by(f64::total_cmp);
    let at = |index: usize| seconds.get(index).copied().unwrap_or_default();
    [at(0), at(seconds.len() / 2), at(seconds.len().saturating_sub(1))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_minimum_median_maximum() {
        let figures = [3, 1, 2].map(Duration::from_secs);
        assert_eq!(spread(&figures), [1.0, 2.0, 3.0]);
    }
}
