//! Decides about the certificates that a shoot's machines ask for.
//!
//! In: CertificateSigningRequests of the shoots. Out: approval or denial, with the reason; signing is
//! kube-controller-manager's. Absent: requests of others, which are left alone.
//!
//! | certificate | asked for by | goes by |
//! |---|---|---|
//! | kubelet's client certificate | bootstrap token | the Machine that the token was made for |
//! | kubelet's server certificate | kubelet | the Machine, and addresses of both Machine and Node |
//! | node-agent's certificate | bootstrap token, later itself | the Machine that the token was made for, or itself |
//! | tunnel client's certificate | node-agent | the node-agent's Machine |
//!
//! A bootstrap token is good until its machine has a Node. A kubelet renews its client certificate itself; that is
//! kube-controller-manager's to approve.

mod approver; // gathers facts, writes verdicts
mod claim; // what a request claims
mod judge; // whether the claim is true
#[cfg(test)]
mod tests;
mod watch; // requests of all shoots

pub(crate) use self::watch::run;
pub use self::{
    approver::{Context, Error, decide},
    claim::{Claim, Reading, Requestor, read},
    judge::{Facts, Verdict, judge},
};
