//! Listens on the API server's address inside of the shoot, and carries each client's connection to it.
//!
//! The client's own TLS connection goes end to end; this one around it only says where it goes, and who carries it.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use lib_error_chain::ErrorChain;
use lib_tunnel::{Backoff, configure_socket};
use rustls_pki_types::ServerName;
use tokio::{
    io::copy_bidirectional_with_sizes,
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
    time::sleep,
};

use crate::gateway::{Gateway, GatewayError};

/// Connections at once; a node's kubelet, kube-proxy and some hundred pods need far less.
const MOST_CONNECTIONS: usize = 2000;
/// A TLS record has at most this.
const BUFFER: usize = 16 * 1024;
/// Waits for an address that node-agent has not put on `lo` yet, and after an error of accepting.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// Serves for ever.
pub(crate) async fn serve(gateway: Arc<Gateway>, servers: Arc<[ServerName<'static>]>, address: SocketAddr) {
    let listener = listen(address).await;
    tracing::info!(%address, "carrying clients to the API server");
    let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok(permit) = Arc::clone(&permits).acquire_owned().await else {
            return; // never: nobody closes the semaphore
        };
        let client = match listener.accept().await {
            Ok((client, _)) => client,
            Err(error) => {
                // Out of files, most likely: others must end first.
                tracing::warn!(error = %ErrorChain(&error), "failed to accept a client of the API server");
                sleep(RETRY.0).await;
                continue;
            }
        };
        let (gateway, servers) = (Arc::clone(&gateway), Arc::clone(&servers));
        connections.spawn(async move {
            if let Err(error) = carry(&gateway, &servers, client).await {
                tracing::debug!(error = %ErrorChain(&error), "a connection to the API server failed");
            }
            drop(permit);
        });
    }
}

async fn listen(address: SocketAddr) -> TcpListener {
    let mut backoff = Backoff::new(RETRY.0, RETRY.1);
    let mut told = false;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => return listener,
            Err(error) => {
                if !told {
                    tracing::warn!(%address, error = %ErrorChain(&error), "failed to listen for clients of the API server, trying again");
                    told = true;
                }
                let wait = backoff.next(&mut rand::rng());
                sleep(wait).await;
            }
        }
    }
}

/// Why a client's connection was not carried to its end.
#[derive(Debug, thiserror::Error)]
enum CarryError {
    #[error("failed to reach the API server")]
    Gateway(#[from] GatewayError),
    #[error("the connection broke off")]
    Copy(#[from] io::Error),
}

async fn carry(gateway: &Gateway, servers: &[ServerName<'static>], mut client: TcpStream) -> Result<(), CarryError> {
    configure_socket(&client)?;
    let mut refused = None;
    for name in servers {
        match gateway.api_server(name).await {
            Ok(mut server) => {
                copy_bidirectional_with_sizes(&mut client, &mut server, BUFFER, BUFFER).await?;
                return Ok(());
            }
            Err(error) => {
                tracing::warn!(server = ?name, error = %ErrorChain(&error), "no connection to the API server");
                refused = Some(error);
            }
        }
    }
    refused.map_or(Ok(()), |error| Err(error.into()))
}
