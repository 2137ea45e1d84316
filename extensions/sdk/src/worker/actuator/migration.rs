//! Machines that stay while their shoot moves to another seed: given up in one, taken over in the other.
//!
//! In: a Worker that is migrated, or one that is restored, with what the other seed saved in its `status.state`. Out: in the
//! one seed nothing of the machines any more, in the other all of it, and in the cloud the machines as they were.
//!
//! **Invariant:** nothing is removed before the machine controller rests and the state is saved.
//! **Invariant:** classes are brought in last, and go last. Without a class the machine controller sees nothing; with one it
//! takes a machine of the cloud that has no Machine for nobody's, and removes it.
//!
//! Absent: bootstrap tokens. A machine that has not joined when its shoot moves is replaced when its time to join is over.

use api::{
    extensions::v1alpha1::{Worker, WorkerStatus},
    machine::v1alpha1::{Machine, MachineClass, MachineDeployment, MachineSet},
};
use apimachinery::{
    ApiObject, RawExtension,
    meta::{annotation, is_deleting},
};
use controller::{
    delete::delete,
    error::{is_already_exists, is_not_found},
    wait::{Progress, until},
};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Secret;
use kube::{
    Api, Resource, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
    core::NamespaceResourceScope,
};
use serde_json::json;

use super::{WorkerActuator, class_secret};
use crate::{
    ActuatorError,
    machine::{GIVEN_UP_ANNOTATION, GIVEN_UP_ASKED, GIVEN_UP_DONE, is_given_up},
    worker::{
        plan::Wanted,
        planner::MachinePlanner,
        state::{MachineState, Uids, place},
    },
};

impl<P: MachinePlanner> WorkerActuator<P> {
    /// Gives up the machines, and saves for the next seed what it has to know of them. Repeatable at any point.
    pub(super) async fn give_up(&self, worker: &Worker, status: &mut WorkerStatus) -> Result<(), ActuatorError> {
        let namespace = worker.namespace().unwrap_or_default();
        let classes = self.classes(&namespace).await?;
        let begun = classes.iter().all(is_given_up);
        if !begun && status.default_status.state.take().is_some() {
            // It is of the move that brought the machines here.
            self.save(worker, None).await?;
        }
        self.stop_work(&namespace, &classes).await?;
        if status.default_status.state.is_none() {
            let state = MachineState {
                classes,
                deployments: self.list::<MachineDeployment>(&namespace).await?,
                sets: self.list::<MachineSet>(&namespace).await?,
                machines: self.list::<Machine>(&namespace).await?,
            };
            let state = RawExtension::new(&state.carried())
                .map_err(|error| ActuatorError::new("failed to encode the state of the machines").caused_by(error))?;
            self.save(worker, Some(&state)).await?;
            status.default_status.state = Some(state);
        }
        self.forget(&namespace).await
    }

    /// Takes over what another seed gave up; also what this one gave up, or began to.
    pub(super) async fn take_over(
        &self,
        namespace: &str,
        status: &mut WorkerStatus,
        wanted: &[Wanted],
    ) -> Result<(), ActuatorError> {
        let classes = self.classes(namespace).await?;
        let Some(state) = &status.default_status.state else {
            return self.resume_work(namespace, &classes).await;
        };
        let state: MachineState = state
            .parse()
            .map_err(|error| ActuatorError::new("failed to read the state of the machines").caused_by(error))?;
        // Where a class is in use, all else was brought in before.
        if classes.iter().all(is_given_up) {
            // What is there is also in the state.
            self.forget(namespace).await?;
            self.bring_in(namespace, &state).await?;
        }
        self.bring_in_classes(namespace, &state.classes, wanted).await?;
        tracing::info!(
            namespace,
            machines = state.machines.len(),
            "the machines are taken over"
        );
        status.default_status.state = None;
        Ok(())
    }

    /// Asks the machine controller to leave the machines alone, and waits until what it had begun is over.
    async fn stop_work(&self, namespace: &str, classes: &[MachineClass]) -> Result<(), ActuatorError> {
        let api = self.api::<MachineClass>(namespace);
        for class in classes.iter().filter(|class| !is_given_up(class)) {
            let asked = mark(&api, &class.name_any(), Some(GIVEN_UP_ASKED)).await;
            asked.map_err(|error| {
                ActuatorError::new("failed to ask the machine controller to leave the machines alone").caused_by(error)
            })?;
        }
        let answers = classes.iter().map(|class| {
            let (api, name) = (&api, class.name_any());
            async move { until(api, &name, "to be given up", self.deadline, rests).await }
        });
        let failed = |error| ActuatorError::new("the machine controller still works on the machines").caused_by(error);
        try_join_all(answers).await.map(drop).map_err(failed)
    }

    /// Lets the machine controller go on where it was asked to rest.
    async fn resume_work(&self, namespace: &str, classes: &[MachineClass]) -> Result<(), ActuatorError> {
        let api = self.api::<MachineClass>(namespace);
        for class in classes.iter().filter(|class| is_given_up(class)) {
            let unmarked = mark(&api, &class.name_any(), None).await;
            unmarked.map_err(|error| {
                ActuatorError::new("failed to let the machine controller go on with the machines").caused_by(error)
            })?;
        }
        Ok(())
    }

    /// Writes the state at once, and not with the operation's end: what is removed next is nowhere else.
    async fn save(&self, worker: &Worker, state: Option<&RawExtension>) -> Result<(), ActuatorError> {
        let api = self.api::<Worker>(&worker.namespace().unwrap_or_default());
        let body = json!({ "metadata": { "uid": worker.metadata.uid }, "status": { "state": state } });
        let saved = api
            .patch_status(&worker.name_any(), &PatchParams::default(), &Patch::Merge(body))
            .await;
        saved
            .map(drop)
            .map_err(|error| ActuatorError::new("failed to save the state of the machines").caused_by(error))
    }

    /// Removes all objects of the machines, and nothing of the machines themselves.
    async fn forget(&self, namespace: &str) -> Result<(), ActuatorError> {
        let machines = self.list::<Machine>(namespace).await?;
        self.remove_objects(namespace, &machines).await?;
        let sets = self.list::<MachineSet>(namespace).await?;
        self.remove_objects(namespace, &sets).await?;
        let deployments = self.list::<MachineDeployment>(namespace).await?;
        self.remove_objects(namespace, &deployments).await?;
        let classes = self.classes(namespace).await?;
        let secrets = self.api::<Secret>(namespace);
        for class in &classes {
            let deleted = delete(&secrets, &class.name_any()).await;
            deleted.map_err(|error| {
                ActuatorError::new("failed to delete the Secret of a machine class").caused_by(error)
            })?;
        }
        self.remove_objects(namespace, &classes).await
    }

    /// Without their finalizers: those stand for what is in the cloud.
    async fn remove_objects<K>(&self, namespace: &str, objects: &[K]) -> Result<(), ActuatorError>
    where
        K: ApiObject + Resource<Scope = NamespaceResourceScope>,
    {
        let api = self.api::<K>(namespace);
        let released = Patch::Merge(json!({ "metadata": { "finalizers": null } }));
        for object in objects {
            let patched = api.patch(&object.name_any(), &PatchParams::default(), &released).await;
            if let Err(error) = patched
                && !is_not_found(&error)
            {
                return Err(ActuatorError::new("failed to let go of what belongs to the machines").caused_by(error));
            }
        }
        self.delete_all(namespace, objects).await
    }

    /// Creates deployments, sets and machines, each with its owner; the machine controller does not see them yet.
    async fn bring_in(&self, namespace: &str, state: &MachineState) -> Result<(), ActuatorError> {
        let deployments = self.create_all(namespace, &state.deployments, &Uids::new()).await?;
        let sets = self.create_all(namespace, &state.sets, &deployments).await?;
        self.create_all(namespace, &state.machines, &sets).await?;
        let api = self.api::<Machine>(namespace);
        for machine in &state.machines {
            let body = json!({ "status": machine.status });
            let written = api
                .patch_status(&machine.name_any(), &PatchParams::default(), &Patch::Merge(body))
                .await;
            written.map_err(|error| ActuatorError::new("failed to tell where a machine stands").caused_by(error))?;
        }
        Ok(())
    }

    /// Returns the uids. What was on its way out is so again.
    async fn create_all<K>(&self, namespace: &str, objects: &[K], owners: &Uids) -> Result<Uids, ActuatorError>
    where
        K: ApiObject + Resource<Scope = NamespaceResourceScope>,
    {
        let api = self.api::<K>(namespace);
        let mut uids = Uids::new();
        for object in objects {
            let mut placed = object.clone();
            place(placed.metadata_mut(), namespace, owners);
            let created = api.create(&PostParams::default(), &placed).await;
            let created = created.map_err(|error| {
                ActuatorError::new("failed to create what belongs to the machines").caused_by(error)
            })?;
            uids.insert(created.name_any(), created.uid().unwrap_or_default());
        }
        let going: Vec<K> = objects
            .iter()
            .filter(|object| is_deleting(object.metadata()))
            .cloned()
            .collect();
        self.delete_all(namespace, &going).await?;
        Ok(uids)
    }

    async fn bring_in_classes(
        &self,
        namespace: &str,
        classes: &[MachineClass],
        wanted: &[Wanted],
    ) -> Result<(), ActuatorError> {
        let failed = |error| ActuatorError::new("failed to create a machine class").caused_by(error);
        let api = self.api::<MachineClass>(namespace);
        for class in classes {
            let (name, mut placed) = (class.name_any(), class.clone());
            place(&mut placed.metadata, namespace, &Uids::new());
            let created = match api.create(&PostParams::default(), &placed).await {
                Err(error) if is_already_exists(&error) => api.get(&name).await,
                created => created,
            };
            let created = created.map_err(failed)?;
            if wanted.iter().any(|wanted| wanted.class.name_any() == name) {
                continue; // its Secret comes with the user data
            }
            // To remove its machines it needs no user data, and they are replaced by those of a wanted class.
            let applied = self.applier.apply(&class_secret(namespace, &created, None)).await;
            applied.map_err(|error| {
                ActuatorError::new("failed to write the Secret of a machine class").caused_by(error)
            })?;
        }
        let mut going = classes.to_vec();
        going.retain(|class| is_deleting(&class.metadata));
        self.delete_all(namespace, &going).await
    }
}

/// Sets the mark that machines are given up, or removes it; a class that is gone needs none.
async fn mark(api: &Api<MachineClass>, name: &str, value: Option<&str>) -> Result<(), kube::Error> {
    let patch = json!({ "metadata": { "annotations": { GIVEN_UP_ANNOTATION: value } } });
    match api.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await {
        Err(error) if is_not_found(&error) => Ok(()),
        result => result.map(drop),
    }
}

/// Whether the machine controller leaves the machines alone.
fn rests(class: Option<&MachineClass>) -> Progress {
    match class.map(|class| annotation(&class.metadata, GIVEN_UP_ANNOTATION)) {
        None | Some(Some(GIVEN_UP_DONE)) => Progress::Done,
        Some(_) => Progress::Waiting("the machine controller has not answered".to_owned()),
    }
}
