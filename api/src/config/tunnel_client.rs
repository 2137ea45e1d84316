//! Configuration file of tunnel-client, the unit on every node of a shoot that ends the tunnel from the seed.
//!
//! The fields are all that the program knows; it takes `--config <file>` and no other flag. Certificates and the bundle are
//! read again when they change, the configuration file is not: a change of it restarts the unit.

use apimachinery::api_type;

/// Where the unit's configuration lies on a node.
pub const CONFIGURATION_FILE: &str = "/var/lib/tunnel-client/config.yaml";
/// Where the bundle of the tunnel's authority lies on a node.
pub const CA_FILE: &str = "/var/lib/tunnel-client/ca.crt";
/// Where node-agent puts the unit's certificate.
pub const CERTIFICATE_FILE: &str = "/var/lib/tunnel-client/credentials/tls.crt";
/// Where node-agent puts the certificate's key.
pub const KEY_FILE: &str = "/var/lib/tunnel-client/credentials/tls.key";
/// The address of the API server inside a shoot, with its secure port: it lies on `lo` of every node.
pub const LISTEN_ADDRESS: &str = "240.0.0.1:6443";

/// Configuration of tunnel-client.
#[api_type]
#[api(
    group = "tunnelclient.config.gardener.cloud",
    version = "v1alpha1",
    kind = "TunnelClientConfiguration"
)]
pub struct TunnelClientConfiguration {
    /// Host and port of the seed's gateway, such as `api.first.dev.shoots.example.org:443`.
    pub gateway: String,
    /// TLS server names of the tunnel's servers, one per kube-apiserver; the unit holds a connection to each.
    pub server_names: Vec<String>,
    /// File with the authorities that the servers' certificates may be of.
    pub certificate_authority_file: String,
    /// File with the unit's own certificate, whose common name names the machine.
    pub certificate_file: String,
    /// File with the certificate's key.
    pub key_file: String,
    /// Where clients on the node reach the API server; each connection is carried to it.
    pub listen_address: String,
    /// What the unit may dial beside the node's own addresses: the shoot's pod and service ranges.
    pub allowed_ranges: Vec<String>,
}
