//! The wish for a control plane. Every value is decided before it gets here; nothing is looked up.

use std::{collections::BTreeMap, net::IpAddr};

use plan_images::{ImageNotFound, ImageVector};

/// What the control plane is for. It decides which parts of Kubernetes run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// A user's cluster without machines: APIs and controllers that need nodes are off.
    WorkerlessShoot,
    /// A user's cluster with machines.
    Shoot,
    /// The garden: an API server for the Gardener API, extended by aggregation; no nodes.
    Garden,
    /// A seed's own control plane, as static pods on its machine.
    Seed,
}

impl Role {
    /// True when there are nodes, and so everything of Kubernetes.
    pub const fn has_nodes(self) -> bool {
        matches!(self, Self::Shoot | Self::Seed)
    }
}

/// The complete wish for a control plane.
#[derive(Clone, Debug, PartialEq)]
pub struct ControlPlane {
    /// What it is for.
    pub role: Role,
    /// Namespace of its objects in the seed.
    pub namespace: String,
    /// Put before the names of all objects: `virtual-garden-` for the garden, empty else.
    pub prefix: String,
    /// Name of the cluster inside of it: the technical id of a shoot.
    pub cluster_name: String,
    /// Its version, `1.35.4`.
    pub kubernetes_version: String,
    /// Its images.
    pub images: Images,
    /// Its networks.
    pub networks: Networks,
    /// Host names by which clients outside reach it; the gateway routes by them. The first is the issuer of tokens.
    pub hostnames: Vec<String>,
    /// The gateway that routes to it; `None`: no route.
    pub gateway: Option<Gateway>,
    /// Names of its Secrets.
    pub secrets: SecretNames,
    /// Its etcd.
    pub etcd: EtcdOptions,
    /// Its kube-apiserver.
    pub api_server: ApiServerOptions,
    /// Number of pods of kube-apiserver; from 2 on it is highly available: with a disruption budget, spread over nodes.
    pub replicas: i32,
    /// Priority of its pods in the seed. The class must exist, else no pod is made.
    pub priority_class: Option<String>,
    /// How it and its machines reach each other, where these are outside of the seed: for [`Role::Shoot`].
    pub machines: Option<Machines>,
}

/// How an API server in the seed and machines outside of it reach each other.
///
/// What the API server sends to kubelets, Services and pods goes through a tunnel: a container beside it is the tunnel's
/// server, every machine dials it through the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machines {
    /// TLS server name of the tunnel's server: the gateway routes by it, [`SecretNames::tunnel_server`] is for it.
    pub tunnel_server_name: String,
    /// Image of the tunnel's server: the project's own.
    pub tunnel_image: String,
    /// Ranges of the nodes' addresses; empty when nobody knows them.
    pub node_ranges: Vec<String>,
    /// The seed's own ranges (nodes, pods, Services) and those that it blocks: what users make the API server dial must not
    /// lie in them.
    pub seed_ranges: Vec<String>,
    /// Secret with the kubeconfig of the webhook that authorizes node-agents (`node-agent-authorizer-kubeconfig.yaml`).
    pub node_agent_authorizer: Option<String>,
    /// Length of the prefix of each node's part of the pod range.
    pub node_prefix_length: u8,
}

/// The images of the components, as a pod's `image`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// kube-apiserver.
    pub kube_apiserver: String,
    /// kube-controller-manager.
    pub kube_controller_manager: String,
    /// kube-scheduler.
    pub kube_scheduler: String,
    /// etcd; used by static pods only, the etcd controller knows its own.
    pub etcd: String,
    /// The project's own: what waits for etcd before kube-apiserver starts. `None`: kube-apiserver tries by itself, as static pods do.
    pub kubeception: Option<String>,
}

impl Images {
    /// The images for a version of Kubernetes, from the image vector.
    pub fn from_vector(vector: &ImageVector, kubernetes_version: &str) -> Result<Self, ImageNotFound> {
        let find = |name: &str| {
            vector
                .find(name, Some(kubernetes_version))
                .map(|image| image.to_string())
        };
        Ok(Self {
            kube_apiserver: find("kube-apiserver")?,
            kube_controller_manager: find("kube-controller-manager")?,
            kube_scheduler: find("kube-scheduler")?,
            etcd: vector.find("etcd", None)?.to_string(),
            kubeception: Some(vector.find("kubeception", None)?.to_string()),
        })
    }
}

/// The cluster's own networks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// Range of Service addresses.
    pub services: String,
    /// Range of pod addresses; only where there are nodes.
    pub pods: Option<String>,
}

/// The gateway that routes by server name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gateway {
    /// Name of the Gateway object.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

/// Names of the Secrets that the pods mount, as the secrets manager made them.
///
/// Keys inside are Gardener's: authorities' bundles `bundle.crt`, certificates `tls.crt` and `tls.key`, a signing
/// authority `ca.crt` and `ca.key`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretNames {
    /// Bundle of the authority of the API server's own certificate; controllers publish it to all namespaces.
    pub ca_bundle: String,
    /// Bundle of the authority of client certificates.
    pub ca_client_bundle: String,
    /// The authority of client certificates with its key: kube-controller-manager signs requests with it.
    pub ca_client: String,
    /// Bundle of the authority of etcd's certificates.
    pub ca_etcd_bundle: String,
    /// etcd's server certificate.
    pub etcd_server: String,
    /// The API server's client certificate for etcd.
    pub etcd_client: String,
    /// Bundle of the authority of front proxies.
    pub ca_front_proxy_bundle: String,
    /// The API server's client certificate for extension API servers.
    pub aggregator: String,
    /// The API server's own certificate.
    pub server: String,
    /// Bundle of the authority of kubelets' serving certificates; only where there are nodes.
    pub ca_kubelet_bundle: Option<String>,
    /// The authority of kubelets' serving certificates with its key; only where there are nodes.
    pub ca_kubelet: Option<String>,
    /// The API server's client certificate for kubelets; only where there are nodes.
    pub kubelet_client: Option<String>,
    /// The key that signs service account tokens (`id_rsa`).
    pub service_account_key: String,
    /// Public halves of current and old keys (`bundle.key`).
    pub service_account_key_bundle: String,
    /// The EncryptionConfiguration (`encryption-configuration.yaml`), see [`crate::encryption_configuration`].
    pub encryption_configuration: String,
    /// How kube-controller-manager reaches its API server.
    pub controller_manager_access: ComponentAccess,
    /// How kube-scheduler reaches its API server.
    pub scheduler_access: ComponentAccess,
    /// The certificate of the tunnel's server; only with [`ControlPlane::machines`].
    pub tunnel_server: Option<String>,
    /// The client certificate by which the tunnel's server reads nodes; only with [`ControlPlane::machines`].
    pub tunnel_client: Option<String>,
}

/// How a component reaches its API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ComponentAccess {
    /// Gardener's scheme: one kubeconfig for all, that names a token file; and the component's own Secret with the token.
    Token {
        /// Secret with `kubeconfig`, shared by all components.
        generic_kubeconfig: String,
        /// The `shoot-access-*` Secret with `token`.
        token: String,
    },
    /// A Secret with a whole `kubeconfig`.
    Kubeconfig(String),
}

/// Settings of etcd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EtcdOptions {
    /// Where the API server dials it; empty: the client Service of the planned `Etcd` object.
    pub endpoints: Vec<String>,
    /// Size of its volume.
    pub storage_capacity: String,
    /// Storage class of its volume; `None`: the seed's default.
    pub storage_class: Option<String>,
    /// Upper bound of the database.
    pub quota: String,
    /// What it may count on.
    pub requests: Resource,
}

impl Default for EtcdOptions {
    fn default() -> Self {
        Self {
            endpoints: Vec::new(),
            storage_capacity: "10Gi".to_owned(),
            storage_class: None,
            quota: "8Gi".to_owned(),
            // An etcd with a small cluster's data takes about 100 MB.
            requests: Resource {
                cpu: "20m".to_owned(),
                memory: "128Mi".to_owned(),
            },
        }
    }
}

/// CPU and memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// CPU, `100m`.
    pub cpu: String,
    /// Memory, `128Mi`.
    pub memory: String,
}

/// Settings of kube-apiserver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiServerOptions {
    /// The address in the endpoints of the Service `kubernetes`; for shoots one of 240.0.0.0/8, which exists on nodes only.
    pub advertise_address: IpAddr,
    /// Groups and versions that the user switches on or off, over the role's own choice.
    pub runtime_config: BTreeMap<String, bool>,
    /// Feature gates.
    pub feature_gates: BTreeMap<String, bool>,
    /// Admission plugins that are added to the default ones.
    pub enable_admission_plugins: Vec<String>,
    /// Admission plugins that are taken from the default ones, beside those that the role can't do with.
    pub disable_admission_plugins: Vec<String>,
    /// Audiences of tokens.
    pub api_audiences: Vec<String>,
    /// How long events are kept, as `1h0m0s`.
    pub event_ttl: String,
    /// Whether requests without credentials may ask for more than health.
    pub anonymous: bool,
    /// Most requests at once that read.
    pub max_requests_inflight: Option<i32>,
    /// Most requests at once that write.
    pub max_mutating_requests_inflight: Option<i32>,
    /// What it may count on.
    pub requests: Resource,
}

impl Default for ApiServerOptions {
    fn default() -> Self {
        Self {
            advertise_address: IpAddr::from([240, 0, 0, 1]),
            runtime_config: BTreeMap::new(),
            feature_gates: BTreeMap::new(),
            enable_admission_plugins: Vec::new(),
            disable_admission_plugins: Vec::new(),
            api_audiences: vec!["kubernetes".to_owned(), "gardener".to_owned()],
            event_ttl: "1h0m0s".to_owned(),
            anonymous: false,
            max_requests_inflight: None,
            max_mutating_requests_inflight: None,
            // Just started it takes about 240 MB, with a few clients 300 MB.
            requests: Resource {
                cpu: "50m".to_owned(),
                memory: "320Mi".to_owned(),
            },
        }
    }
}

impl ControlPlane {
    /// An object's name with the prefix.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Name of the `Etcd` object.
    pub fn etcd_name(&self) -> String {
        self.name("etcd-main")
    }

    /// Name of the Deployment and the Service of kube-apiserver.
    pub fn api_server_name(&self) -> String {
        self.name("kube-apiserver")
    }

    /// True when there are several pods of kube-apiserver.
    pub(crate) fn is_highly_available(&self) -> bool {
        self.replicas > 1
    }

    /// The issuer of service account tokens.
    pub fn issuer(&self) -> String {
        match self.hostnames.first() {
            Some(hostname) => format!("https://{hostname}"),
            None => "https://kubernetes.default.svc".to_owned(),
        }
    }

    /// Where the API server dials etcd.
    pub(crate) fn etcd_endpoints(&self) -> Vec<String> {
        if self.etcd.endpoints.is_empty() {
            vec![format!("https://{}-client:2379", self.etcd_name())]
        } else {
            self.etcd.endpoints.clone()
        }
    }
}
