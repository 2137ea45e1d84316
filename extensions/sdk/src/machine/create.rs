//! Making a machine: token, user data, the cloud, the record of it. Repeatable after a crash between any two.
//!
//! Absent: the shoot. A machine boots while its cluster comes up, and its token is announced later (`step`).

use api::constants::{MACHINE_NODE_LABEL, PLACEHOLDER_BOOTSTRAP_TOKEN};
use api::machine::v1alpha1::{Machine, MachineClass, MachineOperationType, MachinePhase, MachineState};
use apimachinery::meta::has_finalizer;
use controller::status;
use lib_error_chain::ErrorChain;
use serde_json::json;

use super::{
    context::{Context, WorkError},
    driver::{CloudMachine, DriverError},
    facts::name,
    lifecycle::{current, operation},
    names::MACHINE_FINALIZER,
    token::{fill_in, keep_token},
};

/// Key of the class' Secret with the user data.
pub(crate) const USER_DATA_KEY: &str = "userData";

impl Context {
    /// Makes the machine in the cloud, or finds that it is there, and records it.
    pub(crate) async fn create(&self, machine: &Machine, class: &MachineClass) -> Result<(), WorkError> {
        let machine = self.with_finalizer(machine).await?;
        let mut request = self.request(&machine, class).await?;
        let user_data = request.secret.data.as_ref().and_then(|data| data.get(USER_DATA_KEY));
        let user_data = user_data.map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned());
        request.user_data = self.user_data(&machine, user_data.unwrap_or_default()).await?;
        match self.driver.create(&request).await {
            Ok(made) => self.record(&machine, &made).await,
            Err(error) => {
                self.record_failure(&machine, &error).await?;
                Err(WorkError::cloud("create the machine in the cloud")(error))
            }
        }
    }

    async fn with_finalizer(&self, machine: &Machine) -> Result<Machine, WorkError> {
        if has_finalizer(&machine.metadata, MACHINE_FINALIZER) {
            return Ok(machine.clone());
        }
        let ensured = controller::finalizers::ensure(&self.machines(), machine, MACHINE_FINALIZER).await;
        ensured.map_err(WorkError::seed("set the finalizer"))
    }

    async fn user_data(&self, machine: &Machine, template: String) -> Result<String, WorkError> {
        let name = name(&machine.metadata);
        if !template.contains(PLACEHOLDER_BOOTSTRAP_TOKEN) {
            return Ok(fill_in(&template, name, ""));
        }
        let token = keep_token(&self.api(), machine, &*self.options.random).await;
        let token = token.map_err(WorkError::seed("keep the machine's bootstrap token"))?;
        Ok(fill_in(&template, name, &token.text()))
    }

    /// From here on the cloud has it, and it has time to join.
    async fn record(&self, machine: &Machine, made: &CloudMachine) -> Result<(), WorkError> {
        let name = name(&machine.metadata);
        let patch = json!({
            "metadata": { "labels": { MACHINE_NODE_LABEL: name } },
            "spec": { "providerID": made.provider_id },
        });
        let machine = self.patch(machine, "record the machine's id", patch).await?;
        let mut status = machine.status.clone();
        if !made.addresses.is_empty() {
            status.addresses.clone_from(&made.addresses);
        }
        let description = format!("machine {name} is made, and has to join the cluster");
        status.last_operation = operation(
            self.now(),
            MachineOperationType::Create,
            MachineState::Processing,
            description,
        );
        status.current_status = current(self.now(), MachinePhase::Pending, true);
        status::update(&self.machines(), &machine, &machine.status, &status).await?;
        tracing::info!(machine = name, id = made.provider_id, "created");
        Ok(())
    }

    /// A failure that is repeated is told anew: by its time others know that it is not one of before.
    async fn record_failure(&self, machine: &Machine, error: &DriverError) -> Result<(), WorkError> {
        let mut status = machine.status.clone();
        let description = ErrorChain(error).to_string();
        status.last_operation = operation(
            self.now(),
            MachineOperationType::Create,
            MachineState::Failed,
            description,
        );
        error.code().as_str().clone_into(&mut status.last_operation.error_code);
        if status.current_status.phase != MachinePhase::CrashLoopBackOff {
            status.current_status = current(self.now(), MachinePhase::CrashLoopBackOff, true);
        }
        status::update(&self.machines(), machine, &machine.status, &status).await?;
        Ok(())
    }
}
