//! HTTP CONNECT.

use lib_error_chain::ErrorChain;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{REQUEST, Refusal, Target, dial, say};
use crate::cloud::Cloud;

/// A request line and some headers.
const LONGEST_HEAD: usize = 16 * 1024;

/// Reads the request, whose first byte was read already, and connects.
pub(super) async fn open(cloud: &Cloud, client: &mut TcpStream, first: u8) -> Result<TcpStream, Refusal> {
    let outcome = match timeout(REQUEST, read_head(client, first)).await {
        Ok(Ok((target, early))) => match dial(cloud, &target).await {
            Ok(mut server) => {
                client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?;
                // An eager client sends on before it has an answer.
                server.write_all(&early).await?;
                return Ok(server);
            }
            Err(refusal) => refusal,
        },
        Ok(Err(refusal)) => refusal,
        Err(_) => Refusal::Request,
    };
    say(client, &refusal_page(&outcome)).await;
    Err(outcome)
}

fn refusal_page(refusal: &Refusal) -> Vec<u8> {
    let status = match refusal {
        Refusal::Request | Refusal::Client(_) => "400 Bad Request",
        Refusal::NoName(_) => "404 Not Found",
        Refusal::Outside(_) => "403 Forbidden",
        Refusal::Dial { .. } => "502 Bad Gateway",
        Refusal::Silent(_) => "504 Gateway Timeout",
    };
    let text = format!("{}\n", ErrorChain(refusal));
    let length = text.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{text}"
    )
    .into_bytes()
}

/// Reads up to the empty line. Also returns what came after it.
async fn read_head(client: &mut TcpStream, first: u8) -> Result<(Target, Vec<u8>), Refusal> {
    let mut head = vec![first];
    loop {
        if let Some(end) = head.windows(4).position(|window| window == b"\r\n\r\n") {
            let early = head.split_off(end + 4);
            let target = parse(&head).ok_or(Refusal::Request)?;
            return Ok((target, early));
        }
        if head.len() > LONGEST_HEAD || client.read_buf(&mut head).await? == 0 {
            return Err(Refusal::Request);
        }
    }
}

/// `CONNECT host:port HTTP/1.1`.
fn parse(head: &[u8]) -> Option<Target> {
    let line = std::str::from_utf8(head).ok()?.lines().next()?;
    let mut words = line.split(' ');
    let ("CONNECT", authority, version) = (words.next()?, words.next()?, words.next()?) else {
        return None;
    };
    let (host, port) = authority.rsplit_once(':')?;
    let target = Target {
        host: host.to_owned(),
        port: port.parse().ok()?,
    };
    (version.starts_with("HTTP/1.") && !host.is_empty()).then_some(target)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_parsed() {
        let target = |host: &str, port| {
            Some(Target {
                host: host.into(),
                port,
            })
        };
        assert_eq!(
            parse(b"CONNECT seed.d:6443 HTTP/1.1\r\nHost: seed.d\r\n\r\n"),
            target("seed.d", 6443)
        );
        assert_eq!(
            parse(b"CONNECT 172.30.0.1:80 HTTP/1.0\r\n\r\n"),
            target("172.30.0.1", 80)
        );
        for head in [
            "GET http://seed.d/ HTTP/1.1\r\n\r\n",
            "CONNECT seed.d HTTP/1.1\r\n\r\n",
            "CONNECT :1 HTTP/1.1\r\n\r\n",
            "CONNECT a:99999 HTTP/1.1",
            "",
        ] {
            assert_eq!(parse(head.as_bytes()), None, "{head:?}");
        }
    }

    #[test]
    fn a_refusal_says_why() {
        let page = String::from_utf8(refusal_page(&Refusal::NoName("x.d".into()))).unwrap();
        assert!(page.starts_with("HTTP/1.1 404 Not Found\r\n"), "{page}");
        assert!(
            page.ends_with("the name \"x.d\" does not exist in this cloud\n"),
            "{page}"
        );
    }
}
