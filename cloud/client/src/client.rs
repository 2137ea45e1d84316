//! The client: one HTTP/1 connection per call, over a Unix socket or TCP.

use std::{collections::BTreeMap, fmt::Write as _, net::SocketAddr, path::PathBuf, time::Duration};

use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::{TcpStream, UnixStream};

use crate::{ApiError, Error, ErrorCode, Info, List, Machine, Resource};

/// A machine is there within two seconds; a loaded host may take much longer.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(120);

/// Enough of a console's end to see why a machine does not come up.
pub const CONSOLE_TAIL: u64 = 16 * 1024;

/// Where the daemon of a landscape listens on the host.
pub fn socket_path(landscape: &str) -> PathBuf {
    PathBuf::from("/run/kubeception").join(landscape).join("cloud.sock")
}

/// A client of the local cloud. Cheap to clone; keeps no connection.
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: Endpoint,
    deadline: Duration,
}

#[derive(Clone)]
enum Endpoint {
    Unix(PathBuf),
    Tcp { address: SocketAddr, token: String },
}

impl std::fmt::Debug for Endpoint {
    /// Without the token: it is a secret.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.name())
    }
}

impl Endpoint {
    fn name(&self) -> String {
        match self {
            Self::Unix(path) => path.display().to_string(),
            Self::Tcp { address, .. } => address.to_string(),
        }
    }
}

impl Client {
    /// A client on the host, as root. See [`socket_path`].
    pub fn unix(path: impl Into<PathBuf>) -> Self {
        Self {
            endpoint: Endpoint::Unix(path.into()),
            deadline: DEFAULT_DEADLINE,
        }
    }

    /// A client inside the cloud, on a machine or in a pod.
    pub fn tcp(address: SocketAddr, token: impl Into<String>) -> Self {
        Self {
            endpoint: Endpoint::Tcp {
                address,
                token: token.into(),
            },
            deadline: DEFAULT_DEADLINE,
        }
    }

    /// The same with another deadline for each call.
    pub fn with_deadline(self, deadline: Duration) -> Self {
        Self { deadline, ..self }
    }

    /// What the cloud says of itself. An answer means that it has found or made everything it knows of.
    pub async fn info(&self) -> Result<Info, Error> {
        self.call(Method::GET, "/v1/info".into(), Bytes::new()).await
    }

    /// The bearer token for [`Client::tcp`]; only given out over the Unix socket.
    pub async fn token(&self) -> Result<String, Error> {
        self.call(Method::GET, "/v1/token".into(), Bytes::new()).await
    }

    /// The last bytes of what the machine wrote to its console, from the beginning of a line. Not found if there is no such machine.
    pub async fn console(&self, machine: &str, bytes: u64) -> Result<String, Error> {
        let path = format!("/v1/machines/{machine}/console?bytes={bytes}");
        self.call(Method::GET, path, Bytes::new()).await
    }

    /// Makes the object be as specified: creates it, changes it, or finds it so. Returns when that is done.
    pub async fn put<R: Resource>(&self, name: &str, spec: &R::Spec) -> Result<R, Error> {
        let path = object_path::<R>(name);
        let body = serde_json::to_vec(spec)
            .map_err(|source| Error::Encode {
                request: format!("PUT {path}"),
                source,
            })?
            .into();
        self.call(Method::PUT, path, body).await
    }

    /// The object, if there is one.
    pub async fn get<R: Resource>(&self, name: &str) -> Result<Option<R>, Error> {
        match self.call(Method::GET, object_path::<R>(name), Bytes::new()).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if error.code() == Some(ErrorCode::NotFound) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All objects of a kind, in the order of their names.
    pub async fn list<R: Resource>(&self) -> Result<Vec<R>, Error> {
        let list: List<R> = self.call(Method::GET, format!("/v1/{}", R::PATH), Bytes::new()).await?;
        Ok(list.items)
    }

    /// The machines that have all these tags, in the order of their names.
    pub async fn machines_with_tags(&self, tags: &BTreeMap<String, String>) -> Result<Vec<Machine>, Error> {
        let mut path = format!("/v1/{}", Machine::PATH);
        for (index, (key, value)) in tags.iter().enumerate() {
            path.push(if index == 0 { '?' } else { '&' });
            path += "tag=";
            path += &escape(&format!("{key}={value}"));
        }
        let list: List<Machine> = self.call(Method::GET, path, Bytes::new()).await?;
        Ok(list.items)
    }

    /// Makes the object not be: returns when it is gone, and also when it never was.
    pub async fn delete<R: Resource>(&self, name: &str) -> Result<(), Error> {
        match self
            .call::<serde_json::Value>(Method::DELETE, object_path::<R>(name), Bytes::new())
            .await
        {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some(ErrorCode::NotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    async fn call<T: DeserializeOwned>(&self, method: Method, path: String, body: Bytes) -> Result<T, Error> {
        let request = format!("{method} {path}");
        let (status, body) = tokio::time::timeout(self.deadline, self.exchange(method, &path, body, &request))
            .await
            .map_err(|_| Error::Deadline {
                endpoint: self.endpoint.name(),
                request: request.clone(),
                deadline: self.deadline,
            })??;
        let decode = |source| Error::Decode {
            request: request.clone(),
            status: status.as_u16(),
            source,
        };
        if status.is_success() {
            return serde_json::from_slice(&body).map_err(decode);
        }
        let refusal: ApiError = serde_json::from_slice(&body).map_err(decode)?;
        Err(Error::Refused {
            request,
            source: refusal,
        })
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
        name: &str,
    ) -> Result<(StatusCode, Bytes), Error> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "cloud")
            .header(header::CONTENT_TYPE, "application/json");
        if let Endpoint::Tcp { token, .. } = &self.endpoint {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let request = request.body(Full::new(body)).map_err(|source| Error::Request {
            request: name.to_owned(),
            source,
        })?;
        let answer = match &self.endpoint {
            Endpoint::Unix(path) => send(UnixStream::connect(path).await, request).await,
            Endpoint::Tcp { address, .. } => send(TcpStream::connect(address).await, request).await,
        };
        answer.map_err(|failure| match failure {
            Failure::Connect(source) => Error::Connect {
                endpoint: self.endpoint.name(),
                source,
            },
            Failure::Exchange(source) => Error::Exchange {
                request: name.to_owned(),
                source,
            },
        })
    }
}

enum Failure {
    Connect(std::io::Error),
    Exchange(hyper::Error),
}

async fn send<S>(stream: std::io::Result<S>, request: Request<Full<Bytes>>) -> Result<(StatusCode, Bytes), Failure>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let stream = stream.map_err(Failure::Connect)?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(Failure::Exchange)?;
    let exchange = async move {
        let response = sender.send_request(request).await?;
        let status = response.status();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    };
    // The connection is driven here and ends with the call: nothing is spawned that could outlive it.
    let mut connection = std::pin::pin!(connection);
    let mut exchange = std::pin::pin!(exchange);
    let mut connected = true;
    loop {
        tokio::select! {
            biased;
            answer = &mut exchange => return answer.map_err(Failure::Exchange),
            _ = &mut connection, if connected => connected = false,
        }
    }
}

fn object_path<R: Resource>(name: &str) -> String {
    format!("/v1/{}/{name}", R::PATH)
}

/// Escapes what may have a meaning in a query.
fn escape(text: &str) -> String {
    text.bytes().fold(String::new(), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            let _ = write!(escaped, "%{byte:02X}");
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_survive_a_query() {
        assert_eq!(
            escape("kubernetes.io/cluster=a b&c"),
            "kubernetes.io%2Fcluster%3Da%20b%26c"
        );
    }
}
