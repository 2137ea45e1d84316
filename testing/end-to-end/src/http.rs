//! HTTP as small as a test needs it: one question to a plain server, directly or through the landscape's proxy.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::walk::PROXY_PORT;

/// Longest for the other side to say something.
const PATIENCE: Duration = Duration::from_secs(10);

/// Longest head of an answer.
const LONGEST_HEAD: usize = 16 * 1024;

/// Connects to a port of the host's loopback.
pub(crate) fn to_loopback(port: &str) -> Result<TcpStream> {
    let address = format!("127.0.0.1:{port}");
    let stream = TcpStream::connect(&address).with_context(|| format!("failed to connect to {address}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Connects to an address of the cloud, as a browser with the proxy in its settings would.
pub(crate) fn through_proxy(target: &str) -> Result<TcpStream> {
    let mut stream = to_loopback(PROXY_PORT)?;
    stream.write_all(format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n").as_bytes())?;
    // Byte by byte: what follows is the other side's.
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") && head.len() < LONGEST_HEAD {
        let mut byte = [0];
        stream
            .read_exact(&mut byte)
            .context("the proxy ended in the middle of its answer")?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head);
    ensure!(head.contains(" 200 "), "the proxy does not connect to {target}: {head}");
    Ok(stream)
}

/// Asks for a path; the answer's body.
pub(crate) fn get(mut stream: TcpStream, path: &str) -> Result<String> {
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: end-to-end\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .context("failed to read the answer")?;
    let (head, body) = answer.split_once("\r\n\r\n").context("the answer is not HTTP")?;
    ensure!(head.contains(" 200 "), "the answer is: {answer}");
    Ok(body.trim().to_owned())
}
