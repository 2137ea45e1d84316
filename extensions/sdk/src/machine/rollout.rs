//! What a MachineDeployment needs: a set for its template, and how many machines each of its sets shall have. Pure.
//!
//! **Invariant:** while machines are replaced there are never more than `replicas + maxSurge` wished, and machines that are
//! available are taken only as long as `replicas - maxUnavailable` others are.

use api::machine::v1alpha1::{Machine, MachineDeployment, MachineDeploymentStrategyType, MachineSet};
use apimachinery::meta::{IntOrString, label};
use jiff::Timestamp;
use serde_json::json;

use super::{
    facts::{self, is_deleting},
    names::{TEMPLATE_HASH_LABEL, short_hash},
};

/// A set with the machines that it controls.
#[derive(Clone, Debug)]
pub(crate) struct SetView<'a> {
    pub(crate) set: &'a MachineSet,
    pub(crate) machines: Vec<&'a Machine>,
}

impl SetView<'_> {
    pub(crate) fn name(&self) -> &str {
        facts::name(&self.set.metadata)
    }

    fn wished(&self) -> i32 {
        self.set.spec.replicas
    }

    fn available(&self, now: Timestamp) -> i32 {
        let least = self.set.spec.min_ready_seconds;
        count(
            self.machines
                .iter()
                .filter(|machine| facts::is_available(machine, least, now)),
        )
    }
}

pub(crate) fn count<T>(items: impl Iterator<Item = T>) -> i32 {
    i32::try_from(items.count()).unwrap_or(i32::MAX)
}

/// What to do with the sets of a deployment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RolloutPlan {
    /// The set to make: the hash of its template, and its size.
    pub(crate) create: Option<(String, i32)>,
    /// New sizes of sets, by name.
    pub(crate) scale: Vec<(String, i32)>,
    /// Names of sets that are not needed any more.
    pub(crate) delete: Vec<String>,
    /// Name of the set whose template changed in a way that needs no new machines.
    pub(crate) update: Vec<String>,
    /// Nothing is left: the deployment may go.
    pub(crate) release: bool,
}

/// Stands for what of the template needs new machines when it changes: the class, and the labels and annotations of machines.
pub(crate) fn template_hash(deployment: &MachineDeployment) -> String {
    let template = &deployment.spec.template;
    let mut labels = template.metadata.labels.clone().unwrap_or_default();
    labels.remove(TEMPLATE_HASH_LABEL);
    let relevant = json!({
        "class": template.spec.class,
        "labels": labels,
        "annotations": template.metadata.annotations.clone().unwrap_or_default(),
    });
    short_hash(&relevant.to_string())
}

/// Whether a set is of the deployment's present template.
pub(crate) fn is_new(set: &MachineSet, hash: &str) -> bool {
    label(&set.metadata, TEMPLATE_HASH_LABEL) == Some(hash)
}

/// Decides for a deployment and the sets that it controls.
pub(crate) fn plan_rollout(deployment: &MachineDeployment, sets: &[SetView<'_>], now: Timestamp) -> RolloutPlan {
    let name = |view: &SetView<'_>| view.name().to_owned();
    let (living, going): (Vec<_>, Vec<_>) = sets.iter().partition(|view| !is_deleting(&view.set.metadata));
    if is_deleting(&deployment.metadata) {
        return RolloutPlan {
            delete: living.into_iter().map(name).collect(),
            release: sets.is_empty(),
            ..RolloutPlan::default()
        };
    }
    let hash = template_hash(deployment);
    let (new, old): (Vec<_>, Vec<_>) = living.into_iter().partition(|view| is_new(view.set, &hash));
    let new = new.into_iter().next();
    if new.is_none() && (deployment.spec.paused || going.iter().any(|view| is_new(view.set, &hash))) {
        return RolloutPlan::default();
    }
    let rollout = Rollout {
        deployment,
        new,
        old: &old,
        now,
    };
    let (grown, shrunk) = rollout.sizes();
    let mut plan = RolloutPlan::default();
    match new {
        None => plan.create = Some((hash, grown)),
        Some(new) => {
            if new.wished() != grown {
                plan.scale.push((name(new), grown));
            }
            if is_behind(deployment, new.set) {
                plan.update.push(name(new));
            }
        }
    }
    for (view, size) in old.iter().zip(shrunk) {
        if view.wished() != size {
            plan.scale.push((name(view), size));
        } else if size == 0 && view.machines.is_empty() {
            plan.delete.push(name(view));
        }
    }
    plan
}

/// What of a template counts for sets that are there already.
fn is_behind(deployment: &MachineDeployment, set: &MachineSet) -> bool {
    let (wished, present) = (&deployment.spec.template.spec, &set.spec.template.spec);
    wished.node_template != present.node_template
        || wished.configuration != present.configuration
        || deployment.spec.min_ready_seconds != set.spec.min_ready_seconds
}

struct Rollout<'a, 'b> {
    deployment: &'a MachineDeployment,
    new: Option<&'a SetView<'b>>,
    old: &'a [&'a SetView<'b>],
    now: Timestamp,
}

impl Rollout<'_, '_> {
    fn replicas(&self) -> i32 {
        self.deployment.spec.replicas.max(0)
    }

    /// Size of the new set, sizes of the old ones.
    fn sizes(&self) -> (i32, Vec<i32>) {
        let kept = || self.old.iter().map(|view| view.wished()).collect::<Vec<_>>();
        if self.deployment.spec.paused {
            let present = self.new.map_or(0, SetView::wished);
            return (
                if self.old.iter().all(|view| view.wished() == 0) {
                    self.replicas()
                } else {
                    present
                },
                kept(),
            );
        }
        if self.deployment.spec.strategy.type_ == MachineDeploymentStrategyType::Recreate {
            let left = self.old.iter().any(|view| !view.machines.is_empty());
            let present = self.new.map_or(0, SetView::wished);
            let size = if left { present } else { self.replicas() };
            return (size, vec![0; self.old.len()]);
        }
        let (surge, unavailable) = bounds(self.deployment);
        (self.grown(surge), self.shrunk(unavailable))
    }

    fn grown(&self, surge: i32) -> i32 {
        let present = self.new.map_or(0, SetView::wished);
        let all: i32 = present + self.old.iter().map(|view| view.wished()).sum::<i32>();
        if present >= self.replicas() {
            return self.replicas();
        }
        let room = (self.replicas() + surge - all).max(0);
        (present + room).min(self.replicas())
    }

    fn shrunk(&self, unavailable: i32) -> Vec<i32> {
        let (present, ready) = self.new.map_or((0, 0), |new| (new.wished(), new.available(self.now)));
        let mut sizes: Vec<i32> = self.old.iter().map(|view| view.wished()).collect();
        let least = self.replicas() - unavailable;
        // Those wished in the new set that do not serve yet must not be counted on.
        let mut spare = present + sizes.iter().sum::<i32>() - least - (present - ready).max(0);
        let available: Vec<i32> = self.old.iter().map(|view| view.available(self.now)).collect();
        // First those that serve nobody anyway.
        for (size, available) in sizes.iter_mut().zip(&available) {
            let taken = (*size - available).clamp(0, spare.max(0));
            *size -= taken;
            spare -= taken;
        }
        let mut spare = ready + available.iter().sum::<i32>() - least;
        for (size, available) in sizes.iter_mut().zip(&available) {
            let taken = (*size).min(*available).clamp(0, spare.max(0));
            *size -= taken;
            spare -= taken;
        }
        sizes
    }
}

/// `maxSurge` and `maxUnavailable` as numbers: shares of the replicas are rounded up and down. Not both can be 0.
pub(crate) fn bounds(deployment: &MachineDeployment) -> (i32, i32) {
    let update = deployment
        .spec
        .strategy
        .rolling_update
        .as_ref()
        .map(|rolling| &rolling.update);
    let of = |value: Option<&IntOrString>, round_up: bool, default: i32| match value {
        None => default,
        Some(IntOrString::Int(number)) => (*number).max(0),
        Some(IntOrString::String(text)) => share(text, deployment.spec.replicas, round_up).unwrap_or(default),
    };
    let surge = of(update.and_then(|update| update.max_surge.as_ref()), true, 1);
    let unavailable = of(update.and_then(|update| update.max_unavailable.as_ref()), false, 0);
    if surge == 0 && unavailable == 0 {
        (0, 1)
    } else {
        (surge, unavailable)
    }
}

/// `25%` of a number.
fn share(text: &str, of: i32, round_up: bool) -> Option<i32> {
    let percent: i64 = text.strip_suffix('%')?.parse().ok()?;
    let hundredths = percent.max(0) * i64::from(of.max(0)) + if round_up { 99 } else { 0 };
    i32::try_from(hundredths / 100).ok()
}

#[cfg(test)]
mod tests;
