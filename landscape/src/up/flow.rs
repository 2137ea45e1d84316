//! The phases of a bring-up and their order, as data: what can run side by side does.

use std::sync::Arc;
use std::time::Duration;

use lib_clock::Clock;
use lib_flow::{Flow, Graph, Outcome, Report, RunOptions};
use serde_json::{Value, json};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::checks::{HostFacts, problems};
use super::cloud::{answers, build_machine_image, is_starting, make_machine, push_images, start_daemon};
use super::context::{Context, Extent, Phase, Settings};
use super::error::UpError;
use super::progress::{PhaseEnd, Progress};
use super::seed::{apply_definitions, apply_system, wait_for_api, wait_for_system};
use super::{garden, gardenlet, shoot};
use crate::images::Stage;
use crate::lock::Lock;
use crate::paths::Paths;

const MACHINE_IMAGE: &str = "machine image";
const CLOUD: &str = "local cloud";
const IMAGES: &str = "images in the registry";
const GARDENLET_IMAGE: &str = "gardenlet's image";
const SHOOT_IMAGES: &str = "images for shoots";
const SEED_MACHINE: &str = "seed machine";
const SEED_API: &str = "seed API server";
const SEED_SYSTEM: &str = "seed system components";
const SEED_READY: &str = "seed ready";
const DEFINITIONS: &str = "resource definitions";
const OPERATOR: &str = "operator";
const GARDEN: &str = "garden ready";
const CONTENT: &str = "cloud profile and project";
const GARDENLET: &str = "gardenlet";
const SEED_REGISTERED: &str = "seed takes shoots";
const SHOOT: &str = "first shoot";

/// How long one phase took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PhaseTime {
    /// The phase.
    pub name: &'static str,
    /// From the beginning of the bring-up to the beginning of the phase.
    pub started: Duration,
    /// How long it took.
    pub took: Duration,
    /// Whether it made or changed anything.
    pub changed: bool,
    /// Whether it had to wait for something.
    pub waited: bool,
}

/// What a bring-up came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The landscape.
    pub landscape: String,
    /// Every phase, in the order of the flow.
    pub phases: Vec<PhaseTime>,
    /// How long all of it took.
    pub took: Duration,
    /// Whether anything was made or changed.
    pub changed: bool,
    /// What the user should know.
    pub notices: Vec<String>,
}

impl Summary {
    /// The times as JSON, in seconds: for benchmarks.
    pub fn to_json(&self) -> String {
        let phases = self.phases.iter().map(|phase| {
            json!({
                "name": phase.name,
                "started": phase.started.as_secs_f64(),
                "seconds": phase.took.as_secs_f64(),
                "changed": phase.changed,
            })
        });
        let phases: Vec<Value> = phases.collect();
        json!({"landscape": self.landscape, "seconds": self.took.as_secs_f64(), "phases": phases}).to_string()
    }
}

type Action = Box<dyn FnOnce(Phase) -> futures::future::BoxFuture<'static, Result<(), UpError>> + Send>;

/// Brings the landscape up.
pub async fn up(
    mut settings: Settings,
    clock: Arc<dyn Clock>,
    progress: Arc<dyn Progress>,
    cancellation: CancellationToken,
) -> Result<Summary, UpError> {
    let paths = Paths::of(&settings.landscape);
    let is_root = nix::unistd::geteuid().is_root();
    let _lock = is_root.then(|| Lock::take(&paths.lock(), "up")).transpose()?;
    let facts = look(&mut settings, &paths).await?;
    let problems = problems(&facts);
    if !problems.is_empty() {
        return Err(UpError::NotReady(problems));
    }
    let context = Arc::new(Context::new(settings, clock, progress, cancellation.child_token())?);
    // The first failure ends the run: what the others wait for would not come, or come in vain.
    let options = RunOptions {
        cancellation: context.cancellation.clone(),
        ..RunOptions::default()
    };
    let report = flow(context.settings.until)?.run(Arc::clone(&context), options).await;
    summarize(&context, report)
}

/// Looks at the host. A cloud that runs keeps its proxy's port, whatever is asked for now.
async fn look(settings: &mut Settings, paths: &Paths) -> Result<HostFacts, UpError> {
    let cloud = cloud_client::Client::unix(cloud_client::socket_path(&settings.landscape));
    loop {
        let running = answers(&cloud, &settings.landscape, paths).await?;
        if let Some(info) = &running {
            settings.proxy_port = info.proxy.port();
        }
        let facts = HostFacts::gather(&paths.state(), settings, running.is_some());
        // A daemon that has begun since it was asked for has the port by right; it names itself before it takes it.
        if facts.port_taken.is_none() || !is_starting(&settings.landscape) {
            return Ok(facts);
        }
    }
}

/// The graph of phases.
fn flow(until: Extent) -> Result<Flow<Context, UpError>, UpError> {
    let mut builder = Builder { graph: Graph::new() };
    add_seed(&mut builder);
    if until >= Extent::Garden {
        add_garden(&mut builder);
    }
    if until >= Extent::Shoot {
        builder.phase(SHOOT, &[SEED_REGISTERED, SHOOT_IMAGES], minutes(12), |phase| {
            Box::pin(shoot::make(phase, Duration::from_secs(600)))
        });
    }
    Ok(builder.graph.build()?)
}

const fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

fn add_seed(builder: &mut Builder) {
    builder.phase(MACHINE_IMAGE, &[], minutes(20), |phase| {
        Box::pin(build_machine_image(phase))
    });
    builder.phase(CLOUD, &[], minutes(1), |phase| Box::pin(start_daemon(phase)));
    builder.phase(IMAGES, &[CLOUD], minutes(5), |phase| {
        Box::pin(push_images(phase, Stage::Seed))
    });
    builder.phase(SEED_MACHINE, &[CLOUD, MACHINE_IMAGE], minutes(2), |phase| {
        Box::pin(make_machine(phase))
    });
    builder.phase(SEED_API, &[SEED_MACHINE], minutes(6), |phase| {
        Box::pin(wait_for_api(phase, Duration::from_secs(300)))
    });
    // Both run our own image: they need its digest.
    builder.phase(SEED_SYSTEM, &[SEED_API, IMAGES], minutes(2), |phase| {
        Box::pin(apply_system(phase))
    });
    builder.phase(SEED_READY, &[SEED_SYSTEM], minutes(5), |phase| {
        Box::pin(wait_for_system(phase, Duration::from_secs(240)))
    });
}

fn add_garden(builder: &mut Builder) {
    builder.phase(DEFINITIONS, &[SEED_API], minutes(2), |phase| {
        Box::pin(apply_definitions(phase))
    });
    builder.phase(OPERATOR, &[DEFINITIONS, IMAGES], minutes(2), |phase| {
        Box::pin(garden::apply(phase))
    });
    builder.phase(GARDEN, &[OPERATOR], minutes(6), |phase| {
        Box::pin(garden::wait(phase, Duration::from_secs(300)))
    });
    builder.phase(CONTENT, &[GARDEN], minutes(2), |phase| {
        Box::pin(garden::apply_content(phase))
    });
    builder.phase(GARDENLET_IMAGE, &[IMAGES], minutes(5), |phase| {
        Box::pin(push_images(phase, Stage::Gardenlet))
    });
    builder.phase(GARDENLET, &[GARDEN, GARDENLET_IMAGE], minutes(3), |phase| {
        Box::pin(gardenlet::apply(phase))
    });
    // While gardenlet starts there is time.
    builder.phase(SHOOT_IMAGES, &[GARDENLET], minutes(5), |phase| {
        Box::pin(push_images(phase, Stage::Shoots))
    });
    let needs = [GARDENLET, CONTENT];
    builder.phase(SEED_REGISTERED, &needs, minutes(4), |phase| {
        Box::pin(gardenlet::wait(phase, Duration::from_secs(180)))
    });
}

struct Builder {
    graph: Graph<Context, UpError>,
}

impl Builder {
    fn phase<F>(&mut self, name: &'static str, needs: &[&'static str], deadline: Duration, action: F)
    where
        F: FnOnce(Phase) -> futures::future::BoxFuture<'static, Result<(), UpError>> + Send + 'static,
    {
        let action: Action = Box::new(action);
        self.graph
            .task(name)
            .needs(needs.iter().copied())
            .run(move |context| run_phase(Phase { name, context }, deadline, action));
    }
}

/// Runs one phase and tells how it went.
async fn run_phase(phase: Phase, deadline: Duration, action: Action) -> Result<(), UpError> {
    let (name, context) = (phase.name, Arc::clone(&phase.context));
    let began = Instant::now();
    context.progress.started(name);
    let result = match tokio::time::timeout(deadline, action(phase)).await {
        Ok(result) => result,
        Err(_) => Err(UpError::Deadline {
            seconds: deadline.as_secs(),
            last: context.last_detail(name),
        }),
    };
    if result.is_err() {
        context.cancellation.cancel();
    }
    let end = match &result {
        Err(_) => PhaseEnd::Failed,
        Ok(()) if context.has_changed(name) => PhaseEnd::Changed,
        Ok(()) if context.has_waited(name) => PhaseEnd::Reached,
        Ok(()) => PhaseEnd::Unchanged,
    };
    context.progress.finished(name, began.elapsed(), end);
    result
}

fn summarize(context: &Context, report: Report<UpError>) -> Result<Summary, UpError> {
    let took = report.took;
    let is_cancelled = report.cancelled();
    let mut phases = Vec::new();
    for task in report.tasks {
        let name = task.id.name();
        if let Outcome::Failed(source) = task.outcome {
            let source = Box::new(source);
            return Err(UpError::Phase { phase: name, source });
        }
        phases.push(PhaseTime {
            name,
            started: task.started.unwrap_or_default(),
            took: task.took,
            changed: context.has_changed(name),
            waited: context.has_waited(name),
        });
    }
    if is_cancelled {
        return Err(UpError::Cancelled);
    }
    let landscape = context.settings.landscape.clone();
    Ok(Summary {
        landscape,
        phases,
        took,
        changed: context.has_changed_anything(),
        notices: context.notices(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_phases() {
        expect_test::expect![[r#"
            machine image
            local cloud
            images in the registry <- local cloud
            seed machine <- local cloud, machine image
            seed API server <- seed machine
            seed system components <- images in the registry, seed API server
            seed ready <- seed system components
            resource definitions <- seed API server
            operator <- images in the registry, resource definitions
            garden ready <- operator
            cloud profile and project <- garden ready
            gardenlet's image <- images in the registry
            gardenlet <- garden ready, gardenlet's image
            images for shoots <- gardenlet
            seed takes shoots <- cloud profile and project, gardenlet
            first shoot <- images for shoots, seed takes shoots
        "#]]
        .assert_eq(&flow(Extent::Shoot).unwrap().describe());
    }

    #[test]
    fn images_travel_while_the_machine_boots() {
        let flow = flow(Extent::Garden).unwrap();
        assert!(!flow.has_path(IMAGES, SEED_API) && !flow.has_path(SEED_MACHINE, IMAGES));
    }

    #[test]
    fn a_part_of_the_landscape_is_the_beginning_of_the_whole() {
        let (seed, garden) = (flow(Extent::Seed).unwrap(), flow(Extent::Garden).unwrap());
        assert!(seed.has_task(SEED_READY) && !seed.has_task(OPERATOR));
        assert!(garden.has_task(SEED_REGISTERED) && !garden.has_task(SHOOT));
    }
}
