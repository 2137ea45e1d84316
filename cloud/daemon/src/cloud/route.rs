//! Routes that are objects of their own: lines of a network's route table.

use std::sync::Arc;

use cloud_client::{ErrorCode, NetworkRoute, Route, RouteSpec, RouteStatus};

use super::{
    Cloud, being_deleted, check_name, key,
    network::{check_route, check_routed_neighbours},
    not_found, usable_network,
};
use crate::{
    Error,
    error::refuse,
    store::{RouteRecord, Tables},
};

const LONGEST_NAME: usize = 63;

impl Cloud {
    pub(crate) fn put_route(self: &Arc<Self>, name: &str, spec: RouteSpec) -> Result<Route, Error> {
        check_name("route", name, LONGEST_NAME)?;
        let key = key::<RouteRecord>(name);
        let lock = self.lock(&key);
        let _guard = lock.lock();
        let record = self.store.put(name, |tables| decide(tables, name, spec))?;
        self.note(&key, self.ensure_network(&record.spec.network))?;
        self.route(name)
    }

    pub(crate) fn route(&self, name: &str) -> Result<Route, Error> {
        let record: RouteRecord = self.store.get(name).ok_or_else(|| not_found("route", name))?;
        let (phase, message) = self.phase(&key::<RouteRecord>(name), record.deleting);
        Ok(Route {
            name: name.to_owned(),
            spec: record.spec,
            status: RouteStatus { phase, message },
        })
    }

    pub(crate) fn delete_route(&self, name: &str) -> Result<(), Error> {
        let key = key::<RouteRecord>(name);
        let lock = self.lock(&key);
        let _guard = lock.lock();
        let record = self.store.put(name, |tables| {
            let record = tables.routes.get(name).ok_or_else(|| not_found("route", name))?;
            Ok(RouteRecord {
                deleting: true,
                ..record.clone()
            })
        })?;
        self.note(&key, self.refresh_network(&record.spec.network))?;
        self.store.remove::<RouteRecord>(name)
    }
}

fn decide(tables: &Tables, name: &str, spec: RouteSpec) -> Result<RouteRecord, Error> {
    let network = usable_network(tables, &spec.network)?;
    let line = NetworkRoute {
        destination: spec.destination,
        via: spec.via,
    };
    check_route(&line, network.spec.cidr)?;
    if let Some(present) = tables.routes.get(name) {
        if present.deleting {
            return Err(being_deleted("route", name));
        }
        if present.spec.network != spec.network {
            let message = format!("the route {name:?} exists in the network {:?}", present.spec.network);
            return Err(refuse(
                ErrorCode::Conflict,
                message,
                "a route cannot move: delete it first",
            ));
        }
    }
    let leads_there = |other: &RouteSpec| other.network == spec.network && other.destination == spec.destination;
    let mut others = tables.routes.iter().filter(|(other, _)| *other != name);
    let taken_by_object = others.find(|(_, other)| leads_there(&other.spec));
    let mut own = network.spec.routes.iter();
    if let Some((other, _)) = taken_by_object {
        let message = format!("{} is the destination of the route {other:?}", spec.destination);
        return Err(refuse(ErrorCode::Conflict, message, "delete that route first"));
    }
    if own.any(|own| own.destination == spec.destination && own.via != spec.via) {
        let message = format!(
            "{} leads elsewhere in the network's own specification",
            spec.destination
        );
        return Err(refuse(ErrorCode::Conflict, message, "change the network first"));
    }
    if network.spec.routed {
        check_routed_neighbours(tables, &spec.network, &[spec.destination])?;
    }
    Ok(RouteRecord { spec, deleting: false })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use cloud_client::NetworkSpec;

    use super::*;
    use crate::store::NetworkRecord;

    fn spec() -> RouteSpec {
        RouteSpec {
            network: "a".into(),
            destination: "10.2.0.0/24".parse().unwrap(),
            via: Ipv4Addr::new(10, 1, 0, 10),
        }
    }

    fn tables() -> Tables {
        let mut tables = Tables::default();
        for (name, range) in [("a", "10.1.0.0/24"), ("b", "10.9.0.0/24")] {
            let record = NetworkRecord {
                spec: NetworkSpec::routed(range.parse().unwrap()),
                uplink: Ipv4Addr::new(172, 30, 1, 1),
                deleting: false,
            };
            tables.networks.insert(name.into(), record);
        }
        let record = RouteRecord {
            spec: spec(),
            deleting: false,
        };
        tables.routes.insert("old".into(), record);
        tables
    }

    #[track_caller]
    fn check(name: &str, change: impl FnOnce(&mut RouteSpec), expected: &str) {
        let mut spec = spec();
        change(&mut spec);
        let answer = decide(&tables(), name, spec).map(|_| "valid".to_owned());
        assert_eq!(answer.unwrap_or_else(|error| error.to_string()), expected);
    }

    #[test]
    fn routes_are_checked() {
        let to = |range: &'static str| move |spec: &mut RouteSpec| spec.destination = range.parse().unwrap();
        check("old", |_| {}, "valid");
        check("new", to("10.2.1.0/24"), "valid");
        check(
            "new",
            |_| {},
            "10.2.0.0/24 is the destination of the route \"old\" (delete that route first)",
        );
        check(
            "old",
            |spec| spec.network = "b".into(),
            "10.1.0.10 is not in the network 10.9.0.0/24 (routes lead to machines of the network)",
        );
        check(
            "new",
            to("10.9.0.0/16"),
            "the network \"a\" overlaps the network \"b\", and both are routed (choose another range, or make one of them not routed)",
        );
        check(
            "new",
            to("10.1.0.128/25"),
            "10.1.0.128/25 overlaps the network 10.1.0.0/24 itself (routes lead to what lies behind machines of the network)",
        );
        check(
            "new",
            to("0.0.0.0/0"),
            "0.0.0.0/0 overlaps addresses of the cloud's own (choose a private range)",
        );
    }
}
