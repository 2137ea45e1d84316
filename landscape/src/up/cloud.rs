//! Phases of the local cloud: its daemon, the machine image, the images in the registry, the seed's machine.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::Duration;

use cloud_client::{Client, Info, Machine, MachineSpec, Network, NetworkSpec, Phase as CloudPhase};
use cloud_daemon::has_daemon;
use plan_images::Image;
use tokio::time::Instant;

use super::context::{Context, Phase, Settings};
use super::error::UpError;
use crate::images::{NamedImage, Place, Pushed, Stage, landscape_images, push};
use crate::paths::Paths;
use crate::seed::{CgroupVersion, MACHINE, MACHINE_ADDRESS, NETWORK, NETWORK_RANGE, SeedMachine, user_data};

/// The daemon opens a few sockets and finds its machines: it answers in well under a second.
const CLOUD_START: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(50);
/// What it says of itself it knows at once.
const ANSWER: Duration = Duration::from_secs(5);
/// A daemon that is not even there after this has ended.
const SPAWN_AGAIN: Duration = Duration::from_secs(2);

/// How much of a log is shown with an error.
const SHOWN_LINES: usize = 15;

/// Whether the landscape has a daemon, be it one that answers nobody yet.
pub(crate) fn is_starting(landscape: &str) -> bool {
    landscape.parse().is_ok_and(|landscape| has_daemon(&landscape))
}

/// What the landscape's cloud says of itself, if it runs. A daemon that an interrupted run has only just started holds the proxy's port
/// before it answers, so it is given its time: its port is not another program's.
pub(crate) async fn answers(cloud: &Client, landscape: &str, paths: &Paths) -> Result<Option<Info>, UpError> {
    let cloud = cloud.clone().with_deadline(ANSWER);
    let deadline = Instant::now() + CLOUD_START;
    loop {
        if let Ok(info) = cloud.info().await {
            return Ok(Some(info));
        }
        if !is_starting(landscape) {
            return Ok(None);
        }
        if Instant::now() > deadline {
            return Err(silent(paths));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Starts the cloud's daemon, detached from this process and its terminal, unless it answers already.
pub(crate) async fn start_daemon(phase: Phase) -> Result<(), UpError> {
    let context = &phase.context;
    if context.cloud.info().await.is_ok() {
        return Ok(());
    }
    spawn_daemon(context).map_err(UpError::StartCloud)?;
    phase.changed();
    let mut spawned = Instant::now();
    let deadline = spawned + CLOUD_START;
    while context.cloud.info().await.is_err() {
        if Instant::now() > deadline {
            return Err(silent(&context.paths));
        }
        // It may have met the last moments of another one, and given way.
        if spawned.elapsed() > SPAWN_AGAIN && !is_starting(&context.settings.landscape) {
            spawn_daemon(context).map_err(UpError::StartCloud)?;
            spawned = Instant::now();
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(())
}

fn silent(paths: &Paths) -> UpError {
    let log = paths.cloud_log();
    let text = fs_err::read_to_string(&log).unwrap_or_default();
    UpError::CloudSilent {
        log: log.display().to_string(),
        tail: tail(&text),
    }
}

/// `setsid --fork` gives the daemon a session of its own: closing the terminal does not end it, and it is nobody's child here.
fn spawn_daemon(context: &Context) -> std::io::Result<()> {
    let settings = &context.settings;
    let log = File::options()
        .create(true)
        .append(true)
        .open(context.paths.cloud_log())?;
    let mut command = Command::new("setsid");
    command.arg("--fork").arg(std::env::current_exe()?).arg("cloud");
    command.args([
        "--landscape",
        &settings.landscape,
        "--proxy-port",
        &settings.proxy_port.to_string(),
    ]);
    command.arg("--cache").arg(settings.cache.root());
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log);
    let status = command.status()?;
    if status.success() {
        Ok(())
    } else {
        Err(std::io::Error::other(format!("setsid ended with {status}")))
    }
}

/// Builds the machine image unless it is in the cache.
pub(crate) async fn build_machine_image(phase: Phase) -> Result<(), UpError> {
    let cache = phase.context.settings.cache.root().to_owned();
    tokio::task::spawn_blocking(move || {
        if cloud_daemon::image::find(&cache).is_ok() {
            return Ok(());
        }
        phase.changed();
        cloud_daemon::image::build(&cache, &|text| phase.detail(text)).map(drop)
    })
    .await?
    .map_err(|error| UpError::MachineImage(Box::new(error)))
}

/// Pushes the images of a stage, one after the other: they come in the order in which they are waited for, and what is pushed beside
/// one that is waited for would only slow it down.
pub(crate) async fn push_images(phase: Phase, stage: Stage) -> Result<(), UpError> {
    let context = &phase.context;
    let Settings { cache, own_binary, .. } = &context.settings;
    let images = landscape_images(cache, own_binary, &context.images, &context.domain.registry())?;
    let repositories: Vec<String> = images.iter().map(|image| image.repository.clone()).collect();
    let mut pushed = Vec::new();
    for image in images.into_iter().filter(|image| image.stage == stage) {
        pushed.push(push_image(&phase, image, &repositories).await?);
    }
    let (name, ours) = match stage {
        Stage::Seed => ("kubeception", &context.own_image),
        Stage::Gardenlet => ("gardenlet", &context.gardenlet_image),
        Stage::Shoots => return Ok(()),
    };
    let image = context.images.find(name, None)?;
    let _ = ours.set(by_digest(image, &context.domain.registry(), &pushed));
    Ok(())
}

/// The image by its digest, if it is among those that were pushed: a rebuilt binary is another image, though its tag is the same.
fn by_digest(image: Image, registry: &str, pushed: &[Pushed]) -> Image {
    let Some(place) = Place::of(&image, registry) else {
        return image;
    };
    let lies_there = |pushed: &&Pushed| (&pushed.repository, &pushed.tag) == (&place.repository, &place.tag);
    match pushed.iter().find(lies_there) {
        Some(pushed) => place.image(&pushed.digest),
        None => image,
    }
}

async fn push_image(phase: &Phase, image: NamedImage, others: &[String]) -> Result<Pushed, UpError> {
    let context = &phase.context;
    let pushed = push(context.proxy(), &context.domain.registry(), image, others).await?;
    if pushed.sent > 0 {
        phase.changed();
        phase.detail(format!(
            "{}:{} ({} MB)",
            pushed.repository,
            pushed.tag,
            pushed.sent / 1_000_000
        ));
    }
    Ok(pushed)
}

/// Makes the seed's network and machine, or starts the machine if it stands still.
pub(crate) async fn make_machine(phase: Phase) -> Result<(), UpError> {
    let context = &phase.context;
    if context.cloud.get::<Network>(NETWORK).await?.is_none() {
        phase.changed();
    }
    let range = NETWORK_RANGE.parse().map_err(|_| UpError::Network(NETWORK_RANGE))?;
    context
        .cloud
        .put::<Network>(NETWORK, &NetworkSpec::routed(range))
        .await?;

    let existing = context.cloud.get::<Machine>(MACHINE).await?;
    let is_ready = existing
        .as_ref()
        .is_some_and(|machine| machine.status.phase == CloudPhase::Ready);
    if is_ready {
        return Ok(());
    }
    phase.changed();
    // A machine keeps the user data it was made with: what has been started once is not made anew.
    let spec = match existing {
        Some(machine) => machine.spec,
        None => machine_spec(context)?,
    };
    phase.detail("booting");
    let machine = context.cloud.put::<Machine>(MACHINE, &spec).await?;
    if machine.status.phase == CloudPhase::Failed {
        let console = context
            .cloud
            .console(MACHINE, cloud_client::CONSOLE_TAIL)
            .await
            .unwrap_or_default();
        return Err(UpError::Machine {
            message: machine.status.message,
            console: tail(&console),
        });
    }
    Ok(())
}

fn machine_spec(context: &Context) -> Result<MachineSpec, UpError> {
    let script = user_data(&SeedMachine {
        domain: &context.domain,
        images: &context.images,
        pki: &context.pki,
        cgroups: CgroupVersion::of_host(),
    })?;
    Ok(MachineSpec::new(NETWORK).address(MACHINE_ADDRESS).user_data(script))
}

/// The last lines of a log.
pub(crate) fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(SHOWN_LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_image_goes_by_its_digest_if_it_was_pushed() {
        let pushed = [Pushed {
            repository: "kubeception/kubeception".to_owned(),
            tag: "1".to_owned(),
            digest: "sha256:0123".to_owned(),
            sent: 0,
        }];
        let cases = [
            (
                "registry.kubeception.internal:5000/kubeception/kubeception:1",
                "registry.kubeception.internal:5000/kubeception/kubeception@sha256:0123",
            ),
            ("mirror/kubeception:1", "mirror/kubeception:1"),
            ("mirror/kubeception@sha256:4567", "mirror/kubeception@sha256:4567"),
        ];
        for (name, expected) in cases {
            let image = Image {
                repository: name.to_owned(),
                tag: None,
            };
            assert_eq!(by_digest(image, "registry:5000", &pushed).to_string(), expected);
        }
    }

    #[test]
    fn the_end_of_a_log_is_shown() {
        let text: String = (1..=20).map(|line| format!("{line}\n")).collect();
        assert_eq!(tail(&text).lines().next(), Some("6"));
        assert_eq!(tail("one\n"), "one");
        assert_eq!(tail(""), "");
    }
}
