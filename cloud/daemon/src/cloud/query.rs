//! The part of a request behind the question mark.

use cloud_client::{ErrorCode, Machine};

use super::machine::console::CONSOLE_SHOWN;
use crate::{Error, error::refuse_field};

/// Names and values, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        let parts = text.split('&').filter(|part| !part.is_empty());
        let pairs = parts.map(|part| part.split_once('=').unwrap_or((part, "")));
        Self(pairs.map(|(name, value)| (unescape(name), unescape(value))).collect())
    }

    fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        let pairs = self.0.iter().filter(move |(its, _)| its == name);
        pairs.map(|(_, value)| value.as_str())
    }

    /// How much of a console is wanted: all that there is, unless said otherwise.
    pub(super) fn bytes(&self) -> Result<u64, Error> {
        let Some(bytes) = self.values("bytes").last() else {
            return Ok(CONSOLE_SHOWN);
        };
        bytes.parse().map_err(|_| {
            let message = format!("{bytes:?} is not a number of bytes");
            refuse_field(ErrorCode::Invalid, "bytes", message, "write ?bytes=4096")
        })
    }

    /// Whether the machine has all tags that are asked for, each as `tag=<key>=<value>`.
    pub(super) fn wants(&self, machine: &Machine) -> bool {
        self.values("tag").all(|tag| {
            let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
            machine.spec.tags.get(key).is_some_and(|its| its == value)
        })
    }
}

/// Replaces `%2F` and its like; what is not such a thing stays as it is.
fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut unescaped, mut index) = (Vec::new(), 0);
    while let Some(byte) = bytes.get(index) {
        let digits = bytes.get(index + 1..index + 3);
        let code = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match (byte, code) {
            (b'%', Some(code)) => {
                unescaped.push(code);
                index += 3;
            }
            _ => {
                unescaped.push(*byte);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&unescaped).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_read() {
        let query = Query::parse("bytes=10&tag=kubernetes.io%2Fcluster%3Da%20b&tag=x&&%zz=%4");
        assert_eq!(query.bytes().unwrap(), 10);
        assert_eq!(
            query.values("tag").collect::<Vec<_>>(),
            ["kubernetes.io/cluster=a b", "x"]
        );
        assert_eq!(query.values("%zz").collect::<Vec<_>>(), ["%4"]);
        assert_eq!(Query::parse("").bytes().unwrap(), CONSOLE_SHOWN);
        assert!(Query::parse("bytes=all").bytes().is_err());
    }
}
