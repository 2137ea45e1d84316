//! Generic controller machinery: clients, leases with fencing, apply, finalizers, conditions. Knows no Gardener kind.
//!
//! A process connects ([`connect`]), answers probes ([`health`]), becomes the leader ([`lease`]) and reconciles with
//! `kube::runtime::Controller`; what a reconcile does to objects is here ([`apply`], [`delete`], [`finalizers`],
//! [`status`], [`conditions`], [`wait`]), and what an error means for the queue ([`retry`]).
//!
//! **Invariant:** nothing here names a kind of Gardener's; functions are generic over the kind or take JSON.

#![forbid(unsafe_code)]

pub mod apply;
pub mod conditions;
pub mod connect;
pub mod delete;
pub mod error;
pub mod fake;
pub mod finalizers;
pub mod health;
pub mod lease;
pub mod mapper;
pub mod retry;
pub mod status;
pub mod wait;
pub mod watch;
