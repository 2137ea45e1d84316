//! Runs everything that CI runs, and ends with the plain summary `N passed, N failed`.
//!
//! In: the workspace. Out: each step's own output as it comes, then one line. A step that fails does not hide the
//! ones after it, except where they need what it makes.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::Instant,
};

use anyhow::{Context, bail};

use crate::host::{is_installed, is_root};

/// One command of the run.
#[derive(Clone, Copy)]
struct Step {
    name: &'static str,
    program: &'static str,
    arguments: &'static [&'static str],
    /// The steps after it need what it makes.
    needed: bool,
    /// What it builds makes networks and machines: it runs as root, though it is built as the user.
    as_root: bool,
}

const fn cargo(name: &'static str, arguments: &'static [&'static str], needed: bool) -> Step {
    Step {
        name,
        program: "cargo",
        arguments,
        needed,
        as_root: false,
    }
}

const fn as_root(step: Step) -> Step {
    Step { as_root: true, ..step }
}

const STEPS: &[Step] = &[
    cargo("packages", &["xtask", "packages"], true),
    cargo("formatting", &["fmt", "--all", "--check"], false),
    cargo(
        "lints",
        &[
            "clippy",
            "--quiet",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ],
        false,
    ),
    cargo("upstream components", &["xtask", "upstream"], true),
    as_root(cargo("tests", &["test", "--workspace", "--no-fail-fast"], false)),
    cargo("static binary", &["xtask", "static-binary", "--profile", "dev"], true),
    as_root(cargo(
        "end to end",
        &["run", "--quiet", "--package", "testing-end-to-end"],
        false,
    )),
];

/// What the test harnesses said so far.
#[derive(Default)]
struct Tally {
    passed: u64,
    failed: u64,
    /// Each failed test with the lines that say why, if they follow it: said again at the end, where people look.
    failures: Vec<String>,
    explaining: bool,
}

impl Tally {
    /// Adds a harness's closing line, such as `test result: ok. 3 passed; 0 failed; …`; other lines count nothing.
    fn read(&mut self, line: &str) {
        self.remember(line);
        let Some((_, counts)) = line.split_once("test result: ") else {
            return;
        };
        let count = |word: &str| {
            let before = counts.split(word).next().filter(|before| before.len() < counts.len())?;
            before.trim_end().rsplit([' ', ';']).next()?.parse::<u64>().ok()
        };
        self.passed += count(" passed").unwrap_or(0);
        self.failed += count(" failed").unwrap_or(0);
    }

    fn remember(&mut self, line: &str) {
        let is_failure = line.starts_with("test ") && line.contains(" ... FAILED");
        self.explaining = is_failure || (self.explaining && line.starts_with("    "));
        if self.explaining {
            self.failures.push(line.to_owned());
        }
    }
}

/// How cargo is told to run what it built by sudo, with the user's own environment: caches and tools are found as without it.
fn by_sudo(path: &str, home: &str) -> String {
    let words = [
        "sudo",
        "--preserve-env",
        "env",
        &format!("PATH={path}"),
        &format!("HOME={home}"),
    ];
    format!("target.'cfg(unix)'.runner = {words:?}")
}

/// The configuration for steps that run as root; none where we are.
fn way_to_root() -> anyhow::Result<Option<String>> {
    if is_root() {
        return Ok(None);
    }
    let variable = |name: &str| std::env::var(name).with_context(|| format!("failed to read the variable {name}"));
    let path = variable("PATH")?;
    if !is_installed("sudo") {
        bail!(
            "the tests make networks and machines, which needs root, and there is no sudo: run them as root, or install sudo and run \
             them as a user who may use it"
        );
    }
    Ok(Some(by_sudo(&path, &variable("HOME")?)))
}

/// Runs the steps one after the other.
pub(crate) fn run() -> anyhow::Result<()> {
    let way_to_root = way_to_root()?;
    let mut tally = Tally::default();
    let mut broken = Vec::new();
    for step in STEPS {
        let started = Instant::now();
        say(&format!("==> {}", step.name))?;
        let failed_before = tally.failed;
        let succeeded = run_step(step, way_to_root.as_deref(), &mut tally)?;
        say(&format!(
            "==> {} {} in {} s",
            step.name,
            if succeeded { "done" } else { "FAILED" },
            started.elapsed().as_secs()
        ))?;
        if succeeded {
            // A check without a harness of its own counts as one test.
            tally.passed += u64::from(!matches!(step.name, "tests" | "end to end"));
        } else {
            tally.failed += u64::from(tally.failed == failed_before);
            broken.push(step.name);
            if step.needed {
                break;
            }
        }
    }
    if !broken.is_empty() {
        for line in &tally.failures {
            say(line)?;
        }
        say(&format!("failed: {}", broken.join(", ")))?;
    }
    say(&format!("{} passed, {} failed", tally.passed, tally.failed))?;
    if tally.failed > 0 {
        bail!("{} failed", broken.join(", "));
    }
    Ok(())
}

fn run_step(step: &Step, way_to_root: Option<&str>, tally: &mut Tally) -> anyhow::Result<bool> {
    let mut command = Command::new(step.program);
    if let Some(configuration) = way_to_root.filter(|_| step.as_root) {
        command.args(["--config", configuration]);
    }
    command.args(step.arguments).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command
        .spawn()
        .with_context(|| format!("failed to start the step `{}`", step.name))?;
    let output = child.stdout.take().context("the step has no output")?;
    for line in BufReader::new(output).lines() {
        let line = line.with_context(|| format!("failed to read the output of `{}`", step.name))?;
        tally.read(&line);
        say(&line)?;
    }
    Ok(child
        .wait()
        .with_context(|| format!("failed to wait for `{}`", step.name))?
        .success())
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut output = std::io::stdout().lock();
    writeln!(output, "{line}")
        .and_then(|()| output.flush())
        .context("failed to write to standard output")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_with_sudo_builds_and_root_runs() {
        assert_eq!(
            by_sudo("/usr/bin:/opt/a b", "/home/me"),
            r#"target.'cfg(unix)'.runner = ["sudo", "--preserve-env", "env", "PATH=/usr/bin:/opt/a b", "HOME=/home/me"]"#
        );
        let as_root: Vec<&str> = STEPS.iter().filter(|step| step.as_root).map(|step| step.name).collect();
        assert_eq!(as_root, ["tests", "end to end"]);
    }

    #[test]
    fn counts_closing_lines_only() {
        let mut tally = Tally::default();
        tally.read("test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.95s");
        tally.read("test result: FAILED. 3 passed; 1 failed; 0 ignored");
        tally.read("9 passed by the window");
        assert_eq!((tally.passed, tally.failed), (15, 1));
    }

    #[test]
    fn failures_are_told_again_with_their_reasons() {
        let mut tally = Tally::default();
        for line in [
            "test one ... ok",
            "    of no interest",
            "test two ... FAILED (1.0 s)",
            "    because",
            "    of this",
            "test three ... ok",
            "test four ... FAILED",
        ] {
            tally.read(line);
        }
        assert_eq!(
            tally.failures,
            [
                "test two ... FAILED (1.0 s)",
                "    because",
                "    of this",
                "test four ... FAILED"
            ]
        );
    }
}
