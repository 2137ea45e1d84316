//! GET of a collection: lists, and pages of lists.

use apimachinery::{meta::ListMeta, status::Status};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::cache::{Freshness, ListQuery, ReadError, Snapshot};

use super::{
    accept::Encoding,
    answer::{self, Answer},
    object::{FRESHNESS_DEADLINE, read_failure},
    query::{Match, Query},
    select::Selection,
    shape::{ListMetadata, Shaper},
};

/// Where the next page begins: Kubernetes' own format, so that a token survives a change of servers.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Token {
    v: String,
    /// Revision of the first page; -1: whatever is there now.
    rv: i64,
    /// Last key of the page before, with a zero byte.
    start: String,
}

const TOKEN_VERSION: &str = "meta.k8s.io/v1";

impl Token {
    fn new(revision: i64, last_key: &str) -> Self {
        Self {
            v: TOKEN_VERSION.to_owned(),
            rv: revision,
            start: format!("{last_key}\0"),
        }
    }

    fn encode(&self) -> String {
        // Strings and a number can always be written.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn decode(text: &str) -> Result<Self, Status> {
        let token = URL_SAFE_NO_PAD
            .decode(text)
            .ok()
            .and_then(|json| serde_json::from_slice::<Self>(&json).ok());
        let valid = token.filter(|token| token.v == TOKEN_VERSION && token.start.ends_with('\0'));
        valid.ok_or_else(|| Status::bad_request("continue key is not valid"))
    }

    fn last_key(&self) -> &str {
        self.start.trim_end_matches('\0')
    }
}

/// Reads what to list from the parameters.
pub(super) fn list_query(query: &Query, namespace: &str, selection: &Selection) -> Result<ListQuery, Status> {
    let mut after = None;
    let freshness = match query.text("continue") {
        "" => freshness(query)?,
        token => {
            if query.revision()?.is_some_and(|revision| revision > 0) {
                return Err(Status::bad_request(
                    "specifying resource version is not allowed when using continue",
                ));
            }
            let token = Token::decode(token)?;
            after = Some(token.last_key().to_owned());
            u64::try_from(token.rv).map_or(Freshness::Consistent, Freshness::Exact)
        }
    };
    Ok(ListQuery {
        key_prefix: key_prefix(namespace, ""),
        filter: selection.filter.clone(),
        after,
        limit: query.limit()?,
        freshness,
        deadline: FRESHNESS_DEADLINE,
    })
}

/// The beginning of the keys in a namespace.
pub(super) fn key_prefix(namespace: &str, name: &str) -> String {
    if namespace.is_empty() {
        name.to_owned()
    } else {
        format!("{namespace}/{name}")
    }
}

fn freshness(query: &Query) -> Result<Freshness, Status> {
    let forbidden = |why: &str| Err(Status::bad_request(format!("resourceVersionMatch: Forbidden: {why}")));
    match (query.revision()?, query.revision_match()?) {
        (None, Some(_)) => forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided"),
        (None, None) => Ok(Freshness::Consistent),
        (Some(0), Some(Match::Exact)) => {
            forbidden(r#"resourceVersionMatch "exact" is forbidden for resourceVersion "0""#)
        }
        (Some(0), _) => Ok(Freshness::Any),
        (Some(revision), Some(Match::Exact)) => Ok(Freshness::Exact(revision)),
        // With a limit but no match, Kubernetes' rule is the exact revision.
        (Some(revision), None) if query.limit()? > 0 => Ok(Freshness::Exact(revision)),
        (Some(revision), _) => Ok(Freshness::NotOlderThan(revision)),
    }
}

/// Answers with a list.
pub(super) async fn list(
    shaper: &Shaper<'_>,
    namespace: &str,
    query: &Query,
    selection: &Selection,
    encoding: Encoding,
) -> Result<Answer, Status> {
    let wanted = list_query(query, namespace, selection)?;
    let snapshot = match shaper.endpoint.cache().list(&wanted).await {
        Ok(snapshot) => snapshot,
        Err(ReadError::TooOld { .. }) if wanted.after.is_some() => return Err(expired_token(&wanted)),
        Err(error) => return Err(read_failure(error, shaper.endpoint)),
    };
    let Snapshot {
        revision,
        items,
        next,
        remaining,
    } = snapshot;
    let token = next.map(|last| Token::new(i64::try_from(revision).unwrap_or(-1), &last).encode());
    let metadata = ListMetadata {
        revision,
        next: token,
        remaining,
    };
    let pieces = shaper.list(items.iter().map(AsRef::as_ref), &metadata)?;
    Ok(answer::json(StatusCode::OK, pieces, encoding))
}

/// Says that the rest of the list can't be had as it was, and how to have it as it is.
fn expired_token(wanted: &ListQuery) -> Status {
    let message = "The provided continue parameter is too old to display a consistent list result. You can start a new \
                   list without the continue parameter, or use the continue token in this response to retrieve the \
                   remainder of the results. Continuing with the provided token results in an inconsistent list - \
                   objects that were created, modified, or deleted between the time the first chunk was returned and \
                   now may show up in the list.";
    let token = Token::new(-1, wanted.after.as_deref().unwrap_or_default()).encode();
    Status {
        metadata: ListMeta {
            continue_: Some(token),
            ..ListMeta::default()
        },
        ..Status::expired(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_round_trip() {
        let token = Token::new(7, "ns/a");
        assert_eq!(Token::decode(&token.encode()).unwrap(), token);
        assert_eq!(token.last_key(), "ns/a");
        for broken in ["", "!", "e30"] {
            assert_eq!(Token::decode(broken).unwrap_err().message, "continue key is not valid");
        }
    }

    #[test]
    fn freshness_follows_kubernetes_table() {
        let freshness = |text: &str| freshness(&Query::parse(Some(text)).unwrap()).map_err(|status| status.code);
        assert_eq!(freshness(""), Ok(Freshness::Consistent));
        assert_eq!(freshness("resourceVersion=0"), Ok(Freshness::Any));
        assert_eq!(freshness("resourceVersion=5"), Ok(Freshness::NotOlderThan(5)));
        assert_eq!(freshness("resourceVersion=5&limit=2"), Ok(Freshness::Exact(5)));
        assert_eq!(
            freshness("resourceVersion=5&limit=2&resourceVersionMatch=NotOlderThan"),
            Ok(Freshness::NotOlderThan(5))
        );
        assert_eq!(
            freshness("resourceVersion=5&resourceVersionMatch=Exact"),
            Ok(Freshness::Exact(5))
        );
        assert_eq!(freshness("resourceVersion=0&resourceVersionMatch=Exact"), Err(400));
        assert_eq!(freshness("resourceVersionMatch=Exact"), Err(400));
    }
}
