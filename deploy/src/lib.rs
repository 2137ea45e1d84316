//! What operator, gardenlet and bring-up share and is not pure: secrets manager, applying a plan, waiting.
//!
//! In: a plan of `plan-control-plane` and a client of the cluster where it shall run. Out: a running control plane, and
//! a client of it. [`SecretsManager`] makes what pods mount, [`ControlPlaneDeployer`] applies the parts one by one, so that a
//! flow can do so side by side, and waits for them by watching.
//!
//! Absent: the order of things (flows of gardenlet and operator), and decisions about contents (the plan).

#![forbid(unsafe_code)]

mod access; // tokens and kubeconfigs of components
mod control_plane; // the parts of a control plane, one by one
mod control_plane_secrets; // every Secret of a control plane
mod kubeconfig; // kubeconfigs as text
mod readiness; // when an object is as wished
mod secrets; // the secrets manager

pub use self::{
    access::{
        AccessSecret, INTERNAL_KUBECONFIG_SECRET, api_server_url, generic_kubeconfig, internal_kubeconfig_secret,
    },
    control_plane::{ControlPlaneDeployer, DeployError},
    control_plane_secrets::{ControlPlaneSecrets, SecretsWish},
    kubeconfig::{Credentials, Kubeconfig},
    readiness::{
        api_server_ready, deployment_ready, deployment_state, etcd_ready, etcd_state, extension_ready, extension_state,
        managed_resource_healthy, managed_resource_state,
    },
    secrets::{
        AuthorityWish, CertificateWish, KubeSecretStore, Lifetimes, ManagerOptions, SecretStore, SecretsError,
        SecretsManager, SigningAuthority, SigningKey, StoreError,
    },
};
