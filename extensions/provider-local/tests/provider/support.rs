//! A cloud in memory: objects as they are put, and refusals on demand.

use std::{collections::BTreeMap, net::Ipv4Addr, sync::Arc};

use async_trait::async_trait;
use cloud_client::{
    ApiError, DnsRecordSpec, Error as ClientError, ErrorCode, LoadBalancer, LoadBalancerSpec, LoadBalancerStatus,
    Machine, MachineSpec, MachineStatus, Network, NetworkSpec, NetworkStatus, Phase, Route, RouteSpec, RouteStatus,
    SecurityGroupSpec,
};
use extensions_provider_local::{
    Clouds,
    cloud::{Cloud, CloudError},
};
use k8s_openapi::api::core::v1::Secret;
use parking_lot::Mutex;

/// A cloud in memory; clones are the same cloud.
#[derive(Clone, Debug, Default)]
pub(crate) struct MemoryCloud(pub(crate) Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
pub(crate) struct Inner {
    pub(crate) records: BTreeMap<String, DnsRecordSpec>,
    pub(crate) networks: BTreeMap<String, NetworkSpec>,
    pub(crate) groups: BTreeMap<String, SecurityGroupSpec>,
    pub(crate) routes: BTreeMap<String, RouteSpec>,
    pub(crate) machines: BTreeMap<String, MachineSpec>,
    pub(crate) balancers: BTreeMap<String, LoadBalancerSpec>,
    pub(crate) refuse: Option<ErrorCode>,
    /// Refuses what its users are given beyond their machines: routes and load balancers.
    pub(crate) refuse_extras: Option<ErrorCode>,
    pub(crate) phase: Phase,
    pub(crate) puts: usize,
}

impl MemoryCloud {
    pub(crate) fn ready() -> Self {
        let cloud = Self::default();
        cloud.0.lock().phase = Phase::Ready;
        cloud
    }

    pub(crate) fn refuse(&self, code: Option<ErrorCode>) {
        self.0.lock().refuse = code;
    }

    /// Does it unless the cloud refuses everything.
    fn act<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> Result<T, CloudError> {
        let mut inner = self.0.lock();
        match inner.refuse {
            None => Ok(act(&mut inner)),
            Some(code) => Err(refusal(code)),
        }
    }

    /// What there is, as `networks/shoot--dev--first`.
    pub(crate) fn everything(&self) -> Vec<String> {
        let inner = self.0.lock();
        let names =
            |kind: &str, names: Vec<&String>| names.iter().map(|name| format!("{kind}/{name}")).collect::<Vec<_>>();
        [
            names("networks", inner.networks.keys().collect()),
            names("groups", inner.groups.keys().collect()),
            names("routes", inner.routes.keys().collect()),
            names("machines", inner.machines.keys().collect()),
            names("balancers", inner.balancers.keys().collect()),
        ]
        .concat()
    }
}

pub(crate) fn refusal(code: ErrorCode) -> CloudError {
    let source = ApiError {
        code,
        message: "no".to_owned(),
        field: String::new(),
        remedy: String::new(),
    };
    CloudError::Call(Box::new(ClientError::Refused {
        request: "PUT".to_owned(),
        source,
    }))
}

impl Inner {
    fn network(&self, name: &str) -> Option<Network> {
        let status = NetworkStatus {
            phase: self.phase,
            message: String::new(),
            gateway: Ipv4Addr::new(10, 10, 0, 1),
            uplink: Ipv4Addr::new(172, 30, 1, 7),
        };
        Some(Network {
            name: name.to_owned(),
            spec: self.networks.get(name)?.clone(),
            status,
        })
    }

    fn route(&self, name: &str) -> Option<Route> {
        let status = RouteStatus {
            phase: self.phase,
            message: String::new(),
        };
        Some(Route {
            name: name.to_owned(),
            spec: self.routes.get(name)?.clone(),
            status,
        })
    }

    fn machine(&self, name: &str) -> Option<Machine> {
        let spec = self.machines.get(name)?.clone();
        let index = self.machines.keys().position(|other| other == name).unwrap_or_default();
        let last = u8::try_from(index + 2).unwrap_or(u8::MAX);
        let status = MachineStatus {
            phase: self.phase,
            message: String::new(),
            address: spec.address.unwrap_or_else(|| Ipv4Addr::new(10, 10, 0, last)),
            provider_id: format!("local:///test/{name}"),
            zone: spec.zone.clone().unwrap_or_else(|| "0".to_owned()),
            image: "1".to_owned(),
            created: "2026-01-01T00:00:00Z".to_owned(),
        };
        Some(Machine {
            name: name.to_owned(),
            spec,
            status,
        })
    }

    fn balancer(&self, name: &str) -> Option<LoadBalancer> {
        let status = LoadBalancerStatus {
            phase: self.phase,
            message: String::new(),
            address: Ipv4Addr::new(172, 30, 2, 1),
        };
        Some(LoadBalancer {
            name: name.to_owned(),
            spec: self.balancers.get(name)?.clone(),
            status,
        })
    }
}

#[async_trait]
impl Cloud for MemoryCloud {
    async fn put_record(&self, spec: &DnsRecordSpec) -> Result<(), CloudError> {
        self.act(|inner| inner.records.insert(spec.key(), spec.clone()))
            .map(drop)
    }

    async fn delete_record(&self, key: &str) -> Result<(), CloudError> {
        self.act(|inner| inner.records.remove(key)).map(drop)
    }

    async fn put_network(&self, name: &str, spec: &NetworkSpec) -> Result<Network, CloudError> {
        self.act(|inner| {
            let present = inner.networks.get(name);
            if present.is_some_and(|present| present.cidr != spec.cidr) {
                return Err(refusal(ErrorCode::Conflict));
            }
            inner.networks.insert(name.to_owned(), spec.clone());
            inner.network(name).ok_or_else(|| refusal(ErrorCode::Internal))
        })?
    }

    async fn network(&self, name: &str) -> Result<Option<Network>, CloudError> {
        self.act(|inner| inner.network(name))
    }

    async fn delete_network(&self, name: &str) -> Result<(), CloudError> {
        self.act(|inner| {
            let routed = inner.routes.values().any(|route| route.network == name);
            let balanced = inner.balancers.values().any(|balancer| balancer.network == name);
            let used = inner.machines.values().any(|machine| machine.network == name);
            if routed || balanced || used || inner.groups.values().any(|group| group.network == name) {
                return Err(refusal(ErrorCode::InUse));
            }
            inner.networks.remove(name);
            Ok(())
        })?
    }

    async fn put_security_group(&self, name: &str, spec: &SecurityGroupSpec) -> Result<(), CloudError> {
        self.act(|inner| inner.groups.insert(name.to_owned(), spec.clone()))
            .map(drop)
    }

    async fn delete_security_group(&self, name: &str) -> Result<(), CloudError> {
        self.act(|inner| inner.groups.remove(name)).map(drop)
    }

    async fn put_route(&self, name: &str, spec: &RouteSpec) -> Result<Route, CloudError> {
        self.act(|inner| {
            let taken = |(other, present): (&String, &RouteSpec)| {
                other != name && present.network == spec.network && present.destination == spec.destination
            };
            if let Some(code) = inner.refuse_extras {
                return Err(refusal(code));
            }
            if inner.routes.iter().any(taken) {
                return Err(refusal(ErrorCode::Conflict));
            }
            inner.routes.insert(name.to_owned(), spec.clone());
            inner.route(name).ok_or_else(|| refusal(ErrorCode::Internal))
        })?
    }

    async fn routes(&self) -> Result<Vec<Route>, CloudError> {
        self.act(|inner| inner.routes.keys().filter_map(|name| inner.route(name)).collect())
    }

    async fn delete_route(&self, name: &str) -> Result<(), CloudError> {
        self.act(|inner| inner.routes.remove(name)).map(drop)
    }

    async fn put_machine(&self, name: &str, spec: &MachineSpec) -> Result<Machine, CloudError> {
        self.act(|inner| {
            if inner.machines.get(name).is_some_and(|present| present != spec) {
                return Err(refusal(ErrorCode::Conflict));
            }
            inner.puts += 1;
            inner.machines.insert(name.to_owned(), spec.clone());
            inner.machine(name).ok_or_else(|| refusal(ErrorCode::Internal))
        })?
    }

    async fn machine(&self, name: &str) -> Result<Option<Machine>, CloudError> {
        self.act(|inner| inner.machine(name))
    }

    async fn machines(&self, tags: &BTreeMap<String, String>) -> Result<Vec<Machine>, CloudError> {
        self.act(|inner| {
            let all = inner.machines.keys().filter_map(|name| inner.machine(name));
            let tagged = |machine: &Machine| {
                tags.iter()
                    .all(|(key, value)| machine.spec.tags.get(key) == Some(value))
            };
            all.filter(tagged).collect()
        })
    }

    async fn delete_machine(&self, name: &str) -> Result<(), CloudError> {
        self.act(|inner| inner.machines.remove(name)).map(drop)
    }

    async fn console(&self, machine: &str, _bytes: u64) -> Result<String, CloudError> {
        self.act(|inner| {
            let there = inner.machines.contains_key(machine);
            if there {
                format!("{machine} boots\n")
            } else {
                String::new()
            }
        })
    }

    async fn put_load_balancer(&self, name: &str, spec: &LoadBalancerSpec) -> Result<LoadBalancer, CloudError> {
        self.act(|inner| {
            if let Some(code) = inner.refuse_extras {
                return Err(refusal(code));
            }
            inner.puts += 1;
            inner.balancers.insert(name.to_owned(), spec.clone());
            inner.balancer(name).ok_or_else(|| refusal(ErrorCode::Internal))
        })?
    }

    async fn load_balancers(&self) -> Result<Vec<LoadBalancer>, CloudError> {
        self.act(|inner| inner.balancers.keys().filter_map(|name| inner.balancer(name)).collect())
    }

    async fn delete_load_balancer(&self, name: &str) -> Result<(), CloudError> {
        self.act(|inner| inner.balancers.remove(name)).map(drop)
    }
}

#[async_trait]
impl Clouds for MemoryCloud {
    async fn cloud_of(&self, _secret: Option<&Secret>) -> Result<Box<dyn Cloud>, CloudError> {
        Ok(Box::new(self.clone()))
    }
}
