//! The tunnel to machines outside of the seed: its server beside kube-apiserver, how kube-apiserver uses it, how machines
//! find it.

use api::gateway::{BackendReference, ParentReference, TlsRoute, TlsRouteRule, TlsRouteSpec};
use k8s_openapi::{
    api::core::v1::{Service, ServicePort, ServiceSpec},
    apimachinery::pkg::util::intstr::IntOrString,
};

use crate::{
    ControlPlane, Machines, Resource,
    exposure::API_SERVER_PORT,
    kube_apiserver::{self, Flags},
    labels,
    pod::{Beside, Health, SharedDirectory},
    volumes::{BUNDLE, CERTIFICATE, Files, Source},
};

/// Name of the Service and of the route.
pub(crate) const NAME: &str = "kube-apiserver-tunnel";
/// Where machines connect.
pub(crate) const PORT: i32 = 8132;
const HEALTH_PORT: i32 = 8133;

const SOCKET_DIRECTORY: &str = "/run/tunnel";
const SOCKET: &str = "/run/tunnel/egress.sock";
const EGRESS_DIRECTORY: &str = "/etc/kubernetes/egress";
const EGRESS_FILE: &str = "egress-selector-configuration.yaml";

const SERVER: &str = "/srv/kubernetes/tunnel-server";
const CLIENT: &str = "/srv/kubernetes/tunnel-server-client";
const CA: &str = "/srv/kubernetes/ca";
const CA_CLIENT: &str = "/srv/kubernetes/ca-client";

/// Where kube-apiserver finds its EgressSelectorConfiguration.
pub(crate) fn egress_path() -> String {
    format!("{EGRESS_DIRECTORY}/{EGRESS_FILE}")
}

/// What goes to the cluster's nodes, pods and Services goes through the socket; etcd and the control plane are dialled.
pub(crate) fn egress_configuration() -> String {
    format!(
        "apiVersion: apiserver.k8s.io/v1beta1
kind: EgressSelectorConfiguration
egressSelections:
- name: cluster
  connection:
    proxyProtocol: HTTPConnect
    transport:
      uds:
        udsName: {SOCKET}
- name: controlplane
  connection:
    proxyProtocol: Direct
- name: etcd
  connection:
    proxyProtocol: Direct
"
    )
}

/// The file that kube-apiserver needs for it.
pub(crate) fn egress_file(plane: &ControlPlane) -> Files {
    Files {
        name: "egress-selector-configuration",
        path: EGRESS_DIRECTORY,
        source: Source::ConfigMap {
            name: plane.name("kube-apiserver-egress-selector-config"),
            file: (EGRESS_FILE, egress_configuration()),
        },
    }
}

/// The directory of the socket, for both containers.
pub(crate) fn socket_directory() -> SharedDirectory {
    SharedDirectory {
        name: "tunnel",
        path: SOCKET_DIRECTORY,
    }
}

/// The tunnel's server.
pub(crate) fn server(plane: &ControlPlane, machines: &Machines) -> Beside {
    let secrets = &plane.secrets;
    let mut files = vec![
        Files::secret("ca", CA, &secrets.ca_bundle, BUNDLE),
        Files::secret("ca-client", CA_CLIENT, &secrets.ca_client_bundle, BUNDLE),
    ];
    let certificates = [
        ("tunnel-server", SERVER, &secrets.tunnel_server),
        ("tunnel-server-client", CLIENT, &secrets.tunnel_client),
    ];
    for (name, path, secret) in certificates {
        files.extend(
            secret
                .iter()
                .map(|secret| Files::secret(name, path, secret, CERTIFICATE)),
        );
    }
    Beside {
        name: "tunnel-server",
        image: machines.tunnel_image.clone(),
        command: command(plane, machines),
        port: ("tunnel", PORT),
        files,
        health: Health {
            scheme: "HTTP",
            port: HEALTH_PORT,
            live: "/healthz",
            ready: "/readyz",
            host: None,
        },
        // A connection per node, and a few streams.
        requests: Resource {
            cpu: "10m".to_owned(),
            memory: "16Mi".to_owned(),
        },
    }
}

fn command(plane: &ControlPlane, machines: &Machines) -> Vec<String> {
    let mut flags = Flags::default();
    flags.set("egress-socket", SOCKET);
    flags.set("listen", format!("0.0.0.0:{PORT}"));
    flags.set("health-port", HEALTH_PORT.to_string());
    flags.set("certificate-file", format!("{SERVER}/tls.crt"));
    flags.set("key-file", format!("{SERVER}/tls.key"));
    flags.set("client-ca-file", format!("{CA_CLIENT}/bundle.crt"));
    flags.set("api-server", format!("127.0.0.1:{API_SERVER_PORT}"));
    flags.set("api-server-ca-file", format!("{CA}/bundle.crt"));
    flags.set("api-client-certificate-file", format!("{CLIENT}/tls.crt"));
    flags.set("api-client-key-file", format!("{CLIENT}/tls.key"));
    let mut command = flags.command("kubeception");
    command.insert(1, "tunnel-server".to_owned());
    let services = std::iter::once(&plane.networks.services);
    command.extend(machines.node_ranges.iter().map(|range| format!("--node-range={range}")));
    command.extend(plane.networks.pods.iter().map(|range| format!("--pod-range={range}")));
    command.extend(services.map(|range| format!("--service-range={range}")));
    command.extend(machines.seed_ranges.iter().map(|range| format!("--seed-range={range}")));
    command
}

/// The Service by which the gateway reaches the tunnel's server.
pub(crate) fn service(plane: &ControlPlane) -> Service {
    Service {
        metadata: labels::metadata(plane, plane.name(NAME), labels::component(kube_apiserver::ROLE)),
        spec: Some(ServiceSpec {
            type_: Some("ClusterIP".to_owned()),
            selector: Some(labels::selector(kube_apiserver::ROLE)),
            ports: Some(vec![ServicePort {
                name: Some("tunnel".to_owned()),
                port: PORT,
                target_port: Some(IntOrString::Int(PORT)),
                protocol: Some("TCP".to_owned()),
                ..ServicePort::default()
            }]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// The route by the tunnel's own server name, if there is a gateway.
pub(crate) fn route(plane: &ControlPlane, machines: &Machines) -> Option<TlsRoute> {
    let gateway = plane.gateway.clone()?;
    let parent = ParentReference {
        name: gateway.name,
        namespace: Some(gateway.namespace),
        ..ParentReference::default()
    };
    let backend = BackendReference {
        name: plane.name(NAME),
        port: Some(PORT),
        ..BackendReference::default()
    };
    Some(TlsRoute {
        metadata: labels::metadata(plane, plane.name(NAME), labels::component(kube_apiserver::ROLE)),
        spec: TlsRouteSpec {
            parent_refs: vec![parent],
            hostnames: vec![machines.tunnel_server_name.clone()],
            rules: vec![TlsRouteRule {
                backend_refs: vec![backend],
                ..TlsRouteRule::default()
            }],
        },
        ..TlsRoute::default()
    })
}
