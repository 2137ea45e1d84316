//! Plans control planes: of shoots, of the garden, and as static pods of a seed machine.
//!
//! In: a [`ControlPlane`], the complete wish for one: its role, names, images, networks, and the names of the Secrets that
//! the secrets manager made. Out: [`Resources`], typed objects for its namespace, or [`StaticPods`], the same containers with
//! host paths instead of Secrets.
//!
//! Absent: who applies them (`deploy`), the contents of Secrets, and etcd's StatefulSet, which the etcd controller makes of
//! the `Etcd` object.
//!
//! **Invariant:** nothing here talks to a cluster, reads a clock or draws a random number: the same wish gives the same objects.

#![forbid(unsafe_code)]

mod authentication; // who may ask without saying who they are
mod authorization; // who may do what, where there are machines
mod encryption; // what is encrypted in etcd
mod etcd; // the Etcd object, and etcd as a container
mod exposure; // the Service and the route to it
mod input; // the wish
mod kube_apiserver;
mod kube_controller_manager;
mod kube_scheduler;
mod labels; // names and labels that others rely on
mod network_policies; // who may speak to whom
mod pod; // what all pods of a control plane have in common
mod priority; // which pods give way to which
mod resources; // the answer
mod static_pods; // for a machine without an API server above it
mod tunnel; // the way to machines outside of the seed
mod volumes; // where files come from: Secrets, or a directory of the host

pub use self::{
    encryption::{EncryptionKey, encryption_configuration},
    exposure::{API_SERVER_PORT, SERVICE_PORT},
    input::{
        ApiServerOptions, ComponentAccess, ControlPlane, EtcdOptions, Gateway, Images, Machines, Networks, Resource,
        Role, SecretNames,
    },
    priority::{garden_priority_classes, seed_priority_classes},
    resources::{Exposure, KubeApiServer, KubeControllerManager, KubeScheduler, Resources},
    static_pods::{StaticFile, StaticPods, StaticPodsOptions},
};
