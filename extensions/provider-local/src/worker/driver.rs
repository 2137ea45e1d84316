//! Machines of the local cloud, for the machine controller.

use async_trait::async_trait;
use cloud_client::{ErrorCode, Flavor, Machine, MachineSpec, Phase};
use extensions_sdk::machine::{
    CloudMachine, CloudMachineState, DriverError, DriverErrorCode, ListRequest, MachineDriver, MachineRequest,
};
use k8s_openapi::api::core::v1::{NodeAddress, Secret};

use crate::{
    cloud::{Cloud, Clouds, driver_error},
    extension::TYPE,
    provider::MachineProviderSpec,
};

/// Makes, finds and removes machines of the local cloud.
#[derive(Clone, Debug)]
pub struct LocalMachineDriver<C> {
    clouds: C,
}

impl<C: Clouds> LocalMachineDriver<C> {
    /// A driver for these clouds.
    pub fn new(clouds: C) -> Self {
        Self { clouds }
    }

    async fn cloud(&self, secret: &Secret) -> Result<Box<dyn Cloud>, DriverError> {
        let cloud = self.clouds.cloud_of(Some(secret)).await;
        cloud.map_err(|error| driver_error("failed to reach the cloud", error))
    }
}

#[async_trait]
impl<C: Clouds> MachineDriver for LocalMachineDriver<C> {
    fn provider(&self) -> &str {
        TYPE
    }

    async fn create(&self, request: &MachineRequest) -> Result<CloudMachine, DriverError> {
        let spec = specification(request)?;
        let name = &request.name;
        let cloud = self.cloud(&request.secret).await?;
        // Made before a crash, it has the user data of that time: it is taken as it is.
        if let Some(machine) = find(cloud.as_ref(), name).await? {
            return Ok(seen(&machine));
        }
        let made = cloud.put_machine(name, &spec).await;
        let failed = |error| driver_error(format!("failed to make the machine {name}"), error);
        match made {
            Ok(machine) => Ok(seen(&machine)),
            // Made by somebody else since it was looked for.
            Err(error) if error.code() == Some(ErrorCode::Conflict) => match find(cloud.as_ref(), name).await? {
                Some(machine) => Ok(seen(&machine)),
                None => Err(failed(error)),
            },
            Err(error) => Err(failed(error)),
        }
    }

    async fn delete(&self, request: &MachineRequest) -> Result<(), DriverError> {
        let name = &request.name;
        let deleted = self.cloud(&request.secret).await?.delete_machine(name).await;
        deleted.map_err(|error| driver_error(format!("failed to remove the machine {name}"), error))
    }

    async fn get(&self, request: &MachineRequest) -> Result<Option<CloudMachine>, DriverError> {
        let cloud = self.cloud(&request.secret).await?;
        let machine = find(cloud.as_ref(), &request.name).await?;
        Ok(machine.as_ref().map(seen))
    }

    async fn list(&self, request: &ListRequest) -> Result<Vec<CloudMachine>, DriverError> {
        let machines = self.cloud(&request.secret).await?.machines(&request.tags).await;
        let machines = machines.map_err(|error| driver_error("failed to list machines", error))?;
        Ok(machines.iter().map(seen).collect())
    }

    async fn console(&self, request: &MachineRequest, bytes: usize) -> Result<String, DriverError> {
        let name = &request.name;
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let console = self.cloud(&request.secret).await?.console(name, bytes).await;
        console.map_err(|error| driver_error(format!("failed to read the console of the machine {name}"), error))
    }
}

async fn find(cloud: &dyn Cloud, name: &str) -> Result<Option<Machine>, DriverError> {
    let found = cloud.machine(name).await;
    found.map_err(|error| driver_error(format!("failed to look for the machine {name}"), error))
}

fn specification(request: &MachineRequest) -> Result<MachineSpec, DriverError> {
    let wished: MachineProviderSpec = serde_json::from_value(request.provider_spec.clone()).map_err(|error| {
        DriverError::new(
            DriverErrorCode::InvalidArgument,
            "failed to read the class' providerSpec",
        )
        .caused_by(error)
    })?;
    let mut tags = wished.tags;
    tags.extend(request.tags.clone());
    Ok(MachineSpec {
        flavor: Some(Flavor::Limits(wished.flavor)),
        zone: wished.zone,
        image: wished.image,
        tags,
        security_groups: wished.security_groups,
        user_data: request.user_data.clone(),
        ..MachineSpec::new(wished.network)
    })
}

fn seen(machine: &Machine) -> CloudMachine {
    let status = &machine.status;
    let address = |kind: &str, address: String| NodeAddress {
        type_: kind.to_owned(),
        address,
    };
    CloudMachine {
        name: machine.name.clone(),
        provider_id: status.provider_id.clone(),
        state: match status.phase {
            Phase::Pending => CloudMachineState::Pending,
            Phase::Ready => CloudMachineState::Running,
            Phase::Stopped => CloudMachineState::Stopped("its processes have ended".to_owned()),
            Phase::Failed => CloudMachineState::Stopped(status.message.clone()),
            Phase::Deleting => CloudMachineState::Terminating,
        },
        addresses: vec![
            address("InternalIP", status.address.to_string()),
            address("Hostname", machine.name.clone()),
        ],
    }
}
