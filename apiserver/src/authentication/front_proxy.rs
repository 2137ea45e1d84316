//! Users by the word of the front proxy: kube-apiserver names them in headers.
//!
//! **Invariant:** headers are believed only on a connection whose client certificate the front-proxy CA vouches for, and
//! whose common name is allowed.

use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;
use lib_pki::CertificateInfo;

use crate::context::UserInfo;

use super::{AuthenticationError, Authenticator, Credentials, Extra, RequestHeaderConfig, TrustSource};

/// Believes the front proxy.
pub struct FrontProxy {
    trust: Arc<TrustSource>,
}

impl FrontProxy {
    /// Believes those whom `trust` names.
    pub fn new(trust: Arc<TrustSource>) -> Self {
        Self { trust }
    }
}

#[async_trait]
impl Authenticator for FrontProxy {
    async fn authenticate(&self, credentials: &Credentials<'_>) -> Result<Option<UserInfo>, AuthenticationError> {
        let trust = self.trust.current();
        let Some(user) = user(&trust.headers, credentials.headers) else {
            return Ok(None);
        };
        let Some(own) = credentials.certificates.first() else {
            return Ok(None);
        };
        match trust.verify_front_proxy(credentials.certificates, self.trust.now()) {
            None => return Ok(None),
            Some(Err(error)) => {
                self.trust.suspect();
                return Err(AuthenticationError::Invalid(format!(
                    "front-proxy certificate: {error}"
                )));
            }
            Some(Ok(())) => {}
        }
        let info = CertificateInfo::from_der(own)
            .map_err(|error| AuthenticationError::Invalid(format!("front-proxy certificate: {error}")))?;
        let allowed = &trust.headers.allowed_names;
        if !allowed.is_empty() && !allowed.contains(&info.common_name) {
            return Err(AuthenticationError::Invalid(format!(
                "{:?} is no allowed front proxy",
                info.common_name
            )));
        }
        Ok(Some(user))
    }
}

/// The user that the headers name.
fn user(config: &RequestHeaderConfig, headers: &HeaderMap) -> Option<UserInfo> {
    let first = |names: &[String]| {
        names
            .iter()
            .flat_map(|name| values(headers, name))
            .find(|value| !value.is_empty())
    };
    let name = first(&config.username_headers)?;
    let uid = first(&config.uid_headers).unwrap_or_default();
    let groups = config
        .group_headers
        .iter()
        .flat_map(|name| values(headers, name))
        .collect();
    let mut extra = Extra::new();
    for prefix in &config.extra_prefixes {
        let prefix = prefix.to_ascii_lowercase();
        for name in headers.keys() {
            if let Some(key) = name.as_str().strip_prefix(&prefix) {
                let found = values(headers, name.as_str());
                extra.entry(percent_decode(key)).or_default().extend(found);
            }
        }
    }
    Some(UserInfo {
        name,
        uid,
        groups,
        extra,
    })
}

fn values(headers: &HeaderMap, name: &str) -> Vec<String> {
    let found = headers.get_all(name).iter();
    found
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect()
}

/// Keys of extra fields may hold any character; in a header's name they are percent-encoded.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = match (first, tail) {
            (b'%', [high, low, ..]) => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|hex| u8::from_str_radix(hex, 16).ok()),
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> RequestHeaderConfig {
        RequestHeaderConfig {
            allowed_names: Vec::new(),
            username_headers: vec!["X-Remote-User".to_owned()],
            uid_headers: vec!["X-Remote-Uid".to_owned()],
            group_headers: vec!["X-Remote-Group".to_owned()],
            extra_prefixes: vec!["X-Remote-Extra-".to_owned()],
        }
    }

    #[test]
    fn headers_name_the_user() {
        let mut headers = HeaderMap::new();
        assert_eq!(user(&config(), &headers), None);
        headers.append("x-remote-user", "alice".parse().unwrap());
        headers.append("x-remote-group", "a".parse().unwrap());
        headers.append("x-remote-group", "b".parse().unwrap());
        headers.append("x-remote-extra-example.com%2fscope", "read".parse().unwrap());
        let user = user(&config(), &headers).unwrap();
        assert_eq!(
            (user.name.as_str(), user.groups),
            ("alice", vec!["a".to_owned(), "b".to_owned()])
        );
        assert_eq!(
            user.extra,
            Extra::from([("example.com/scope".to_owned(), vec!["read".to_owned()])])
        );
    }

    #[test]
    fn broken_percent_codes_stay_as_they_are() {
        for (text, expected) in [("a%2fb", "a/b"), ("100%", "100%"), ("%zz", "%zz"), ("%2", "%2")] {
            assert_eq!(percent_decode(text), expected);
        }
    }
}
