//! Routes and status from tables of objects.

use serde_json::{Value, json};

use super::*;
use crate::objects::{GatewayClass, ServiceView};

const CONTROLLER: &str = "gateway.kubeception.dev/controller";

fn now() -> Timestamp {
    "2026-01-01T00:00:00Z".parse().unwrap()
}

fn options() -> PlanOptions {
    PlanOptions {
        own_service: Key::new("garden", "gateway"),
    }
}

fn gateway(spec: Value) -> Gateway {
    Gateway {
        key: Key::new("garden", "gateway"),
        spec: serde_json::from_value(spec).unwrap(),
        ..Gateway::default()
    }
}

fn usual_gateway() -> Gateway {
    gateway(json!({ "gatewayClassName": "kubeception", "listeners": [{
        "name": "tls", "port": 443, "protocol": "TLS", "tls": { "mode": "Passthrough" },
        "allowedRoutes": { "namespaces": { "from": "All" } },
    }] }))
}

fn route(namespace: &str, created: i64, hostnames: &[&str]) -> TlsRoute {
    let spec = json!({
        "parentRefs": [{ "namespace": "garden", "name": "gateway" }],
        "hostnames": hostnames,
        "rules": [{ "backendRefs": [{ "name": "kube-apiserver", "port": 443 }] }],
    });
    let key = Key::new(namespace, "kube-apiserver");
    TlsRoute {
        key,
        created,
        spec: serde_json::from_value(spec).unwrap(),
        ..TlsRoute::default()
    }
}

fn service(namespace: &str, last: u8) -> ServiceView {
    ServiceView {
        key: Key::new(namespace, "kube-apiserver"),
        cluster_ip: Some([10, 3, 0, last].into()),
        ports: vec![443],
        ..ServiceView::default()
    }
}

/// One gateway, two shoots, each with its route and Service.
fn world() -> World {
    let class = GatewayClass {
        name: "kubeception".to_owned(),
        controller_name: CONTROLLER.to_owned(),
        ..GatewayClass::default()
    };
    World {
        class: Some(class),
        gateways: vec![usual_gateway()],
        routes: vec![
            route("shoot-a", 1, &["api.a.example"]),
            route("shoot-b", 2, &["API.b.example", "*.b.example"]),
        ],
        services: vec![service("shoot-a", 1), service("shoot-b", 2)],
    }
}

fn target(plan: &Plan, name: &str) -> Option<String> {
    plan.table.find(name).map(|backend| {
        backend
            .next()
            .first()
            .map_or_else(|| "nothing".to_owned(), SocketAddr::to_string)
    })
}

/// `Accepted=True/Reason; …` of the route's status for our parents, messages after a dash.
fn route_status(plan: &Plan, namespace: &str) -> Vec<String> {
    let (_, parents) = plan.routes.iter().find(|(key, _)| key.namespace == namespace).unwrap();
    let conditions = parents
        .iter()
        .filter(|parent| parent.controller_name == CONTROLLER)
        .flat_map(|p| &p.conditions);
    conditions
        .map(|c| {
            format!("{}={}/{} {}", c.type_, c.status, c.reason, c.message)
                .trim_end()
                .to_owned()
        })
        .collect()
}

#[track_caller]
fn check(change: impl FnOnce(&mut World), expected: &[&str]) {
    let mut world = world();
    change(&mut world);
    assert_eq!(route_status(&plan(&world, &options(), now()), "shoot-b"), expected);
}

#[test]
fn every_route_leads_to_its_service() {
    let plan = plan(&world(), &options(), now());
    assert_eq!(target(&plan, "api.a.example").as_deref(), Some("10.3.0.1:443"));
    assert_eq!(target(&plan, "api.b.example").as_deref(), Some("10.3.0.2:443"));
    assert_eq!(target(&plan, "x.b.example").as_deref(), Some("10.3.0.2:443"));
    assert_eq!(target(&plan, "x.a.example"), None);
    assert_eq!(
        route_status(&plan, "shoot-b"),
        ["Accepted=True/Accepted", "ResolvedRefs=True/ResolvedRefs"]
    );
    assert_eq!(plan.gateways[0].1.listeners[0].attached_routes, 2);
}

#[test]
fn the_older_route_has_the_hostname_whatever_the_order() {
    for reversed in [false, true] {
        let mut world = world();
        world.routes[1] = route("shoot-b", 0, &["api.a.example"]);
        if reversed {
            world.routes.reverse();
        }
        let plan = plan(&world, &options(), now());
        assert_eq!(target(&plan, "api.a.example").as_deref(), Some("10.3.0.2:443"));
        assert_eq!(
            route_status(&plan, "shoot-a")[0],
            "Accepted=False/HostnameConflict hostname api.a.example belongs to the older TLSRoute shoot-b/kube-apiserver"
        );
        assert_eq!(route_status(&plan, "shoot-b")[0], "Accepted=True/Accepted");
    }
}

#[test]
fn a_route_that_lost_one_of_its_hostnames_keeps_the_others() {
    let mut world = world();
    world.routes[1].spec.hostnames = vec!["api.a.example".to_owned(), "api.b.example".to_owned()];
    let plan = plan(&world, &options(), now());
    assert_eq!(target(&plan, "api.a.example").as_deref(), Some("10.3.0.1:443"));
    assert_eq!(target(&plan, "api.b.example").as_deref(), Some("10.3.0.2:443"));
    assert_eq!(
        route_status(&plan, "shoot-b")[0],
        "Accepted=True/Accepted hostname api.a.example belongs to the older TLSRoute shoot-a/kube-apiserver"
    );
}

#[test]
fn what_is_wrong_with_the_parent_is_said() {
    let resolved = "ResolvedRefs=True/ResolvedRefs";
    check(
        |world| world.routes[1].spec.parent_refs[0].section_name = Some("other".to_owned()),
        &[
            "Accepted=False/NoMatchingParent Gateway garden/gateway has no such listener",
            resolved,
        ],
    );
    check(
        |world| world.gateways[0].spec.listeners[0].allowed_routes = None,
        &[
            "Accepted=False/NotAllowedByListeners no listener of Gateway garden/gateway takes TLSRoutes from namespace shoot-b",
            resolved,
        ],
    );
    check(
        |world| world.gateways[0].spec.listeners[0].hostname = Some("*.a.example".to_owned()),
        &[
            "Accepted=False/NoMatchingListenerHostname no hostname of the route matches a listener",
            resolved,
        ],
    );
    check(
        |world| world.routes[1].spec.parent_refs[0].name = "foreign".to_owned(),
        &[],
    );
    check(
        |world| world.gateways[0].spec.gateway_class_name = "foreign".to_owned(),
        &[],
    );
}

/// A change of the world, and what the route's status says of its backend then.
type Case = (fn(&mut World), String);

#[test]
fn what_is_wrong_with_the_backend_is_said_and_the_name_stays_known() {
    let accepted = "Accepted=True/Accepted";
    let missing = "ResolvedRefs=False/BackendNotFound";
    let cases: [Case; 6] = [
        (
            |w| w.services.truncate(1),
            format!("{missing} Service shoot-b/kube-apiserver does not exist"),
        ),
        (
            |w| w.services[1].cluster_ip = None,
            format!("{missing} Service shoot-b/kube-apiserver has no cluster IP"),
        ),
        (
            |w| w.services[1].ports = vec![80],
            format!("{missing} Service shoot-b/kube-apiserver does not have the port of the route"),
        ),
        (
            |w| w.routes[1].spec.rules.clear(),
            format!("{missing} the route names no backend"),
        ),
        (
            |w| w.routes[1].spec.rules[0].backend_refs[0].namespace = Some("shoot-a".to_owned()),
            "ResolvedRefs=False/RefNotPermitted Service kube-apiserver lies in another namespace".to_owned(),
        ),
        (
            |w| w.routes[1].spec.rules[0].backend_refs[0].kind = Some("Pod".to_owned()),
            "ResolvedRefs=False/InvalidKind backend kube-apiserver is not a Service".to_owned(),
        ),
    ];
    for (change, expected) in cases {
        check(change, &[accepted, &expected]);
        let mut world = world();
        change(&mut world);
        let plan = plan(&world, &options(), now());
        assert_eq!(target(&plan, "api.b.example").as_deref(), Some("nothing"), "{expected}");
        assert_eq!(target(&plan, "api.a.example").as_deref(), Some("10.3.0.1:443"));
    }
}

#[test]
fn status_of_other_controllers_is_kept_and_times_stay() {
    let mut world = world();
    let foreign = RouteParentStatus {
        controller_name: "foreign".to_owned(),
        ..RouteParentStatus::default()
    };
    world.routes[0].parents = vec![foreign.clone()];
    let first = plan(&world, &options(), now());
    world.routes[0].parents.clone_from(&first.routes[0].1);
    let later = plan(&world, &options(), "2027-01-01T00:00:00Z".parse().unwrap());
    assert_eq!(first.routes[0].1, later.routes[0].1);
    assert_eq!(first.routes[0].1[0], foreign);
}

#[test]
fn a_gateway_tells_its_addresses_and_its_listeners() {
    let mut world = world();
    let status = |world: &World| plan(world, &options(), now()).gateways[0].1.clone();
    assert_eq!(status(&world).conditions[1].reason, "AddressNotAssigned");
    let mut own = service("garden", 9);
    own.key = Key::new("garden", "gateway");
    world.services.push(own);
    assert_eq!(status(&world).addresses[0].value, "10.3.0.9");
    world.services[2].load_balancer_addresses = vec!["172.30.2.1".to_owned()];
    assert_eq!(status(&world).addresses[0].value, "172.30.2.1");
    assert_eq!(status(&world).conditions[1].reason, "Programmed");
    world.gateways[0].spec.listeners[0].protocol = "HTTPS".to_owned();
    assert_eq!(status(&world).conditions[0].reason, "ListenersNotValid");
    assert_eq!(status(&world).listeners[0].conditions[0].reason, "UnsupportedProtocol");
}

#[test]
fn without_a_class_nothing_is_routed() {
    let plan = plan(&World { class: None, ..world() }, &options(), now());
    assert!(plan.table.is_empty() && plan.gateways.is_empty() && plan.routes.is_empty());
}
