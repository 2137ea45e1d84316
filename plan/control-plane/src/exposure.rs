//! How clients reach the API server: its Service, and the route by server name at the gateway.

use api::gateway::{BackendReference, ParentReference, TlsRoute, TlsRouteRule, TlsRouteSpec};
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use crate::{ControlPlane, Exposure, kube_apiserver, labels, tunnel};

/// The port of the Service.
pub const SERVICE_PORT: i32 = 443;
/// The port of the pods, and of the endpoints of the Service `kubernetes`: an unprivileged user may bind it everywhere.
pub const API_SERVER_PORT: i32 = 6443;

/// All objects.
pub(crate) fn plan(plane: &ControlPlane) -> Exposure {
    Exposure {
        service: service(plane),
        route: plane.gateway.as_ref().map(|_| route(plane)),
        tunnel_service: plane.machines.as_ref().map(|_| tunnel::service(plane)),
        tunnel_route: plane
            .machines
            .as_ref()
            .and_then(|machines| tunnel::route(plane, machines)),
    }
}

fn service(plane: &ControlPlane) -> Service {
    Service {
        metadata: labels::metadata(plane, plane.api_server_name(), labels::component(kube_apiserver::ROLE)),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(labels::selector(kube_apiserver::ROLE)),
            ports: Some(vec![ServicePort {
                name: Some("kube-apiserver".to_owned()),
                port: SERVICE_PORT,
                target_port: Some(IntOrString::Int(API_SERVER_PORT)),
                protocol: Some("TCP".to_owned()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn route(plane: &ControlPlane) -> TlsRoute {
    let gateway = plane.gateway.clone().unwrap_or_default();
    let parent = ParentReference {
        name: gateway.name,
        namespace: Some(gateway.namespace),
        ..ParentReference::default()
    };
    let backend = BackendReference {
        name: plane.api_server_name(),
        port: Some(SERVICE_PORT),
        ..BackendReference::default()
    };
    TlsRoute {
        metadata: labels::metadata(plane, plane.api_server_name(), labels::component(kube_apiserver::ROLE)),
        spec: TlsRouteSpec {
            parent_refs: vec![parent],
            hostnames: plane.hostnames.clone(),
            rules: vec![TlsRouteRule {
                backend_refs: vec![backend],
                ..TlsRouteRule::default()
            }],
        },
        ..TlsRoute::default()
    }
}
