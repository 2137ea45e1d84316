//! The gateway: one address and port for all API servers, told apart by TLS server name.
//!
//! In: annotations for the cloud's load balancer. Out: the process with its Service, its class and the one Gateway.
//! Absent: routes, which each control plane brings.

use std::collections::BTreeMap;

use api::gateway::{
    AllowedRoutes, Gateway, GatewayClass, GatewayClassSpec, GatewaySpec, Listener, ListenerTls, RouteNamespaces,
};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::apimachinery::pkg::util::intstr::IntOrString;

use super::roles::{Identity, READ, identity, rule};
use crate::process::{Process, Requests};
use crate::settings::NAMESPACE;

/// Name of the Deployment, the Service and the Gateway.
pub(crate) const NAME: &str = "gateway";
const CLASS: &str = "kubeception";
/// Who implements the class; another gateway leaves it alone.
const CONTROLLER: &str = "kubeception.io/gateway";
const PORT: i32 = 443;
const POD_PORT: i32 = 8443;

/// All that makes the gateway.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GatewayObjects {
    pub(crate) identity: Identity,
    pub(crate) deployment: Deployment,
    pub(crate) service: Service,
    pub(crate) class: GatewayClass,
    pub(crate) gateway: Gateway,
}

/// Plans the gateway.
pub(crate) fn gateway(image: &str, load_balancer_annotations: &BTreeMap<String, String>) -> GatewayObjects {
    let group = &["gateway.networking.k8s.io"];
    let rules = vec![
        rule(group, &["gatewayclasses", "gateways", "tlsroutes"], READ),
        rule(
            group,
            &["gatewayclasses/status", "gateways/status", "tlsroutes/status"],
            &["get", "update", "patch"],
        ),
        rule(&[""], &["services"], READ),
        rule(&["discovery.k8s.io"], &["endpointslices"], READ),
    ];
    let process = Process {
        name: NAME.to_owned(),
        image: image.to_owned(),
        arguments: vec![
            format!("--listen=0.0.0.0:{POD_PORT}"),
            format!("--gateway-class={CLASS}"),
            format!("--service={NAMESPACE}/{NAME}"),
        ],
        ports: vec![("tls", POD_PORT)],
        service_account: Some(NAME.to_owned()),
        requests: Requests {
            cpu: "20m",
            memory: "32Mi",
        },
        priority_class: Some("gardener-system-900"),
        ..Process::default()
    };
    GatewayObjects {
        identity: identity(NAME, rules),
        deployment: process.deployment(NAMESPACE),
        service: service(load_balancer_annotations),
        class: class(),
        gateway: gateway_object(),
    }
}

fn service(annotations: &BTreeMap<String, String>) -> Service {
    Service {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            namespace: Some(NAMESPACE.to_owned()),
            annotations: (!annotations.is_empty()).then(|| annotations.clone()),
            ..ObjectMeta::default()
        },
        spec: Some(ServiceSpec {
            type_: Some("LoadBalancer".to_owned()),
            selector: Some(Process::selector(NAME)),
            ports: Some(vec![ServicePort {
                name: Some("tls".to_owned()),
                port: PORT,
                target_port: Some(IntOrString::Int(POD_PORT)),
                protocol: Some("TCP".to_owned()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn class() -> GatewayClass {
    GatewayClass {
        metadata: ObjectMeta {
            name: Some(CLASS.to_owned()),
            ..ObjectMeta::default()
        },
        spec: GatewayClassSpec {
            controller_name: CONTROLLER.to_owned(),
            description: Some("Routes TLS by server name, without terminating it.".to_owned()),
        },
        ..GatewayClass::default()
    }
}

fn gateway_object() -> Gateway {
    let namespaces = RouteNamespaces {
        from: Some("All".to_owned()),
        ..RouteNamespaces::default()
    };
    let listener = Listener {
        name: "tls".to_owned(),
        port: PORT,
        protocol: "TLS".to_owned(),
        tls: Some(ListenerTls {
            mode: Some("Passthrough".to_owned()),
            ..ListenerTls::default()
        }),
        allowed_routes: Some(AllowedRoutes {
            namespaces: Some(namespaces),
            ..AllowedRoutes::default()
        }),
        ..Listener::default()
    };
    Gateway {
        metadata: ObjectMeta {
            name: Some(NAME.to_owned()),
            namespace: Some(NAMESPACE.to_owned()),
            ..ObjectMeta::default()
        },
        spec: GatewaySpec {
            gateway_class_name: CLASS.to_owned(),
            listeners: vec![listener],
            ..GatewaySpec::default()
        },
        ..Gateway::default()
    }
}
