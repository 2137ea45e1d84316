//! Looking into the cloud: which machines died, and which belong to nobody.
//!
//! **Invariant:** a machine counts as gone only if it was recorded before the cloud was asked, and as nobody's only if there
//! is no Machine for it after the cloud was asked: a Machine exists before its machine and as long as it.

use std::collections::{BTreeMap, BTreeSet};

use api::machine::v1alpha1::{Machine, MachineClass};
use jiff::Timestamp;
use kube::api::ListParams;

use super::{
    context::{Context, WorkError},
    driver::{CloudMachine, CloudMachineState, MachineRequest},
    facts::{is_deleting, name},
    lifecycle::{Sight, Sighting},
};

impl Context {
    /// Asks the cloud, removes what belongs to nobody, and returns what it has of each machine.
    pub(crate) async fn survey(&self, classes: &[MachineClass]) -> Result<BTreeMap<String, Sight>, WorkError> {
        let before = self.present().await?;
        let mut found = BTreeMap::new();
        for class in per_account(classes) {
            let request = self.list_request(class).await?;
            let machines = self.driver.list(&request).await;
            let machines = machines.map_err(WorkError::cloud("list the machines of the cloud"))?;
            found.extend(
                machines
                    .into_iter()
                    .map(|machine| (machine.name.clone(), (machine, request.clone()))),
            );
        }
        let after: BTreeSet<String> = self
            .present()
            .await?
            .iter()
            .map(|machine| name(&machine.metadata).to_owned())
            .collect();
        for (machine, request) in found.values().filter(|(machine, _)| !after.contains(&machine.name)) {
            tracing::warn!(
                machine = machine.name,
                "it belongs to nobody, and is removed from the cloud"
            );
            let request = MachineRequest {
                name: machine.name.clone(),
                namespace: request.namespace.clone(),
                provider_spec: request.provider_spec.clone(),
                secret: request.secret.clone(),
                user_data: String::new(),
                tags: request.tags.clone(),
            };
            let deleted = self.driver.delete(&request).await;
            deleted.map_err(WorkError::cloud("remove a machine that belongs to nobody"))?;
        }
        Ok(sights(&before, |wanted| found.get(wanted).map(|(machine, _)| machine)))
    }

    async fn present(&self) -> Result<Vec<Machine>, WorkError> {
        let listed = self.machines().list(&ListParams::default()).await;
        Ok(listed.map_err(WorkError::seed("list Machines"))?.items)
    }
}

/// One class per account of the cloud: any of them finds all machines.
fn per_account(classes: &[MachineClass]) -> impl Iterator<Item = &MachineClass> {
    let account = |class: &MachineClass| {
        let reference = class.credentials_secret_ref.clone().unwrap_or_default();
        (reference.namespace, reference.name)
    };
    let mut seen = BTreeSet::new();
    classes.iter().filter(move |class| seen.insert(account(class)))
}

/// What the cloud has of the machines that were recorded as made.
fn sights<'a>(machines: &[Machine], found: impl Fn(&str) -> Option<&'a CloudMachine>) -> BTreeMap<String, Sight> {
    let made = machines
        .iter()
        .filter(|machine| !machine.spec.provider_id.is_empty() && !is_deleting(&machine.metadata));
    let sight = |machine: &Machine| match found(name(&machine.metadata)) {
        None => Sight::Gone,
        Some(found) => match &found.state {
            CloudMachineState::Stopped(reason) => Sight::Stopped(reason.clone()),
            _ => Sight::There(found.addresses.clone()),
        },
    };
    made.map(|machine| (name(&machine.metadata).to_owned(), sight(machine)))
        .collect()
}

/// The new sightings: since when each has been the same.
pub(crate) fn merge(
    before: &BTreeMap<String, Sighting>,
    sights: BTreeMap<String, Sight>,
    now: Timestamp,
) -> BTreeMap<String, Sighting> {
    let since = |name: &str, sight: &Sight| {
        let same = before
            .get(name)
            .filter(|before| std::mem::discriminant(&before.sight) == std::mem::discriminant(sight));
        same.map_or(now, |before| before.since)
    };
    sights
        .into_iter()
        .map(|(name, sight)| {
            let since = since(&name, &sight);
            (name, Sighting { sight, since })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::testing;

    fn made(name: &str) -> Machine {
        let mut machine = testing::machine(name, "Running");
        machine.spec.provider_id = format!("cloud:///{name}");
        machine
    }

    #[test]
    fn machines_are_gone_stopped_or_there() {
        let cloud = |name: &str, state: CloudMachineState| CloudMachine {
            name: name.to_owned(),
            provider_id: String::new(),
            state,
            addresses: Vec::new(),
        };
        let found = [
            cloud("a", CloudMachineState::Running),
            cloud("b", CloudMachineState::Stopped("killed".to_owned())),
        ];
        let machines = [
            made("a"),
            made("b"),
            made("c"),
            testing::machine("new", ""),
            testing::machine("going", "deleting"),
        ];
        let seen = sights(&machines, |name| found.iter().find(|machine| machine.name == name));
        let expected = [
            ("a", Sight::There(Vec::new())),
            ("b", Sight::Stopped("killed".to_owned())),
            ("c", Sight::Gone),
        ];
        assert_eq!(seen, expected.map(|(name, sight)| (name.to_owned(), sight)).into());
    }

    #[test]
    fn a_sighting_is_as_old_as_its_first_like() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let stopped = |reason: &str| BTreeMap::from([("a".to_owned(), Sight::Stopped(reason.to_owned()))]);
        let first = merge(&BTreeMap::new(), stopped("x"), at(1));
        let second = merge(&first, stopped("y"), at(9));
        assert_eq!(second["a"].since, at(1));
        let third = merge(
            &second,
            BTreeMap::from([("a".to_owned(), Sight::There(Vec::new()))]),
            at(10),
        );
        assert_eq!(third["a"].since, at(10));
    }
}
