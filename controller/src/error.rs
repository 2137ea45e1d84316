//! What an API server's refusal means; the few questions that reconcilers ask about a [`kube::Error`].

use kube::Error;

/// The object does not exist. Not said when a whole kind is unknown: that is a broken landscape, not an absent object.
pub fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 404)
}

/// Somebody else wrote in between, or the object's name is taken: read again.
pub fn is_conflict(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 409)
}

/// The object is there already.
pub fn is_already_exists(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 409 && status.reason == "AlreadyExists")
}

/// The client is not allowed to do that, or not known at all.
pub fn is_forbidden(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 403 || status.code == 401)
}

/// Not now: the server has too much to do, or a disruption budget does not allow an eviction.
pub fn is_too_many_requests(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 429)
}

/// The object itself is wrong: trying again without a change is useless.
pub fn is_invalid(error: &Error) -> bool {
    matches!(error, Error::Api(status) if status.code == 422 || status.code == 400)
}
