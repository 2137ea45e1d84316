//! Carrying out one step of a machine.

use api::machine::v1alpha1::{Machine, MachineClass, MachineStatus};
use controller::status;
use k8s_openapi::api::core::v1::Node;
use kube::{
    Api,
    api::{Patch, PatchParams},
};
use serde_json::Value;

use super::{
    context::{Context, WorkError},
    facts::{name, uid},
    lifecycle::Step,
    remove::Removal,
    token::delete_token,
};

/// How much of a console goes into a status.
const CONSOLE_BYTES: usize = 2000;
const CONSOLE_LINES: usize = 10;

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

    /// First the token goes: written once, the phase says that there is none.
    async fn join(&self, machine: &Machine, new: &MachineStatus) -> Result<(), WorkError> {
        let step = "remove the bootstrap token";
        let shoot = self.shoot();
        let client = shoot.answering().ok_or(WorkError::NoShoot(step))?;
        let deleted = delete_token(client, uid(&machine.metadata)).await;
        deleted.map_err(|source| WorkError::Delete {
            step,
            source: Box::new(source),
        })?;
        self.write_status(machine, new).await?;
        tracing::info!(machine = name(&machine.metadata), "joined");
        Ok(())
    }

    async fn give_up(&self, machine: &Machine, class: &MachineClass, mut new: MachineStatus) -> Result<(), WorkError> {
        let request = self.request(machine, class).await?;
        // A console that cannot be read must not keep the machine from being replaced.
        let console = self.driver.console(&request, CONSOLE_BYTES).await.unwrap_or_default();
        let lines = last_lines(&console);
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

/// The last lines that say something, without control characters.
fn last_lines(console: &str) -> String {
    let clean = |line: &str| line.chars().filter(|letter| !letter.is_control()).collect::<String>();
    let lines: Vec<String> = console
        .lines()
        .map(|line| clean(line.trim()))
        .filter(|line| !line.is_empty())
        .collect();
    lines[lines.len().saturating_sub(CONSOLE_LINES)..].join(" | ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_console_is_cut_to_its_last_lines() {
        assert_eq!(last_lines(""), "");
        assert_eq!(last_lines("a\r\n\n  b\u{1b}[0m\n"), "a | b[0m");
        let many: Vec<String> = (0..20).map(|number| number.to_string()).collect();
        assert_eq!(
            last_lines(&many.join("\n")),
            "10 | 11 | 12 | 13 | 14 | 15 | 16 | 17 | 18 | 19"
        );
    }
}
