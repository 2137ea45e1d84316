//! How the garden's kube-apiserver finds our API server, which runs in another cluster.
//!
//! In: the authority that signed its serving certificate, and the address of its Service in the runtime cluster.
//! Out: an APIService per served version, and the Service with the EndpointSlice that the aggregator resolves.
//! (With `--enable-aggregator-routing` it dials the first ready address of an EndpointSlice; Endpoints are not looked at.)

use std::collections::BTreeMap;
use std::net::IpAddr;

use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Service, ServicePort, ServiceSpec};
use k8s_openapi::api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use k8s_openapi::kube_aggregator::pkg::apis::apiregistration::v1::{APIService, APIServiceSpec, ServiceReference};

use super::{SYSTEM_NAMESPACE, named};

/// Group, version and the version's priority in its group: the highest is what clients prefer.
pub(crate) const SERVED_VERSIONS: [(&str, &str, i32); 3] = [
    ("core.gardener.cloud", "v1beta1", 20),
    ("core.gardener.cloud", "v1", 10),
    ("security.gardener.cloud", "v1alpha1", 10),
];

/// Before Kubernetes' own groups of the same priority, as Gardener has it.
const GROUP_PRIORITY: i32 = 10_000;
const NAME: &str = "gardener-apiserver";
const PORT_NAME: &str = "https";
const PORT: i32 = 443;

/// One APIService per served version.
pub(crate) fn api_services(certificate_authority: &str) -> Vec<APIService> {
    let service = |(group, version, priority): (&str, &str, i32)| APIService {
        metadata: named(&format!("{version}.{group}")),
        spec: Some(APIServiceSpec {
            group: Some(group.to_owned()),
            version: Some(version.to_owned()),
            group_priority_minimum: GROUP_PRIORITY,
            version_priority: priority,
            ca_bundle: Some(ByteString(certificate_authority.as_bytes().to_vec())),
            service: Some(ServiceReference {
                name: Some(NAME.to_owned()),
                namespace: Some(SYSTEM_NAMESPACE.to_owned()),
                port: Some(PORT),
            }),
            ..APIServiceSpec::default()
        }),
        ..APIService::default()
    };
    SERVED_VERSIONS.into_iter().map(service).collect()
}

/// The Service that the APIServices name. It has no selector: there are no pods here.
pub(crate) fn service() -> Service {
    let port = ServicePort {
        name: Some(PORT_NAME.to_owned()),
        port: PORT,
        ..ServicePort::default()
    };
    Service {
        metadata: ObjectMeta {
            namespace: Some(SYSTEM_NAMESPACE.to_owned()),
            ..named(NAME)
        },
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            ports: Some(vec![port]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// Points the Service to the address of its twin in the runtime cluster.
pub(crate) fn endpoint_slice(address: IpAddr) -> EndpointSlice {
    let labels = [
        ("kubernetes.io/service-name", NAME),
        ("endpointslice.kubernetes.io/managed-by", "gardener-operator"),
    ];
    let labels: BTreeMap<_, _> = labels
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    EndpointSlice {
        metadata: ObjectMeta {
            namespace: Some(SYSTEM_NAMESPACE.to_owned()),
            labels: Some(labels),
            ..named(NAME)
        },
        address_type: if address.is_ipv4() { "IPv4" } else { "IPv6" }.to_owned(),
        endpoints: vec![Endpoint {
            addresses: vec![address.to_string()],
            conditions: Some(EndpointConditions {
                ready: Some(true),
                ..EndpointConditions::default()
            }),
            ..Endpoint::default()
        }],
        ports: Some(vec![EndpointPort {
            name: Some(PORT_NAME.to_owned()),
            port: Some(PORT),
            protocol: Some("TCP".to_owned()),
            ..EndpointPort::default()
        }]),
    }
}
