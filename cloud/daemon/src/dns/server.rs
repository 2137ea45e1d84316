//! Answers DNS questions over UDP and TCP.

use std::{sync::Arc, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    time::timeout,
};

use super::wire::{Transport, answer};
use crate::{cloud::Cloud, http_server::refused};

/// A resolver that keeps a connection open asks again within this time.
const IDLE: Duration = Duration::from_secs(30);

/// Questions are small; what is longer is none.
const LONGEST_QUESTION: usize = 4096;

/// Serves for ever.
pub(crate) async fn serve_udp(cloud: Arc<Cloud>, socket: UdpSocket) {
    let mut buffer = [0; LONGEST_QUESTION];
    loop {
        let (length, peer) = match socket.recv_from(&mut buffer).await {
            Ok(received) => received,
            Err(error) => {
                // An answer that nobody waited for any more comes back as an error.
                tracing::debug!(%error, "failed to receive a DNS question");
                continue;
            }
        };
        if let Some(bytes) = reply(&cloud, &buffer[..length], Transport::Udp)
            && let Err(error) = socket.send_to(&bytes, peer).await
        {
            tracing::debug!(%error, %peer, "failed to send a DNS answer");
        }
    }
}

/// Serves for ever.
pub(crate) async fn serve_tcp(cloud: Arc<Cloud>, listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(connection(Arc::clone(&cloud), stream))),
            Err(error) => refused(&error).await,
        }
    }
}

async fn connection(cloud: Arc<Cloud>, mut stream: TcpStream) {
    while let Ok(Ok(true)) = timeout(IDLE, exchange(&cloud, &mut stream)).await {}
}

/// One question and its answer, each after its length.
async fn exchange(cloud: &Cloud, stream: &mut TcpStream) -> std::io::Result<bool> {
    let length = usize::from(stream.read_u16().await?);
    if length > LONGEST_QUESTION {
        return Ok(false);
    }
    let mut question = vec![0; length];
    stream.read_exact(&mut question).await?;
    let Some(bytes) = reply(cloud, &question, Transport::Tcp) else {
        return Ok(false);
    };
    let Ok(length) = u16::try_from(bytes.len()) else {
        return Ok(false);
    };
    stream
        .write_all(&[&length.to_be_bytes(), bytes.as_slice()].concat())
        .await?;
    Ok(true)
}

fn reply(cloud: &Cloud, question: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let domain = cloud.layout().domain();
    cloud.zone(|zone| answer(question, &domain, transport, zone))
}
