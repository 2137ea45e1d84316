//! Makes the machines of a Worker: classes, deployments, and the wait until its machines serve.

mod migration; // machines that stay while their shoot moves

use std::{collections::BTreeSet, fmt::Debug, sync::Arc, time::Duration};

use api::{
    constants::GARDENER_OPERATION,
    extensions::v1alpha1::Worker,
    machine::v1alpha1::{Machine, MachineClass, MachineDeployment, MachineSet},
};
use apimachinery::{
    ApiObject,
    meta::{Time, annotation, object_meta, owner_reference},
};
use async_trait::async_trait;
use controller::{
    apply::Applier,
    delete::{delete, until_gone},
    status::merge_difference,
    wait::{Progress, WaitError, until},
};
use deploy::AccessSecret;
use futures::future::{join_all, try_join_all};
use k8s_openapi::{ByteString, api::core::v1::Secret};
use kube::{
    Api, Client, Resource, ResourceExt as _,
    api::{ListParams, Patch, PatchParams, PostParams},
    core::NamespaceResourceScope,
};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::{
    access,
    plan::{NAME_LABEL, Wanted, plan_worker},
    planner::MachinePlanner,
    progress::{Since, cause, deployment_progress},
};
use crate::{
    Actuator, ActuatorError, ManagedObjects, Request,
    machine::{ACCESS_NAME, FORCE_DELETION_LABEL, FORCE_DELETION_VALUE, MachineDriver, USER_DATA_KEY, silent_machines},
    request_shoot_access,
};

/// How long one reconcile waits for machines. A rolling update may take longer: then the next reconcile waits on.
const DEADLINE: Duration = Duration::from_secs(10 * 60);
/// Reading the consoles of machines that do not join must not delay the error for long.
const CONSOLES_DEADLINE: Duration = Duration::from_secs(10);
/// Whoever waits for the worker passes a complaint on when it has stood for a while: gardenlet after 30 s.
const COMPLAINT: Duration = Duration::from_secs(40);
/// How often machines that came late are told to go by force.
const FORCE_INTERVAL: Duration = Duration::from_secs(1);

/// Makes and removes the machines of Workers, with the machine controller's help.
pub struct WorkerActuator<P> {
    applier: Applier,
    planner: P,
    clock: Arc<dyn Clock>,
    deadline: Duration,
    consoles: Option<Arc<dyn MachineDriver>>,
}

impl<P: MachinePlanner> WorkerActuator<P> {
    /// An actuator in the seed of `client`; `field_manager` is the process' name.
    pub fn new(client: Client, field_manager: &str, planner: P, clock: Arc<dyn Clock>) -> Self {
        Self {
            applier: Applier::new(client, field_manager),
            planner,
            clock,
            deadline: DEADLINE,
            consoles: None,
        }
    }

    /// Lets machines that have not joined speak in the error: the last lines of their consoles.
    #[must_use]
    pub fn with_consoles(mut self, driver: Arc<dyn MachineDriver>) -> Self {
        self.consoles = Some(driver);
        self
    }

    /// Another time to wait for machines than ten minutes.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        Api::namespaced(self.applier.client().clone(), namespace)
    }

    /// What the machine controller needs to reach the shoot.
    async fn apply_access(&self, namespace: &str) -> Result<(), ActuatorError> {
        let failed =
            |error| ActuatorError::new("failed to give the machine controller access to the shoot").caused_by(error);
        request_shoot_access(&self.applier, namespace, ACCESS_NAME)
            .await
            .map_err(failed)?;
        let failed =
            |error| ActuatorError::new("failed to give the machine controller rights in the shoot").caused_by(error);
        let objects = access::objects().map_err(failed)?;
        objects.apply(&self.applier, namespace).await.map_err(failed)
    }

    async fn apply_wanted(&self, namespace: &str, wanted: &Wanted) -> Result<(), ActuatorError> {
        let name = wanted.listed.name.as_str();
        let failed = |error| ActuatorError::new(format!("failed to ask for the machines of {name}")).caused_by(error);
        let user_data = self.user_data(namespace, wanted).await?;
        let class = self.put(namespace, &wanted.class).await.map_err(failed)?;
        let secret = class_secret(namespace, &class, Some(user_data));
        let applied = self.applier.apply(&secret).await;
        applied
            .map_err(|error| ActuatorError::new(format!("failed to write the Secret of {name}")).caused_by(error))?;
        self.put(namespace, &wanted.deployment).await.map(drop).map_err(failed)
    }

    /// Creates the object, or changes what differs. Not applied: where the last of several values goes, for example the last
    /// taint, server-side apply leaves a null that the schema refuses.
    async fn put<K>(&self, namespace: &str, wanted: &K) -> Result<K, kube::Error>
    where
        K: ApiObject + Resource<Scope = NamespaceResourceScope>,
    {
        let api = self.api::<K>(namespace);
        let Some(present) = api.get_opt(&wanted.name_any()).await? else {
            return api.create(&PostParams::default(), wanted).await;
        };
        let value = |object: &K| serde_json::to_value(object).unwrap_or_default();
        let (old, mut new) = (value(&present), value(wanted));
        for kept in ["metadata", "status"] {
            match old.get(kept) {
                Some(present) => new[kept] = present.clone(),
                None => drop(new.as_object_mut().and_then(|new| new.remove(kept))),
            }
        }
        match merge_difference(&old, &new) {
            None => Ok(present),
            Some(patch) => {
                let parameters = PatchParams::default();
                api.patch(&wanted.name_any(), &parameters, &Patch::Merge(patch)).await
            }
        }
    }

    async fn user_data(&self, namespace: &str, wanted: &Wanted) -> Result<ByteString, ActuatorError> {
        let (name, key) = (&wanted.user_data.name, &wanted.user_data.key);
        let source = self.api::<Secret>(namespace).get(name).await;
        let failed = |error| ActuatorError::new(format!("failed to read the user data {name}")).caused_by(error);
        let user_data = source.map_err(failed)?.data.unwrap_or_default().remove(key);
        user_data.ok_or_else(|| ActuatorError::new(format!("the Secret {name} has no {key}")))
    }

    /// Waits for the machines of all deployments, unless the worker itself changes: then there is something else to do.
    async fn wait(
        &self,
        worker: &Worker,
        (wanted, since): (&[Wanted], Since),
        unwanted: &[MachineDeployment],
    ) -> Result<(), ActuatorError> {
        let namespace = worker.namespace().unwrap_or_default();
        let machines = try_join_all(
            wanted
                .iter()
                .map(|wanted| self.wait_for(&namespace, &wanted.listed.name, since)),
        );
        let gone = self.wait_until_gone(&namespace, unwanted);
        let workers: Api<Worker> = self.api(&namespace);
        let name = worker.name_any();
        let changed = until(&workers, &name, "to change", self.deadline * 2, |now| {
            change_of(worker, now)
        });
        tokio::select! {
            result = async { futures::try_join!(machines, gone) } => result.map(drop),
            _ = changed => Err(ActuatorError::new("the worker changed while it waited for its machines").retry_after(Duration::ZERO)),
        }
    }

    async fn wait_for(&self, namespace: &str, name: &str, since: Since) -> Result<(), ActuatorError> {
        let mut code = None;
        let observe = |deployment: Option<&MachineDeployment>| {
            code = deployment.and_then(|deployment| cause(deployment, since));
            deployment_progress(deployment, since)
        };
        let api = self.api::<MachineDeployment>(namespace);
        let waited = until(&api, name, "to have its machines", self.deadline, observe).await;
        let Err(mut error) = waited else {
            return Ok(());
        };
        let mut silent = Vec::new();
        if let WaitError::TimedOut { last, .. } = &mut error {
            silent = self.silent(namespace, name).await;
            for machine in &silent {
                last.push_str("; ");
                last.push_str(machine);
            }
        }
        let mut error = ActuatorError::new(format!("the machines of {name} are not there")).caused_by(error);
        if !silent.is_empty() {
            error = error.retry_after(COMPLAINT);
        }
        Err(match code {
            Some(code) => error.with_code(code),
            None => error,
        })
    }

    /// What machines of the deployment say that have not joined for a good part of the wait.
    async fn silent(&self, namespace: &str, name: &str) -> Vec<String> {
        let Some(driver) = &self.consoles else {
            return Vec::new();
        };
        let label = format!("{NAME_LABEL}={name}");
        let age = (self.deadline / 2, self.clock.now());
        let telling = silent_machines(self.applier.client(), driver.as_ref(), (namespace, label.as_str()), age);
        match tokio::time::timeout(CONSOLES_DEADLINE, telling).await {
            Ok(Ok(told)) => told,
            Ok(Err(error)) => {
                tracing::warn!(namespace, deployment = name, error = %ErrorChain(&error), "failed to read the consoles of machines");
                Vec::new()
            }
            Err(_) => {
                tracing::warn!(
                    namespace,
                    deployment = name,
                    "reading the consoles of machines took too long"
                );
                Vec::new()
            }
        }
    }

    async fn wait_until_gone(&self, namespace: &str, deployments: &[MachineDeployment]) -> Result<(), ActuatorError> {
        let api = self.api::<MachineDeployment>(namespace);
        let gone = |deployment: &MachineDeployment| {
            let (api, name) = (api.clone(), deployment.name_any());
            async move { until_gone(&api, &name, self.deadline).await }
        };
        let failed =
            |error| ActuatorError::new("the machines that are not wanted any more are still there").caused_by(error);
        try_join_all(deployments.iter().map(gone))
            .await
            .map(drop)
            .map_err(failed)
    }

    async fn list<K>(&self, namespace: &str) -> Result<Vec<K>, ActuatorError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let listed = self.api::<K>(namespace).list(&ListParams::default()).await;
        let failed = |error| ActuatorError::new("failed to list what belongs to the machines").caused_by(error);
        listed.map(|listed| listed.items).map_err(failed)
    }

    async fn delete_all<K>(&self, namespace: &str, objects: &[K]) -> Result<(), ActuatorError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + Clone + DeserializeOwned + Debug,
    {
        let api = self.api::<K>(namespace);
        for object in objects {
            let deleted = delete(&api, &object.name_any()).await;
            deleted.map_err(|error| {
                ActuatorError::new("failed to delete what belongs to the machines").caused_by(error)
            })?;
        }
        Ok(())
    }

    /// The classes of this provider.
    async fn classes(&self, namespace: &str) -> Result<Vec<MachineClass>, ActuatorError> {
        let mut classes = self.list::<MachineClass>(namespace).await?;
        classes.retain(|class| class.provider == self.planner.provider());
        Ok(classes)
    }

    /// Gives up the classes that are not wanted; the machine controller keeps each as long as there are machines of it.
    async fn delete_classes(&self, namespace: &str, wanted: &[Wanted]) -> Result<Vec<MachineClass>, ActuatorError> {
        let needed: BTreeSet<String> = wanted.iter().map(|wanted| wanted.class.name_any()).collect();
        let mut classes = self.classes(namespace).await?;
        classes.retain(|class| !needed.contains(&class.name_any()));
        self.delete_all(namespace, &classes).await?;
        Ok(classes)
    }

    /// Waits until the classes are gone, and removes their Secrets.
    async fn forget_classes(&self, namespace: &str, classes: &[MachineClass]) -> Result<(), ActuatorError> {
        let (api, secrets) = (self.api::<MachineClass>(namespace), self.api::<Secret>(namespace));
        for name in classes.iter().map(|class| class.name_any()) {
            let gone = async {
                until_gone(&api, &name, self.deadline).await?;
                delete(&secrets, &name).await
            };
            let failed =
                |error| ActuatorError::new(format!("the machine class {name} is still there")).caused_by(error);
            gone.await.map_err(failed)?;
        }
        Ok(())
    }

    /// Tells all machines to go without draining, again and again: some may come late.
    async fn force(&self, namespace: &str) -> Result<(), ActuatorError> {
        let api = self.api::<Machine>(namespace);
        loop {
            let mut machines = self.list::<Machine>(namespace).await?;
            machines.retain(|machine| {
                machine.labels().get(FORCE_DELETION_LABEL).map(String::as_str) != Some(FORCE_DELETION_VALUE)
            });
            let patch =
                Patch::Merge(json!({ "metadata": { "labels": { FORCE_DELETION_LABEL: FORCE_DELETION_VALUE } } }));
            let parameters = PatchParams::default();
            let names: Vec<String> = machines.iter().map(|machine| machine.name_any()).collect();
            // One that went meanwhile needs no label.
            join_all(names.iter().map(|name| api.patch(name, &parameters, &patch))).await;
            tokio::time::sleep(FORCE_INTERVAL).await;
        }
    }

    /// Removes deployments, sets and machines, from the top down, and waits until they are gone.
    async fn delete_machines(&self, namespace: &str) -> Result<(), ActuatorError> {
        let deployments = self.list::<MachineDeployment>(namespace).await?;
        self.delete_all(namespace, &deployments).await?;
        let sets = self.list::<MachineSet>(namespace).await?;
        self.delete_all(namespace, &sets).await?;
        let removing = async {
            self.wait_until_gone(namespace, &deployments).await?;
            // What nobody owned.
            let machines = self.list::<Machine>(namespace).await?;
            self.delete_all(namespace, &machines).await?;
            let api = self.api::<Machine>(namespace);
            let gone = machines.iter().map(|machine| {
                let (api, name) = (&api, machine.name_any());
                async move { until_gone(api, &name, self.deadline).await }
            });
            let failed = |error| ActuatorError::new("machines are still there").caused_by(error);
            try_join_all(gone).await.map(drop).map_err(failed)
        };
        tokio::select! {
            result = removing => result,
            result = self.force(namespace) => result,
        }
    }
}

/// The Secret of a class. The class goes when no machine needs it any more, and its Secret with it.
fn class_secret(namespace: &str, class: &MachineClass, user_data: Option<ByteString>) -> Secret {
    let mut metadata = object_meta(namespace, &class.name_any());
    metadata.owner_references = Some(vec![owner_reference(class)]);
    Secret {
        metadata,
        data: user_data.map(|user_data| [(USER_DATA_KEY.to_owned(), user_data)].into()),
        type_: Some("Opaque".to_owned()),
        ..Secret::default()
    }
}

/// Whether the worker asks for something else than when the operation began.
fn change_of(before: &Worker, now: Option<&Worker>) -> Progress {
    let same = now.is_some_and(|now| {
        now.metadata.generation == before.metadata.generation
            && now.metadata.deletion_timestamp == before.metadata.deletion_timestamp
            && annotation(&now.metadata, GARDENER_OPERATION).is_none()
    });
    if same {
        Progress::Waiting("it is the same".to_owned())
    } else {
        Progress::Done
    }
}

#[async_trait]
impl<P: MachinePlanner> Actuator<Worker> for WorkerActuator<P> {
    async fn reconcile(&self, request: Request<'_, Worker>) -> Result<(), ActuatorError> {
        let worker = request.object;
        let since = Since::at(self.clock.now());
        let namespace = worker.namespace().unwrap_or_default();
        let wanted = plan_worker(worker, request.cluster, &self.planner)?;
        self.take_over(&namespace, request.status, &wanted).await?;
        self.apply_access(&namespace).await?;
        try_join_all(wanted.iter().map(|wanted| self.apply_wanted(&namespace, wanted))).await?;
        let listed: Vec<_> = wanted.iter().map(|wanted| wanted.listed.clone()).collect();
        if request.status.machine_deployments != listed {
            request.status.machine_deployments = listed;
            request.status.machine_deployments_last_update_time = Some(Time(self.clock.now()));
        }
        let names: BTreeSet<&str> = wanted.iter().map(|wanted| wanted.listed.name.as_str()).collect();
        let mut unwanted = self.list::<MachineDeployment>(&namespace).await?;
        unwanted.retain(|deployment| !names.contains(deployment.name_any().as_str()));
        self.delete_all(&namespace, &unwanted).await?;
        self.wait(worker, (wanted.as_slice(), since), &unwanted).await?;
        self.delete_classes(&namespace, &wanted).await.map(drop)
    }

    async fn restore(&self, request: Request<'_, Worker>) -> Result<(), ActuatorError> {
        let namespace = request.object.namespace().unwrap_or_default();
        let is_told = request.status.default_status.state.is_some() || request.object.spec.pools.is_empty();
        // Without it the machines of the other seed would be nobody's, and be removed.
        if !is_told && self.classes(&namespace).await?.is_empty() {
            return Err(ActuatorError::new("the other seed's state of the machines is missing"));
        }
        self.reconcile(request).await
    }

    async fn migrate(&self, request: Request<'_, Worker>) -> Result<(), ActuatorError> {
        self.give_up(request.object, request.status).await
    }

    async fn delete(&self, request: Request<'_, Worker>) -> Result<(), ActuatorError> {
        let namespace = request.object.namespace().unwrap_or_default();
        // Machines that were given up half would stay in the cloud.
        self.take_over(&namespace, request.status, &[]).await?;
        self.delete_machines(&namespace).await?;
        let classes = self.delete_classes(&namespace, &[]).await?;
        self.forget_classes(&namespace, &classes).await?;
        let failed = |error| {
            ActuatorError::new("failed to remove the machine controller's rights in the shoot").caused_by(error)
        };
        ManagedObjects::ask_to_delete(self.applier.client(), &namespace, access::MANAGED_RESOURCE)
            .await
            .map_err(failed)?;
        let failed = |error| {
            ActuatorError::new("failed to remove the machine controller's access to the shoot").caused_by(error)
        };
        let secret = AccessSecret::new(ACCESS_NAME).name();
        delete(&self.api::<Secret>(&namespace), &secret)
            .await
            .map(drop)
            .map_err(failed)
    }
}
