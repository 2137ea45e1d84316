//! All machines of a namespace, their sets, deployments and classes, as the seed has them now.

use std::collections::{BTreeMap, BTreeSet};

use api::machine::v1alpha1::{Machine, MachineClass, MachineDeployment, MachinePhase, MachineSet};
use apimachinery::meta::{ObjectMeta, controller_of, has_finalizer};
use futures::try_join;
use kube::api::ListParams;

use super::{
    context::{Context, WorkError},
    facts::{is_controlled_by, is_deleting, is_given_up, is_rest_asked_for, name, phase, uid},
    names::OWNER_FINALIZER,
    rollout::SetView,
};

/// What belongs to this driver in one namespace.
#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) classes: BTreeMap<String, MachineClass>,
    pub(crate) deployments: Vec<MachineDeployment>,
    pub(crate) sets: Vec<MachineSet>,
    pub(crate) machines: Vec<Machine>,
}

impl World {
    /// Reads everything. It is read and not remembered, so that nothing is made twice because a memory is old.
    ///
    /// Classes first: who brings in machines of another seed brings in their classes last, and whoever sees one has to see
    /// all machines.
    pub(crate) async fn observe(context: &Context) -> Result<Self, WorkError> {
        let all = ListParams::default();
        let failed = WorkError::seed("read machines, sets, deployments and classes");
        let classes = context.api::<MachineClass>().list(&all).await.map_err(&failed)?;
        let (deployments, sets, machines) = (context.api(), context.api(), context.api());
        let (deployments, sets, machines) =
            try_join!(deployments.list(&all), sets.list(&all), machines.list(&all)).map_err(failed)?;
        let provider = context.driver.provider();
        Ok(Self::of(
            provider,
            classes.items,
            deployments.items,
            sets.items,
            machines.items,
        ))
    }

    /// Keeps what is of the provider: by its class, or by its owner.
    fn of(
        provider: &str,
        mut classes: Vec<MachineClass>,
        mut deployments: Vec<MachineDeployment>,
        mut sets: Vec<MachineSet>,
        mut machines: Vec<Machine>,
    ) -> Self {
        classes.retain(|class| class.provider == provider);
        let classes: BTreeMap<String, MachineClass> = classes
            .into_iter()
            .map(|class| (name(&class.metadata).to_owned(), class))
            .collect();
        let known = |class: &str| classes.contains_key(class);
        deployments.retain(|deployment| known(&deployment.spec.template.spec.class.name));
        let owned = |metadata: &ObjectMeta, owners: &BTreeSet<String>| {
            controller_of(metadata).is_some_and(|owner| owners.contains(&owner.uid))
        };
        let owners = uids(deployments.iter().map(|deployment| &deployment.metadata));
        sets.retain(|set| known(&set.spec.template.spec.class.name) || owned(&set.metadata, &owners));
        let owners = uids(sets.iter().map(|set| &set.metadata));
        machines.retain(|machine| known(&machine.spec.class.name) || owned(&machine.metadata, &owners));
        Self {
            classes,
            deployments,
            sets,
            machines,
        }
    }

    /// Whether there is nothing to do, now and until something changes.
    pub(crate) fn is_empty(&self) -> bool {
        self.deployments.is_empty() && self.sets.is_empty() && self.machines.is_empty() && {
            let kept =
                |class: &MachineClass| is_deleting(&class.metadata) && has_finalizer(&class.metadata, OWNER_FINALIZER);
            !self
                .classes
                .values()
                .any(|class| kept(class) || is_rest_asked_for(class))
        }
    }

    /// Whether the machines are given up to another seed: then nothing is done for any of them.
    pub(crate) fn is_given_up(&self) -> bool {
        self.classes.values().any(is_given_up)
    }

    /// Whether machines are made by a class, or still have to be removed by it.
    pub(crate) fn is_used(&self, class: &str) -> bool {
        let deployments = self
            .deployments
            .iter()
            .map(|deployment| &deployment.spec.template.spec.class.name);
        let sets = self.sets.iter().filter(|set| set.spec.replicas > 0);
        let sets = sets.map(|set| &set.spec.template.spec.class.name);
        let machines = self.machines.iter().map(|machine| &machine.spec.class.name);
        deployments.chain(sets).chain(machines).any(|used| used == class)
    }

    /// The machines that a set controls.
    pub(crate) fn machines_of(&self, set: &MachineSet) -> Vec<&Machine> {
        let controlled = |machine: &&Machine| is_controlled_by(&machine.metadata, &set.metadata);
        self.machines.iter().filter(controlled).collect()
    }

    /// The sets that a deployment controls, each with its machines.
    pub(crate) fn sets_of(&self, deployment: &MachineDeployment) -> Vec<SetView<'_>> {
        let controlled = self
            .sets
            .iter()
            .filter(|set| is_controlled_by(&set.metadata, &deployment.metadata));
        let view = |set| SetView {
            set,
            machines: self.machines_of(set),
        };
        controlled.map(view).collect()
    }

    /// What a machine is one of: uid of its deployment, or of its set if nobody controls that.
    pub(crate) fn group_of(&self, machine: &Machine) -> String {
        let Some(owner) = controller_of(&machine.metadata) else {
            return uid(&machine.metadata).to_owned();
        };
        let set = self.sets.iter().find(|set| uid(&set.metadata) == owner.uid);
        let deployment = set.and_then(|set| controller_of(&set.metadata));
        deployment.map_or_else(|| owner.uid.clone(), |deployment| deployment.uid.clone())
    }

    /// The groups in which a machine is on its way in or out.
    pub(crate) fn busy_groups(&self) -> BTreeSet<String> {
        let busy = |machine: &&Machine| !matches!(phase(machine), MachinePhase::Running | MachinePhase::Unknown);
        self.machines
            .iter()
            .filter(busy)
            .map(|machine| self.group_of(machine))
            .collect()
    }
}

fn uids<'a>(objects: impl Iterator<Item = &'a ObjectMeta>) -> BTreeSet<String> {
    objects.map(|metadata| uid(metadata).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use apimachinery::meta::{controller_reference, set_annotation};

    use super::*;
    use crate::machine::{
        names::{GIVEN_UP_ANNOTATION, GIVEN_UP_ASKED, GIVEN_UP_DONE},
        testing::{deployment, machine, set},
    };

    #[test]
    fn only_what_is_of_the_provider_is_seen() {
        let class = |name: &str, provider: &str| {
            let mut class = MachineClass::default();
            class.metadata.name = Some(name.to_owned());
            provider.clone_into(&mut class.provider);
            class
        };
        let (ours, theirs) = (deployment("ours", 1, "a"), deployment("theirs", 1, "b"));
        let mut child = set("child", 1);
        // Its class is gone already, but it is known by its owner.
        child.metadata.owner_references = Some(vec![controller_reference(&ours)]);
        let mut grandchild = machine("grandchild", "Pending");
        grandchild.metadata.owner_references = Some(vec![controller_reference(&child)]);
        let world = World::of(
            "local",
            vec![class("a", "local"), class("b", "aws")],
            vec![ours, theirs],
            vec![child, set("stranger", 1)],
            vec![grandchild, machine("stranger", "Running")],
        );
        let names = (
            world.deployments.len(),
            world.sets.len(),
            world.machines.len(),
            world.classes.len(),
        );
        assert_eq!(names, (1, 1, 1, 1));
        assert!(world.is_used("a") && !world.is_used("b"));
        assert_eq!(world.group_of(&world.machines[0]), "uid-of-ours");
        assert_eq!(world.busy_groups(), BTreeSet::from(["uid-of-ours".to_owned()]));
    }

    #[test]
    fn who_asks_for_rest_is_answered_also_when_there_is_no_machine() {
        let mut class = MachineClass::default();
        class.metadata.name = Some("a".to_owned());
        let mut seen = |value: Option<&str>| {
            if let Some(value) = value {
                set_annotation(&mut class.metadata, GIVEN_UP_ANNOTATION, value);
            }
            let world = World::of("", vec![class.clone()], Vec::new(), Vec::new(), Vec::new());
            (world.is_given_up(), world.is_empty())
        };
        assert_eq!(seen(None), (false, true));
        assert_eq!(seen(Some(GIVEN_UP_ASKED)), (true, false));
        assert_eq!(seen(Some(GIVEN_UP_DONE)), (true, true));
    }
}
