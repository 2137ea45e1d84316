//! Kubeconfigs for shoots: the subresources `adminkubeconfig` and `viewerkubeconfig`.
//!
//! In: a user's request. Out: a kubeconfig with a client certificate that expires. How much it allows depends on what its
//! user may do in the garden: who may list Secrets everywhere is an operator, and gets an operator's group.

mod issue;
mod render;

use std::sync::Arc;
use std::time::Duration;

use api::authentication::v1alpha1::{AdminKubeconfigRequest, ViewerKubeconfigRequest};
use api::constants;
use api::core::v1beta1::Shoot;
use apimachinery::Status;
use apimachinery::field::{FieldError, FieldErrors, Path};
use apimachinery::meta::{ByteString, Time};
use apiserver::context::RequestContext;
use apiserver::registry::Action;
use async_trait::async_trait;

pub(crate) use self::issue::Issuer;
use self::issue::{Kind, Order};

/// A shorter life would be over before a user has begun.
const SHORTEST: i64 = 600;
/// How long a kubeconfig lives if its user does not say.
const DEFAULT: i64 = 3600;

/// `shoots/adminkubeconfig`.
pub(crate) struct AdminKubeconfig {
    pub(crate) issuer: Arc<Issuer>,
    /// Longest life.
    pub(crate) longest: Duration,
}

#[async_trait]
impl Action for AdminKubeconfig {
    type Object = Shoot;
    type Body = AdminKubeconfigRequest;

    fn default(&self, body: &mut AdminKubeconfigRequest) {
        body.spec.expiration_seconds.get_or_insert(DEFAULT);
    }

    fn validate(&self, _context: &RequestContext, body: &AdminKubeconfigRequest) -> FieldErrors {
        validate(body.spec.expiration_seconds)
    }

    async fn run(
        &self,
        context: &RequestContext,
        shoot: Shoot,
        mut body: AdminKubeconfigRequest,
    ) -> Result<AdminKubeconfigRequest, Status> {
        let kind = Kind {
            user_prefix: "gardener.cloud:admin:",
            // Gardener asks for just these words; they are part of how operators grant it.
            review: ("v1", "Secret"),
            system_group: constants::SHOOT_SYSTEM_ADMINS_GROUP,
            project_group: constants::SHOOT_PROJECT_ADMINS_GROUP,
        };
        let validity = validity(body.spec.expiration_seconds, self.longest);
        let issued = self
            .issuer
            .issue(&Order {
                context,
                shoot: &shoot,
                kind,
                validity,
            })
            .await?;
        body.status.kubeconfig = ByteString(issued.kubeconfig.into_bytes());
        body.status.expiration_timestamp = Some(Time(issued.expires));
        Ok(body)
    }
}

/// `shoots/viewerkubeconfig`.
pub(crate) struct ViewerKubeconfig {
    pub(crate) issuer: Arc<Issuer>,
    /// Longest life.
    pub(crate) longest: Duration,
}

#[async_trait]
impl Action for ViewerKubeconfig {
    type Object = Shoot;
    type Body = ViewerKubeconfigRequest;

    fn default(&self, body: &mut ViewerKubeconfigRequest) {
        body.spec.expiration_seconds.get_or_insert(DEFAULT);
    }

    fn validate(&self, _context: &RequestContext, body: &ViewerKubeconfigRequest) -> FieldErrors {
        validate(body.spec.expiration_seconds)
    }

    async fn run(
        &self,
        context: &RequestContext,
        shoot: Shoot,
        mut body: ViewerKubeconfigRequest,
    ) -> Result<ViewerKubeconfigRequest, Status> {
        let kind = Kind {
            user_prefix: "gardener.cloud:viewer:",
            review: ("core.gardener.cloud/v1beta1", "Project"),
            system_group: constants::SHOOT_SYSTEM_VIEWERS_GROUP,
            project_group: constants::SHOOT_PROJECT_VIEWERS_GROUP,
        };
        let validity = validity(body.spec.expiration_seconds, self.longest);
        let issued = self
            .issuer
            .issue(&Order {
                context,
                shoot: &shoot,
                kind,
                validity,
            })
            .await?;
        body.status.kubeconfig = ByteString(issued.kubeconfig.into_bytes());
        body.status.expiration_timestamp = Some(Time(issued.expires));
        Ok(body)
    }
}

fn validate(seconds: Option<i64>) -> FieldErrors {
    let path = Path::new("spec").child("expirationSeconds");
    let seconds = seconds.unwrap_or(DEFAULT);
    let mut errors = FieldErrors::new();
    if seconds < SHORTEST {
        errors.push(FieldError::invalid(
            &path,
            seconds,
            "may not specify a duration less than 10 minutes",
        ));
    } else if seconds > i64::from(u32::MAX) {
        errors.push(FieldError::invalid(
            &path,
            seconds,
            "may not specify a duration larger than 2^32 seconds",
        ));
    }
    errors
}

/// What was asked for, or the longest that is given.
fn validity(seconds: Option<i64>, longest: Duration) -> Duration {
    let asked = u64::try_from(seconds.unwrap_or(DEFAULT)).unwrap_or_default();
    Duration::from_secs(asked).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_life_is_neither_too_short_nor_too_long() {
        assert_eq!(
            validate(Some(599)).to_strings(),
            ["spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 10 minutes"]
        );
        assert!(validate(Some(600)).is_empty());
        assert!(validate(None).is_empty());
        assert!(!validate(Some(1 << 33)).is_empty());
        assert_eq!(
            validity(Some(600), Duration::from_secs(86400)),
            Duration::from_secs(600)
        );
        assert_eq!(
            validity(Some(100_000), Duration::from_secs(86400)),
            Duration::from_secs(86400)
        );
    }
}
