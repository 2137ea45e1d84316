//! What all kinds of the cloud's API share.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Limits;

/// A kind of the cloud's API: what [`crate::Client`]'s four verbs work on.
pub trait Resource: DeserializeOwned + Serialize + Send + Sync {
    /// What the user wishes.
    type Spec: Serialize + DeserializeOwned + Clone + PartialEq + Send + Sync;
    /// The kind's folder in the URL, `networks`.
    const PATH: &'static str;
    /// The kind's name in messages, `network`.
    const KIND: &'static str;
}

/// How far the cloud is with an object.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Written down, not there yet.
    #[default]
    Pending,
    /// As wished.
    Ready,
    /// A machine whose processes have ended; `put` with the same specification starts it again.
    Stopped,
    /// The last attempt to make it failed; the message says why. The cloud tries again.
    Failed,
    /// On its way out.
    Deleting,
}

/// All objects of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct List<T> {
    /// In the order of their names.
    pub items: Vec<T>,
}

/// What the cloud says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Info {
    /// Name of the landscape, `local`.
    pub landscape: String,
    /// The zone of all its names, `local.kubeception.internal`.
    pub domain: String,
    /// Version of the daemon.
    pub version: String,
    /// Process id of the daemon.
    pub pid: u32,
    /// The cloud's address in the backbone: API, DNS and registry.
    pub address: Ipv4Addr,
    /// The API inside the cloud; asks for a bearer token.
    pub api: SocketAddr,
    /// The DNS server inside the cloud.
    pub dns: SocketAddr,
    /// The image registry inside the cloud, plain HTTP.
    pub registry: SocketAddr,
    /// The image registry's name and port, as images are named.
    pub registry_name: String,
    /// The proxy on the host's loopback (HTTP CONNECT and SOCKS5).
    pub proxy: SocketAddr,
    /// Zones that machines may be put into.
    #[serde(default)]
    pub zones: Vec<String>,
    /// Flavors by name.
    #[serde(default)]
    pub flavors: BTreeMap<String, Limits>,
    /// Names of images: of the newest, and every version that is there.
    #[serde(default)]
    pub images: Vec<String>,
    /// How many objects of a kind there may be, by its folder in the URL; as many as the host bears if absent.
    #[serde(default)]
    pub quotas: BTreeMap<String, usize>,
}
