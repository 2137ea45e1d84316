//! The proxy on the host's loopback: HTTP CONNECT and SOCKS5 on one port, into the cloud and nowhere else.
//!
//! Names are resolved by the cloud's own zone, and connections begin in the backbone's namespace, which has no way to the host or
//! the internet.

mod connect;
mod socks;

use std::{
    io,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpSocket, TcpStream},
    time::timeout,
};

use crate::{cloud::Cloud, http_server::refused};

/// How long a client may take to say where it wants to go.
const REQUEST: Duration = Duration::from_secs(10);

/// How long a connection inside this machine may take.
const DIAL: Duration = Duration::from_secs(10);

/// Where a client wants to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Why it does not get there.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the request is not one that this proxy understands: it speaks HTTP CONNECT and SOCKS5")]
    Request,
    #[error("the name {0:?} does not exist in this cloud")]
    NoName(String),
    #[error("the address {0} is not in this cloud")]
    Outside(String),
    #[error("failed to connect to {target}")]
    Dial { target: String, source: io::Error },
    #[error("{0} did not answer in time")]
    Silent(String),
    #[error("failed to talk to the client")]
    Client(#[from] io::Error),
}

/// Serves for ever.
pub(crate) async fn serve(cloud: Arc<Cloud>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(Arc::clone(&cloud), stream))),
            Err(error) => refused(&error).await,
        }
    }
}

async fn connection(cloud: Arc<Cloud>, mut client: TcpStream) {
    if let Err(refusal) = carry(&cloud, &mut client).await {
        tracing::debug!(error = %lib_error_chain::ErrorChain(&refusal), "a proxied connection ended");
    }
}

async fn carry(cloud: &Cloud, client: &mut TcpStream) -> Result<(), Refusal> {
    client.set_nodelay(true)?;
    let mut server = match timeout(REQUEST, client.read_u8()).await {
        Ok(Ok(socks::VERSION)) => socks::open(cloud, client).await?,
        Ok(Ok(first)) => connect::open(cloud, client, first).await?,
        Ok(Err(error)) => return Err(error.into()),
        Err(_) => return Err(Refusal::Request),
    };
    copy_bidirectional(client, &mut server).await?;
    Ok(())
}

/// Connects to the first address of the target that answers.
async fn dial(cloud: &Cloud, target: &Target) -> Result<TcpStream, Refusal> {
    let addresses = match target.host.parse::<Ipv4Addr>() {
        Ok(address) => vec![address],
        Err(_) => cloud.resolve(&target.host),
    };
    let mut refusal = Refusal::NoName(target.host.clone());
    for address in addresses {
        if !cloud.reaches(address) {
            refusal = Refusal::Outside(address.to_string());
            continue;
        }
        let name = format!("{address}:{}", target.port);
        // The socket is made in the backbone and stays there; it can be used from any thread.
        let socket = cloud.in_backbone(TcpSocket::new_v4).map_err(|source| Refusal::Dial {
            target: name.clone(),
            source,
        })?;
        match timeout(DIAL, socket.connect(SocketAddr::from((address, target.port)))).await {
            Ok(Ok(stream)) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Ok(Err(source)) => refusal = Refusal::Dial { target: name, source },
            Err(_) => refusal = Refusal::Silent(name),
        }
    }
    Err(refusal)
}

/// The last words to a client that is not served; it may be gone already.
async fn say(client: &mut TcpStream, words: &[u8]) {
    let _ = client.write_all(words).await;
    let _ = client.shutdown().await;
}
