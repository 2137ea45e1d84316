//! `metav1.Status`: how an API server says what went wrong, with Kubernetes' codes, reasons and words.
//!
//! In: what happened. Out: a [`Status`], which is also an error (it displays its message).

use crate::{
    api_type,
    field::{FieldErrors, quote},
    meta::ListMeta,
    versioning::{GroupKind, GroupResource},
};

/// The answer to a request that has no object as answer.
#[api_type]
#[api(
    group = "",
    version = "v1",
    kind = "Status",
    package = "io.k8s.apimachinery.pkg.apis.meta.v1"
)]
pub struct Status {
    /// Standard list metadata.
    #[api(tag = 1, optional)]
    pub metadata: ListMeta,
    /// `Success` or `Failure`.
    #[api(tag = 2, omitempty)]
    pub status: String,
    /// For people.
    #[api(tag = 3, omitempty)]
    pub message: String,
    /// For machines.
    #[api(tag = 4, omitempty)]
    pub reason: StatusReason,
    /// More, depending on the reason.
    #[api(tag = 5, atomic)]
    pub details: Option<StatusDetails>,
    /// HTTP status code.
    #[api(tag = 6, omitempty)]
    pub code: i32,
}

/// More about a failure.
#[api_type]
#[api(package = "io.k8s.apimachinery.pkg.apis.meta.v1")]
pub struct StatusDetails {
    /// Name of the object.
    #[api(tag = 1, omitempty)]
    pub name: String,
    /// Group of the resource.
    #[api(tag = 2, omitempty)]
    pub group: String,
    /// The resource, or the kind where none is known.
    #[api(tag = 3, omitempty)]
    pub kind: String,
    /// UID of the object.
    #[api(tag = 6, omitempty)]
    pub uid: String,
    /// The single causes.
    #[api(tag = 4, omitempty, list = "atomic")]
    pub causes: Vec<StatusCause>,
    /// When to try again.
    #[api(tag = 5, omitempty)]
    pub retry_after_seconds: i32,
}

/// One cause of a failure.
#[api_type]
#[api(package = "io.k8s.apimachinery.pkg.apis.meta.v1")]
pub struct StatusCause {
    /// For machines.
    #[api(tag = 1, omitempty)]
    pub reason: String,
    /// For people.
    #[api(tag = 2, omitempty)]
    pub message: String,
    /// The field.
    #[api(tag = 3, omitempty)]
    pub field: String,
}

/// Why a request failed.
#[api_type]
pub enum StatusReason {
    /// 401.
    Unauthorized,
    /// 403.
    Forbidden,
    /// 404.
    NotFound,
    /// 409: the name is taken.
    AlreadyExists,
    /// 409: the object changed meanwhile.
    Conflict,
    /// 410.
    Gone,
    /// 422.
    Invalid,
    /// 500: try again.
    ServerTimeout,
    /// 504.
    Timeout,
    /// 429.
    TooManyRequests,
    /// 400.
    BadRequest,
    /// 405.
    MethodNotAllowed,
    /// 406.
    NotAcceptable,
    /// 413.
    RequestEntityTooLarge,
    /// 415.
    UnsupportedMediaType,
    /// 500.
    InternalError,
    /// 410: the resource version is too old.
    Expired,
    /// 503.
    ServiceUnavailable,
    /// Any other.
    #[api(other)]
    Other(String),
}

impl Status {
    /// What `status` says of a failure.
    pub const FAILURE: &'static str = "Failure";
    /// What `status` says of a success.
    pub const SUCCESS: &'static str = "Success";

    fn failure(code: u16, reason: StatusReason, message: impl Into<String>) -> Self {
        Self {
            status: Self::FAILURE.to_owned(),
            code: i32::from(code),
            reason,
            message: message.into(),
            ..Self::default()
        }
    }

    fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        let details = self.details.get_or_insert_default();
        (details.group, details.kind, details.name) = (group.to_owned(), kind.to_owned(), name.to_owned());
        self
    }

    /// Tells the client when to try again.
    #[must_use]
    pub fn retry_after(mut self, seconds: i32) -> Self {
        self.details.get_or_insert_default().retry_after_seconds = seconds;
        self
    }

    /// Adds the object's UID.
    #[must_use]
    pub fn with_uid(mut self, uid: &str) -> Self {
        uid.clone_into(&mut self.details.get_or_insert_default().uid);
        self
    }

    /// Adds a cause.
    #[must_use]
    pub fn with_cause(mut self, cause: StatusCause) -> Self {
        self.details.get_or_insert_default().causes.push(cause);
        self
    }

    /// All went well; the object is gone.
    pub fn success(resource: &GroupResource, name: &str) -> Self {
        let status = Self {
            status: Self::SUCCESS.to_owned(),
            ..Self::default()
        };
        status.about(&resource.group, &resource.resource, name)
    }

    /// No object has this name.
    pub fn not_found(resource: &GroupResource, name: &str) -> Self {
        Self::failure(
            404,
            StatusReason::NotFound,
            format!("{resource} {} not found", quote(name)),
        )
        .about(&resource.group, &resource.resource, name)
    }

    /// No resource has this path.
    pub fn no_such_resource() -> Self {
        Self::failure(
            404,
            StatusReason::NotFound,
            "the server could not find the requested resource",
        )
        .with_details(StatusDetails::default())
    }

    /// The name is taken.
    pub fn already_exists(resource: &GroupResource, name: &str) -> Self {
        Self::failure(
            409,
            StatusReason::AlreadyExists,
            format!("{resource} {} already exists", quote(name)),
        )
        .about(&resource.group, &resource.resource, name)
    }

    /// No free name was found below `generateName`.
    pub fn generate_name_conflict(resource: &GroupResource, name: &str) -> Self {
        let message = format!(
            "{resource} {} already exists, the server was not able to generate a unique name for the object",
            quote(name)
        );
        Self::failure(409, StatusReason::AlreadyExists, message)
            .about(&resource.group, &resource.resource, name)
            .retry_after(1)
    }

    /// The object cannot be changed as asked.
    pub fn conflict(resource: &GroupResource, name: &str, cause: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} {}: {cause}", quote(name));
        Self::failure(409, StatusReason::Conflict, message).about(&resource.group, &resource.resource, name)
    }

    /// The object changed since the client read it.
    pub fn modified(resource: &GroupResource, name: &str) -> Self {
        let cause = "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(resource, name, cause)
    }

    /// The object is not valid.
    pub fn invalid(kind: &GroupKind, name: &str, errors: &FieldErrors) -> Self {
        let message = if errors.is_empty() {
            format!("{kind} {} is invalid", quote(name))
        } else {
            format!("{kind} {} is invalid: {errors}", quote(name))
        };
        let causes = errors.iter().map(|error| StatusCause {
            reason: error.kind.reason().to_owned(),
            message: error.body(),
            field: error.field.to_string(),
        });
        let status = Self::failure(422, StatusReason::Invalid, message).about(&kind.group, &kind.kind, name);
        causes.fold(status, Self::with_cause)
    }

    /// The user may not do this.
    pub fn forbidden(resource: &GroupResource, name: &str, cause: &str) -> Self {
        let message = match (resource.resource.as_str(), name) {
            ("", _) => format!("forbidden: {cause}"),
            (_, "") => format!("{resource} is forbidden: {cause}"),
            (_, name) => format!("{resource} {} is forbidden: {cause}", quote(name)),
        };
        Self::failure(403, StatusReason::Forbidden, message).about(&resource.group, &resource.resource, name)
    }

    /// Nobody knows the user.
    pub fn unauthorized(message: &str) -> Self {
        let message = if message.is_empty() { "Unauthorized" } else { message };
        Self::failure(401, StatusReason::Unauthorized, message)
    }

    /// The request makes no sense.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::failure(400, StatusReason::BadRequest, message)
    }

    /// The resource does not know the verb.
    pub fn method_not_allowed(resource: &GroupResource, action: &str) -> Self {
        let message = format!(
            "{action} is not supported on resources of kind {}",
            quote(&resource.to_string())
        );
        Self::failure(405, StatusReason::MethodNotAllowed, message).about(&resource.group, &resource.resource, "")
    }

    /// No media type that the client takes is on offer.
    pub fn not_acceptable(offered: &[&str]) -> Self {
        let message = format!("only the following media types are accepted: {}", offered.join(", "));
        Self::failure(406, StatusReason::NotAcceptable, message)
    }

    /// The body has a media type that nobody reads.
    pub fn unsupported_media_type(accepted: &[&str]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            accepted.join(", ")
        );
        Self::failure(415, StatusReason::UnsupportedMediaType, message)
    }

    /// The body is too large.
    pub fn request_entity_too_large(message: &str) -> Self {
        let message = format!("Request entity too large: {message}");
        Self::failure(413, StatusReason::RequestEntityTooLarge, message)
    }

    /// The resource version or continue token is too old.
    pub fn expired(message: impl Into<String>) -> Self {
        Self::failure(410, StatusReason::Expired, message)
    }

    /// What was there once is no more.
    pub fn gone(message: impl Into<String>) -> Self {
        Self::failure(410, StatusReason::Gone, message)
    }

    /// It took too long; it may still happen.
    pub fn timeout(message: &str, retry_after_seconds: i32) -> Self {
        Self::failure(504, StatusReason::Timeout, format!("Timeout: {message}")).retry_after(retry_after_seconds)
    }

    /// A passing failure of the server.
    pub fn server_timeout(resource: &GroupResource, operation: &str, retry_after_seconds: i32) -> Self {
        let message = format!(
            "The {operation} operation against {resource} could not be completed at this time, please try again."
        );
        Self::failure(500, StatusReason::ServerTimeout, message)
            .about(&resource.group, &resource.resource, operation)
            .retry_after(retry_after_seconds)
    }

    /// The client asks too often.
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: i32) -> Self {
        Self::failure(429, StatusReason::TooManyRequests, message).retry_after(retry_after_seconds)
    }

    /// The server's fault. Give the whole chain of causes.
    pub fn internal_error(cause: &str) -> Self {
        Self::failure(
            500,
            StatusReason::InternalError,
            format!("Internal error occurred: {cause}"),
        )
        .with_cause(StatusCause {
            message: cause.to_owned(),
            ..StatusCause::default()
        })
    }

    /// The server cannot serve now.
    pub fn service_unavailable(message: impl Into<String>) -> Self {
        Self::failure(503, StatusReason::ServiceUnavailable, message)
    }

    fn with_details(mut self, details: StatusDetails) -> Self {
        self.details = Some(details);
        self
    }

    /// Whether this reports a failure.
    pub fn is_failure(&self) -> bool {
        self.status != Self::SUCCESS
    }

    /// Code of the HTTP response: 500 if none is set.
    pub fn http_code(&self) -> u16 {
        match u16::try_from(self.code) {
            Ok(code @ 100..=599) => code,
            _ if self.is_failure() => 500,
            _ => 200,
        }
    }
}

impl std::fmt::Display for Status {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Status {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::field::{FieldError, Path};

    #[test]
    fn messages_read_as_kubernetes() {
        let shoots = GroupResource::new("core.gardener.cloud", "shoots");
        let pods = GroupResource::new("", "pods");
        for (status, code, reason, message) in [
            (
                Status::not_found(&shoots, "a"),
                404,
                "NotFound",
                r#"shoots.core.gardener.cloud "a" not found"#,
            ),
            (
                Status::already_exists(&pods, "a"),
                409,
                "AlreadyExists",
                r#"pods "a" already exists"#,
            ),
            (
                Status::modified(&pods, "a"),
                409,
                "Conflict",
                r#"Operation cannot be fulfilled on pods "a": the object has been modified; please apply your changes to the latest version and try again"#,
            ),
            (
                Status::forbidden(&pods, "a", "no"),
                403,
                "Forbidden",
                r#"pods "a" is forbidden: no"#,
            ),
            (
                Status::forbidden(&pods, "", "no"),
                403,
                "Forbidden",
                "pods is forbidden: no",
            ),
            (
                Status::method_not_allowed(&pods, "patch"),
                405,
                "MethodNotAllowed",
                r#"patch is not supported on resources of kind "pods""#,
            ),
            (Status::timeout("slow", 1), 504, "Timeout", "Timeout: slow"),
            (
                Status::internal_error("broken"),
                500,
                "InternalError",
                "Internal error occurred: broken",
            ),
            (Status::expired("too old"), 410, "Expired", "too old"),
        ] {
            assert_eq!(
                (status.http_code(), status.reason.as_str(), status.to_string().as_str()),
                (code, reason, message)
            );
        }
    }

    #[test]
    fn an_invalid_object_lists_its_causes() {
        let errors = FieldErrors::from(FieldError::invalid(&Path::new("spec"), "x", "must be y"));
        let status = Status::invalid(&GroupKind::new("core.gardener.cloud", "Shoot"), "a", &errors);
        assert_eq!(
            serde_json::to_value(&status).expect("serializable"),
            json!({
                "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure", "code": 422,
                "message": r#"Shoot.core.gardener.cloud "a" is invalid: spec: Invalid value: "x": must be y"#,
                "reason": "Invalid",
                "details": {"group": "core.gardener.cloud", "kind": "Shoot", "name": "a", "causes": [
                    {"field": "spec", "message": r#"Invalid value: "x": must be y"#, "reason": "FieldValueInvalid"},
                ]},
            })
        );
    }
}
