//! SOCKS5 (RFC 1928): no authentication, connections only.

use std::net::{Ipv4Addr, Ipv6Addr};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::{REQUEST, Refusal, Target, dial, say};
use crate::cloud::Cloud;

/// The first byte of every message.
pub(super) const VERSION: u8 = 5;

const NO_AUTHENTICATION: u8 = 0;
const NONE_ACCEPTABLE: u8 = 0xff;
const CONNECT: u8 = 1;

const IPV4: u8 = 1;
const NAME: u8 = 3;
const IPV6: u8 = 4;

/// Shakes hands after the version was read, and connects.
pub(super) async fn open(cloud: &Cloud, client: &mut TcpStream) -> Result<TcpStream, Refusal> {
    let target = match timeout(REQUEST, shake_hands(client)).await {
        Ok(Ok(target)) => target,
        Ok(Err(refusal)) => return Err(refusal),
        Err(_) => return Err(Refusal::Request),
    };
    match dial(cloud, &target).await {
        Ok(server) => {
            client.write_all(&reply(0)).await?;
            Ok(server)
        }
        Err(refusal) => {
            say(client, &reply(code(&refusal))).await;
            Err(refusal)
        }
    }
}

async fn shake_hands(client: &mut TcpStream) -> Result<Target, Refusal> {
    let count = client.read_u8().await?;
    let mut methods = vec![0; usize::from(count)];
    client.read_exact(&mut methods).await?;
    if !methods.contains(&NO_AUTHENTICATION) {
        say(client, &[VERSION, NONE_ACCEPTABLE]).await;
        return Err(Refusal::Request);
    }
    client.write_all(&[VERSION, NO_AUTHENTICATION]).await?;
    match read_request(client).await {
        Ok(Request::Connect(target)) => Ok(target),
        Ok(Request::Other) => {
            // Command not supported.
            say(client, &reply(7)).await;
            Err(Refusal::Request)
        }
        Err(error) => Err(error),
    }
}

enum Request {
    Connect(Target),
    Other,
}

async fn read_request(client: &mut (impl AsyncRead + Unpin)) -> Result<Request, Refusal> {
    let mut head = [0; 4];
    client.read_exact(&mut head).await?;
    let [VERSION, command, _, kind] = head else {
        return Err(Refusal::Request);
    };
    let host = match kind {
        IPV4 => Ipv4Addr::from(client.read_u32().await?).to_string(),
        IPV6 => Ipv6Addr::from(client.read_u128().await?).to_string(),
        NAME => {
            let length = client.read_u8().await?;
            let mut name = vec![0; usize::from(length)];
            client.read_exact(&mut name).await?;
            String::from_utf8(name).map_err(|_| Refusal::Request)?
        }
        _ => return Err(Refusal::Request),
    };
    let port = client.read_u16().await?;
    Ok(if command == CONNECT {
        Request::Connect(Target { host, port })
    } else {
        Request::Other
    })
}

/// The address that the server side got is nobody's business and nobody's need: zeros.
fn reply(code: u8) -> [u8; 10] {
    [VERSION, code, 0, IPV4, 0, 0, 0, 0, 0, 0]
}

fn code(refusal: &Refusal) -> u8 {
    match refusal {
        Refusal::Outside(_) => 2,
        Refusal::NoName(_) => 4,
        Refusal::Dial { source, .. } if source.kind() == std::io::ErrorKind::ConnectionRefused => 5,
        Refusal::Silent(_) => 6,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_are_read() {
        let mut bytes: &[u8] = &[5, 1, 0, 3, 6, b's', b'e', b'e', b'd', b'.', b'd', 0x19, 0x2b];
        let Request::Connect(target) = read_request(&mut bytes).await.unwrap() else {
            panic!("not a connection")
        };
        assert_eq!(
            target,
            Target {
                host: "seed.d".into(),
                port: 6443
            }
        );
        let mut bytes: &[u8] = &[5, 1, 0, 1, 172, 30, 0, 1, 0, 80];
        let Request::Connect(target) = read_request(&mut bytes).await.unwrap() else {
            panic!("not a connection")
        };
        assert_eq!(
            target,
            Target {
                host: "172.30.0.1".into(),
                port: 80
            }
        );
        let mut bytes: &[u8] = &[5, 2, 0, 1, 172, 30, 0, 1, 0, 80];
        assert!(matches!(read_request(&mut bytes).await.unwrap(), Request::Other));
        let mut bytes: &[u8] = &[4, 1, 0, 1];
        assert!(read_request(&mut bytes).await.is_err());
    }
}
