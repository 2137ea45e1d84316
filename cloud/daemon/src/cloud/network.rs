//! Networks: a router's namespace between the backbone and a bridge for machines.

use std::{
    collections::BTreeSet,
    net::{Ipv4Addr, TcpListener},
    sync::Arc,
};

use cloud_client::{ErrorCode, Network, NetworkRoute, NetworkSpec, NetworkStatus};
use ipnet::Ipv4Net;
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{Cloud, MetadataServer, being_deleted, check_name, key, not_found};
use crate::{
    Error, command,
    error::refuse,
    host,
    layout::{BACKBONE, METADATA, UPLINKS},
    metadata,
    netns::{self, Note},
    plan::{
        addresses::{gateway, next_free, overlaps, port_name},
        links, rules, security,
    },
    store::{NetworkRecord, Tables},
};

/// Names of networks become names of files with a prefix.
const LONGEST_NAME: usize = 40;

impl Cloud {
    pub(crate) fn put_network(self: &Arc<Self>, name: &str, spec: NetworkSpec) -> Result<Network, Error> {
        check_name("network", name, LONGEST_NAME)?;
        let key = key::<NetworkRecord>(name);
        let lock = self.lock(&key);
        let guard = lock.lock();
        let last = self.last_addresses.lock().get("uplinks").copied();
        let record = self.store.put(name, |tables| decide(tables, name, spec, last))?;
        self.last_addresses.lock().insert("uplinks".into(), record.uplink);
        drop(guard);
        self.ensure_network(name)?;
        self.network(name)
    }

    pub(crate) fn network(&self, name: &str) -> Result<Network, Error> {
        let record: NetworkRecord = self.store.get(name).ok_or_else(|| not_found("network", name))?;
        let (phase, message) = self.phase(&key::<NetworkRecord>(name), record.deleting);
        let gateway = gateway(record.spec.cidr).unwrap_or(Ipv4Addr::UNSPECIFIED);
        let status = NetworkStatus {
            phase,
            message,
            gateway,
            uplink: record.uplink,
        };
        Ok(Network {
            name: name.to_owned(),
            spec: record.spec,
            status,
        })
    }

    pub(crate) fn delete_network(&self, name: &str) -> Result<(), Error> {
        let key = key::<NetworkRecord>(name);
        let lock = self.lock(&key);
        let _guard = lock.lock();
        let record = self.store.put(name, |tables| decide_deletion(tables, name))?;
        self.note(&key, self.remove_network(name, &record))?;
        self.store.remove::<NetworkRecord>(name)
    }

    fn remove_network(&self, name: &str, record: &NetworkRecord) -> Result<(), Error> {
        self.remove_router(name, record.uplink)?;
        // The backbone's routes go with the record, which goes last: leave it out here.
        self.apply_backbone_routes(Some(name))
    }

    /// Makes the router complete: namespace, links, addresses, routes, rules, metadata server.
    pub(super) fn ensure_network(self: &Arc<Self>, name: &str) -> Result<(), Error> {
        let key = key::<NetworkRecord>(name);
        let lock = self.lock(&key);
        let _guard = lock.lock();
        let Some(record) = self.store.get::<NetworkRecord>(name) else {
            return Err(not_found("network", name));
        };
        if record.deleting {
            return Err(being_deleted("network", name));
        }
        self.note(&key, self.make_network(name, &record))
    }

    fn make_network(self: &Arc<Self>, name: &str, record: &NetworkRecord) -> Result<(), Error> {
        let backbone = self.layout.backbone_namespace();
        let router = self.layout.network_namespace(name);
        let note = Note::of(&router);
        if !note.says(netns::identity(&router), netns::identity(&backbone)) {
            self.remove_router(name, record.uplink)?;
            self.make_router(name, record)?;
            note.write(netns::identity(&router), netns::identity(&backbone))?;
        }
        self.apply_rules(name, record)?;
        self.apply_routes(name)?;
        self.ensure_metadata_server(name)
    }

    /// Brings rules and routes to the state that is written down, because something was withdrawn. Without a router there is nothing to do.
    pub(super) fn refresh_network(&self, name: &str) -> Result<(), Error> {
        let lock = self.lock(&key::<NetworkRecord>(name));
        let _guard = lock.lock();
        match self.store.get::<NetworkRecord>(name) {
            Some(record) if netns::identity(&self.layout.network_namespace(name)).is_some() => {
                self.apply_rules(name, &record)?;
                self.apply_routes(name)
            }
            _ => Ok(()),
        }
    }

    fn apply_routes(&self, name: &str) -> Result<(), Error> {
        let router = self.layout.network_namespace(name);
        let routes = self.store.read().routes_of(name);
        let wished: Vec<_> = routes.iter().map(|route| (route.destination, route.via)).collect();
        let batch = links::routes(&present_routes(&router)?, &wished);
        netns::ip(&router, &batch, &format!("set the routes of network {name}"))?;
        self.apply_backbone_routes(None)
    }

    fn make_router(&self, name: &str, record: &NetworkRecord) -> Result<(), Error> {
        let router = self.layout.network_namespace(name);
        let Some(gateway) = gateway(record.spec.cidr) else {
            return Err(too_small(record.spec.cidr));
        };
        netns::create(&router)?;
        netns::set_parameters(&router, links::ROUTER_PARAMETERS)?;
        let uplink = links::uplink(record.uplink, &router);
        netns::ip(
            &self.layout.backbone_namespace(),
            &uplink,
            &format!("connect network {name} to the backbone"),
        )?;
        let links = links::router(record.spec.cidr, gateway, record.uplink);
        netns::ip(&router, &links, &format!("make the router of network {name}"))
    }

    fn remove_router(&self, name: &str, uplink: Ipv4Addr) -> Result<(), Error> {
        // A socket would keep the namespace alive.
        if let Some(server) = self.metadata.lock().remove(name) {
            server.stop.cancel();
        }
        let router = self.layout.network_namespace(name);
        Note::of(&router).remove()?;
        // Its machines lose their links with it, and the next router may get the same number.
        for machine in self.machines_of(name) {
            Note::of(&self.layout.machine_namespace(&machine)).remove()?;
        }
        netns::remove_interface(&self.layout.backbone_namespace(), &port_name(uplink))?;
        netns::remove(&router).map(drop)
    }

    /// Sets the load balancers' addresses and all rules of the router.
    fn apply_rules(&self, name: &str, record: &NetworkRecord) -> Result<(), Error> {
        let router = self.layout.network_namespace(name);
        let load_balancers = self.balanced(name);
        let wished: Vec<Ipv4Addr> = load_balancers.iter().map(|balanced| balanced.address).collect();
        let batch = links::load_balancer_addresses(&present_load_balancers(&router)?, &wished);
        // Addresses that come must be there before the rules, and those that go may go before: nothing leads to them any more.
        netns::ip(
            &router,
            &batch,
            &format!("set the load balancers' addresses of network {name}"),
        )?;
        let routes = self.store.read().routes_of(name);
        let stations = self.stations(name, &routes);
        let guarded = stations.as_deref().is_some_and(security::is_needed);
        if guarded {
            host::check_bridges()?;
            netns::set_parameters(&router, links::INSPECTED_PARAMETERS)?;
        }
        let rules = rules::router(&rules::RouterWish {
            network: &record.spec,
            routes: &routes,
            load_balancers: &load_balancers,
            stations: stations.as_deref(),
        });
        netns::nft(&router, &rules, &format!("set the rules of network {name}"))?;
        if stations.is_some() && !guarded {
            netns::set_parameters(&router, links::UNINSPECTED_PARAMETERS)?;
        }
        Ok(())
    }

    /// Lets the cloud's own services reach the routed networks.
    fn apply_backbone_routes(&self, except: Option<&str>) -> Result<(), Error> {
        let lock = self.lock("backbone");
        let _guard = lock.lock();
        let backbone = self.layout.backbone_namespace();
        let mut wished = Vec::new();
        let tables = self.store.read();
        for (name, network) in &tables.networks {
            // A router that is not there yet cannot be a next hop; its own `ensure` comes back here.
            let is_there = netns::identity(&self.layout.network_namespace(name)).is_some();
            if network.spec.routed && is_there && !network.deleting && Some(name.as_str()) != except {
                let ranges = tables.ranges_of(name);
                wished.extend(ranges.into_iter().map(|range| (range, network.uplink)));
            }
        }
        drop(tables);
        let batch = links::routes(&present_routes(&backbone)?, &wished);
        netns::ip(&backbone, &batch, "set the routes of the backbone")
    }

    fn machines_of(&self, network: &str) -> Vec<String> {
        let tables = self.store.read();
        let machines = tables
            .machines
            .iter()
            .filter(|(_, machine)| machine.spec.network == network);
        machines.map(|(name, _)| name.clone()).collect()
    }

    fn ensure_metadata_server(self: &Arc<Self>, name: &str) -> Result<(), Error> {
        let router = self.layout.network_namespace(name);
        let Some(identity) = netns::identity(&router) else {
            return Ok(());
        };
        let mut servers = self.metadata.lock();
        if servers.get(name).is_some_and(|server| server.router == identity) {
            return Ok(());
        }
        let listener = netns::enter(&router, || TcpListener::bind((METADATA, 80)))
            .and_then(|listener| {
                // Answers reach the machine, but nothing behind it: user data is none of its pods' business.
                listener.set_ttl(1)?;
                listener.set_nonblocking(true)?;
                let _inside = self.runtime.enter();
                tokio::net::TcpListener::from_std(listener)
            })
            .map_err(Error::system(format!("listen for metadata requests in network {name}")))?;
        let stop = CancellationToken::new();
        self.runtime.spawn(metadata::serve(
            Arc::clone(self),
            name.to_owned(),
            listener,
            stop.clone(),
            self.shutdown.clone(),
        ));
        if let Some(old) = servers.insert(name.to_owned(), MetadataServer { router: identity, stop }) {
            old.stop.cancel();
        }
        Ok(())
    }
}

fn decide(tables: &Tables, name: &str, spec: NetworkSpec, last: Option<Ipv4Addr>) -> Result<NetworkRecord, Error> {
    validate(tables, name, &spec)?;
    if let Some(present) = tables.networks.get(name) {
        if present.deleting {
            return Err(being_deleted("network", name));
        }
        if present.spec.cidr != spec.cidr {
            let message = format!("the network {name:?} exists with the range {}", present.spec.cidr);
            return Err(refuse(
                ErrorCode::Conflict,
                message,
                "a network's range cannot change: delete the network first",
            ));
        }
        return Ok(NetworkRecord {
            spec,
            ..present.clone()
        });
    }
    let taken: BTreeSet<Ipv4Addr> = tables.networks.values().map(|network| network.uplink).collect();
    let uplink = next_free(UPLINKS, &taken, last).ok_or_else(|| {
        refuse(
            ErrorCode::Exhausted,
            "no router address is left in the backbone",
            "delete networks that are not used",
        )
    })?;
    Ok(NetworkRecord {
        spec,
        uplink,
        deleting: false,
    })
}

fn validate(tables: &Tables, name: &str, spec: &NetworkSpec) -> Result<(), Error> {
    if spec.cidr.prefix_len() > 29 {
        return Err(too_small(spec.cidr));
    }
    check_range(spec.cidr)?;
    for route in &spec.routes {
        check_route(route, spec.cidr)?;
        let others = || tables.routes.values().filter(|other| other.spec.network == name);
        if others().any(|other| other.spec.destination == route.destination && other.spec.via != route.via) {
            let message = format!("{} leads elsewhere by a route of its own", route.destination);
            return Err(refuse(ErrorCode::Conflict, message, "delete that route first"));
        }
    }
    let ranges: Vec<Ipv4Net> = std::iter::once(spec.cidr)
        .chain(spec.routes.iter().map(|route| route.destination))
        .collect();
    if spec.routed {
        check_routed_neighbours(tables, name, &ranges)?;
    }
    Ok(())
}

/// Whether the range can be a network's, or a route's destination.
pub(super) fn check_range(range: Ipv4Net) -> Result<(), Error> {
    let invalid = |message: String, remedy: &str| Err(refuse(ErrorCode::Invalid, message, remedy));
    if range.trunc() != range {
        return invalid(
            format!("{range} has bits behind its prefix"),
            &format!("write {}", range.trunc()),
        );
    }
    if overlaps(range, BACKBONE) || range.contains(&METADATA) || range.contains(&Ipv4Addr::LOCALHOST) {
        return invalid(
            format!("{range} overlaps addresses of the cloud's own"),
            "choose a private range",
        );
    }
    Ok(())
}

/// Whether the route can be one of a network with this range.
pub(super) fn check_route(route: &NetworkRoute, cidr: Ipv4Net) -> Result<(), Error> {
    let invalid = |message: String, remedy: &str| Err(refuse(ErrorCode::Invalid, message, remedy));
    check_range(route.destination)?;
    if overlaps(route.destination, cidr) {
        return invalid(
            format!("{} overlaps the network {cidr} itself", route.destination),
            "routes lead to what lies behind machines of the network",
        );
    }
    if !cidr.contains(&route.via) {
        return invalid(
            format!("{} is not in the network {cidr}", route.via),
            "routes lead to machines of the network",
        );
    }
    Ok(())
}

/// Networks that are reached by their own addresses must not share any.
pub(super) fn check_routed_neighbours(tables: &Tables, name: &str, ranges: &[Ipv4Net]) -> Result<(), Error> {
    let neighbours = tables
        .networks
        .iter()
        .filter(|(other, it)| *other != name && it.spec.routed);
    for (other, _) in neighbours {
        let theirs = tables.ranges_of(other);
        if theirs
            .iter()
            .any(|theirs| ranges.iter().any(|range| overlaps(*range, *theirs)))
        {
            let message = format!("the network {name:?} overlaps the network {other:?}, and both are routed");
            return Err(refuse(
                ErrorCode::Conflict,
                message,
                "choose another range, or make one of them not routed",
            ));
        }
    }
    Ok(())
}

fn decide_deletion(tables: &Tables, name: &str) -> Result<NetworkRecord, Error> {
    let record = tables.networks.get(name).ok_or_else(|| not_found("network", name))?;
    let users = users(tables, name);
    if !users.is_empty() {
        let message = format!("the network {name:?} is still used by {}", users.join(", "));
        return Err(refuse(
            ErrorCode::InUse,
            message,
            "delete its machines, load balancers, routes and security groups first",
        ));
    }
    Ok(NetworkRecord {
        deleting: true,
        ..record.clone()
    })
}

fn too_small(cidr: Ipv4Net) -> Error {
    refuse(
        ErrorCode::Invalid,
        format!("{cidr} is too small for a network"),
        "use a prefix of at most 29 bits",
    )
}

/// Names of everything that needs the network.
fn users<'tables>(tables: &'tables Tables, network: &str) -> Vec<&'tables str> {
    let machines = tables.machines.iter().map(|(name, it)| (name, &it.spec.network));
    let balancers = tables.load_balancers.iter().map(|(name, it)| (name, &it.spec.network));
    let routes = tables.routes.iter().map(|(name, it)| (name, &it.spec.network));
    let groups = tables.security_groups.iter().map(|(name, it)| (name, &it.spec.network));
    machines
        .chain(balancers)
        .chain(routes)
        .chain(groups)
        .filter(|(_, its)| *its == network)
        .map(|(name, _)| name.as_str())
        .collect()
}

#[derive(Deserialize)]
struct Route {
    dst: String,
    gateway: Option<Ipv4Addr>,
}

#[derive(Deserialize)]
struct Interface {
    #[serde(default)]
    addr_info: Vec<InterfaceAddress>,
}

#[derive(Deserialize)]
struct InterfaceAddress {
    local: Ipv4Addr,
    prefixlen: u8,
}

/// Routes that lead through a neighbour; those of interfaces come and go with their addresses.
fn present_routes(namespace: &std::path::Path) -> Result<Vec<(Ipv4Net, Ipv4Addr)>, Error> {
    let routes: Vec<Route> = query(namespace, &["-json", "-4", "route", "show"], "read routes")?;
    let parse = |route: Route| {
        // A route to a single address is shown without its prefix.
        let destination = route
            .dst
            .parse::<Ipv4Net>()
            .or_else(|_| route.dst.parse::<Ipv4Addr>().map(Ipv4Net::from));
        Some((destination.ok()?, route.gateway?))
    };
    Ok(routes.into_iter().filter_map(parse).collect())
}

fn present_load_balancers(router: &std::path::Path) -> Result<Vec<Ipv4Addr>, Error> {
    let arguments = ["-json", "-4", "address", "show", "dev", links::UPLINK];
    let interfaces: Vec<Interface> = query(router, &arguments, "read the load balancers' addresses")?;
    let addresses = interfaces.into_iter().flat_map(|interface| interface.addr_info);
    Ok(addresses
        .filter(|address| address.prefixlen == 32)
        .map(|address| address.local)
        .collect())
}

fn query<T: serde::de::DeserializeOwned + Default>(
    namespace: &std::path::Path,
    arguments: &[&str],
    purpose: &str,
) -> Result<T, Error> {
    let text = command::run(netns::program(namespace, "ip").args(arguments), purpose, command::QUICK)?;
    if text.trim().is_empty() {
        return Ok(T::default());
    }
    serde_json::from_str(&text).map_err(|error| Error::system(purpose)(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut NetworkSpec), expected: &str) {
        let mut tables = Tables::default();
        let other = NetworkRecord {
            spec: NetworkSpec::routed("10.1.0.0/24".parse().unwrap()),
            uplink: Ipv4Addr::new(172, 30, 1, 1),
            deleting: false,
        };
        tables.networks.insert("other".into(), other);
        let mut spec = NetworkSpec::routed("10.9.0.0/24".parse().unwrap());
        change(&mut spec);
        let answer = decide(&tables, "mine", spec, None).map(|record| record.uplink.to_string());
        assert_eq!(answer.unwrap_or_else(|error| error.to_string()), expected);
    }

    #[test]
    fn networks_are_checked() {
        check(|_| {}, "172.30.1.2");
        check(
            |spec| spec.cidr = "10.9.0.0/30".parse().unwrap(),
            "10.9.0.0/30 is too small for a network (use a prefix of at most 29 bits)",
        );
        check(
            |spec| spec.cidr = "10.9.0.1/24".parse().unwrap(),
            "10.9.0.1/24 has bits behind its prefix (write 10.9.0.0/24)",
        );
        check(
            |spec| spec.cidr = "172.30.4.0/24".parse().unwrap(),
            "172.30.4.0/24 overlaps addresses of the cloud's own (choose a private range)",
        );
        check(
            |spec| spec.cidr = "10.1.0.0/16".parse().unwrap(),
            "the network \"mine\" overlaps the network \"other\", and both are routed (choose another range, or make one of them not routed)",
        );
        check(
            |spec| {
                spec.cidr = "10.1.0.0/16".parse().unwrap();
                spec.routed = false;
            },
            "172.30.1.2",
        );
        check(
            |spec| {
                let (destination, via) = ("10.2.0.0/24".parse().unwrap(), Ipv4Addr::new(10, 1, 0, 1));
                spec.routes = vec![NetworkRoute { destination, via }];
            },
            "10.1.0.1 is not in the network 10.9.0.0/24 (routes lead to machines of the network)",
        );
        check(
            |spec| {
                let (destination, via) = ("10.9.0.128/25".parse().unwrap(), Ipv4Addr::new(10, 9, 0, 5));
                spec.routes = vec![NetworkRoute { destination, via }];
            },
            "10.9.0.128/25 overlaps the network 10.9.0.0/24 itself (routes lead to what lies behind machines of the network)",
        );
    }
}
