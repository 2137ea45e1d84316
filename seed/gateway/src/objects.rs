//! What the gateway reads of Gateways, TLSRoutes and Services: only the fields that it acts on.
//!
//! Gateway API objects are read leniently from JSON: several versions of it serve the same fields.

use std::net::IpAddr;

use k8s_openapi::{api::core::v1::Service, apimachinery::pkg::apis::meta::v1::Condition};
use kube::{
    ResourceExt as _,
    api::DynamicObject,
    core::{ApiResource, GroupVersionKind},
};
use serde::{Deserialize, Serialize};

pub(crate) const GROUP: &str = "gateway.networking.k8s.io";

pub(crate) fn gateway_class_resource() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, "v1", "GatewayClass"), "gatewayclasses")
}

pub(crate) fn gateway_resource() -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, "v1", "Gateway"), "gateways")
}

pub(crate) fn tls_route_resource(version: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(GROUP, version, "TLSRoute"), "tlsroutes")
}

/// Namespace and name; orders objects.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) namespace: String,
    pub(crate) name: String,
}

impl Key {
    pub(crate) fn new(namespace: &str, name: &str) -> Self {
        Self {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    pub(crate) fn of(object: &impl kube::ResourceExt) -> Self {
        Self {
            namespace: object.namespace().unwrap_or_default(),
            name: object.name_any(),
        }
    }
}

impl std::fmt::Display for Key {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}/{}", self.namespace, self.name)
    }
}

/// A GatewayClass.
#[derive(Clone, Debug, Default)]
pub(crate) struct GatewayClass {
    pub(crate) name: String,
    pub(crate) controller_name: String,
    pub(crate) generation: Option<i64>,
    pub(crate) conditions: Vec<Condition>,
}

/// A Gateway.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gateway {
    pub(crate) key: Key,
    pub(crate) generation: Option<i64>,
    pub(crate) spec: GatewaySpec,
    pub(crate) status: GatewayStatus,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct GatewaySpec {
    pub(crate) gateway_class_name: String,
    pub(crate) listeners: Vec<Listener>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Listener {
    pub(crate) name: String,
    pub(crate) hostname: Option<String>,
    pub(crate) port: u16,
    pub(crate) protocol: String,
    pub(crate) tls: Option<ListenerTls>,
    pub(crate) allowed_routes: Option<AllowedRoutes>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListenerTls {
    pub(crate) mode: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct AllowedRoutes {
    pub(crate) namespaces: Option<RouteNamespaces>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RouteNamespaces {
    pub(crate) from: Option<String>,
}

/// What a Gateway's status says, as it is and as it shall be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct GatewayStatus {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) addresses: Vec<GatewayAddress>,
    pub(crate) conditions: Vec<Condition>,
    pub(crate) listeners: Vec<ListenerStatus>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct GatewayAddress {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) value: String,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ListenerStatus {
    pub(crate) name: String,
    pub(crate) attached_routes: i32,
    pub(crate) supported_kinds: Vec<RouteKind>,
    pub(crate) conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct RouteKind {
    pub(crate) group: String,
    pub(crate) kind: String,
}

/// A TLSRoute.
#[derive(Clone, Debug, Default)]
pub(crate) struct TlsRoute {
    pub(crate) key: Key,
    pub(crate) generation: Option<i64>,
    /// Seconds; the older of two routes for one hostname wins.
    pub(crate) created: i64,
    pub(crate) spec: TlsRouteSpec,
    pub(crate) parents: Vec<RouteParentStatus>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct TlsRouteSpec {
    pub(crate) parent_refs: Vec<ParentReference>,
    pub(crate) hostnames: Vec<String>,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct ParentReference {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) section_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Rule {
    pub(crate) backend_refs: Vec<BackendReference>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct BackendReference {
    pub(crate) group: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    pub(crate) port: Option<u16>,
    pub(crate) weight: Option<u32>,
}

/// What a route's status says of one parent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RouteParentStatus {
    pub(crate) parent_ref: ParentReference,
    pub(crate) controller_name: String,
    pub(crate) conditions: Vec<Condition>,
}

/// A Service.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServiceView {
    pub(crate) key: Key,
    /// `None` for a headless Service, or one without an address yet.
    pub(crate) cluster_ip: Option<IpAddr>,
    pub(crate) ports: Vec<u16>,
    pub(crate) load_balancer_addresses: Vec<String>,
}

/// Everything that routes are made of.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub(crate) class: Option<GatewayClass>,
    pub(crate) gateways: Vec<Gateway>,
    pub(crate) routes: Vec<TlsRoute>,
    pub(crate) services: Vec<ServiceView>,
}

/// A part of an object; what cannot be read counts as empty, for one broken object must not stop the others.
fn part<T: Default + for<'de> Deserialize<'de>>(object: &DynamicObject, pointer: &str) -> T {
    let value = object.data.pointer(pointer).cloned().unwrap_or_default();
    serde_json::from_value(value).unwrap_or_default()
}

impl GatewayClass {
    pub(crate) fn read(object: &DynamicObject) -> Self {
        Self {
            name: object.name_any(),
            controller_name: part(object, "/spec/controllerName"),
            generation: object.metadata.generation,
            conditions: part(object, "/status/conditions"),
        }
    }
}

impl Gateway {
    pub(crate) fn read(object: &DynamicObject) -> Self {
        Self {
            key: Key::of(object),
            generation: object.metadata.generation,
            spec: part(object, "/spec"),
            status: part(object, "/status"),
        }
    }
}

impl TlsRoute {
    pub(crate) fn read(object: &DynamicObject) -> Self {
        Self {
            key: Key::of(object),
            generation: object.metadata.generation,
            created: object
                .metadata
                .creation_timestamp
                .as_ref()
                .map_or(i64::MAX, |time| time.0.as_second()),
            spec: part(object, "/spec"),
            parents: part(object, "/status/parents"),
        }
    }
}

impl ServiceView {
    pub(crate) fn read(service: &Service) -> Self {
        let spec = service.spec.as_ref();
        let status = service.status.as_ref().and_then(|status| status.load_balancer.as_ref());
        let ingress = status.and_then(|balancer| balancer.ingress.as_ref());
        Self {
            key: Key::of(service),
            cluster_ip: spec
                .and_then(|spec| spec.cluster_ip.as_deref())
                .and_then(|address| address.parse().ok()),
            ports: spec
                .and_then(|spec| spec.ports.as_ref())
                .into_iter()
                .flatten()
                .filter_map(|port| u16::try_from(port.port).ok())
                .collect(),
            load_balancer_addresses: ingress
                .into_iter()
                .flatten()
                .filter_map(|entry| entry.ip.clone())
                .collect(),
        }
    }
}
