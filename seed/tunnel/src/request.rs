//! HTTP CONNECT as kube-apiserver speaks it: one request per connection, then the bytes of the stream.

use std::{io, net::IpAddr};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// kube-apiserver sends two lines.
const LONGEST_HEAD: usize = 8 * 1024;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// A host.
    pub host: Host,
    /// Its port.
    pub port: u16,
}

/// A host as it is written in a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address: of a node, a pod, a Service.
    Address(IpAddr),
    /// A name: where a Service of type ExternalName leads. (A webhook with a URL does not come here: kube-apiserver dials it itself.)
    Name(String),
}

impl std::fmt::Display for Destination {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.host {
            Host::Address(address) => std::net::SocketAddr::new(*address, self.port).fmt(formatter),
            Host::Name(name) => write!(formatter, "{name}:{}", self.port),
        }
    }
}

/// Why a request is none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RequestError {
    #[error("failed to read the request")]
    Read(#[from] io::Error),
    #[error("the connection was closed before its request ended")]
    Closed,
    #[error("the request is longer than {LONGEST_HEAD} bytes")]
    TooLong,
    #[error("the request is no CONNECT to a host and a port")]
    NoConnect,
}

/// Reads a request; also returns what came after it.
pub(crate) async fn read(reader: &mut (impl AsyncRead + Unpin)) -> Result<(Destination, Vec<u8>), RequestError> {
    let mut head = Vec::new();
    let end = loop {
        if let Some(end) = end_of_head(&head) {
            break end;
        }
        if head.len() >= LONGEST_HEAD {
            return Err(RequestError::TooLong);
        }
        if reader.read_buf(&mut head).await? == 0 {
            return Err(RequestError::Closed);
        }
    };
    let rest = head.split_off(end);
    let destination = parse(&head).ok_or(RequestError::NoConnect)?;
    Ok((destination, rest))
}

fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let end = b"\r\n\r\n";
    bytes
        .windows(end.len())
        .position(|window| window == end)
        .map(|start| start + end.len())
}

fn parse(head: &[u8]) -> Option<Destination> {
    let head = std::str::from_utf8(head).ok()?;
    let mut words = head.split("\r\n").next()?.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if method != "CONNECT" || !version.starts_with("HTTP/1.") || words.next().is_some() {
        return None;
    }
    let (host, port) = target.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    Some(Destination {
        host: parse_host(host)?,
        port,
    })
}

fn parse_host(host: &str) -> Option<Host> {
    if let Some(address) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return Some(Host::Address(IpAddr::V6(address.parse().ok()?)));
    }
    if let Ok(address) = host.parse() {
        return Some(Host::Address(address));
    }
    let is_name = !host.is_empty()
        && host.len() <= 253
        && host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'));
    is_name.then(|| Host::Name(host.to_owned()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(line: &str) -> Option<String> {
        parse(format!("{line}\r\nHost: 127.0.0.1\r\n\r\n").as_bytes()).map(|destination| destination.to_string())
    }

    #[test]
    fn requests_of_kube_apiserver_are_read() {
        for (line, expected) in [
            ("CONNECT 10.10.0.2:10250 HTTP/1.1", Some("10.10.0.2:10250")),
            ("CONNECT [fd00::2]:10250 HTTP/1.1", Some("[fd00::2]:10250")),
            ("CONNECT hook.example.org:443 HTTP/1.1", Some("hook.example.org:443")),
            ("CONNECT 10.10.0.2 HTTP/1.1", None),
            ("CONNECT 10.10.0.2:0 HTTP/1.1", None),
            ("CONNECT 10.10.0.2:66000 HTTP/1.1", None),
            ("CONNECT a/b:443 HTTP/1.1", None),
            ("CONNECT :443 HTTP/1.1", None),
            ("CONNECT [10.10.0.2:443 HTTP/1.1", None),
            ("GET / HTTP/1.1", None),
            ("CONNECT 10.10.0.2:443 SPDY/3", None),
            ("CONNECT 10.10.0.2:443 HTTP/1.1 again", None),
        ] {
            assert_eq!(parsed(line).as_deref(), expected, "{line}");
        }
    }

    #[tokio::test]
    async fn what_comes_after_a_request_is_kept() {
        let mut bytes = &b"CONNECT 10.0.0.1:1 HTTP/1.1\r\nHost: x\r\n\r\nhello"[..];
        let (destination, rest) = read(&mut bytes).await.unwrap();
        assert_eq!(
            (destination.to_string().as_str(), rest.as_slice()),
            ("10.0.0.1:1", &b"hello"[..])
        );
    }

    #[tokio::test]
    async fn a_request_without_end_is_given_up() {
        let long = vec![b'a'; 2 * LONGEST_HEAD];
        assert!(matches!(read(&mut long.as_slice()).await, Err(RequestError::TooLong)));
        assert!(matches!(read(&mut &b"CONNECT"[..]).await, Err(RequestError::Closed)));
    }

    proptest! {
        #[test]
        fn nothing_that_is_sent_breaks_the_parser(head in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&head);
        }
    }
}
