//! A connection through the proxy that the cloud keeps on the host's loopback.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::Error;

/// An answer to CONNECT is a status line and few headers.
const LONGEST_ANSWER: usize = 8 * 1024;

/// Connects to a name or address of the cloud from the host: HTTP CONNECT through the proxy (see [`crate::Info`]).
pub async fn connect_through_proxy(
    proxy: SocketAddr,
    host: &str,
    port: u16,
    deadline: Duration,
) -> Result<TcpStream, Error> {
    let target = format!("{host}:{port}");
    let failed = |answer: String| Error::Proxy {
        proxy: proxy.to_string(),
        target: target.clone(),
        answer,
    };
    tokio::time::timeout(deadline, connect(proxy, &target))
        .await
        .map_err(|_| failed(format!("no answer within {deadline:?}")))?
        .map_err(|error| match error {
            Refusal::Io(error) => failed(error.to_string()),
            Refusal::Answer(line) => failed(line),
        })
}

enum Refusal {
    Io(std::io::Error),
    Answer(String),
}

impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

async fn connect(proxy: SocketAddr, target: &str) -> Result<TcpStream, Refusal> {
    let mut stream = TcpStream::connect(proxy).await?;
    stream
        .write_all(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n").as_bytes())
        .await?;
    // Byte by byte: what follows the empty line belongs to the caller.
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        if answer.len() == LONGEST_ANSWER {
            return Err(Refusal::Answer("answer too long".into()));
        }
        answer.push(stream.read_u8().await?);
    }
    let answer = String::from_utf8_lossy(&answer);
    let line = answer.lines().next().unwrap_or_default();
    match line.split(' ').nth(1) {
        Some("200") => Ok(stream),
        _ => Err(Refusal::Answer(line.to_owned())),
    }
}
