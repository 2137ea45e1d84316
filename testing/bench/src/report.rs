//! Figures by name, in the order in which they were first taken.
//!
//! In: figures with their units. Out: a line for each as it comes, a table at the end, a JSON file. Absent: any judgement.

use std::{io::Write, path::Path, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value, json};

/// Prints a line; a benchmark whose output is gone has nobody to tell.
pub(crate) fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

/// What a figure counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
    Microseconds,
    GigabitsPerSecond,
}

impl Unit {
    fn symbol(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "µs",
            Self::GigabitsPerSecond => "Gbit/s",
        }
    }

    /// The field of the JSON file that holds the spread.
    fn field(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Microseconds => "microseconds",
            Self::GigabitsPerSecond => "gigabitsPerSecond",
        }
    }
}

/// One measurement.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Figure {
    value: f64,
    unit: Unit,
}

impl From<Duration> for Figure {
    fn from(took: Duration) -> Self {
        Self {
            value: took.as_secs_f64(),
            unit: Unit::Seconds,
        }
    }
}

impl Figure {
    pub(crate) fn milliseconds(took: Duration) -> Self {
        Self {
            value: took.as_secs_f64() * 1e3,
            unit: Unit::Milliseconds,
        }
    }

    pub(crate) fn microseconds(took: Duration) -> Self {
        Self {
            value: took.as_secs_f64() * 1e6,
            unit: Unit::Microseconds,
        }
    }

    /// How fast these bytes went: by the clock, or by the time that a processor spent.
    pub(crate) fn gigabits_per_second(bytes: u64, within: Duration) -> Self {
        Self {
            value: bytes as f64 * 8.0 / 1e9 / within.as_secs_f64(),
            unit: Unit::GigabitsPerSecond,
        }
    }
}

struct Row {
    name: String,
    unit: Unit,
    values: Vec<f64>,
}

/// All figures of a run.
#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
}

impl Report {
    pub(crate) fn add(&mut self, name: &str, figure: impl Into<Figure>) {
        let Figure { value, unit } = figure.into();
        say(&format!("  {value:9.2} {:<6}  {name}", unit.symbol()));
        match self.rows.iter_mut().find(|row| row.name == name && row.unit == unit) {
            Some(row) => row.values.push(value),
            None => self.rows.push(Row {
                name: name.to_owned(),
                unit,
                values: vec![value],
            }),
        }
    }

    pub(crate) fn print(&self) {
        say(&format!("\n{:>9} {:>9} {:>9}", "min", "median", "max"));
        for Row { name, unit, values } in &self.rows {
            let [min, median, max] = spread(values);
            say(&format!(
                "{min:9.2} {median:9.2} {max:9.2} {:<6}  {name}",
                unit.symbol()
            ));
        }
    }

    pub(crate) fn write(&self, path: &Path) -> Result<()> {
        let text = serde_json::to_string_pretty(&self.to_json()).context("failed to render the figures")?;
        if let Some(folder) = path.parent() {
            fs_err::create_dir_all(folder)?;
        }
        fs_err::write(path, text)?;
        say(&format!("\nfigures written to {}", path.display()));
        Ok(())
    }

    fn to_json(&self) -> Value {
        let row = |Row { name, unit, values }: &Row| {
            let [min, median, max] = spread(values);
            json!({"name": name, (unit.field()): {"min": min, "median": median, "max": max}, "runs": values.len()})
        };
        self.rows.iter().map(row).collect()
    }
}

fn spread(values: &[f64]) -> [f64; 3] {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or_default();
    [at(0), at(values.len() / 2), at(values.len().saturating_sub(1))]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_is_minimum_median_maximum() {
        assert_eq!(spread(&[3.0, 1.0, 2.0]), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn every_figure_keeps_its_unit() {
        let mut report = Report::default();
        report.add("start", Duration::from_secs(2));
        report.add("start", Duration::from_secs(4));
        report.add("echo", Figure::microseconds(Duration::from_millis(1)));
        report.add(
            "push",
            Figure::gigabits_per_second(1_000_000_000, Duration::from_secs(4)),
        );
        let expected = json!([
            {"name": "start", "seconds": {"min": 2.0, "median": 4.0, "max": 4.0}, "runs": 2},
            {"name": "echo", "microseconds": {"min": 1000.0, "median": 1000.0, "max": 1000.0}, "runs": 1},
            {"name": "push", "gigabitsPerSecond": {"min": 2.0, "median": 2.0, "max": 2.0}, "runs": 1},
        ]);
        assert_eq!(report.to_json(), expected);
    }
}
