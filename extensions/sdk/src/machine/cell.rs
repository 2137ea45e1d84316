//! The work on the machines of one namespace: look, plan, start what is due, wait for news. One task per namespace, so that
//! a dead shoot delays no other.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use api::machine::v1alpha1::{Machine, MachineClass};
use lib_error_chain::ErrorChain;
use tokio::{task::JoinSet, time::Instant};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use super::{
    context::{Context, WorkError},
    facts::{is_deleting, is_forced, name},
    lifecycle::{Judgement, Sight, Sighting, Step, View, judge},
    shoot::{self, Shoot},
    step::Ended,
    survey::merge,
    wake::Wake,
    world::World,
};

/// Nobody needs to ask the cloud more often, however worried.
const SURVEY_AT_MOST: Duration = Duration::from_secs(2);

/// Something that was started and has ended.
enum Finished {
    Step(String, Result<Ended, WorkError>),
    Survey(Result<BTreeMap<String, Sight>, WorkError>),
}

/// When a machine's next step may start, and for what it has to wait.
#[derive(Debug, Default)]
struct Pace {
    not_before: Option<Instant>,
    failures: u32,
    wish: String,
}

/// The work on one namespace.
pub(crate) struct Cell {
    context: Arc<Context>,
    wake: Arc<Wake>,
    work: JoinSet<Finished>,
    running: BTreeSet<String>,
    paces: BTreeMap<String, Pace>,
    sightings: BTreeMap<String, Sighting>,
    surveyed: Option<Instant>,
    surveying: bool,
    _follower: AbortOnDropHandle<()>,
}

impl Cell {
    /// `build` makes the context around the receiver of what is known of the shoot.
    pub(crate) fn start(
        wake: Arc<Wake>,
        shoots: Arc<dyn super::options::ShootClients>,
        namespace: String,
        build: impl FnOnce(tokio::sync::watch::Receiver<Shoot>) -> Context,
    ) -> Self {
        let (sender, receiver) = tokio::sync::watch::channel(Shoot::default());
        let follower = tokio::spawn(shoot::follow(shoots, namespace, sender, wake.clone()));
        Self {
            context: Arc::new(build(receiver)),
            wake,
            work: JoinSet::new(),
            running: BTreeSet::new(),
            paces: BTreeMap::new(),
            sightings: BTreeMap::new(),
            surveyed: None,
            surveying: false,
            _follower: AbortOnDropHandle::new(follower),
        }
    }

    /// Works until nothing is left in the namespace, or `shutdown`; what has begun is finished first.
    pub(crate) async fn run(mut self, shutdown: CancellationToken) {
        let mut failures = 0;
        loop {
            self.wake.reset();
            let next = match self.look().await {
                Ok(None) if self.work.is_empty() => return,
                Ok(next) => {
                    failures = 0;
                    next.unwrap_or_else(|| Instant::now() + self.context.options.resync)
                }
                Err(error) => {
                    failures += 1;
                    self.complain("machines", &error);
                    Instant::now() + self.wait_after(failures)
                }
            };
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(finished) = self.work.join_next(), if !self.work.is_empty() => {
                    if let Ok(finished) = finished {
                        self.note(finished);
                    }
                }
                () = self.wake.notified() => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
        while let Some(finished) = self.work.join_next().await {
            if let Ok(finished) = finished {
                self.note(finished);
            }
        }
    }

    /// Looks at the world and starts what is due; when to look again at the latest, `None` when nothing is left.
    async fn look(&mut self) -> Result<Option<Instant>, WorkError> {
        let world = World::observe(&self.context).await?;
        if world.is_empty() {
            return Ok(None);
        }
        if world.is_given_up() {
            // Nothing is begun. Who asked for that is answered when all that was begun is over.
            if self.work.is_empty() {
                self.context.confirm_rest(&world).await?;
            }
            return Ok(Some(Instant::now() + self.context.options.resync));
        }
        let owners = self.context.reconcile_owners(&world).await;
        let next = self.start_steps(&world);
        owners.map(|()| Some(next))
    }

    fn start_steps(&mut self, world: &World) -> Instant {
        let now = Instant::now();
        let mut next = now + self.context.options.resync;
        let shoot = self.context.shoot();
        let mut busy = world.busy_groups();
        let mut worried = false;
        let present: BTreeSet<&str> = world.machines.iter().map(|machine| name(&machine.metadata)).collect();
        self.paces.retain(|name, _| present.contains(name.as_str()));
        for machine in &world.machines {
            let (name, group) = (name(&machine.metadata), world.group_of(machine));
            if self.running.contains(name) {
                continue;
            }
            let Judgement { step, again, survey } = judge(&View {
                machine,
                node: shoot.node(name),
                sighting: self.sightings.get(name),
                replacing: busy.contains(&group),
                now: self.context.now(),
            });
            worried |= survey;
            if let Some(again) = again {
                next = next.min(now + again);
            }
            if step == Step::Idle {
                continue;
            }
            let wish = wish_of(machine, &step, shoot.answering().is_some());
            if let Some(wait) = self.pending(name, &wish, now) {
                next = next.min(wait);
            } else if self.work.len() < self.context.options.concurrency {
                if matches!(step, Step::Fail(_)) {
                    busy.insert(group); // one after the other, also within one look
                }
                self.start_step(world, machine, step, wish);
            }
        }
        next.min(self.start_survey(world, worried))
    }

    /// Until when the machine's step has to wait.
    fn pending(&self, name: &str, wish: &str, now: Instant) -> Option<Instant> {
        let pace = self.paces.get(name).filter(|pace| pace.wish == wish)?;
        pace.not_before.filter(|not_before| *not_before > now)
    }

    fn start_step(&mut self, world: &World, machine: &Machine, step: Step, wish: String) {
        let name = name(&machine.metadata).to_owned();
        let pace = self.paces.entry(name.clone()).or_default();
        if pace.wish != wish {
            *pace = Pace {
                wish,
                ..Pace::default()
            };
        }
        self.running.insert(name.clone());
        let class = world.classes.get(&machine.spec.class.name).cloned();
        let (context, machine) = (self.context.clone(), machine.clone());
        self.work.spawn(async move {
            let result = match &class {
                Some(class) => context.carry_out(&machine, class, step).await,
                None => Err(WorkError::NoClass(machine.spec.class.name.clone())),
            };
            Finished::Step(name, result)
        });
    }

    /// When the next survey is due.
    fn start_survey(&mut self, world: &World, worried: bool) -> Instant {
        let interval = self.context.options.survey;
        let interval = if worried {
            interval.min(SURVEY_AT_MOST)
        } else {
            interval
        };
        let now = Instant::now();
        let due = self.surveyed.map_or(now, |last| last + interval);
        if self.surveying || world.classes.is_empty() || due > now {
            return due.max(now + SURVEY_AT_MOST.min(interval));
        }
        (self.surveyed, self.surveying) = (Some(now), true);
        let classes: Vec<MachineClass> = world.classes.values().cloned().collect();
        let context = self.context.clone();
        self.work
            .spawn(async move { Finished::Survey(context.survey(&classes).await) });
        now + interval
    }

    fn note(&mut self, finished: Finished) {
        match finished {
            Finished::Survey(result) => {
                self.surveying = false;
                match result {
                    Ok(sights) => self.sightings = merge(&self.sightings, sights, self.context.now()),
                    Err(error) => self.complain("the cloud", &error),
                }
            }
            Finished::Step(name, result) => {
                self.running.remove(&name);
                self.note_step(&name, result);
            }
        }
    }

    fn note_step(&mut self, name: &str, result: Result<Ended, WorkError>) {
        let mut pace = self.paces.remove(name).unwrap_or_default();
        match result {
            Ok(Ended::Done) => return,
            Ok(Ended::NotYet) => pace.not_before = Some(Instant::now() + self.context.options.eviction_retry),
            Err(error) if error.is_conflict() => return,
            Err(error) => {
                pace.failures += 1;
                pace.not_before = Some(Instant::now() + self.wait_after(pace.failures));
                self.complain(name, &error);
            }
        }
        self.paces.insert(name.to_owned(), pace);
    }

    fn wait_after(&self, failures: u32) -> Duration {
        let (first, longest) = self.context.options.backoff;
        first
            .saturating_mul(2u32.saturating_pow(failures.saturating_sub(1)))
            .min(longest)
    }

    fn complain(&self, object: &str, error: &WorkError) {
        let (namespace, text) = (&self.context.namespace, ErrorChain(error).to_string());
        if matches!(error, WorkError::NoShoot(_)) || error.is_conflict() {
            tracing::debug!(namespace, object, error = text, "not now");
        } else {
            tracing::warn!(namespace, object, error = text, "failed, will retry");
        }
    }
}

/// What a wait after a failure is for: something else need not wait.
fn wish_of(machine: &Machine, step: &Step, answering: bool) -> String {
    let step = match step {
        Step::Idle => "idle",
        Step::Create => "create",
        Step::Announce => "announce",
        Step::Write(_) | Step::Join(_) | Step::Fail(_) => "status",
        Step::SyncNode(_) => "node",
        Step::Remove => "remove",
    };
    format!(
        "{:?} {step} {} {} {answering}",
        machine.metadata.uid,
        is_deleting(&machine.metadata),
        is_forced(machine)
    )
}
