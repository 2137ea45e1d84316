//! The Gardener API server: Gardener's kinds on the generic server.
//!
//! In: requests that a kube-apiserver passes on. Out: objects under `/registry-gardener` in etcd. A kind is its types and
//! rules (`api`), its strategy ([`strategies`]), its table ([`tables`]), and one line of registration ([`kinds`]); what a
//! write means beside other objects is [`admission`].

#![forbid(unsafe_code)]
#![expect(
    clippy::result_large_err,
    reason = "a Status is made once per refused request, and boxes would be all over"
)]

mod admission; // writes beside other objects
mod bootstrap; // what is made at the start
mod conversion; // between versions
mod flags; // Gardener's flags
mod kinds; // what is served
mod kubeconfig; // kubeconfigs for shoots
mod operations; // the annotation that asks for an operation
mod process; // from start to end
mod strategies; // what makes each kind special
mod tables; // what kubectl get shows

pub use self::{
    flags::Arguments,
    process::{Error, GardenApiServer, listen, run},
};
