//! What node-agents may do in their shoots: a webhook that shoots' API servers ask.
//!
//! In: a `SubjectAccessReview` for a user of the group `gardener.cloud:node-agents`, on the path
//! `/webhooks/auth/nodeagent/<namespace of the shoot in the seed>`. Out: yes or no, by the Machine of the seed that the
//! user's name stands for: a node-agent reaches what is its machine's, and nothing else. When the Machine goes, so do the
//! rights. Absent: other users; roles decide about them.

mod certificate; // the server's certificate, and who trusts it
mod review; // answers a review
mod rules; // what a node-agent may do
mod serve; // HTTPS
#[cfg(test)]
mod tests;

pub use self::{
    certificate::{SECRET_NAME, ServingCertificate},
    review::Reviewer,
    rules::{Answer, PATH_PREFIX, judge},
    serve::{Server, listen},
};

/// Why the webhook cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The port is taken.
    #[error("failed to listen on {address}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why not.
        source: std::io::Error,
    },
    /// rustls refuses the certificate, or its own settings.
    #[error("failed to configure TLS")]
    Tls(#[from] rustls::Error),
    /// There is a certificate that cannot be read, or none can be made.
    #[error("failed to make the serving certificate")]
    Certificate(#[from] lib_pki::Error),
    /// The certificate's PEM is broken.
    #[error("failed to read the serving certificate")]
    Pem(#[from] rustls_pki_types::pem::Error),
    /// The Secret of the certificate cannot be read or written.
    #[error("failed to {action} Secret {namespace}/{SECRET_NAME}")]
    Secret {
        /// What was to be done.
        action: &'static str,
        /// The Secret's namespace.
        namespace: String,
        /// What the client said.
        source: Box<kube::Error>,
    },
    /// The seed gave no answer.
    #[error("the seed did not answer in time to: {0} Secret {SECRET_NAME}")]
    Deadline(&'static str),
}
