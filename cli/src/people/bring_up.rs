//! `up`: from a bare host to a landscape.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use landscape::up::{Console, Extent, SHOOT_HAS_MACHINES, Settings, Summary, up};
use landscape_upstream::{Cache, KUBERNETES, PROXY_PORT};
use lib_clock::SystemClock;
use owo_colors::{OwoColorize, Stream};

use super::LandscapeName;
use crate::privilege::become_root;
use crate::process::{runtime, shutdown_on_signal};

/// Arguments of `up`.
#[derive(clap::Args)]
pub(crate) struct Up {
    #[command(flatten)]
    name: LandscapeName,
    /// Port on 127.0.0.1 of the proxy by which this machine reaches every name of the landscape
    #[arg(long, default_value_t = PROXY_PORT)]
    proxy_port: u16,
    /// How much of the landscape to make
    #[arg(long, default_value = "shoot")]
    until: Extent,
    /// Write how long each phase took into this file, as JSON
    #[arg(long, value_name = "FILE")]
    timings: Option<PathBuf>,
}

/// Brings the landscape up and says what came of it.
pub(crate) fn run(arguments: &Up) -> anyhow::Result<()> {
    become_root()?;
    let cache = Cache::from_environment()?;
    let own = own_command();
    let settings = Settings {
        landscape: arguments.name.name(),
        proxy_port: arguments.proxy_port,
        cache: cache.clone(),
        own_binary: std::env::current_exe().context("failed to find the own binary")?,
        until: arguments.until,
        command: own.clone(),
    };
    let is_default = settings.landscape == "local";
    let runtime = runtime()?;
    let result = runtime.block_on(async {
        let cancellation = shutdown_on_signal()?;
        anyhow::Ok(
            up(
                settings,
                Arc::new(SystemClock),
                Arc::new(Console::default()),
                cancellation,
            )
            .await?,
        )
    });
    // A blocking step, such as the build of the machine image, may go on for minutes: whoever interrupts does not wait for it.
    runtime.shutdown_background();
    let summary = result?;
    if let Some(path) = &arguments.timings {
        std::fs::write(path, summary.to_json()).with_context(|| format!("failed to write {}", path.display()))?;
    }
    let kubectl = own_kubectl(&cache);
    let name = if is_default {
        String::new()
    } else {
        format!(" --landscape {}", summary.landscape)
    };
    let text = text(&summary, &own, &name, arguments.until, kubectl.as_deref());
    Ok(io::stdout().write_all(text.as_bytes())?)
}

/// How this program is called from where the user is.
fn own_command() -> String {
    let own = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("kubeception"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join("kubeception") == own) {
        return "kubeception".to_owned();
    }
    typed(&own, &std::env::current_dir().unwrap_or_default())
}

/// The program's path as short as a shell in this folder takes it.
fn typed(own: &Path, here: &Path) -> String {
    match own.strip_prefix(here) {
        // A shell looks for a bare name in its path only.
        Ok(relative) if relative.components().count() == 1 => format!("./{}", relative.display()),
        Ok(relative) => relative.display().to_string(),
        Err(_) => own.display().to_string(),
    }
}

/// The kubectl that was built with the upstream components, for those who have none of their own.
fn own_kubectl(cache: &Cache) -> Option<String> {
    let path = std::env::var_os("PATH")?;
    let has_kubectl = std::env::split_paths(&path).any(|folder| folder.join("kubectl").is_file());
    (!has_kubectl).then(|| format!("{} kubectl", cache.binary(&KUBERNETES, "hyperkube").display()))
}

/// What was made, how long each phase took, and what to type next.
fn text(summary: &Summary, own: &str, name: &str, until: Extent, own_kubectl: Option<&str>) -> String {
    let mut text = String::new();
    if summary.changed && !io::stderr().is_terminal() {
        text.push('\n');
    }
    let headline = if summary.changed {
        format!(
            "Landscape {} is up after {:.1} s.",
            summary.landscape,
            summary.took.as_secs_f64()
        )
    } else {
        format!(
            "Landscape {} is up; there was nothing to change ({:.1} s).",
            summary.landscape,
            summary.took.as_secs_f64()
        )
    };
    text.push_str(&format!(
        "{}\n\n",
        headline.if_supports_color(Stream::Stdout, |text| text.bold())
    ));
    for phase in summary.phases.iter().filter(|phase| phase.changed || phase.waited) {
        text.push_str(&format!("  {:<28} {:6.1} s\n", phase.name, phase.took.as_secs_f64()));
    }
    if summary.changed {
        text.push('\n');
    }
    for notice in &summary.notices {
        text.push_str(&format!(
            "{}\n\n",
            notice.if_supports_color(Stream::Stdout, |text| text.yellow())
        ));
    }
    text.push_str("Next:\n");
    for command in next_commands(own, name, until, own_kubectl) {
        text.push_str(&format!("  {command}\n"));
    }
    text
}

fn next_commands(own: &str, name: &str, until: Extent, own_kubectl: Option<&str>) -> Vec<String> {
    let mut commands = vec![format!("{own} status{name}")];
    commands.extend(own_kubectl.map(|kubectl| format!("alias kubectl='{kubectl}'")));
    let mut add = |cluster: &str, file: &str, request: &str| {
        commands.push(format!("{own} kubeconfig{name} {cluster} > {file}.yaml"));
        commands.push(format!("kubectl --kubeconfig {file}.yaml {request}"));
    };
    if until == Extent::Seed {
        add("seed", "seed", "get nodes,pods --all-namespaces");
    } else {
        add("garden", "garden", "get shoots --all-namespaces");
    }
    if until == Extent::Shoot {
        let request = if SHOOT_HAS_MACHINES {
            "get nodes"
        } else {
            "get namespaces"
        };
        add("shoot dev/first", "first", request);
    }
    if until >= Extent::Garden {
        let example = if SHOOT_HAS_MACHINES {
            "shoot"
        } else {
            "shoot-workerless"
        };
        commands.push(format!(
            "kubectl --kubeconfig garden.yaml apply -f examples/{example}.yaml"
        ));
    }
    commands.push(format!("{own} down{name}"));
    commands
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use landscape::up::PhaseTime;

    use super::*;

    fn summary(changed: bool) -> Summary {
        let phase = |name, tenths: u64, changed| {
            let (started, took) = (Duration::ZERO, Duration::from_millis(tenths * 100));
            PhaseTime {
                name,
                started,
                took,
                changed,
                waited: false,
            }
        };
        let phases = vec![phase("local cloud", 3, changed), phase("seed machine", 21, false)];
        Summary {
            landscape: "local".to_owned(),
            phases,
            took: Duration::from_millis(4230),
            changed,
            notices: Vec::new(),
        }
    }

    #[test]
    fn what_was_made_is_listed_with_its_time() {
        let text = text(&summary(true), "kubeception", "", Extent::Shoot, None);
        assert!(text.contains("Landscape local is up after 4.2 s."), "{text}");
        assert!(text.contains("  local cloud                     0.3 s\n"), "{text}");
        assert!(!text.contains("seed machine"), "what was there is not listed: {text}");
    }

    #[test]
    fn what_the_user_should_know_is_said() {
        let notices = vec!["The shoot dev/first is workerless.".to_owned()];
        let summary = Summary {
            notices,
            ..summary(false)
        };
        let text = text(&summary, "kubeception", "", Extent::Shoot, None);
        assert!(text.contains("The shoot dev/first is workerless.\n\nNext:"), "{text}");
    }

    #[test]
    fn the_program_is_called_as_a_shell_finds_it() {
        let typed = |own: &str| typed(Path::new(own), Path::new("/home/a"));
        assert_eq!(typed("/home/a/kubeception"), "./kubeception");
        assert_eq!(
            typed("/home/a/target/release/kubeception"),
            "target/release/kubeception"
        );
        assert_eq!(typed("/opt/kubeception"), "/opt/kubeception");
    }

    #[test]
    fn a_second_run_says_that_nothing_changed() {
        let text = text(
            &summary(false),
            "kubeception",
            " --landscape other",
            Extent::Seed,
            Some("/cache/hyperkube kubectl"),
        );
        assert!(text.contains("there was nothing to change"), "{text}");
        assert!(text.contains("kubeception down --landscape other\n"), "{text}");
        assert!(
            !text.contains("first.yaml") && text.contains("seed.yaml get nodes"),
            "{text}"
        );
        assert!(text.contains("alias kubectl='/cache/hyperkube kubectl'"), "{text}");
    }
}
