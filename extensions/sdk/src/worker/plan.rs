//! From the pools of a Worker to machine classes and MachineDeployments, one of each per pool and zone. Pure.

use std::collections::BTreeMap;

use api::{
    extensions::v1alpha1::{Cluster, MachineDeployment as Listed, Worker, WorkerPool},
    machine::v1alpha1::{
        ClassSpec, MachineClass, MachineConfiguration, MachineDeployment, MachineDeploymentStrategyType, NodeTemplate,
        RollingUpdateMachineDeployment, UpdateConfiguration,
    },
};
use apimachinery::meta::{LabelSelector, object_meta};
use k8s_openapi::api::core::v1::{SecretKeySelector, SecretReference};
use serde_json::{Value, json};

use super::{
    distribution::{bounds, part},
    planner::{MachineClassPlan, MachinePlanner, PoolInZone},
};
use crate::{
    ActuatorError,
    machine::{MACHINE_CLASS_KIND, MACHINE_GROUP, short_hash},
};

/// Label of MachineDeployments and their machines: the deployment's name.
pub(super) const NAME_LABEL: &str = "name";

/// What is wanted for one pool in one zone.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wanted {
    /// The class; its Secret has the same name.
    pub(crate) class: MachineClass,
    /// Where the user data comes from.
    pub(crate) user_data: SecretKeySelector,
    /// The machines.
    pub(crate) deployment: MachineDeployment,
    /// The entry in the worker's status.
    pub(crate) listed: Listed,
}

/// Plans all pools in all their zones.
pub(crate) fn plan_worker(
    worker: &Worker,
    cluster: Option<&Cluster>,
    planner: &dyn MachinePlanner,
) -> Result<Vec<Wanted>, ActuatorError> {
    let mut wanted = Vec::new();
    for pool in &worker.spec.pools {
        let zones: Vec<Option<&str>> = match pool.zones.as_slice() {
            [] => vec![None],
            zones => zones.iter().map(|zone| Some(zone.as_str())).collect(),
        };
        for (index, zone) in zones.iter().enumerate() {
            let pool = PoolInZone {
                worker,
                pool,
                zone: *zone,
                cluster,
            };
            let class = planner.plan(pool)?;
            wanted.push(plan_zone(pool, planner.provider(), class, (index, zones.len())));
        }
    }
    Ok(wanted)
}

fn plan_zone(input: PoolInZone<'_>, provider: &str, class: MachineClassPlan, (zone, zones): (usize, usize)) -> Wanted {
    let PoolInZone {
        worker, pool, cluster, ..
    } = input;
    let namespace = worker.metadata.namespace.as_deref().unwrap_or_default();
    let name = format!("{namespace}-{}-z{}", pool.name, zone + 1);
    let class_name = format!("{name}-{}", class_hash(pool, &class.replaced_when));
    let (minimum, maximum) = (part(pool.minimum, zone, zones), part(pool.maximum, zone, zones));
    let replicas = if is_hibernated(cluster) { 0 } else { minimum };
    let reference = |name: &str| SecretReference {
        name: Some(name.to_owned()),
        namespace: Some(namespace.to_owned()),
    };
    let node_template = pool.node_template.as_ref().map(|template| NodeTemplate {
        capacity: template.capacity.clone(),
        virtual_capacity: template.virtual_capacity.clone(),
        instance_type: pool.machine_type.clone(),
        region: worker.spec.region.clone(),
        zone: input.zone.unwrap_or_default().to_owned(),
        architecture: pool.architecture.clone(),
    });
    Wanted {
        class: MachineClass {
            metadata: object_meta(namespace, &class_name),
            node_template,
            credentials_secret_ref: Some(worker.spec.secret_ref.clone()).filter(|reference| reference.name.is_some()),
            provider_spec: class.provider_spec.into(),
            provider: provider.to_owned(),
            secret_ref: Some(reference(&class_name)),
        },
        user_data: pool.user_data_secret_ref.clone(),
        deployment: plan_deployment(pool, (namespace, &name), &class_name, replicas, (zone, zones)),
        listed: Listed {
            name,
            minimum,
            maximum,
            priority: pool.priority,
            auto_preserve_failed_machine_max: None,
        },
    }
}

fn plan_deployment(
    pool: &WorkerPool,
    (namespace, name): (&str, &str),
    class: &str,
    replicas: i32,
    (zone, zones): (usize, usize),
) -> MachineDeployment {
    let labels = BTreeMap::from([(NAME_LABEL.to_owned(), name.to_owned())]);
    let mut deployment = MachineDeployment {
        metadata: object_meta(namespace, name),
        ..MachineDeployment::default()
    };
    let (max_surge, max_unavailable) = bounds(&pool.max_surge, &pool.max_unavailable, zone, zones);
    let spec = &mut deployment.spec;
    spec.replicas = replicas;
    spec.selector = Some(LabelSelector {
        match_labels: Some(labels.clone()),
        ..LabelSelector::default()
    });
    spec.strategy.type_ = MachineDeploymentStrategyType::RollingUpdate;
    spec.strategy.rolling_update = Some(RollingUpdateMachineDeployment {
        update: UpdateConfiguration {
            max_unavailable: Some(max_unavailable),
            max_surge: Some(max_surge),
        },
    });
    let template = &mut spec.template;
    template.metadata.labels = Some(labels);
    template.spec.class = ClassSpec {
        api_group: MACHINE_GROUP.to_owned(),
        kind: MACHINE_CLASS_KIND.to_owned(),
        name: class.to_owned(),
    };
    let node = &mut template.spec.node_template;
    node.metadata.labels = Some(pool.labels.clone()).filter(|labels| !labels.is_empty());
    node.metadata.annotations = Some(pool.annotations.clone()).filter(|annotations| !annotations.is_empty());
    node.spec.taints = Some(pool.taints.clone()).filter(|taints| !taints.is_empty());
    template.spec.configuration = configuration(pool);
    deployment.metadata.labels = Some(BTreeMap::from([(NAME_LABEL.to_owned(), name.to_owned())]));
    deployment
}

fn configuration(pool: &WorkerPool) -> Option<MachineConfiguration> {
    let settings = pool.machine_controller_manager.as_ref()?;
    let conditions = Some(settings.node_conditions.join(",")).filter(|conditions| !conditions.is_empty());
    Some(MachineConfiguration {
        drain_timeout: settings.machine_drain_timeout,
        health_timeout: settings.machine_health_timeout,
        creation_timeout: settings.machine_creation_timeout,
        in_place_update_timeout: settings.in_place_update_timeout,
        machine_preserve_timeout: settings.machine_preserve_timeout,
        disable_health_timeout: settings.disable_health_timeout,
        max_evict_retries: settings.max_evict_retries,
        node_conditions: conditions,
    })
}

/// Stands for everything that makes new machines when it changes.
///
/// The name of node-agent's Secret stands for what gardenlet replaces machines for; without it the Kubernetes minor does.
fn class_hash(pool: &WorkerPool, provider: &[String]) -> String {
    let version = pool.kubernetes_version.as_deref().unwrap_or_default();
    let minor: Vec<&str> = version.split('.').take(2).collect();
    let configuration = pool.node_agent_secret_name.clone().unwrap_or_else(|| minor.join("."));
    let relevant: Value = json!([
        configuration,
        pool.machine_type,
        pool.machine_image,
        pool.volume,
        pool.data_volumes,
        pool.architecture,
        provider,
    ]);
    short_hash(&relevant.to_string())
}

fn is_hibernated(cluster: Option<&Cluster>) -> bool {
    let enabled = cluster.and_then(|cluster| cluster.spec.shoot.0.pointer("/spec/hibernation/enabled"));
    enabled.and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Planner;

    impl MachinePlanner for Planner {
        fn provider(&self) -> &str {
            "local"
        }

        fn plan(&self, pool: PoolInZone<'_>) -> Result<MachineClassPlan, ActuatorError> {
            Ok(MachineClassPlan {
                provider_spec: json!({ "flavor": pool.pool.machine_type, "zone": pool.zone }),
                replaced_when: pool.zone.map(str::to_owned).into_iter().collect(),
            })
        }
    }

    fn worker(change: impl FnOnce(&mut Value)) -> Worker {
        let mut value = json!({
            "metadata": { "namespace": "shoot--dev--first", "name": "first" },
            "spec": {
                "type": "local", "region": "local", "secretRef": { "name": "cloudprovider", "namespace": "shoot--dev--first" },
                "pools": [{
                    "name": "worker", "machineType": "local", "machineImage": { "name": "local", "version": "1.0.0" },
                    "minimum": 3, "maximum": 5, "maxSurge": 1, "maxUnavailable": 0, "zones": ["0", "1"],
                    "kubernetesVersion": "1.35.4", "nodeAgentSecretName": "gardener-node-agent-worker-12345678",
                    "userDataSecretRef": { "name": "osc-result", "key": "cloud_config" },
                    "labels": { "worker.gardener.cloud/pool": "worker" },
                    "machineControllerManager": { "machineDrainTimeout": "10m", "nodeConditions": ["Ready", "DiskPressure"] },
                }],
            },
        });
        change(&mut value);
        serde_json::from_value(value).unwrap()
    }

    fn plan(change: impl FnOnce(&mut Value)) -> Vec<Wanted> {
        plan_worker(&worker(change), None, &Planner).unwrap()
    }

    #[test]
    fn a_pool_becomes_a_deployment_per_zone() {
        let wanted = plan(|_| {});
        let numbers = |wanted: &Wanted| {
            let listed = &wanted.listed;
            (
                listed.name.clone(),
                wanted.deployment.spec.replicas,
                listed.minimum,
                listed.maximum,
            )
        };
        assert_eq!(
            wanted.iter().map(numbers).collect::<Vec<_>>(),
            [
                ("shoot--dev--first-worker-z1".to_owned(), 2, 2, 3),
                ("shoot--dev--first-worker-z2".to_owned(), 1, 1, 2)
            ]
        );
        let first = &wanted[0];
        assert_eq!(first.class.provider_spec.0, json!({ "flavor": "local", "zone": "0" }));
        assert_eq!(
            first.deployment.spec.template.spec.class.name,
            first.class.metadata.name.clone().unwrap()
        );
        let spec = serde_json::to_value(&first.deployment.spec.template.spec).unwrap();
        assert_eq!(spec["drainTimeout"], "10m0s");
        assert_eq!(spec["nodeConditions"], "Ready,DiskPressure");
        assert_eq!(
            spec["nodeTemplate"]["metadata"]["labels"]["worker.gardener.cloud/pool"],
            "worker"
        );
    }

    #[test]
    fn a_pool_without_zones_has_one_deployment() {
        let wanted = plan(|worker| worker["spec"]["pools"][0]["zones"] = json!([]));
        let names: Vec<&str> = wanted.iter().map(|wanted| wanted.listed.name.as_str()).collect();
        assert_eq!(names, ["shoot--dev--first-worker-z1"]);
        assert_eq!(wanted[0].class.provider_spec.0["zone"], Value::Null);
    }

    #[test]
    fn the_class_changes_when_new_machines_are_needed_and_only_then() {
        let class = |pointer: &str, value: Value| {
            let wanted = plan(|worker| *worker.pointer_mut(&format!("/spec/pools/0/{pointer}")).unwrap() = value);
            wanted[0].class.metadata.name.clone().unwrap()
        };
        let before = plan(|_| {})[0].class.metadata.name.clone().unwrap();
        for (pointer, value) in [
            ("machineType", json!("large")),
            ("machineImage/version", json!("1.0.1")),
            ("nodeAgentSecretName", json!("gardener-node-agent-worker-87654321")),
            ("zones/0", json!("2")),
        ] {
            assert_ne!(class(pointer, value), before, "{pointer}");
        }
        for (pointer, value) in [
            ("minimum", json!(1)),
            ("kubernetesVersion", json!("1.35.5")),
            ("labels", json!({ "other": "1" })),
            ("userDataSecretRef/name", json!("osc-other")),
            ("machineControllerManager", json!({})),
        ] {
            assert_eq!(class(pointer, value), before, "{pointer}");
        }
    }

    #[test]
    fn a_hibernated_shoot_has_no_machines() {
        let mut cluster = Cluster::default();
        cluster.spec.shoot = json!({ "spec": { "hibernation": { "enabled": true } } }).into();
        let wanted = plan_worker(&worker(|_| {}), Some(&cluster), &Planner).unwrap();
        assert!(wanted.iter().all(|wanted| wanted.deployment.spec.replicas == 0));
        assert_eq!(wanted[0].listed.minimum, 2);
    }

    #[test]
    fn names_of_machines_fit_a_host_name() {
        // The longest that validation admits: technical id of 30, pool of 15.
        let worker = worker(|worker| {
            worker["metadata"]["namespace"] = json!("shoot--project-10--shoot-10-ab");
            worker["spec"]["pools"][0]["name"] = json!("fifteen-letters");
        });
        let wanted = plan_worker(&worker, None, &Planner).unwrap();
        let set = format!("{}-abcde", wanted[0].listed.name);
        assert!(format!("{set}-fghij").len() <= 63);
    }
}
