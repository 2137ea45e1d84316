//! Where a Machine stands and what it needs next. Pure.
//!
//! In: the Machine, its Node, what the cloud was last seen to have of it, the time. Out: one step, and when to judge again.
//!
//! **Invariant:** while the shoot's API server cannot be asked, no machine is given up for what its node does not say.
//! **Invariant:** a token is not announced when that was done before, nor when its machine has a Node.

use std::time::Duration;

use api::machine::v1alpha1::{
    CurrentStatus, LastOperation, Machine, MachineConfiguration, MachineOperationType, MachinePhase, MachineState,
    MachineStatus,
};
use apimachinery::{duration::human, meta::Time};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, NodeAddress};
use serde_json::Value;

use super::{
    facts::{could_join_for, elapsed, in_phase_for, is_announced, is_deleting, name, phase},
    node,
};

/// Gardener's defaults.
const CREATION_TIMEOUT: Duration = Duration::from_secs(20 * 60);
const HEALTH_TIMEOUT: Duration = Duration::from_secs(10 * 60);
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2 * 3600);
/// A machine that stands still this long does not just boot again.
const STOPPED_GRACE: Duration = Duration::from_secs(30);

/// What is known of a machine's node.
#[derive(Clone, Copy, Debug)]
pub(crate) enum NodeView<'a> {
    /// Nothing: the shoot cannot be asked.
    Unknown,
    /// There is none.
    Absent,
    /// It is there.
    Present(&'a Node),
}

/// What the cloud was last seen to have of a machine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Sight {
    /// It is there, or comes, or goes; its addresses.
    There(Vec<NodeAddress>),
    /// It does not run; why.
    Stopped(String),
    /// It is not there.
    Gone,
}

/// A [`Sight`], and since when it has been the same.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sighting {
    pub(crate) sight: Sight,
    pub(crate) since: Timestamp,
}

/// All that a judgement is made of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) machine: &'a Machine,
    pub(crate) node: NodeView<'a>,
    pub(crate) sighting: Option<&'a Sighting>,
    /// Another machine of the deployment is being replaced: one after the other.
    pub(crate) replacing: bool,
    pub(crate) now: Timestamp,
}

/// What to do for a machine.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Step {
    /// Nothing.
    Idle,
    /// Make it in the cloud, or find that it is there.
    Create,
    /// Make its token valid in the shoot.
    Announce,
    /// Write its status.
    Write(Box<MachineStatus>),
    /// Write its status, and end its token.
    Join(Box<MachineStatus>),
    /// Give it up, with the last lines of its console.
    Fail(Box<MachineStatus>),
    /// Change its node by this patch.
    SyncNode(Value),
    /// Remove it.
    Remove,
}

/// A step, and when to judge again without a change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Judgement {
    pub(crate) step: Step,
    pub(crate) again: Option<Duration>,
    /// Whether to look into the cloud soon.
    pub(crate) survey: bool,
}

impl From<Step> for Judgement {
    fn from(step: Step) -> Self {
        Self {
            step,
            again: None,
            survey: false,
        }
    }
}

fn configured(machine: &Machine, of: fn(&MachineConfiguration) -> Option<apimachinery::Duration>) -> Option<Duration> {
    let configuration = machine.spec.configuration.as_ref()?;
    of(configuration).map(apimachinery::Duration::to_std)
}

pub(crate) fn creation_timeout(machine: &Machine) -> Duration {
    configured(machine, |configuration| configuration.creation_timeout).unwrap_or(CREATION_TIMEOUT)
}

fn health_timeout(machine: &Machine) -> Option<Duration> {
    let configuration = machine.spec.configuration.as_ref();
    if configuration.and_then(|configuration| configuration.disable_health_timeout) == Some(true) {
        return None;
    }
    Some(configured(machine, |configuration| configuration.health_timeout).unwrap_or(HEALTH_TIMEOUT))
}

pub(crate) fn drain_timeout(machine: &Machine) -> Duration {
    configured(machine, |configuration| configuration.drain_timeout).unwrap_or(DRAIN_TIMEOUT)
}

/// Decides.
pub(crate) fn judge(view: &View<'_>) -> Judgement {
    let machine = view.machine;
    if is_deleting(&machine.metadata) {
        return Step::Remove.into();
    }
    if machine.spec.provider_id.is_empty() {
        return Step::Create.into();
    }
    if let Some(status) = readdressed(view) {
        return Step::Write(Box::new(status)).into();
    }
    match phase(machine) {
        MachinePhase::Failed => Step::Idle.into(),
        MachinePhase::Running => running(view),
        MachinePhase::Unknown => unknown(view),
        _ => pending(view),
    }
}

/// With the addresses that the cloud tells, if those are news.
fn readdressed(view: &View<'_>) -> Option<MachineStatus> {
    let Sight::There(addresses) = &view.sighting?.sight else {
        return None;
    };
    let status = &view.machine.status;
    (!addresses.is_empty() && *addresses != status.addresses).then(|| MachineStatus {
        addresses: addresses.clone(),
        ..status.clone()
    })
}

fn pending(view: &View<'_>) -> Judgement {
    let machine = view.machine;
    let trouble = match trouble(view) {
        Ok(node) => {
            let description = format!("machine {} has joined the cluster", name(&machine.metadata));
            let status = with_node(
                view,
                node,
                MachineOperationType::Create,
                MachinePhase::Running,
                description,
            );
            return Step::Join(Box::new(status)).into();
        }
        Err(trouble) => trouble,
    };
    if let Some(reason) = lost(view) {
        return fail(view, MachineOperationType::Create, &reason).into();
    }
    if matches!(view.node, NodeView::Absent) && !is_announced(machine) {
        return Step::Announce.into();
    }
    let timeout = creation_timeout(machine);
    let waited = could_join_for(machine, view.now);
    let is_known = !matches!(view.node, NodeView::Unknown);
    if waited >= timeout && is_known {
        let reason = format!("it has not joined the cluster within {}: {trouble}", human(timeout));
        return fail(view, MachineOperationType::Create, &reason).into();
    }
    Judgement {
        survey: machine.status.addresses.is_empty(), // a kubelet gets no certificate for addresses that nobody knows
        ..sync_or(view, is_known.then(|| timeout.saturating_sub(waited)))
    }
}

fn running(view: &View<'_>) -> Judgement {
    if let Some(reason) = lost(view) {
        return fail(view, MachineOperationType::HealthCheck, &reason).into();
    }
    match trouble(view) {
        Ok(node) => {
            let mut status = view.machine.status.clone();
            report(&mut status, node);
            if status == view.machine.status {
                sync_or(view, None)
            } else {
                Step::Write(Box::new(status)).into()
            }
        }
        Err(_) if matches!(view.node, NodeView::Unknown) => Step::Idle.into(),
        Err(trouble) => {
            let mut status = view.machine.status.clone();
            if let NodeView::Present(node) = view.node {
                report(&mut status, node);
            }
            status.last_operation = operation(
                view.now,
                MachineOperationType::HealthCheck,
                MachineState::Processing,
                trouble,
            );
            status.current_status = current(view.now, MachinePhase::Unknown, true);
            Judgement {
                survey: true,
                ..Step::Write(Box::new(status)).into()
            }
        }
    }
}

fn unknown(view: &View<'_>) -> Judgement {
    let machine = view.machine;
    let trouble = match trouble(view) {
        Ok(node) => {
            let description = format!("machine {} is healthy again", name(&machine.metadata));
            let status = with_node(
                view,
                node,
                MachineOperationType::HealthCheck,
                MachinePhase::Running,
                description,
            );
            return Step::Write(Box::new(status)).into();
        }
        Err(trouble) => trouble,
    };
    if let Some(reason) = lost(view) {
        return fail(view, MachineOperationType::HealthCheck, &reason).into();
    }
    let (Some(timeout), false) = (health_timeout(machine), matches!(view.node, NodeView::Unknown)) else {
        return Step::Idle.into();
    };
    let waited = in_phase_for(machine, view.now);
    if waited < timeout {
        return Judgement {
            again: Some(timeout.saturating_sub(waited)),
            survey: true,
            step: Step::Idle,
        };
    }
    if view.replacing {
        return Step::Idle.into();
    }
    let reason = format!("it has not been healthy for {}: {trouble}", human(timeout));
    fail(view, MachineOperationType::HealthCheck, &reason).into()
}

/// The node if it serves, else what is wrong.
fn trouble<'a>(view: &View<'a>) -> Result<&'a Node, String> {
    match view.node {
        NodeView::Unknown => Err("the cluster cannot be asked for its node".to_owned()),
        NodeView::Absent => Err("it has no node".to_owned()),
        NodeView::Present(node) => match node::trouble(node, view.machine.spec.configuration.as_ref()) {
            None => Ok(node),
            Some(trouble) => Err(trouble),
        },
    }
}

/// Why the cloud says that the machine will not serve any more.
fn lost(view: &View<'_>) -> Option<String> {
    let sighting = view.sighting?;
    match &sighting.sight {
        Sight::There(_) => None,
        Sight::Gone => Some("the cloud does not have it any more".to_owned()),
        Sight::Stopped(reason) if elapsed(sighting.since, view.now) >= STOPPED_GRACE => {
            Some(format!("it does not run: {reason}"))
        }
        Sight::Stopped(_) => None,
    }
}

/// Nothing to do for the machine; perhaps for its node.
fn sync_or(view: &View<'_>, again: Option<Duration>) -> Judgement {
    let patch = match view.node {
        NodeView::Present(node) => node::template_patch(node, &view.machine.spec.node_template),
        NodeView::Unknown | NodeView::Absent => None,
    };
    Judgement {
        step: patch.map_or(Step::Idle, Step::SyncNode),
        again,
        survey: false,
    }
}

fn with_node(
    view: &View<'_>,
    node: &Node,
    type_: MachineOperationType,
    phase: MachinePhase,
    description: String,
) -> MachineStatus {
    let mut status = view.machine.status.clone();
    report(&mut status, node);
    status.last_operation = operation(view.now, type_, MachineState::Successful, description);
    status.current_status = current(view.now, phase, false);
    status
}

/// Conditions as the node has them. Its addresses are the cloud's to tell: a node could claim those of another, and by the
/// Machine's addresses kubelets get their certificates.
fn report(status: &mut MachineStatus, node: &Node) {
    status.conditions = node::reported_conditions(&status.conditions, node);
}

fn fail(view: &View<'_>, type_: MachineOperationType, reason: &str) -> Step {
    let mut status = view.machine.status.clone();
    status.last_operation = operation(view.now, type_, MachineState::Failed, reason.to_owned());
    status.current_status = current(view.now, MachinePhase::Failed, false);
    Step::Fail(Box::new(status))
}

pub(crate) fn operation(
    now: Timestamp,
    type_: MachineOperationType,
    state: MachineState,
    description: String,
) -> LastOperation {
    LastOperation {
        description,
        error_code: String::new(),
        last_update_time: Some(Time(now)),
        state,
        type_,
    }
}

pub(crate) fn current(now: Timestamp, phase: MachinePhase, timeout_active: bool) -> CurrentStatus {
    CurrentStatus {
        phase,
        timeout_active,
        last_update_time: Some(Time(now)),
        preserve_expiry_time: None,
    }
}

#[cfg(test)]
mod tests;
