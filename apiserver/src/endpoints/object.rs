//! GET of one object.

use std::time::Duration;

use apimachinery::status::{Status, StatusCause};
use http::StatusCode;
use lib_error_chain::ErrorChain;

use crate::{
    cache::{Freshness, ReadError, WatchCache},
    registry::Endpoint,
};

use super::{
    accept::Encoding,
    answer::{self, Answer},
    query::Query,
    shape::Shaper,
};

/// How long a reader waits for a revision the cache has not seen yet; as kube-apiserver does.
pub(super) const FRESHNESS_DEADLINE: Duration = Duration::from_secs(3);

/// Answers with an object.
pub(super) async fn get(
    shaper: &Shaper<'_>,
    (namespace, name): (&str, &str),
    query: &Query,
    encoding: Encoding,
) -> Result<Answer, Status> {
    let freshness = match query.revision()? {
        None => Freshness::Consistent,
        Some(0) => Freshness::Any,
        Some(revision) => Freshness::NotOlderThan(revision),
    };
    let cache = shaper.endpoint.cache();
    let found = cache
        .get(
            &WatchCache::relative_key(namespace, name),
            freshness,
            FRESHNESS_DEADLINE,
        )
        .await;
    let found = found.map_err(|error| read_failure(error, shaper.endpoint))?;
    let object = found.ok_or_else(|| Status::not_found(&shaper.endpoint.description().resource, name))?;
    Ok(answer::json(StatusCode::OK, shaper.object(&object)?, encoding))
}

/// What the client is told when the cache has no answer.
pub(super) fn read_failure(error: ReadError, endpoint: &dyn Endpoint) -> Status {
    let resource = &endpoint.description().resource;
    match error {
        ReadError::NotReady => Status::too_many_requests(format!("storage of {resource} is (re)initializing"), 1),
        ReadError::TooLarge { .. } => Status::timeout(&error.to_string(), 1).with_cause(StatusCause {
            reason: "ResourceVersionTooLarge".to_owned(),
            message: "Too large resource version".to_owned(),
            ..StatusCause::default()
        }),
        ReadError::TooOld { .. } => Status::expired(error.to_string()),
        ReadError::Store(error) => {
            tracing::error!(%resource, error = %ErrorChain(&error), "storage failed");
            Status::internal_error(&ErrorChain(&error).to_string())
        }
    }
}
