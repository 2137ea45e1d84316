//! The kube-apiserver over HTTPS.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use lib_resolve::Resolver;
use serde_json::Value;

use crate::dial::{DialError, Server, Socket};

use super::{KubeApi, KubeApiConfig, KubeApiError};

/// How long one request may take, connecting included.
const DEADLINE: Duration = Duration::from_secs(10);
/// Reviews and ConfigMaps are small; an answer beyond it is no answer to us.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

type BoxedError = Box<dyn std::error::Error + Send + Sync>;
type Connecting = std::pin::Pin<Box<dyn Future<Output = Result<hyper_util::rt::TokioIo<Socket>, DialError>> + Send>>;
type Connect = tower::util::BoxCloneSyncService<http::Uri, hyper_util::rt::TokioIo<Socket>, DialError>;

/// A kube-apiserver over HTTPS. Connections are kept and shared; clones share them too.
#[derive(Clone)]
pub struct KubeApiClient {
    client: Client<Connect, Full<Bytes>>,
    config: Arc<KubeApiConfig>,
}

impl std::fmt::Debug for KubeApiClient {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("KubeApiClient")
            .field("server", &self.config.server)
            .finish_non_exhaustive()
    }
}

impl KubeApiClient {
    /// A client that connects when it is first used.
    pub fn new(config: KubeApiConfig, resolver: Resolver) -> Result<Self, KubeApiError> {
        let mut server = Server::parse(&config.server, None).map_err(|source| KubeApiError::Transport {
            method: Method::GET,
            path: "/".to_owned(),
            source: Box::new(source),
        })?;
        server.server_name.clone_from(&config.server_name);
        let tls = config.tls.clone();
        let connect = tower::service_fn(move |_: http::Uri| {
            let (server, tls, resolver) = (server.clone(), tls.clone(), resolver.clone());
            let dial = async move {
                server
                    .dial(&resolver, &tls, &[b"http/1.1"])
                    .await
                    .map(Socket::into_hyper)
            };
            Box::pin(dial) as Connecting
        });
        let client = Client::builder(TokioExecutor::new()).build(Connect::new(connect));
        Ok(Self {
            client,
            config: Arc::new(config),
        })
    }

    fn build(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Request<Full<Bytes>>, BoxedError> {
        let uri = format!("{}{path}", self.config.server.trim_end_matches('/'));
        let mut request = Request::builder()
            .method(method)
            .uri(uri)
            .header(header::ACCEPT, "application/json");
        let token = match (&self.config.token, &self.config.token_file) {
            (_, Some(file)) => Some(std::fs::read_to_string(file)?.trim().to_owned()),
            (token, None) => token.clone(),
        };
        if let Some(token) = token {
            let mut value = HeaderValue::from_str(&format!("Bearer {token}"))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        let bytes = match body {
            Some(body) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                serde_json::to_vec(body)?
            }
            None => Vec::new(),
        };
        Ok(request.body(Full::new(bytes.into()))?)
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<(StatusCode, Value), BoxedError> {
        let answer = self.client.request(request).await?;
        let code = answer.status();
        let bytes = Limited::new(answer.into_body(), MAX_ANSWER).collect().await?.to_bytes();
        // A proxy may answer with text.
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        Ok((code, serde_json::from_slice(&bytes).unwrap_or_else(|_| text())))
    }
}

#[async_trait]
impl KubeApi for KubeApiClient {
    async fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, KubeApiError> {
        let transport = |source| KubeApiError::Transport {
            method: method.clone(),
            path: path.to_owned(),
            source,
        };
        let request = self.build(&method, path, body).map_err(transport)?;
        let answer = tokio::time::timeout(DEADLINE, self.send(request)).await;
        let (code, answer) = answer
            .map_err(|elapsed| transport(elapsed.into()))?
            .map_err(transport)?;
        if code.is_success() {
            return Ok(answer);
        }
        let text = |field: &str| answer.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
        let message = answer.as_str().map_or_else(|| text("message"), str::to_owned);
        Err(KubeApiError::Status {
            path: path.to_owned(),
            code,
            reason: text("reason"),
            message,
            method,
        })
    }
}
