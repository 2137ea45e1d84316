//! Who asks: the front proxy's word, a client certificate, or a bearer token.
//!
//! In: a request's headers and the certificates its connection showed. Out: a [`UserInfo`]. The way of Kubernetes'
//! extension API servers: kube-apiserver passes the user in headers and proves itself by its front-proxy certificate;
//! whoever comes directly shows a certificate of the cluster's CA, or a token that kube-apiserver reviews.

mod certificate;
mod front_proxy;
mod token;
mod trust;

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use http::HeaderMap;
use rustls::pki_types::CertificateDer;

use crate::context::UserInfo;

pub(crate) use self::certificate::ShownCertificates;
pub use self::{
    certificate::ClientCertificates,
    front_proxy::FrontProxy,
    token::TokenReviews,
    trust::{RequestHeaderConfig, Trust, TrustError, TrustFiles, TrustSource},
};

const ANONYMOUS: &str = "system:anonymous";
const AUTHENTICATED: &str = "system:authenticated";
const UNAUTHENTICATED: &str = "system:unauthenticated";

/// What a request brings to prove who sends it.
pub struct Credentials<'a> {
    /// The request's headers.
    pub headers: &'a HeaderMap,
    /// The client's certificate chain as shown in TLS, its own first. Possession of the key is proven, nothing else.
    pub certificates: &'a [CertificateDer<'static>],
}

/// Why it is not known who asks.
#[derive(Debug, thiserror::Error)]
pub enum AuthenticationError {
    /// What was shown does not hold.
    #[error("credentials are not valid: {0}")]
    Invalid(String),
    /// The one who would know can't be asked.
    #[error("failed to verify the credentials")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Finds out who asks.
#[async_trait]
pub trait Authenticator: Send + Sync + 'static {
    /// The user; `None` when the request brings nothing that this authenticator looks at.
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Option<UserInfo>, AuthenticationError>;
}

/// Asks several authenticators in turn; the first who knows the user wins, and the user is in `system:authenticated`.
pub struct Union {
    authenticators: Vec<Arc<dyn Authenticator>>,
}

impl Union {
    /// Asks these, in this order.
    pub fn new(authenticators: Vec<Arc<dyn Authenticator>>) -> Self {
        Self { authenticators }
    }
}

#[async_trait]
impl Authenticator for Union {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Option<UserInfo>, AuthenticationError> {
        let mut failure = None;
        for authenticator in &self.authenticators {
            match authenticator.authenticate(credentials).await {
                Ok(Some(user)) => return Ok(Some(authenticated(user))),
                Ok(None) => {}
                // Another one may still know the user.
                Err(error) => failure = Some(error),
            }
        }
        failure.map_or(Ok(None), Err)
    }
}

/// Takes whoever brings no credentials for `system:anonymous`, whom authorization then mostly refuses.
pub struct Anonymous<A>(pub A);

#[async_trait]
impl<A: Authenticator> Authenticator for Anonymous<A> {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Option<UserInfo>, AuthenticationError> {
        Ok(Some(self.0.authenticate(credentials).await?.unwrap_or_else(anonymous)))
    }
}

fn anonymous() -> UserInfo {
    UserInfo {
        name: ANONYMOUS.to_owned(),
        groups: vec![UNAUTHENTICATED.to_owned()],
        ..UserInfo::default()
    }
}

/// Takes everybody for one fixed user; for tests and for servers on a socket that only friends reach.
pub struct Fixed(pub UserInfo);

#[async_trait]
impl Authenticator for Fixed {
    async fn authenticate(&self, _: &Credentials<'_>) -> Result<Option<UserInfo>, AuthenticationError> {
        Ok(Some(self.0.clone()))
    }
}

/// Adds the group of all authenticated users, unless somebody said already to which of the two groups the user belongs.
fn authenticated(mut user: UserInfo) -> UserInfo {
    if user.name != ANONYMOUS && !user.is_in(AUTHENTICATED) && !user.is_in(UNAUTHENTICATED) {
        user.groups.push(AUTHENTICATED.to_owned());
    }
    user
}

/// Text lists by key, as `extra` fields are.
type Extra = BTreeMap<String, Vec<String>>;
