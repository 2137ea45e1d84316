//! The source that builds from published Go modules: it works wherever a Go module proxy is reachable.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::component::{Component, GoBuild};
use crate::ensure::{Outcome, Report, Source, SourceError};

/// How much of a failed build's output is shown.
const SHOWN_LINES: usize = 20;

/// Builds with the `go` command that is found in the path.
#[derive(Clone, Copy, Debug, Default)]
pub struct GoModules;

impl Source for GoModules {
    fn name(&self) -> &'static str {
        "Go modules"
    }

    fn provide(&self, component: &Component, directory: &Path, report: &dyn Report) -> Result<Outcome, SourceError> {
        match component.go {
            GoBuild::OwnMain { files, package, .. } => {
                let recipe = directory.join("recipe");
                fs_err::create_dir(&recipe)?;
                for (name, content) in files {
                    fs_err::write(recipe.join(name), content)?;
                }
                for binary in component.binaries {
                    let mut command = go("build", component);
                    command
                        .arg("-o")
                        .arg(directory.join(binary))
                        .arg(package)
                        .current_dir(&recipe);
                    run(command, component, report)?;
                }
                fs_err::remove_dir_all(&recipe)?;
            }
            GoBuild::Install { packages, .. } => {
                let mut command = go("install", component);
                command.env("GOBIN", directory).current_dir(directory);
                command.args(
                    packages
                        .iter()
                        .map(|package| format!("{package}@v{}", component.version)),
                );
                run(command, component, report)?;
            }
        }
        Ok(Outcome::Provided)
    }
}

/// `-v` names every package as it is compiled: that is the progress that can be shown.
fn go(verb: &str, component: &Component) -> Command {
    let mut command = Command::new("go");
    command
        .arg(verb)
        .args(["-v", "-trimpath", "-ldflags"])
        .arg(component.linker_flags())
        .env("CGO_ENABLED", "0");
    // A workspace or a vendor folder of the user's must not reach into the build.
    command.env("GOWORK", "off").env("GOFLAGS", "-mod=readonly");
    command
}

fn run(mut command: Command, component: &Component, report: &dyn Report) -> Result<(), SourceError> {
    let shown = format!("go {}", command.get_args().next().unwrap_or_default().to_string_lossy());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|source| SourceError::Start {
        program: "go",
        remedy: "install Go 1.26 or later (https://go.dev/dl) and put it into the path",
        source,
    })?;
    let mut last_lines = VecDeque::with_capacity(SHOWN_LINES);
    let (mut downloaded, mut compiled) = (0_usize, 0_usize);
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).lines() {
            let line = line?;
            *(if line.starts_with("go: ") {
                &mut downloaded
            } else {
                &mut compiled
            }) += 1;
            report.progress(
                component,
                &format!("{downloaded} modules downloaded, {compiled} packages compiled"),
            );
            if last_lines.len() == SHOWN_LINES {
                last_lines.pop_front();
            }
            last_lines.push_back(line);
        }
    }
    let status = child.wait()?;
    if status.success() {
        return Ok(());
    }
    let output = Vec::from(last_lines).join("\n");
    Err(SourceError::Command {
        command: format!("{shown} of {}", component.directory()),
        status,
        output,
    })
}
