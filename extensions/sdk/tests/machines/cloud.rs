//! A cloud in memory, with what clouds do to people.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use extensions_sdk::machine::{
    CloudMachine, CloudMachineState, DriverError, DriverErrorCode, ListRequest, MachineDriver, MachineRequest,
};
use parking_lot::Mutex;

/// A machine of the cloud.
#[derive(Clone, Debug)]
pub(crate) struct Made {
    pub(crate) flavor: String,
    pub(crate) state: CloudMachineState,
    pub(crate) user_data: String,
    pub(crate) tags: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) machines: BTreeMap<String, Made>,
    /// Most machines.
    pub(crate) quota: Option<usize>,
    /// A flavor that there is not.
    pub(crate) unknown: Option<String>,
    /// Nothing is answered after a machine was made.
    pub(crate) silent: bool,
    /// Nothing works.
    pub(crate) away: bool,
    pub(crate) console: String,
}

/// The cloud; clones are the same cloud.
#[derive(Clone, Debug)]
pub(crate) struct Cloud {
    provider: String,
    state: Arc<Mutex<State>>,
}

impl Cloud {
    pub(crate) fn new(provider: &str) -> Self {
        Self {
            provider: provider.to_owned(),
            state: Arc::default(),
        }
    }

    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.change(|state| state.machines.keys().cloned().collect())
    }

    /// What machines there are, sorted.
    pub(crate) fn flavors(&self) -> Vec<String> {
        let mut flavors: Vec<String> =
            self.change(|state| state.machines.values().map(|made| made.flavor.clone()).collect());
        flavors.sort();
        flavors
    }

    pub(crate) fn get_made(&self, name: &str) -> Option<Made> {
        self.change(|state| state.machines.get(name).cloned())
    }

    fn check(&self) -> Result<(), DriverError> {
        if self.change(|state| state.away) {
            return Err(DriverError::new(
                DriverErrorCode::Unavailable,
                "the cloud does not answer",
            ));
        }
        Ok(())
    }
}

fn shown(name: &str, made: &Made) -> CloudMachine {
    CloudMachine {
        name: name.to_owned(),
        provider_id: format!("fake:///{name}"),
        state: made.state.clone(),
        addresses: Vec::new(),
    }
}

#[async_trait]
impl MachineDriver for Cloud {
    fn provider(&self) -> &str {
        &self.provider
    }

    async fn create(&self, request: &MachineRequest) -> Result<CloudMachine, DriverError> {
        self.check()?;
        let (machine, silent) = self.change(|state| {
            let (unknown, flavor) = (state.unknown.as_deref(), request.provider_spec["flavor"].as_str());
            if unknown.is_some() && unknown == flavor {
                return Err(DriverError::new(
                    DriverErrorCode::InvalidArgument,
                    "there is no such flavor",
                ));
            }
            let full = state.quota.is_some_and(|quota| state.machines.len() >= quota);
            if full && !state.machines.contains_key(&request.name) {
                let cause = std::io::Error::other("2 of 2 machines");
                let error = DriverError::new(DriverErrorCode::QuotaExceeded, "the quota of machines is used up");
                return Err(error.caused_by(cause));
            }
            let made = state.machines.entry(request.name.clone()).or_insert_with(|| Made {
                flavor: flavor.unwrap_or_default().to_owned(),
                state: CloudMachineState::Running,
                user_data: request.user_data.clone(),
                tags: request.tags.clone(),
            });
            Ok((shown(&request.name, made), state.silent))
        })?;
        if silent {
            std::future::pending::<()>().await;
        }
        Ok(machine)
    }

    async fn delete(&self, request: &MachineRequest) -> Result<(), DriverError> {
        self.check()?;
        self.change(|state| state.machines.remove(&request.name));
        Ok(())
    }

    async fn get(&self, request: &MachineRequest) -> Result<Option<CloudMachine>, DriverError> {
        self.check()?;
        Ok(self.get_made(&request.name).map(|made| shown(&request.name, &made)))
    }

    async fn list(&self, request: &ListRequest) -> Result<Vec<CloudMachine>, DriverError> {
        self.check()?;
        let tagged = |made: &Made| {
            request
                .tags
                .iter()
                .all(|(key, value)| made.tags.get(key) == Some(value))
        };
        Ok(self.change(|state| {
            let found = state.machines.iter().filter(|(_, made)| tagged(made));
            found.map(|(name, made)| shown(name, made)).collect()
        }))
    }

    async fn console(&self, _request: &MachineRequest, _bytes: usize) -> Result<String, DriverError> {
        Ok(self.change(|state| state.console.clone()))
    }
}
