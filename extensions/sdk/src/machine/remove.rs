//! Removing a machine: drain its node, remove it from the cloud, then its node, its token, its finalizer.

use api::machine::v1alpha1::{Machine, MachineClass, MachineOperationType, MachinePhase, MachineState};
use controller::{delete::delete, status};
use k8s_openapi::api::core::v1::Node;
use kube::Api;
use std::time::Duration;

use super::{
    context::{Context, WorkError},
    drain::{Emptying, empty_node},
    driver::{CloudMachineState, MachineRequest},
    facts::{elapsed, is_forced, name},
    lifecycle::{NodeView, current, drain_timeout, operation},
    names::MACHINE_FINALIZER,
    node::not_ready_for,
    token::{forget_token, withdraw_token},
};

/// Pods of a node that has been silent this long will not answer an eviction any more.
const SILENT: Duration = Duration::from_secs(5 * 60);

/// How far a removal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Removal {
    /// The machine is gone.
    Done,
    /// Its node is not empty yet.
    Draining,
}

impl Context {
    /// Goes as far as possible without waiting; repeatable at any point.
    pub(crate) async fn remove(&self, machine: &Machine, class: &MachineClass) -> Result<Removal, WorkError> {
        let request = self.request(machine, class).await?;
        if let Some(left) = self.drain(machine, &request).await? {
            self.tell(machine, MachineOperationType::DrainNode, left).await?;
            return Ok(Removal::Draining);
        }
        let description = "the machine is being removed from the cloud".to_owned();
        let machine = &self.tell(machine, MachineOperationType::Delete, description).await?;
        let deleted = self.driver.delete(&request).await;
        if let Err(error) = deleted {
            let text = lib_error_chain::ErrorChain(&error).to_string();
            self.tell(machine, MachineOperationType::Delete, text).await?;
            return Err(WorkError::cloud("remove the machine from the cloud")(error));
        }
        self.forget(machine).await?;
        let forgotten = forget_token(&self.api(), machine).await;
        forgotten.map_err(|source| WorkError::Delete {
            step: "remove the bootstrap token",
            source: Box::new(source),
        })?;
        let released = controller::finalizers::remove(&self.machines(), machine, MACHINE_FINALIZER).await;
        released.map_err(WorkError::seed("remove the finalizer"))?;
        tracing::info!(machine = name(&machine.metadata), "removed");
        Ok(Removal::Done)
    }

    /// What is left on the node; `None` when nothing is, or nobody shall wait for it.
    async fn drain(&self, machine: &Machine, request: &MachineRequest) -> Result<Option<String>, WorkError> {
        if is_forced(machine) || machine.spec.provider_id.is_empty() {
            return Ok(None);
        }
        let since = machine.metadata.deletion_timestamp.as_ref();
        let waited = since.map_or(Duration::ZERO, |since| elapsed(since.0, self.now()));
        if waited >= drain_timeout(machine) {
            tracing::warn!(
                machine = name(&machine.metadata),
                "the node is not empty, and its time is over"
            );
            return Ok(None);
        }
        let step = "drain the node";
        let shoot = self.shoot();
        let node = match shoot.node(name(&machine.metadata)) {
            NodeView::Unknown => return Err(WorkError::NoShoot(step)),
            NodeView::Absent => return Ok(None),
            NodeView::Present(node) => node,
        };
        if let Some(silent) = not_ready_for(node, self.now())
            && (silent >= SILENT || !self.runs(request).await?)
        {
            return Ok(None);
        }
        let client = shoot.answering().ok_or(WorkError::NoShoot(step))?;
        match empty_node(client, node).await.map_err(WorkError::shoot(step))? {
            Emptying::Done => Ok(None),
            Emptying::Waiting(left) => Ok(Some(left)),
        }
    }

    async fn runs(&self, request: &MachineRequest) -> Result<bool, WorkError> {
        let found = self.driver.get(request).await;
        let found = found.map_err(WorkError::cloud("look for the machine in the cloud"))?;
        Ok(found.is_some_and(|found| !matches!(found.state, CloudMachineState::Stopped(_))))
    }

    /// Writes what the removal is at, if that is news.
    async fn tell(
        &self,
        machine: &Machine,
        type_: MachineOperationType,
        description: String,
    ) -> Result<Machine, WorkError> {
        let before = &machine.status.last_operation;
        let terminating = machine.status.current_status.phase == MachinePhase::Terminating;
        if terminating && before.type_ == type_ && before.description == description {
            return Ok(machine.clone());
        }
        let mut status = machine.status.clone();
        status.last_operation = operation(self.now(), type_, MachineState::Processing, description);
        if !terminating {
            status.current_status = current(self.now(), MachinePhase::Terminating, true);
        }
        let written = status::update(&self.machines(), machine, &machine.status, &status).await?;
        Ok(written.unwrap_or_else(|| machine.clone()))
    }

    /// Removes what the shoot knows of the machine. Whoever removes by force does not wait for the shoot.
    async fn forget(&self, machine: &Machine) -> Result<(), WorkError> {
        let shoot = self.shoot();
        let Some(client) = shoot.answering() else {
            return if is_forced(machine) {
                Ok(())
            } else {
                Err(WorkError::NoShoot("remove the node"))
            };
        };
        let nodes: Api<Node> = Api::all(client.clone());
        let forgetting = async {
            delete(&nodes, name(&machine.metadata)).await?;
            withdraw_token(client, machine).await
        };
        match forgetting.await {
            Err(error) if is_forced(machine) => {
                tracing::debug!(error = %lib_error_chain::ErrorChain(&error), "the node is left behind");
                Ok(())
            }
            result => result.map_err(|source| WorkError::Delete {
                step: "remove the node",
                source: Box::new(source),
            }),
        }
    }
}
