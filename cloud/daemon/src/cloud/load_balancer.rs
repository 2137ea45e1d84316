//! Load balancers: an address on their network's router, and rules that lead on.

use std::{collections::BTreeSet, net::Ipv4Addr, sync::Arc};

use cloud_client::{ErrorCode, LoadBalancer, LoadBalancerSpec, LoadBalancerStatus};

use super::{Cloud, being_deleted, check_name, key, not_found, usable_network};
use crate::{
    Error,
    error::refuse,
    layout::LOAD_BALANCERS,
    plan::{addresses::next_free, rules::Balanced},
    store::{LoadBalancerRecord, Tables},
};

const LONGEST_NAME: usize = 63;

impl Cloud {
    pub(crate) fn put_load_balancer(
        self: &Arc<Self>,
        name: &str,
        spec: LoadBalancerSpec,
    ) -> Result<LoadBalancer, Error> {
        check_name("load balancer", name, LONGEST_NAME)?;
        let key = key::<LoadBalancerRecord>(name);
        let lock = self.lock(&key);
        let _guard = lock.lock();
        let last = self.last_addresses.lock().get("load balancers").copied();
        let record = self.store.put(name, |tables| decide(tables, name, spec, last))?;
        self.last_addresses
            .lock()
            .insert("load balancers".into(), record.address);
        // The whole router: if it lacks anything, the load balancer would not work.
        self.note(&key, self.ensure_network(&record.spec.network))?;
        self.load_balancer(name)
    }

    pub(crate) fn load_balancer(&self, name: &str) -> Result<LoadBalancer, Error> {
        let record: LoadBalancerRecord = self.store.get(name).ok_or_else(|| not_found("load balancer", name))?;
        let (phase, message) = self.phase(&key::<LoadBalancerRecord>(name), record.deleting);
        let status = LoadBalancerStatus {
            phase,
            message,
            address: record.address,
        };
        Ok(LoadBalancer {
            name: name.to_owned(),
            spec: record.spec,
            status,
        })
    }

    pub(crate) fn delete_load_balancer(&self, name: &str) -> Result<(), Error> {
        let key = key::<LoadBalancerRecord>(name);
        let lock = self.lock(&key);
        let _guard = lock.lock();
        let record = self.store.put(name, |tables| {
            let record = tables
                .load_balancers
                .get(name)
                .ok_or_else(|| not_found("load balancer", name))?;
            Ok(LoadBalancerRecord {
                deleting: true,
                ..record.clone()
            })
        })?;
        self.note(&key, self.refresh_network(&record.spec.network))?;
        self.store.remove::<LoadBalancerRecord>(name)
    }

    /// The network's load balancers as its router should see them.
    pub(super) fn balanced(&self, network: &str) -> Vec<Balanced> {
        let tables = self.store.read();
        let records = tables.load_balancers.values();
        records
            .filter(|record| record.spec.network == network && !record.deleting)
            .map(|record| Balanced {
                address: record.address,
                ports: record.spec.ports.clone(),
                backends: record.spec.backends.clone(),
            })
            .collect()
    }
}

fn decide(
    tables: &Tables,
    name: &str,
    spec: LoadBalancerSpec,
    last: Option<Ipv4Addr>,
) -> Result<LoadBalancerRecord, Error> {
    let network = usable_network(tables, &spec.network)?;
    let invalid = |message: String, remedy: &str| Err(refuse(ErrorCode::Invalid, message, remedy));
    let mut seen = BTreeSet::new();
    for port in &spec.ports {
        if port.port == 0 || port.backend_port == 0 {
            return invalid("a load balancer cannot have port 0".into(), "use ports from 1 to 65535");
        }
        if !seen.insert((port.protocol, port.port)) {
            return invalid(
                format!("port {} appears twice", port.port),
                "give each port of a protocol one backend port",
            );
        }
    }
    if let Some(address) = spec
        .backends
        .iter()
        .find(|address| !network.spec.cidr.contains(*address))
    {
        return invalid(
            format!("{address} is not in the network {}", network.spec.cidr),
            "use addresses of its machines",
        );
    }
    if let Some(present) = tables.load_balancers.get(name) {
        if present.deleting {
            return Err(being_deleted("load balancer", name));
        }
        if present.spec.network != spec.network {
            let message = format!(
                "the load balancer {name:?} exists in the network {:?}",
                present.spec.network
            );
            return Err(refuse(
                ErrorCode::Conflict,
                message,
                "a load balancer cannot move: delete it first",
            ));
        }
        return Ok(LoadBalancerRecord {
            spec,
            ..present.clone()
        });
    }
    let taken: BTreeSet<Ipv4Addr> = tables.load_balancers.values().map(|record| record.address).collect();
    let address = next_free(LOAD_BALANCERS, &taken, last).ok_or_else(|| {
        refuse(
            ErrorCode::Exhausted,
            "no load balancer address is left",
            "delete load balancers that are not used",
        )
    })?;
    Ok(LoadBalancerRecord {
        spec,
        address,
        deleting: false,
    })
}

#[cfg(test)]
mod tests {
    use cloud_client::{LoadBalancerPort, NetworkSpec, Protocol};

    use super::*;
    use crate::store::NetworkRecord;

    fn tables() -> Tables {
        let mut tables = Tables::default();
        let spec = NetworkSpec::routed("10.1.0.0/24".parse().unwrap());
        let network = NetworkRecord {
            spec,
            uplink: Ipv4Addr::new(172, 30, 1, 1),
            deleting: false,
        };
        tables.networks.insert("seed".into(), network);
        tables
    }

    fn spec() -> LoadBalancerSpec {
        let port = LoadBalancerPort {
            protocol: Protocol::Tcp,
            port: 443,
            backend_port: 30443,
        };
        LoadBalancerSpec {
            network: "seed".into(),
            ports: vec![port],
            backends: vec![Ipv4Addr::new(10, 1, 0, 10)],
        }
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut LoadBalancerSpec), expected: &str) {
        let mut spec = spec();
        change(&mut spec);
        let answer = decide(&tables(), "gateway", spec, None).map(|record| record.address.to_string());
        assert_eq!(answer.unwrap_or_else(|error| error.to_string()), expected);
    }

    #[test]
    fn load_balancers_are_checked() {
        check(|_| {}, "172.30.2.1");
        check(
            |spec| spec.network = "x".into(),
            "there is no network \"x\" (create the network first)",
        );
        check(
            |spec| spec.ports[0].port = 0,
            "a load balancer cannot have port 0 (use ports from 1 to 65535)",
        );
        check(
            |spec| spec.ports.push(spec.ports[0]),
            "port 443 appears twice (give each port of a protocol one backend port)",
        );
        check(
            |spec| spec.backends[0] = Ipv4Addr::new(10, 2, 0, 1),
            "10.2.0.1 is not in the network 10.1.0.0/24 (use addresses of its machines)",
        );
    }

    #[test]
    fn an_address_stays() {
        let mut tables = tables();
        let first = decide(&tables, "gateway", spec(), None).unwrap();
        tables.load_balancers.insert("gateway".into(), first.clone());
        let changed = LoadBalancerSpec {
            backends: vec![],
            ..spec()
        };
        let second = decide(&tables, "gateway", changed, Some(first.address)).unwrap();
        assert_eq!(second.address, first.address);
        assert_ne!(
            decide(&tables, "other", spec(), Some(first.address)).unwrap().address,
            first.address
        );
    }
}
