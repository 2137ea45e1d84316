//! Carrying out one step of a machine.

use api::machine::v1alpha1::{Machine, MachineClass, MachineStatus};
use controller::status;
use jiff::Timestamp;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use super::{
    console::last_words,
    context::{Context, WorkError},
    facts::name,
    lifecycle::{Step, creation_timeout},
    names::ANNOUNCED_ANNOTATION,
    remove::Removal,
    token::{announce_token, forget_token, kept_token, withdraw_token},
};

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It is done; what comes next shows by itself.
    Done,
    /// It has to be repeated in a while.
    NotYet,
}

impl Context {
    pub(crate) async fn carry_out(
        &self,
        machine: &Machine,
        class: &MachineClass,
        step: Step,
    ) -> Result<Ended, WorkError> {
        match step {
            Step::Idle => {}
            Step::Create => self.create(machine, class).await?,
            Step::Announce => self.announce(machine).await?,
            Step::Write(status) => self.write_status(machine, &status).await?,
            Step::Join(status) => self.join(machine, &status).await?,
            Step::Fail(status) => self.give_up(machine, class, *status).await?,
            Step::SyncNode(patch) => self.sync_node(machine, patch).await?,
            Step::Remove => {
                if self.remove(machine, class).await? == Removal::Draining {
                    return Ok(Ended::NotYet);
                }
            }
        }
        Ok(Ended::Done)
    }

    async fn write_status(&self, machine: &Machine, new: &MachineStatus) -> Result<(), WorkError> {
        status::update(&self.machines(), machine, &machine.status, new).await?;
        Ok(())
    }

    /// From here on the machine can join. What is recorded last is a promise not to do it again; a crash before repeats it.
    async fn announce(&self, machine: &Machine) -> Result<(), WorkError> {
        let step = "announce the bootstrap token";
        let shoot = self.shoot();
        let client = shoot.answering().ok_or(WorkError::NoShoot(step))?;
        let kept = kept_token(&self.api(), machine).await;
        let now = self.now();
        // Without one the user data wants none.
        if let Some(token) = kept.map_err(WorkError::seed("read the bootstrap token"))? {
            let expires = now.checked_add(creation_timeout(machine)).unwrap_or(Timestamp::MAX);
            let announced = announce_token(client, machine, &token, expires).await;
            announced.map_err(WorkError::shoot(step))?;
        }
        let patch = json!({ "metadata": {
            "resourceVersion": machine.metadata.resource_version,
            "annotations": { ANNOUNCED_ANNOTATION: now.to_string() },
        } });
        self.patch(machine, "record that the bootstrap token is announced", patch)
            .await?;
        tracing::debug!(machine = name(&machine.metadata), "its token is announced");
        Ok(())
    }

    /// First the token goes: written once, the phase says that there is none. Of the two the seed's goes first: what is not
    /// kept is not announced again.
    async fn join(&self, machine: &Machine, new: &MachineStatus) -> Result<(), WorkError> {
        let step = "remove the bootstrap token";
        let shoot = self.shoot();
        let client = shoot.answering().ok_or(WorkError::NoShoot(step))?;
        let secrets = self.api();
        let removing = async {
            forget_token(&secrets, machine).await?;
            withdraw_token(client, machine).await
        };
        removing.await.map_err(|source| WorkError::Delete {
            step,
            source: Box::new(source),
        })?;
        self.write_status(machine, new).await?;
        tracing::info!(machine = name(&machine.metadata), "joined");
        Ok(())
    }

    async fn give_up(&self, machine: &Machine, class: &MachineClass, mut new: MachineStatus) -> Result<(), WorkError> {
        let request = self.request(machine, class).await?;
        let lines = last_words(self.driver.as_ref(), &request).await;
        if !lines.is_empty() {
            let description = &mut new.last_operation.description;
            description.push_str("; last lines of its console: ");
            description.push_str(&lines);
        }
        tracing::warn!(
            machine = name(&machine.metadata),
            reason = new.last_operation.description,
            "given up"
        );
        self.write_status(machine, &new).await
    }

    async fn sync_node(&self, machine: &Machine, patch: Value) -> Result<(), WorkError> {
        let step = "write labels and taints of the node";
        let shoot = self.shoot();
        let client = shoot.answering().ok_or(WorkError::NoShoot(step))?;
        let nodes: Api<Node> = Api::all(client.clone());
        nodes
            .patch(name(&machine.metadata), &PatchParams::default(), &Patch::Merge(patch))
            .await
            .map(drop)
            .map_err(WorkError::shoot(step))
    }
}
