//! Who we are to the cluster: a client certificate, got with the bootstrap token, then renewed with itself.

use std::{io, sync::Arc, time::Duration};

use api::constants::{NODE_AGENT_USER_PREFIX, NODE_AGENTS_GROUP};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use controller::{connect, error::is_forbidden};
use kube::Client;
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use plan_node::{BOOTSTRAP_TOKEN, NODE_AGENT_KUBECONFIG};
use serde_json::{Value, json};

use crate::{
    certificate::{self, CertificateError, Credentials, Subject, Worth},
    configuration::Configuration,
    files,
    layout::Layout,
    retry::Attempts,
};

/// The certificate is looked at this often; it lives for days.
const LOOK: Duration = Duration::from_secs(60);
const FIRST_WAIT: Duration = Duration::from_millis(500);
/// A machine may boot before its API server answers, and its cluster waits for it then.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// Why the cluster does not know us.
#[derive(Debug, thiserror::Error)]
pub(crate) enum IdentityError {
    /// There is nothing to begin with.
    #[error("there is neither a valid certificate nor a bootstrap token: this machine has to be replaced")]
    Nothing,
    /// The token is no good, or not yet: a machine may boot before its cluster is there, and its token is announced after that.
    #[error("the API server does not accept the bootstrap token: it is not announced yet, wrong, expired or used up")]
    Token(#[source] CertificateError),
    /// The certificate is not to be had.
    #[error("failed to get a certificate")]
    Certificate(#[from] CertificateError),
    /// A file cannot be written.
    #[error("failed to keep the certificate")]
    Keep(#[from] io::Error),
    /// There is no client.
    #[error("failed to set up a client")]
    Connect(#[from] connect::ConnectError),
}

/// Our identity, and what it is made of.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) layout: Layout,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Identity {
    fn subject(&self) -> Subject {
        Subject {
            purpose: "node-agent",
            user: format!("{NODE_AGENT_USER_PREFIX}{}", self.configuration.machine),
            group: NODE_AGENTS_GROUP,
        }
    }

    /// Waits until the cluster knows us, and returns a client.
    pub(crate) async fn establish(&self) -> Client {
        let mut attempts = Attempts::new(FIRST_WAIT, LONGEST_WAIT);
        loop {
            match self.try_establish().await {
                Ok(client) => return client,
                Err(error) => {
                    let error = ErrorChain(&error).to_string();
                    if attempts.is_news(&error) {
                        tracing::warn!(%error, server = %self.configuration.server, "the cluster does not know this machine yet, will retry");
                    }
                }
            }
            tokio::time::sleep(attempts.failed()).await;
        }
    }

    pub(crate) async fn try_establish(&self) -> Result<Client, IdentityError> {
        if self.worth() == Worth::Nothing {
            let token = self.token().ok_or(IdentityError::Nothing)?;
            let client = connect::from_kubeconfig_str(&self.kubeconfig(&json!({"token": token}))).await?;
            tracing::info!(server = %self.configuration.server, "asking for a certificate with the bootstrap token");
            let asked = self.ask(&client).await;
            self.keep(&asked.map_err(token_error)?)?;
            tracing::info!(user = %self.subject().user, "the cluster knows this machine");
        }
        Ok(connect::from_kubeconfig_file(self.layout.at(NODE_AGENT_KUBECONFIG)).await?)
    }

    /// The token that user data left, if it is still there.
    pub(crate) fn token(&self) -> Option<String> {
        let text = fs_err::read_to_string(self.layout.at(BOOTSTRAP_TOKEN)).ok()?;
        Some(text.trim().to_owned()).filter(|token| !token.is_empty())
    }

    async fn ask(&self, client: &Client) -> Result<Credentials, CertificateError> {
        certificate::request(client, &self.subject(), &self.configuration.machine, &self.layout).await
    }

    fn keep(&self, credentials: &Credentials) -> io::Result<()> {
        let user = json!({
            "client-certificate-data": BASE64.encode(&credentials.certificate),
            "client-key-data": BASE64.encode(credentials.key.to_pem()),
        });
        let path = self.layout.at(NODE_AGENT_KUBECONFIG);
        files::replace(&path, 0o600, self.kubeconfig(&user).as_bytes())?;
        certificate::settle(&self.subject(), &self.layout);
        Ok(())
    }

    /// A kubeconfig for the shoot's API server. The authorities stay a file: they are exchanged while the machine lives.
    pub(crate) fn kubeconfig(&self, user: &Value) -> String {
        let configuration = &self.configuration;
        let kubeconfig = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "shoot",
            "clusters": [{"name": "shoot", "cluster": {
                "server": configuration.server,
                "certificate-authority": configuration.ca_file,
            }}],
            "users": [{"name": "machine", "user": user}],
            "contexts": [{"name": "shoot", "context": {"cluster": "shoot", "user": "machine"}}],
        });
        format!("{kubeconfig:#}\n")
    }

    /// How good the certificate on disk is.
    fn worth(&self) -> Worth {
        let read = || -> Option<(String, String)> {
            let text = fs_err::read_to_string(self.layout.at(NODE_AGENT_KUBECONFIG)).ok()?;
            let kubeconfig: Value = serde_json::from_str(&text).ok()?;
            let user = &kubeconfig["users"][0]["user"];
            let decoded = |name: &str| String::from_utf8(BASE64.decode(user[name].as_str()?).ok()?).ok();
            Some((decoded("client-certificate-data")?, decoded("client-key-data")?))
        };
        read().map_or(Worth::Nothing, |(certificate, key)| {
            certificate::worth(&certificate, &key, &self.subject(), &*self.clock)
        })
    }

    /// Returns when there is another certificate, or the present one is worth nothing any more: time for another client.
    pub(crate) async fn renewed(&self, client: &Client) {
        let mut attempts = Attempts::new(LOOK, LOOK);
        loop {
            match self.worth() {
                Worth::Nothing => return,
                Worth::Due => match self.renew(client).await {
                    Ok(()) => return,
                    Err(error) => {
                        let error = ErrorChain(&error).to_string();
                        if attempts.is_news(&error) {
                            tracing::warn!(%error, "failed to renew the certificate, will retry");
                        }
                    }
                },
                Worth::Good => {}
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn renew(&self, client: &Client) -> Result<(), IdentityError> {
        let credentials = self.ask(client).await?;
        self.keep(&credentials)?;
        tracing::info!("renewed the certificate");
        Ok(())
    }
}

/// What the API server says to a wrong token is no help to whoever reads it.
fn token_error(error: CertificateError) -> IdentityError {
    match error {
        CertificateError::Api { ref source, .. } if is_forbidden(source) => IdentityError::Token(error),
        other => IdentityError::Certificate(other),
    }
}
