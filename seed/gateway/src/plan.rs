//! From the objects of the cluster to the routes, and to what the objects' status shall say.
//!
//! A route counts if a Gateway of our class lets it in; its hostnames lead to its backends. Of two routes for the same
//! hostname the older one has it, and the younger one's status says so.
//!
//! **Invariant:** pure; the same objects give the same routes, whatever order they come in.

use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};

use controller::conditions::{NewCondition, set};
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use crate::{
    objects::{
        GROUP, Gateway, GatewayAddress, GatewayStatus, Key, Listener, ListenerStatus, ParentReference, RouteKind,
        RouteParentStatus, ServiceView, TlsRoute, World,
    },
    routes::{Backend, RouteTable},
};

/// What follows from the objects.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    pub(crate) table: RouteTable,
    /// The conditions of our GatewayClass.
    pub(crate) class: Option<(String, Vec<Condition>)>,
    pub(crate) gateways: Vec<(Key, GatewayStatus)>,
    /// All of `status.parents`, those of other controllers included.
    pub(crate) routes: Vec<(Key, Vec<RouteParentStatus>)>,
}

/// How to plan: who we are, and where the gateway's own Service is, whose addresses Gateways get.
#[derive(Clone, Debug)]
pub(crate) struct PlanOptions {
    pub(crate) own_service: Key,
}

/// Why a parent does not take a route, in Gateway API's words.
struct Rejection {
    reason: &'static str,
    message: String,
}

pub(crate) fn plan(world: &World, options: &PlanOptions, now: Timestamp) -> Plan {
    let Some(class) = &world.class else {
        return Plan::default();
    };
    let planner = Planner::new(world, &class.name, &class.controller_name, now);
    let mut plan = Plan::default();
    let mut attached: BTreeMap<(Key, String), i32> = BTreeMap::new();
    let mut owners: BTreeMap<String, Key> = BTreeMap::new();
    let mut routes: Vec<&TlsRoute> = world.routes.iter().collect();
    routes.sort_by_key(|route| (route.created, route.key.clone()));
    for route in routes {
        let backend = planner.backend(route);
        let mut parents: Vec<RouteParentStatus> = planner.parents_of_others(route);
        for parent in planner.own_parents(route) {
            let admission = planner.admit(route, parent);
            if let Ok((listeners, hostnames)) = &admission {
                for listener in listeners {
                    *attached
                        .entry((planner.gateway_key(route, parent), listener.clone()))
                        .or_default() += 1;
                }
                for hostname in hostnames {
                    // The first, oldest, route to name a host has it.
                    if owners.entry(hostname.clone()).or_insert_with(|| route.key.clone()) == &route.key {
                        plan.table.insert(hostname, Arc::clone(&backend.0));
                    }
                }
            }
            parents.push(planner.parent_status(route, parent, &admission, &backend.1, &owners));
        }
        plan.routes.push((route.key.clone(), parents));
    }
    let addresses = planner.addresses(&options.own_service);
    plan.gateways = planner
        .gateways
        .values()
        .map(|gateway| planner.gateway_status(gateway, &addresses, &attached))
        .collect();
    let accepted = NewCondition {
        type_: "Accepted",
        status: true,
        reason: "Accepted",
        message: "handled by the gateway",
    };
    let mut conditions = class.conditions.clone();
    set(&mut conditions, &accepted, class.generation, now);
    plan.class = Some((class.name.clone(), conditions));
    plan
}

struct Planner<'a> {
    gateways: BTreeMap<&'a Key, &'a Gateway>,
    services: BTreeMap<&'a Key, &'a ServiceView>,
    controller_name: &'a str,
    now: Timestamp,
}

type Admission = Result<(Vec<String>, Vec<String>), Rejection>;

impl<'a> Planner<'a> {
    fn new(world: &'a World, class: &str, controller_name: &'a str, now: Timestamp) -> Self {
        let gateways = world
            .gateways
            .iter()
            .filter(|gateway| gateway.spec.gateway_class_name == class);
        Self {
            gateways: gateways.map(|gateway| (&gateway.key, gateway)).collect(),
            services: world.services.iter().map(|service| (&service.key, service)).collect(),
            controller_name,
            now,
        }
    }

    fn gateway_key(&self, route: &TlsRoute, parent: &ParentReference) -> Key {
        Key::new(
            parent.namespace.as_deref().unwrap_or(&route.key.namespace),
            &parent.name,
        )
    }

    /// The references to Gateways that are ours.
    fn own_parents<'r>(&'r self, route: &'r TlsRoute) -> impl Iterator<Item = &'r ParentReference> {
        route.spec.parent_refs.iter().filter(move |parent| {
            parent.group.as_deref().unwrap_or(GROUP) == GROUP
                && parent.kind.as_deref().unwrap_or("Gateway") == "Gateway"
                && self.gateways.contains_key(&self.gateway_key(route, parent))
        })
    }

    fn parents_of_others(&self, route: &TlsRoute) -> Vec<RouteParentStatus> {
        let others = route
            .parents
            .iter()
            .filter(|parent| parent.controller_name != self.controller_name);
        others.cloned().collect()
    }

    /// The listeners that take the route, and its hostnames there.
    fn admit(&self, route: &TlsRoute, parent: &ParentReference) -> Admission {
        let key = self.gateway_key(route, parent);
        let listeners = self
            .gateways
            .get(&key)
            .map(|gateway| gateway.spec.listeners.as_slice())
            .unwrap_or_default();
        let named: Vec<&Listener> = listeners
            .iter()
            .filter(|listener| parent.section_name.as_ref().is_none_or(|name| *name == listener.name))
            .filter(|listener| parent.port.is_none_or(|port| port == listener.port))
            .collect();
        if named.is_empty() {
            let message = format!("Gateway {key} has no such listener");
            return Err(Rejection {
                reason: "NoMatchingParent",
                message,
            });
        }
        let open: Vec<&Listener> = named
            .into_iter()
            .filter(|listener| is_usable(listener) && lets_in(listener, &key, &route.key))
            .collect();
        if open.is_empty() {
            let message = format!(
                "no listener of Gateway {key} takes TLSRoutes from namespace {}",
                route.key.namespace
            );
            return Err(Rejection {
                reason: "NotAllowedByListeners",
                message,
            });
        }
        let mut hostnames: Vec<String> = Vec::new();
        let mut taking: Vec<String> = Vec::new();
        for listener in open {
            let matching = matching_hostnames(&route.spec.hostnames, listener.hostname.as_deref());
            if !matching.is_empty() {
                taking.push(listener.name.clone());
                hostnames.extend(matching);
            }
        }
        hostnames.sort();
        hostnames.dedup();
        if hostnames.is_empty() {
            let message = "no hostname of the route matches a listener".to_owned();
            return Err(Rejection {
                reason: "NoMatchingListenerHostname",
                message,
            });
        }
        Ok((taking, hostnames))
    }

    /// The backend of a route, and what is wrong with its references.
    fn backend(&self, route: &TlsRoute) -> (Arc<Backend>, Result<(), Rejection>) {
        let (mut targets, mut wrong) = (Vec::new(), Ok(()));
        for reference in route.spec.rules.iter().flat_map(|rule| &rule.backend_refs) {
            let is_service = reference.group.as_deref().unwrap_or_default().is_empty()
                && reference.kind.as_deref().unwrap_or("Service") == "Service";
            let same_namespace = reference
                .namespace
                .as_ref()
                .is_none_or(|name| *name == route.key.namespace);
            let key = Key::new(&route.key.namespace, &reference.name);
            let refuse = |reason, message| Err(Rejection { reason, message });
            if !is_service {
                wrong = refuse("InvalidKind", format!("backend {} is not a Service", reference.name));
            } else if !same_namespace {
                wrong = refuse(
                    "RefNotPermitted",
                    format!("Service {} lies in another namespace", reference.name),
                );
            } else {
                match self.address(&key, reference.port) {
                    Ok(address) => targets.push((address, reference.weight.unwrap_or(1))),
                    Err(rejection) => wrong = Err(rejection),
                }
            }
        }
        if targets.is_empty() && wrong.is_ok() {
            wrong = Err(Rejection {
                reason: "BackendNotFound",
                message: "the route names no backend".to_owned(),
            });
        }
        (Arc::new(Backend::new(targets)), wrong)
    }

    fn address(&self, key: &Key, port: Option<u16>) -> Result<SocketAddr, Rejection> {
        let missing = |message| Rejection {
            reason: "BackendNotFound",
            message,
        };
        let service = self
            .services
            .get(key)
            .ok_or_else(|| missing(format!("Service {key} does not exist")))?;
        let address = service
            .cluster_ip
            .ok_or_else(|| missing(format!("Service {key} has no cluster IP")))?;
        let port = port.filter(|port| service.ports.contains(port));
        let port = port.ok_or_else(|| missing(format!("Service {key} does not have the port of the route")))?;
        Ok(SocketAddr::new(address, port))
    }

    fn parent_status(
        &self,
        route: &TlsRoute,
        parent: &ParentReference,
        admission: &Admission,
        resolved: &Result<(), Rejection>,
        owners: &BTreeMap<String, Key>,
    ) -> RouteParentStatus {
        let present = route.parents.iter().find(|status| {
            status.controller_name == self.controller_name && is_same_parent(&status.parent_ref, parent)
        });
        let mut conditions = present.map(|status| status.conditions.clone()).unwrap_or_default();
        let lost = lost_hostnames(route, admission, owners);
        let accepted = match admission {
            Err(rejection) => NewCondition {
                type_: "Accepted",
                status: false,
                reason: rejection.reason,
                message: &rejection.message,
            },
            Ok((_, hostnames)) if lost.len() == hostnames.len() => NewCondition {
                type_: "Accepted",
                status: false,
                reason: "HostnameConflict",
                message: &lost.join("; "),
            },
            Ok(_) => NewCondition {
                type_: "Accepted",
                status: true,
                reason: "Accepted",
                message: &lost.join("; "),
            },
        };
        set(&mut conditions, &accepted, route.generation, self.now);
        let resolved = match resolved {
            Ok(()) => NewCondition {
                type_: "ResolvedRefs",
                status: true,
                reason: "ResolvedRefs",
                message: "",
            },
            Err(wrong) => NewCondition {
                type_: "ResolvedRefs",
                status: false,
                reason: wrong.reason,
                message: &wrong.message,
            },
        };
        set(&mut conditions, &resolved, route.generation, self.now);
        RouteParentStatus {
            parent_ref: parent.clone(),
            controller_name: self.controller_name.to_owned(),
            conditions,
        }
    }

    /// The load balancer's addresses, or the cluster IP before it has any.
    fn addresses(&self, own_service: &Key) -> Vec<GatewayAddress> {
        let Some(service) = self.services.get(own_service) else {
            return Vec::new();
        };
        let address = |value: String| GatewayAddress {
            kind: "IPAddress".to_owned(),
            value,
        };
        if service.load_balancer_addresses.is_empty() {
            return service
                .cluster_ip
                .into_iter()
                .map(|found| address(found.to_string()))
                .collect();
        }
        service.load_balancer_addresses.iter().cloned().map(address).collect()
    }

    fn gateway_status(
        &self,
        gateway: &Gateway,
        addresses: &[GatewayAddress],
        attached: &BTreeMap<(Key, String), i32>,
    ) -> (Key, GatewayStatus) {
        let mut conditions = gateway.status.conditions.clone();
        let usable = gateway.spec.listeners.iter().any(is_usable);
        let accepted = if usable {
            NewCondition {
                type_: "Accepted",
                status: true,
                reason: "Accepted",
                message: "",
            }
        } else {
            let message = "no listener has protocol TLS and mode Passthrough";
            NewCondition {
                type_: "Accepted",
                status: false,
                reason: "ListenersNotValid",
                message,
            }
        };
        set(&mut conditions, &accepted, gateway.generation, self.now);
        let programmed = match (usable, addresses.is_empty()) {
            (true, false) => NewCondition {
                type_: "Programmed",
                status: true,
                reason: "Programmed",
                message: "",
            },
            (true, true) => {
                let message = "the gateway's Service has no address";
                NewCondition {
                    type_: "Programmed",
                    status: false,
                    reason: "AddressNotAssigned",
                    message,
                }
            }
            (false, _) => NewCondition {
                type_: "Programmed",
                status: false,
                reason: "Invalid",
                message: "",
            },
        };
        set(&mut conditions, &programmed, gateway.generation, self.now);
        let listeners = gateway.spec.listeners.iter();
        let listeners = listeners
            .map(|listener| self.listener_status(gateway, listener, attached))
            .collect();
        (
            gateway.key.clone(),
            GatewayStatus {
                addresses: addresses.to_vec(),
                conditions,
                listeners,
            },
        )
    }

    fn listener_status(
        &self,
        gateway: &Gateway,
        listener: &Listener,
        attached: &BTreeMap<(Key, String), i32>,
    ) -> ListenerStatus {
        let present = gateway
            .status
            .listeners
            .iter()
            .find(|status| status.name == listener.name);
        let mut conditions = present.map(|status| status.conditions.clone()).unwrap_or_default();
        let usable = is_usable(listener);
        let reason = |good: &'static str, bad: &'static str| if usable { good } else { bad };
        let message = if usable {
            ""
        } else {
            "only protocol TLS with mode Passthrough is served"
        };
        for (type_, reason) in [
            ("Accepted", reason("Accepted", "UnsupportedProtocol")),
            ("Programmed", reason("Programmed", "Invalid")),
            ("ResolvedRefs", reason("ResolvedRefs", "InvalidRouteKinds")),
        ] {
            set(
                &mut conditions,
                &NewCondition {
                    type_,
                    status: usable,
                    reason,
                    message,
                },
                gateway.generation,
                self.now,
            );
        }
        let supported = usable.then(|| RouteKind {
            group: GROUP.to_owned(),
            kind: "TLSRoute".to_owned(),
        });
        ListenerStatus {
            name: listener.name.clone(),
            attached_routes: attached
                .get(&(gateway.key.clone(), listener.name.clone()))
                .copied()
                .unwrap_or(0),
            supported_kinds: supported.into_iter().collect(),
            conditions,
        }
    }
}

/// Parents are told apart by what they name; group and kind may be written out or not.
fn is_same_parent(one: &ParentReference, other: &ParentReference) -> bool {
    (&one.namespace, &one.name, &one.section_name, one.port)
        == (&other.namespace, &other.name, &other.section_name, other.port)
}

fn lost_hostnames(route: &TlsRoute, admission: &Admission, owners: &BTreeMap<String, Key>) -> Vec<String> {
    let Ok((_, hostnames)) = admission else {
        return Vec::new();
    };
    let owned = hostnames
        .iter()
        .filter_map(|hostname| Some((hostname, owners.get(hostname)?)));
    let lost = owned.filter(|(_, owner)| **owner != route.key);
    lost.map(|(hostname, owner)| format!("hostname {hostname} belongs to the older TLSRoute {owner}"))
        .collect()
}

fn is_usable(listener: &Listener) -> bool {
    let mode = listener.tls.as_ref().and_then(|tls| tls.mode.as_deref());
    listener.protocol == "TLS" && mode == Some("Passthrough")
}

/// `from`: `Same` unless stated otherwise. Selectors of namespaces are not supported: they let nobody in.
fn lets_in(listener: &Listener, gateway: &Key, route: &Key) -> bool {
    let namespaces = listener
        .allowed_routes
        .as_ref()
        .and_then(|routes| routes.namespaces.as_ref());
    match namespaces
        .and_then(|namespaces| namespaces.from.as_deref())
        .unwrap_or("Same")
    {
        "All" => true,
        "Same" => gateway.namespace == route.namespace,
        _ => false,
    }
}

/// The hostnames of a route that a listener serves.
fn matching_hostnames(route: &[String], listener: Option<&str>) -> Vec<String> {
    let lower: Vec<String> = route.iter().map(|hostname| hostname.to_ascii_lowercase()).collect();
    let Some(listener) = listener
        .filter(|hostname| !hostname.is_empty())
        .map(str::to_ascii_lowercase)
    else {
        return lower;
    };
    if lower.is_empty() {
        return vec![listener];
    }
    lower
        .into_iter()
        .filter_map(|hostname| intersection(hostname, &listener))
        .collect()
}

fn intersection(route: String, listener: &str) -> Option<String> {
    let covers = |wildcard: &str, name: &str| {
        wildcard
            .strip_prefix('*')
            .is_some_and(|suffix| name.len() > suffix.len() && name.ends_with(suffix))
    };
    if route == listener || covers(listener, &route) {
        Some(route)
    } else if covers(&route, listener) {
        Some(listener.to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests;
