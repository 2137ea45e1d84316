//! Reads the server name of a TLS connection from its first bytes.
//!
//! In: what has arrived so far. Out: the server name of the ClientHello, "more is needed", or why this is no TLS. A
//! ClientHello may be spread over several records, and each record over several packets. Every length is checked against
//! what is there and against fixed bounds; nothing is allocated beyond them.

/// A ClientHello with a post-quantum key share and a session ticket has 2 to 4 KiB; TLS libraries refuse above 64 KiB.
pub(crate) const LARGEST_HELLO: usize = 16 * 1024;
/// Headers of the records that a ClientHello may be cut into come on top; the smallest record costs six bytes per byte.
pub(crate) const MOST_BYTES: usize = 2 * LARGEST_HELLO;

const LARGEST_RECORD: usize = 16 * 1024;
const RECORD_HEADER: usize = 5;
const CONTENT_HANDSHAKE: u8 = 22;
const HANDSHAKE_CLIENT_HELLO: u8 = 1;
const EXTENSION_SERVER_NAME: u16 = 0;
const NAME_TYPE_HOST: u8 = 0;
const LONGEST_NAME: usize = 253;

/// What the first bytes of a connection say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Hello {
    /// The ClientHello is not complete yet.
    Incomplete,
    /// It is complete; the server name in lower case, if there is one.
    Complete(Option<String>),
}

/// Why these bytes are no ClientHello.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HelloError {
    /// The first record is not one of a TLS handshake: somebody speaks another protocol.
    #[error("the connection does not begin with a TLS handshake")]
    NotTls,
    /// A length or a structure is wrong.
    #[error("the ClientHello is malformed")]
    Malformed,
    /// It is larger than any that a client sends.
    #[error("the ClientHello is too large")]
    TooLarge,
    /// The server name is none.
    #[error("the server name of the ClientHello is not a host name")]
    BadName,
}

/// Reads what has arrived so far.
pub(crate) fn parse(bytes: &[u8]) -> Result<Hello, HelloError> {
    let Some(message) = handshake_message(bytes)? else {
        return Ok(Hello::Incomplete);
    };
    server_name(&message).map(Hello::Complete)
}

/// The body of the first handshake message, put together from its records.
fn handshake_message(bytes: &[u8]) -> Result<Option<Vec<u8>>, HelloError> {
    let mut message: Vec<u8> = Vec::new();
    let mut rest = bytes;
    loop {
        if let Some(length) = message_length(&message)?
            && message.len() >= length
        {
            message.truncate(length);
            message.drain(..4);
            return Ok(Some(message));
        }
        let Some((fragment, after)) = record(rest)? else {
            return Ok(None);
        };
        if message.len() + fragment.len() > LARGEST_HELLO + 4 {
            return Err(HelloError::TooLarge);
        }
        message.extend_from_slice(fragment);
        rest = after;
    }
}

/// Type and length of the handshake message with its header, as soon as they are there.
fn message_length(message: &[u8]) -> Result<Option<usize>, HelloError> {
    match message {
        [] => return Ok(None),
        [HANDSHAKE_CLIENT_HELLO, ..] => {}
        _ => return Err(HelloError::Malformed),
    }
    let [_, high, middle, low, ..] = message else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([0, *high, *middle, *low]) as usize;
    if length > LARGEST_HELLO {
        Err(HelloError::TooLarge)
    } else {
        Ok(Some(length + 4))
    }
}

type Split<'a> = (&'a [u8], &'a [u8]);

/// The content of the first record and what follows it; `None` when it is not complete.
fn record(bytes: &[u8]) -> Result<Option<Split<'_>>, HelloError> {
    match bytes {
        [] => return Ok(None),
        [CONTENT_HANDSHAKE, 3, ..] | [CONTENT_HANDSHAKE] => {}
        _ => return Err(HelloError::NotTls),
    }
    let [_, _, _, high, low, rest @ ..] = bytes else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([*high, *low]));
    // Empty records are forbidden for handshakes: they would be work without progress.
    if length == 0 || length > LARGEST_RECORD {
        return Err(HelloError::Malformed);
    }
    debug_assert_eq!(bytes.len() - rest.len(), RECORD_HEADER);
    if rest.len() < length {
        Ok(None)
    } else {
        Ok(Some(rest.split_at(length)))
    }
}

/// Takes lengths and what they measure from the front of a message.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], HelloError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(HelloError::Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    fn byte(&mut self) -> Result<u8, HelloError> {
        Ok(self.take(1)?[0])
    }

    fn short(&mut self) -> Result<u16, HelloError> {
        let bytes = self.take(2)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    fn vector8(&mut self) -> Result<&'a [u8], HelloError> {
        let length = usize::from(self.byte()?);
        self.take(length)
    }

    fn vector16(&mut self) -> Result<&'a [u8], HelloError> {
        let length = usize::from(self.short()?);
        self.take(length)
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The `server_name` extension of a ClientHello's body.
fn server_name(body: &[u8]) -> Result<Option<String>, HelloError> {
    let mut hello = Reader(body);
    hello.take(2 + 32)?; // version, random
    hello.vector8()?; // session
    hello.vector16()?; // cipher suites
    hello.vector8()?; // compression methods
    if hello.is_empty() {
        return Ok(None); // a client from before extensions
    }
    let mut extensions = Reader(hello.vector16()?);
    while !extensions.is_empty() {
        let kind = extensions.short()?;
        let content = extensions.vector16()?;
        if kind == EXTENSION_SERVER_NAME {
            return host_name(content);
        }
    }
    Ok(None)
}

fn host_name(content: &[u8]) -> Result<Option<String>, HelloError> {
    let mut names = Reader(Reader(content).vector16()?);
    while !names.is_empty() {
        let kind = names.byte()?;
        let name = names.vector16()?;
        if kind == NAME_TYPE_HOST {
            return checked_name(name).map(Some);
        }
    }
    Ok(None)
}

/// Names are compared and logged: only what a host name is made of gets in.
fn checked_name(name: &[u8]) -> Result<String, HelloError> {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.is_empty() || name.len() > LONGEST_NAME || name.starts_with(b".") || !name.iter().all(allowed) {
        return Err(HelloError::BadName);
    }
    Ok(name.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A ClientHello's handshake message with one extension before the server name.
    fn message(name: Option<&[u8]>) -> Vec<u8> {
        let mut extensions = vec![0x00, 0x17, 0x00, 0x00]; // extended master secret, empty
        if let Some(name) = name {
            let length = u16::try_from(name.len()).unwrap();
            extensions.extend([0, 0]);
            extensions.extend((length + 5).to_be_bytes());
            extensions.extend((length + 3).to_be_bytes());
            extensions.push(0);
            extensions.extend(length.to_be_bytes());
            extensions.extend(name);
        }
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(0); // no session
        body.extend([0, 2, 0x13, 0x01]);
        body.extend([1, 0]);
        body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
        body.extend(extensions);
        let length = u32::try_from(body.len()).unwrap().to_be_bytes();
        let mut message = vec![1, length[1], length[2], length[3]];
        message.extend(body);
        message
    }

    fn records(message: &[u8], size: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        for fragment in message.chunks(size) {
            bytes.extend([22, 3, 1]);
            bytes.extend(u16::try_from(fragment.len()).unwrap().to_be_bytes());
            bytes.extend(fragment);
        }
        bytes
    }

    fn named(name: &str) -> Result<Hello, HelloError> {
        Ok(Hello::Complete(Some(name.to_owned())))
    }

    #[test]
    fn the_server_name_is_read_in_lower_case() {
        assert_eq!(
            parse(&records(&message(Some(b"API.First.example")), 1 << 14)),
            named("api.first.example")
        );
        assert_eq!(
            parse(&records(&message(Some(b"a.example.")), 1 << 14)),
            named("a.example")
        );
        assert_eq!(parse(&records(&message(None), 1 << 14)), Ok(Hello::Complete(None)));
    }

    #[test]
    fn every_prefix_is_incomplete_in_whatever_records() {
        let message = message(Some(b"api.example"));
        for size in [1, 2, 3, 7, 40, 1 << 14] {
            let bytes = records(&message, size);
            for end in 0..bytes.len() {
                assert_eq!(
                    parse(&bytes[..end]),
                    Ok(Hello::Incomplete),
                    "records of {size}, {end} bytes"
                );
            }
            assert_eq!(parse(&bytes), named("api.example"));
            let mut more = bytes.clone();
            more.extend([20, 3, 3, 0, 1, 1]); // what a client sends next does not disturb
            assert_eq!(parse(&more), named("api.example"));
        }
    }

    #[test]
    fn what_is_no_client_hello_is_refused() {
        let cases: [(&[u8], HelloError); 9] = [
            (b"GET / HTTP/1.1\r\n", HelloError::NotTls),
            (b"\x16\x02\x00\x00\x01", HelloError::NotTls),
            (b"\x16\x03\x01\x00\x00", HelloError::Malformed),
            (b"\x16\x03\x01\xff\xff", HelloError::Malformed),
            (b"\x16\x03\x01\x00\x04\x02\x00\x00\x00", HelloError::Malformed),
            (b"\x16\x03\x01\x00\x04\x01\xff\xff\xff", HelloError::TooLarge),
            (b"\x16\x03\x01\x00\x04\x01\x00\x00\x00", HelloError::Malformed),
            (&records(&message(Some(b"a b")), 1 << 14), HelloError::BadName),
            (&records(&message(Some(b"")), 1 << 14), HelloError::BadName),
        ];
        for (bytes, expected) in cases {
            assert_eq!(parse(bytes), Err(expected), "{bytes:?}");
        }
        let long = vec![b'a'; 254];
        assert_eq!(
            parse(&records(&message(Some(&long)), 1 << 14)),
            Err(HelloError::BadName)
        );
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
            let _ = parse(&bytes);
        }

        #[test]
        fn a_damaged_hello_never_panics(position in 0..200usize, value in any::<u8>(), size in 1..300usize, cut in 0..400usize) {
            let mut message = message(Some(b"api.first.dev.shoots.local.kubeception.internal"));
            let position = position % message.len();
            message[position] = value;
            let mut bytes = records(&message, size);
            bytes.truncate(cut.max(1));
            let _ = parse(&bytes);
        }

        #[test]
        fn any_name_comes_out_as_it_went_in(name in "[a-z0-9][a-z0-9-]{0,20}(\\.[a-z0-9]{1,20}){0,5}", size in 1..600usize) {
            prop_assert_eq!(parse(&records(&message(Some(name.as_bytes())), size)), named(&name));
        }
    }
}
