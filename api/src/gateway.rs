//! Group `gateway.networking.k8s.io`, version `v1`: the part of the Gateway API that routes TLS by server name.
//!
//! `TLSRoute` is `v1` since Gateway API 1.5. Only what a passthrough router needs is typed; other fields of a manifest
//! are kept out by our CRDs, and a cluster with the upstream CRDs works as well.

use std::collections::BTreeMap;

use apimachinery::api_type;
use apimachinery::meta::{LabelSelector, ObjectMeta, Time};

/// A kind of gateway, and the controller that provides it.
#[api_type]
#[api(
    group = "gateway.networking.k8s.io",
    version = "v1",
    plural = "gatewayclasses",
    short = "gc"
)]
#[api(categories = "gateway-api")]
pub struct GatewayClass {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: GatewayClassSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: GatewayClassStatus,
}

/// The kind of gateway.
#[api_type]
pub struct GatewayClassSpec {
    /// Controller responsible, as `domain/path`.
    #[api(immutable, min_length = 1, max_length = 253)]
    pub controller_name: String,
    /// What the class is, for people.
    pub description: Option<String>,
}

/// State of a kind of gateway.
#[api_type]
pub struct GatewayClassStatus {
    /// Current conditions, one per type.
    #[api(omitempty, list = "map", key = "type", max_items = 8)]
    pub conditions: Vec<Condition>,
}

/// A gateway: addresses and ports that traffic comes in at.
#[api_type]
#[api(
    group = "gateway.networking.k8s.io",
    version = "v1",
    namespaced,
    short = "gtw",
    categories = "gateway-api"
)]
pub struct Gateway {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: GatewaySpec,
    /// What was observed last.
    #[api(optional)]
    pub status: GatewayStatus,
}

/// The gateway wanted.
#[api_type]
pub struct GatewaySpec {
    /// GatewayClass it is made from.
    #[api(min_length = 1, max_length = 253)]
    pub gateway_class_name: String,
    /// Ports it listens on.
    #[api(list = "map", key = "name", min_items = 1, max_items = 64)]
    pub listeners: Vec<Listener>,
    /// Addresses wanted; the controller chooses when empty.
    #[api(omitempty, list = "atomic", max_items = 16)]
    pub addresses: Vec<GatewayAddress>,
}

/// A port of a gateway.
#[api_type]
pub struct Listener {
    /// Name, unique among its siblings.
    #[api(min_length = 1, max_length = 253)]
    pub name: String,
    /// Server name it is for; any when absent.
    pub hostname: Option<String>,
    /// Port to listen on.
    #[api(minimum = 1, maximum = 65535)]
    pub port: i32,
    /// Protocol; `TLS`.
    #[api(min_length = 1, max_length = 255)]
    pub protocol: String,
    /// How TLS is handled.
    pub tls: Option<ListenerTls>,
    /// Routes that may attach.
    pub allowed_routes: Option<AllowedRoutes>,
}

/// How a port handles TLS.
#[api_type]
#[api(name = "ListenerTLSConfig")]
pub struct ListenerTls {
    /// `Passthrough` leaves the connection encrypted; `Terminate` does not.
    #[api(values = "Passthrough, Terminate")]
    pub mode: Option<String>,
    /// Further options of the controller.
    #[api(omitempty, max_properties = 16)]
    pub options: BTreeMap<String, String>,
}

/// Routes that may attach to a port.
#[api_type]
pub struct AllowedRoutes {
    /// Namespaces of the routes; the gateway's own when absent.
    pub namespaces: Option<RouteNamespaces>,
    /// Kinds of the routes; those that fit the protocol when empty.
    #[api(omitempty, list = "atomic", max_items = 8)]
    pub kinds: Vec<RouteGroupKind>,
}

/// Namespaces of routes.
#[api_type]
pub struct RouteNamespaces {
    /// `All`, `Same` or `Selector`.
    #[api(values = "All, Same, Selector")]
    pub from: Option<String>,
    /// Which namespaces, with `Selector`.
    pub selector: Option<LabelSelector>,
}

/// A kind of route.
#[api_type]
pub struct RouteGroupKind {
    /// API group; the Gateway API's when absent.
    pub group: Option<String>,
    /// Kind.
    #[api(min_length = 1, max_length = 63)]
    pub kind: String,
}

/// An address of a gateway.
#[api_type]
pub struct GatewayAddress {
    /// `IPAddress` or `Hostname`.
    #[api(name = "type")]
    pub type_: Option<String>,
    /// The address.
    #[api(omitempty)]
    pub value: String,
}

/// State of a gateway.
#[api_type]
pub struct GatewayStatus {
    /// Addresses in use.
    #[api(omitempty, list = "atomic", max_items = 16)]
    pub addresses: Vec<GatewayAddress>,
    /// Current conditions, one per type.
    #[api(omitempty, list = "map", key = "type", max_items = 8)]
    pub conditions: Vec<Condition>,
    /// State of each port.
    #[api(omitempty, list = "map", key = "name", max_items = 64)]
    pub listeners: Vec<ListenerStatus>,
}

/// State of a port.
#[api_type]
pub struct ListenerStatus {
    /// Name of the port.
    pub name: String,
    /// Kinds of routes it takes.
    #[api(omitempty, list = "atomic", max_items = 8)]
    pub supported_kinds: Vec<RouteGroupKind>,
    /// How many routes are attached.
    pub attached_routes: i32,
    /// Current conditions, one per type.
    #[api(list = "map", key = "type", max_items = 8)]
    pub conditions: Vec<Condition>,
}

/// A route of TLS connections by server name.
#[api_type]
#[api(group = "gateway.networking.k8s.io", version = "v1", kind = "TLSRoute", namespaced)]
#[api(categories = "gateway-api")]
pub struct TlsRoute {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: TlsRouteSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: TlsRouteStatus,
}

/// The route wanted.
#[api_type]
#[api(name = "TLSRouteSpec")]
pub struct TlsRouteSpec {
    /// Gateways the route attaches to.
    #[api(omitempty, list = "atomic", max_items = 32)]
    pub parent_refs: Vec<ParentReference>,
    /// Server names that are routed; a name may begin with `*.`.
    #[api(list = "atomic", min_items = 1, max_items = 16)]
    pub hostnames: Vec<String>,
    /// Where the connections go.
    #[api(list = "atomic", min_items = 1, max_items = 1)]
    pub rules: Vec<TlsRouteRule>,
}

/// A gateway a route attaches to.
#[api_type]
pub struct ParentReference {
    /// API group; the Gateway API's when absent.
    pub group: Option<String>,
    /// Kind; `Gateway` when absent.
    pub kind: Option<String>,
    /// Namespace; the route's own when absent.
    pub namespace: Option<String>,
    /// Name.
    #[api(min_length = 1, max_length = 253)]
    pub name: String,
    /// Port of the gateway, by name; all when absent.
    pub section_name: Option<String>,
    /// Port of the gateway, by number; all when absent.
    #[api(minimum = 1, maximum = 65535)]
    pub port: Option<i32>,
}

/// Where connections go.
#[api_type]
#[api(name = "TLSRouteRule")]
pub struct TlsRouteRule {
    /// Name of the rule.
    pub name: Option<String>,
    /// Services, in proportion to their weights.
    #[api(list = "atomic", min_items = 1, max_items = 16)]
    pub backend_refs: Vec<BackendReference>,
}

/// A Service that connections go to.
#[api_type]
#[api(name = "BackendRef")]
pub struct BackendReference {
    /// API group; the core group when absent.
    pub group: Option<String>,
    /// Kind; `Service` when absent.
    pub kind: Option<String>,
    /// Namespace; the route's own when absent.
    pub namespace: Option<String>,
    /// Name.
    #[api(min_length = 1, max_length = 253)]
    pub name: String,
    /// Port of the Service.
    #[api(minimum = 1, maximum = 65535)]
    pub port: Option<i32>,
    /// Share of the connections; 1 when absent, none when 0.
    #[api(minimum = 0, maximum = 1_000_000)]
    pub weight: Option<i32>,
}

/// State of a route.
#[api_type]
#[api(name = "TLSRouteStatus")]
pub struct TlsRouteStatus {
    /// State at each gateway.
    #[api(list = "atomic", max_items = 32)]
    pub parents: Vec<RouteParentStatus>,
}

/// State of a route at a gateway.
#[api_type]
pub struct RouteParentStatus {
    /// The gateway.
    pub parent_ref: ParentReference,
    /// Controller that wrote this.
    pub controller_name: String,
    /// Current conditions, one per type.
    #[api(omitempty, list = "map", key = "type", max_items = 8)]
    pub conditions: Vec<Condition>,
}

/// One aspect of the state of a gateway or route.
#[api_type]
pub struct Condition {
    /// Which aspect, such as `Accepted`.
    #[api(name = "type", min_length = 1, max_length = 316)]
    pub type_: String,
    /// Whether it holds: `True`, `False` or `Unknown`.
    #[api(values = "True, False, Unknown")]
    pub status: String,
    /// Generation of the spec that this describes.
    #[api(omitempty, minimum = 0)]
    pub observed_generation: i64,
    /// When the status last changed.
    pub last_transition_time: Option<Time>,
    /// Why, as one word for programs.
    #[api(min_length = 1, max_length = 1024)]
    pub reason: String,
    /// Why, for people.
    #[api(max_length = 32768)]
    pub message: String,
}
