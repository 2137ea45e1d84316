//! Carrying out what sets and deployments need, in the seed: adoption, creation, sizes, deletion, status.

use api::machine::v1alpha1::{Machine, MachineClass, MachineDeployment, MachineSet, MachineSetStatus};
use apimachinery::{
    ApiObject,
    meta::{ObjectMeta, controller_reference, has_finalizer},
};
use controller::{
    delete::delete_uid,
    error::is_already_exists,
    status::{self, merge_difference},
};
use futures::future::try_join_all;
use kube::{Api, api::PostParams, core::NamespaceResourceScope};
use serde::Serialize;
use serde_json::{Value, json};

use super::{
    context::{Context, WorkError},
    facts::{is_deleting, is_orphan_of, is_rest_asked_for, name, uid},
    names::{GIVEN_UP_ANNOTATION, GIVEN_UP_DONE, OWNER_FINALIZER, letters},
    rollout::{SetView, plan_rollout, template_hash},
    set::{new_machine, new_set, plan_set},
    status::{deployment_status, set_status},
    world::World,
};

impl Context {
    /// Brings all deployments and sets one step further. One that fails does not keep the others.
    pub(crate) async fn reconcile_owners(&self, world: &World) -> Result<(), WorkError> {
        let mut result = Ok(());
        for (name, class) in &world.classes {
            result = result.and(self.keep_class(class, world.is_used(name)).await);
        }
        for deployment in &world.deployments {
            result = result.and(self.reconcile_deployment(deployment, world).await);
        }
        for set in &world.sets {
            result = result.and(self.reconcile_set(set, world).await);
        }
        result
    }

    /// Says that the machines are left alone.
    pub(crate) async fn confirm_rest(&self, world: &World) -> Result<(), WorkError> {
        for class in world.classes.values().filter(|class| is_rest_asked_for(class)) {
            let patch = json!({ "metadata": { "annotations": { GIVEN_UP_ANNOTATION: GIVEN_UP_DONE } } });
            self.patch(class, "say that the machines are left alone", patch).await?;
        }
        Ok(())
    }

    /// A class stays as long as machines of it have to be removed.
    async fn keep_class(&self, class: &MachineClass, used: bool) -> Result<(), WorkError> {
        match (is_deleting(&class.metadata), used) {
            (false, true) => self.ensure_finalizer(class).await,
            (true, false) => self.release(class).await,
            _ => Ok(()),
        }
    }

    async fn reconcile_deployment(&self, deployment: &MachineDeployment, world: &World) -> Result<(), WorkError> {
        self.ensure_finalizer(deployment).await?;
        let orphans = world
            .sets
            .iter()
            .filter(|set| is_orphan_of(&set.metadata, deployment.spec.selector.as_ref()));
        let adopted = self.adopt(deployment, orphans).await?;
        if adopted {
            return Ok(()); // what is there is looked at again
        }
        let sets = world.sets_of(deployment);
        let plan = plan_rollout(deployment, &sets, self.now());
        if let Some((hash, replicas)) = &plan.create {
            self.create_if_absent(&new_set(deployment, hash, *replicas)).await?;
        }
        let find = |wanted: &str| sets.iter().find(|view| view.name() == wanted).map(|view| view.set);
        for (set, replicas) in plan.scale.iter().filter_map(|(name, size)| Some((find(name)?, size))) {
            let patch = json!({ "spec": { "replicas": replicas } });
            self.patch(set, "scale a MachineSet", patch).await?;
        }
        for set in plan.update.iter().filter_map(|name| find(name)) {
            let mut updated = set.clone();
            let template = &deployment.spec.template.spec;
            updated.spec.template.spec.node_template = template.node_template.clone();
            updated.spec.template.spec.configuration = template.configuration.clone();
            updated.spec.min_ready_seconds = deployment.spec.min_ready_seconds;
            self.update_spec(set, &updated, "update a MachineSet").await?;
        }
        let deleted: Vec<&MachineSet> = plan.delete.iter().filter_map(|name| find(name)).collect();
        self.delete_all(deleted.into_iter()).await?;
        if plan.release {
            return self.release(deployment).await;
        }
        self.tell_deployment(deployment, &sets).await
    }

    async fn tell_deployment(&self, deployment: &MachineDeployment, sets: &[SetView<'_>]) -> Result<(), WorkError> {
        let status_of = |view| (view, self.status_of(view));
        let statuses: Vec<_> = sets.iter().map(status_of).collect();
        let new = deployment_status(deployment, &template_hash(deployment), &statuses, self.now());
        status::update(&self.api(), deployment, &deployment.status, &new).await?;
        Ok(())
    }

    fn status_of(&self, view: &SetView<'_>) -> MachineSetStatus {
        set_status(view.set, &view.machines, self.now())
    }

    async fn reconcile_set(&self, set: &MachineSet, world: &World) -> Result<(), WorkError> {
        self.ensure_finalizer(set).await?;
        let orphans = world
            .machines
            .iter()
            .filter(|machine| is_orphan_of(&machine.metadata, set.spec.selector.as_ref()));
        if self.adopt(set, orphans).await? {
            return Ok(());
        }
        let machines = world.machines_of(set);
        let plan = plan_set(set, &machines);
        // First the status: it tells of failures that go with their machines.
        if !plan.release {
            let new = set_status(set, &machines, self.now());
            status::update(&self.sets(), set, &set.status, &new).await?;
        }
        let create = (0..plan.create).map(|_| new_machine(set, &letters((self.options.random)())));
        let create: Vec<Machine> = create.collect();
        try_join_all(create.iter().map(|machine| self.create_if_absent(machine))).await?;
        let find = |wanted: &String| {
            machines
                .iter()
                .copied()
                .find(|machine| name(&machine.metadata) == wanted)
        };
        self.delete_all(plan.delete.iter().filter_map(find)).await?;
        for machine in plan.update.iter().filter_map(find) {
            let mut updated = machine.clone();
            updated.spec.node_template = set.spec.template.spec.node_template.clone();
            updated.spec.configuration = set.spec.template.spec.configuration.clone();
            self.update_spec(machine, &updated, "update a Machine").await?;
        }
        if plan.release {
            self.release(set).await?;
        }
        Ok(())
    }

    async fn ensure_finalizer<K>(&self, owner: &K) -> Result<(), WorkError>
    where
        K: ApiObject + kube::Resource<Scope = NamespaceResourceScope>,
    {
        let metadata = owner.metadata();
        if is_deleting(metadata) || has_finalizer(metadata, OWNER_FINALIZER) {
            return Ok(());
        }
        let ensured = controller::finalizers::ensure(&self.api::<K>(), owner, OWNER_FINALIZER).await;
        ensured.map(drop).map_err(WorkError::seed("set the finalizer"))
    }

    async fn release<K>(&self, owner: &K) -> Result<(), WorkError>
    where
        K: ApiObject + kube::Resource<Scope = NamespaceResourceScope>,
    {
        let removed = controller::finalizers::remove(&self.api::<K>(), owner, OWNER_FINALIZER).await;
        removed.map_err(WorkError::seed("remove the finalizer"))
    }

    /// Makes `owner` the controller of objects that have none; whether there were any.
    async fn adopt<'a, O, K>(&self, owner: &O, orphans: impl Iterator<Item = &'a K>) -> Result<bool, WorkError>
    where
        O: ApiObject,
        K: ApiObject + kube::Resource<Scope = NamespaceResourceScope>,
    {
        if is_deleting(owner.metadata()) {
            return Ok(false);
        }
        let mut any = false;
        for orphan in orphans {
            let metadata: &ObjectMeta = orphan.metadata();
            let mut owners = metadata.owner_references.clone().unwrap_or_default();
            owners.push(controller_reference(owner));
            let patch = json!({
                "metadata": { "resourceVersion": metadata.resource_version, "ownerReferences": owners },
            });
            self.patch(orphan, "adopt an object without owner", patch).await?;
            tracing::info!(
                kind = K::KIND,
                name = name(metadata),
                owner = owner.name_or_empty(),
                "adopted"
            );
            any = true;
        }
        Ok(any)
    }

    async fn create_if_absent<K>(&self, object: &K) -> Result<(), WorkError>
    where
        K: ApiObject + kube::Resource<Scope = NamespaceResourceScope>,
    {
        match self.api::<K>().create(&PostParams::default(), object).await {
            Ok(_) => Ok(()),
            // A name that was taken by chance, or a set that is about to go: the next look decides anew.
            Err(error) if is_already_exists(&error) => Ok(()),
            Err(error) => Err(WorkError::seed("create a MachineSet or a Machine")(error)),
        }
    }

    async fn delete_all<'a, K>(&self, objects: impl Iterator<Item = &'a K>) -> Result<(), WorkError>
    where
        K: ApiObject + kube::Resource<Scope = NamespaceResourceScope>,
    {
        let api: Api<K> = self.api();
        for object in objects {
            let metadata = object.metadata();
            let deleted = delete_uid(&api, name(metadata), uid(metadata)).await;
            deleted.map_err(|source| WorkError::Delete {
                step: "delete a MachineSet or a Machine",
                source: Box::new(source),
            })?;
        }
        Ok(())
    }

    /// Writes what differs, and only that.
    async fn update_spec<K>(&self, old: &K, new: &K, step: &'static str) -> Result<(), WorkError>
    where
        K: ApiObject + kube::Resource<Scope = NamespaceResourceScope> + Serialize,
    {
        let value = |object: &K| serde_json::to_value(object).unwrap_or(Value::Null);
        match merge_difference(&value(old), &value(new)) {
            Some(difference) if difference.is_object() => self.patch(old, step, difference).await.map(drop),
            _ => Ok(()),
        }
    }
}
