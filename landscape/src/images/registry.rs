//! The registry's HTTP API, as far as pushing needs it, over one connection through the cloud's proxy.

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use futures::channel::mpsc;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;

use super::image::{Descriptor, MANIFEST_TYPE};
use super::layer::{Layer, LayerError};

/// The registry lies on this machine; a connection is there at once or not at all.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);

/// The largest layer takes a second; a machine under load may need much longer.
const REQUEST_DEADLINE: Duration = Duration::from_secs(120);

/// Large pieces: every piece is a wake-up on both sides.
const CHUNK: usize = 1 << 20;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// A connection to a registry.
pub struct Registry {
    host: String,
    sender: SendRequest<Body>,
}

/// A request to the registry failed.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// There is no way to the registry.
    #[error("failed to connect to the registry")]
    Connect(#[source] cloud_client::Error),
    /// The connection broke.
    #[error("failed to {step} {object}")]
    Exchange {
        /// What was tried.
        step: &'static str,
        /// With which blob or manifest.
        object: String,
        /// Why.
        source: hyper::Error,
    },
    /// The registry did not answer in time.
    #[error("failed to {step} {object}: no answer within {} s", REQUEST_DEADLINE.as_secs())]
    Deadline {
        /// What was tried.
        step: &'static str,
        /// With which blob or manifest.
        object: String,
    },
    /// The registry refused.
    #[error("failed to {step} {object}: the registry answered {status}: {message}")]
    Refused {
        /// What was tried.
        step: &'static str,
        /// With which blob or manifest.
        object: String,
        /// Its answer.
        status: StatusCode,
        /// What it said.
        message: String,
    },
    /// The request cannot be written down.
    #[error("failed to build a request to the registry")]
    Request(#[from] http::Error),
    /// A layer could not be read.
    #[error("failed to read a layer while it was pushed")]
    Layer(#[from] LayerError),
}

impl Registry {
    /// Connects to `host` (name and port) through the proxy.
    pub async fn connect(proxy: SocketAddr, host: &str) -> Result<Self, RegistryError> {
        let (name, port) = host.rsplit_once(':').unwrap_or((host, "5000"));
        let port = port.parse().unwrap_or(5000);
        let stream = cloud_client::connect_through_proxy(proxy, name, port, CONNECT_DEADLINE)
            .await
            .map_err(RegistryError::Connect)?;
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream))
                .await
                .map_err(|source| RegistryError::Exchange {
                    step: "connect to",
                    object: host.to_owned(),
                    source,
                })?;
        // Ends by itself when the sender is dropped; what goes wrong is told to the request that meets it.
        tokio::spawn(connection);
        Ok(Self {
            host: host.to_owned(),
            sender,
        })
    }

    /// Whether the registry has a blob in this repository.
    pub(crate) async fn has_blob(&mut self, repository: &str, digest: &str) -> Result<bool, RegistryError> {
        let request = self.request(Method::HEAD, &format!("/v2/{repository}/blobs/{digest}"));
        let response = self.send(request.body(empty())?, "look for", digest).await?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(false),
            _ => expect(response, "look for", digest).await.map(|_| true),
        }
    }

    /// Sends a small blob.
    pub(crate) async fn put_bytes(
        &mut self,
        repository: &str,
        descriptor: &Descriptor,
        bytes: Vec<u8>,
    ) -> Result<(), RegistryError> {
        let location = self.start_upload(repository, None).await?;
        match location {
            Some(location) => {
                self.upload(&location, descriptor, Full::new(bytes.into()).boxed_unsync())
                    .await
            }
            None => Ok(()),
        }
    }

    /// Sends a layer, or takes it over from repository `from` if that has it.
    pub(crate) async fn put_layer(
        &mut self,
        repository: &str,
        descriptor: &Descriptor,
        layer: Layer,
        from: Option<&str>,
    ) -> Result<(), RegistryError> {
        let mount = from.map(|from| (descriptor.digest.as_str(), from));
        let Some(location) = self.start_upload(repository, mount).await? else {
            return Ok(());
        };
        let (sender, receiver) = mpsc::channel(4);
        let writer = tokio::task::spawn_blocking(move || write_to_channel(&layer, sender));
        let body = StreamBody::new(receiver.map(|bytes| Ok(Frame::data(bytes)))).boxed_unsync();
        let sent = self.upload(&location, descriptor, body).await;
        // The reader's own failure explains more than the broken request that follows from it.
        if let Ok(written) = writer.await {
            written?;
        }
        sent
    }

    /// Names an image.
    pub(crate) async fn put_manifest(
        &mut self,
        repository: &str,
        tag: &str,
        manifest: Vec<u8>,
    ) -> Result<(), RegistryError> {
        let object = format!("{repository}:{tag}");
        let request = self
            .request(Method::PUT, &format!("/v2/{repository}/manifests/{tag}"))
            .header(header::CONTENT_TYPE, MANIFEST_TYPE)
            .body(Full::new(manifest.into()).boxed_unsync())?;
        let response = self.send(request, "name", &object).await?;
        expect(response, "name", &object).await.map(drop)
    }

    /// Where to send a blob to; nothing when it was taken over from another repository.
    async fn start_upload(
        &mut self,
        repository: &str,
        mount: Option<(&str, &str)>,
    ) -> Result<Option<String>, RegistryError> {
        let query = mount
            .map(|(digest, from)| format!("?mount={digest}&from={from}"))
            .unwrap_or_default();
        let request = self.request(Method::POST, &format!("/v2/{repository}/blobs/uploads/{query}"));
        let request = request.header(header::CONTENT_LENGTH, 0).body(empty())?;
        let response = self.send(request, "start an upload to", repository).await?;
        let response = expect(response, "start an upload to", repository).await?;
        if response.status() == StatusCode::CREATED {
            return Ok(None);
        }
        let location = response
            .headers()
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok());
        Ok(Some(location.unwrap_or_default().to_owned()))
    }

    async fn upload(&mut self, location: &str, descriptor: &Descriptor, body: Body) -> Result<(), RegistryError> {
        let path = path_of(location);
        let separator = if path.contains('?') { '&' } else { '?' };
        let request = self
            .request(Method::PUT, &format!("{path}{separator}digest={}", descriptor.digest))
            .header(header::CONTENT_TYPE, "application/octet-stream")
            .header(header::CONTENT_LENGTH, descriptor.size)
            .body(body)?;
        let response = self.send(request, "push", &descriptor.digest).await?;
        expect(response, "push", &descriptor.digest).await.map(drop)
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, &self.host)
    }

    async fn send(
        &mut self,
        request: Request<Body>,
        step: &'static str,
        object: &str,
    ) -> Result<Response<Incoming>, RegistryError> {
        let exchange = async {
            self.sender.ready().await?;
            self.sender.send_request(request).await
        };
        tokio::time::timeout(REQUEST_DEADLINE, exchange)
            .await
            .map_err(|_| RegistryError::Deadline {
                step,
                object: object.to_owned(),
            })?
            .map_err(|source| RegistryError::Exchange {
                step,
                object: object.to_owned(),
                source,
            })
    }
}

/// The registry gives locations with or without its own host.
fn path_of(location: &str) -> &str {
    let Some((_, rest)) = location.split_once("://") else {
        return location;
    };
    rest.find('/').map_or("/", |start| &rest[start..])
}

async fn expect(
    response: Response<Incoming>,
    step: &'static str,
    object: &str,
) -> Result<Response<Bytes>, RegistryError> {
    let failed = |source| RegistryError::Exchange {
        step,
        object: object.to_owned(),
        source,
    };
    let (parts, body) = response.into_parts();
    // The body is read in any case: the connection cannot be used again before.
    let body = body.collect().await.map_err(failed)?.to_bytes();
    if parts.status.is_success() {
        return Ok(Response::from_parts(parts, body));
    }
    let message = String::from_utf8_lossy(&body).trim().to_owned();
    Err(RegistryError::Refused {
        step,
        object: object.to_owned(),
        status: parts.status,
        message,
    })
}

fn empty() -> Body {
    Empty::new().boxed_unsync()
}

fn write_to_channel(layer: &Layer, sender: mpsc::Sender<Bytes>) -> Result<(), LayerError> {
    let writer = ChannelWriter(sender);
    layer.write(io::BufWriter::with_capacity(CHUNK, writer))
}

/// Blocks while the receiver is behind.
struct ChannelWriter(mpsc::Sender<Bytes>);

impl Write for ChannelWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        futures::executor::block_on(futures::SinkExt::send(&mut self.0, piece))
            .map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_taken_from_locations_of_both_kinds() {
        let cases = [
            (
                "http://registry:5000/v2/a/blobs/uploads/1?_state=x",
                "/v2/a/blobs/uploads/1?_state=x",
            ),
            ("/v2/a/blobs/uploads/1", "/v2/a/blobs/uploads/1"),
            ("http://registry:5000", "/"),
        ];
        for (location, expected) in cases {
            assert_eq!(path_of(location), expected);
        }
    }
}
