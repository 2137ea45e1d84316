//! From a pool in a zone to what its machines are to the cloud. Pure.

use std::collections::BTreeMap;

use api::core::v1beta1::{CloudProfile, ErrorCode, MachineType};
use apimachinery::{meta::Quantity, quantity::Amount};
use cloud_client::Limits;
use extensions_sdk::{
    ActuatorError,
    worker::{MachineClassPlan, MachinePlanner, PoolInZone},
};

use crate::{
    cloud_controller::INSTANCE_TYPE,
    extension::TYPE,
    provider::{API_VERSION, CloudProfileConfig, MachineProviderSpec, infrastructure_status},
};

const MEBIBYTE: u64 = 1 << 20;

/// Plans machines of the local cloud.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalMachinePlanner;

impl MachinePlanner for LocalMachinePlanner {
    fn provider(&self) -> &str {
        TYPE
    }

    fn plan(&self, pool: PoolInZone<'_>) -> Result<MachineClassPlan, ActuatorError> {
        check_volumes(&pool)?;
        let made = infrastructure_status(pool.worker.spec.infrastructure_provider_status.as_ref())?;
        let profile = profile_of(&pool)?;
        let spec = MachineProviderSpec {
            api_version: API_VERSION.to_owned(),
            kind: "MachineProviderSpec".to_owned(),
            network: made.network,
            security_groups: vec![made.security_group],
            zone: pool.zone.map(str::to_owned),
            flavor: flavor(&profile, &pool.pool.machine_type)?,
            image: image(&profile, &pool)?,
            tags: BTreeMap::from([(INSTANCE_TYPE.to_owned(), pool.pool.machine_type.clone())]),
        };
        let provider_spec = serde_json::to_value(spec)
            .map_err(|error| ActuatorError::new("failed to encode the machines' specification").caused_by(error))?;
        Ok(MachineClassPlan {
            provider_spec,
            ..MachineClassPlan::default()
        })
    }
}

fn profile_of(pool: &PoolInZone<'_>) -> Result<CloudProfile, ActuatorError> {
    let cluster = pool
        .cluster
        .ok_or_else(|| ActuatorError::new("the shoot's Cluster does not exist"))?;
    cluster
        .spec
        .cloud_profile
        .parse()
        .map_err(|error| ActuatorError::new("failed to read the CloudProfile in the Cluster").caused_by(error))
}

fn wrong(what: String) -> ActuatorError {
    ActuatorError::new(what).with_code(ErrorCode::ConfigurationProblem)
}

/// A machine's disk is the host's, without a size of its own. Saying so beats ignoring the wish.
fn check_volumes(pool: &PoolInZone<'_>) -> Result<(), ActuatorError> {
    let wished = [
        ("volume", pool.pool.volume.is_some()),
        ("dataVolumes", !pool.pool.data_volumes.is_empty()),
    ];
    match wished.into_iter().find(|(_, wished)| *wished) {
        None => Ok(()),
        Some((field, _)) => Err(wrong(format!(
            "pool {:?}: the local cloud has no volumes, its machines write to the host's disk; remove {field}",
            pool.pool.name
        ))),
    }
}

/// The machine type's size, as limits.
fn flavor(profile: &CloudProfile, name: &str) -> Result<Limits, ActuatorError> {
    let found: Option<&MachineType> = profile.spec.machine_types.iter().find(|known| known.name == name);
    let machine_type = found.ok_or_else(|| wrong(format!("the CloudProfile has no machine type {name:?}")))?;
    let amount = |quantity: &Quantity| {
        Amount::parse(quantity)
            .map_err(|error| wrong(format!("machine type {name:?} has no proper size")).caused_by(error))
    };
    Ok(Limits {
        cpu_millis: u32::try_from(amount(&machine_type.cpu)?.milli()).unwrap_or_default(),
        memory_mib: u64::try_from(amount(&machine_type.memory)?.units())
            .unwrap_or_default()
            .div_ceil(MEBIBYTE),
    })
}

/// The cloud's name of the pool's image, if the profile gives it one.
fn image(profile: &CloudProfile, pool: &PoolInZone<'_>) -> Result<Option<String>, ActuatorError> {
    let wanted = &pool.pool.machine_image;
    let Some(raw) = profile.spec.provider_config.as_ref() else {
        return Ok(None);
    };
    let config: CloudProfileConfig = raw
        .parse()
        .map_err(|error| wrong("failed to read the CloudProfile's providerConfig".to_owned()).caused_by(error))?;
    let versions = config
        .machine_images
        .into_iter()
        .filter(|image| image.name == wanted.name)
        .flat_map(|image| image.versions);
    let found = versions.into_iter().find(|version| version.version == wanted.version);
    match found {
        Some(version) => Ok(version.image),
        None => Err(wrong(format!(
            "the CloudProfile's providerConfig has no machine image {} {}",
            wanted.name, wanted.version
        ))),
    }
}

#[cfg(test)]
mod tests {
    use api::extensions::v1alpha1::{Cluster, Worker};
    use serde_json::{Value, json};

    use super::*;

    fn planned(change: impl FnOnce(&mut Value, &mut Value)) -> Result<MachineClassPlan, ActuatorError> {
        let mut profile = json!({
            "apiVersion": "core.gardener.cloud/v1beta1", "kind": "CloudProfile",
            "spec": { "machineTypes": [
                { "name": "local", "cpu": "2", "gpu": "0", "memory": "2Gi" },
                { "name": "tiny", "cpu": "500m", "gpu": "0", "memory": "1000001" },
            ] },
        });
        let mut worker = json!({
            "metadata": { "namespace": "shoot--dev--first", "name": "first" },
            "spec": {
                "type": "local", "region": "local", "secretRef": { "name": "cloudprovider" },
                "infrastructureProviderStatus": {
                    "apiVersion": API_VERSION, "kind": "InfrastructureStatus",
                    "network": "shoot--dev--first", "securityGroup": "shoot--dev--first", "zones": ["0"],
                },
                "pools": [{
                    "name": "worker", "machineType": "local", "machineImage": { "name": "local", "version": "1.0.0" },
                    "minimum": 1, "maximum": 1, "maxSurge": 1, "maxUnavailable": 0, "zones": ["0"],
                    "userDataSecretRef": { "name": "osc-result-x", "key": "cloud_config" },
                }],
            },
        });
        change(&mut profile, &mut worker);
        let cluster: Cluster =
            serde_json::from_value(json!({ "spec": { "cloudProfile": profile, "seed": {}, "shoot": {} } })).unwrap();
        let worker: Worker = serde_json::from_value(worker).unwrap();
        let pool = PoolInZone {
            worker: &worker,
            pool: &worker.spec.pools[0],
            zone: Some("0"),
            cluster: Some(&cluster),
        };
        LocalMachinePlanner.plan(pool)
    }

    #[test]
    fn a_machine_is_described_to_the_cloud() {
        let plan = planned(|_, _| {}).unwrap();
        let expected = json!({
            "apiVersion": API_VERSION, "kind": "MachineProviderSpec",
            "network": "shoot--dev--first", "securityGroups": ["shoot--dev--first"], "zone": "0",
            "flavor": { "cpuMillis": 2000, "memoryMib": 2048 },
            "tags": { "node.kubernetes.io/instance-type": "local" },
        });
        assert_eq!(plan.provider_spec, expected);
    }

    #[test]
    fn sizes_are_rounded_up() {
        let plan = planned(|_, worker| worker["spec"]["pools"][0]["machineType"] = json!("tiny")).unwrap();
        assert_eq!(
            plan.provider_spec["flavor"],
            json!({ "cpuMillis": 500, "memoryMib": 1 })
        );
    }

    #[test]
    fn an_image_has_the_name_that_the_profile_gives_it() {
        let images = |version: &str| {
            let version = version.to_owned();
            move |profile: &mut Value, _: &mut Value| {
                let versions = json!([{ "version": version, "image": "debian" }]);
                let images = json!([{ "name": "local", "versions": versions }]);
                profile["spec"]["providerConfig"] = json!({ "machineImages": images });
            }
        };
        assert_eq!(planned(images("1.0.0")).unwrap().provider_spec["image"], "debian");
        let error = planned(images("2.0.0")).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the CloudProfile's providerConfig has no machine image local 1.0.0"
        );
    }

    #[test]
    fn what_the_user_must_mend_is_said() {
        let error = planned(|_, worker| worker["spec"]["pools"][0]["machineType"] = json!("huge")).unwrap_err();
        assert_eq!(error.to_string(), r#"the CloudProfile has no machine type "huge""#);
        assert_eq!(error.codes(), [ErrorCode::ConfigurationProblem]);
        for (field, value) in [
            ("volume", json!({ "size": "20Gi" })),
            ("dataVolumes", json!([{ "name": "data", "size": "20Gi" }])),
        ] {
            let error = planned(|_, worker| worker["spec"]["pools"][0][field] = value).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "pool \"worker\": the local cloud has no volumes, its machines write to the host's disk; remove {field}"
                )
            );
            assert_eq!(error.codes(), [ErrorCode::ConfigurationProblem]);
        }
        let error = planned(|_, worker| worker["spec"]["infrastructureProviderStatus"] = Value::Null).unwrap_err();
        assert_eq!(error.to_string(), "spec.infrastructureProviderStatus is not set");
    }
}
