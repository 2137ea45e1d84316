//! POST, PUT, PATCH and DELETE.

use std::collections::VecDeque;

use apimachinery::status::{Status, StatusReason};
use bytes::Bytes;
use http::{HeaderMap, StatusCode};

use crate::{
    context::RequestContext,
    registry::{DeleteRequest, Deleted, Endpoint, WriteRequest, Written},
};

use super::{
    accept::Accepted,
    answer::{self, Answer, Pieces},
    collection, content,
    delete_options::{DeleteOptions, Preconditions},
    object::read_failure,
    path::ResourcePath,
    query::Query,
    select::Selection,
    shape::{ListMetadata, Shaper},
};

/// One write.
pub(super) struct Write<'a> {
    pub(super) endpoint: &'a dyn Endpoint,
    pub(super) version: usize,
    pub(super) path: &'a ResourcePath,
    pub(super) query: &'a Query,
    pub(super) headers: &'a HeaderMap,
    pub(super) context: &'a RequestContext,
    pub(super) accepted: Accepted,
    pub(super) body: Bytes,
}

impl Write<'_> {
    fn request(&self) -> Result<WriteRequest<'_>, Status> {
        Ok(WriteRequest {
            context: self.context,
            version: self.version,
            validation: self.query.field_validation()?,
            subresource: &self.path.subresource,
            name: &self.path.name,
        })
    }

    fn not_allowed(&self, action: &str) -> Status {
        Status::method_not_allowed(&self.endpoint.description().resource, action)
    }

    /// Whether the subresource (or the object itself) takes this verb.
    fn check_verb(&self, verb: &str) -> Result<(), Status> {
        if self.path.subresource.is_empty() {
            return Ok(());
        }
        let subresources = &self.endpoint.description().subresources;
        let known = subresources
            .iter()
            .find(|subresource| subresource.name == self.path.subresource);
        let known = known.ok_or_else(Status::no_such_resource)?;
        if known.verbs.contains(&verb) {
            Ok(())
        } else {
            Err(self.not_allowed(verb))
        }
    }

    /// POST to a collection, or to a subresource.
    pub(super) async fn create(&self) -> Result<Answer, Status> {
        let request = self.request()?;
        let body = content::object(self.headers, self.body.clone())?;
        if self.path.name.is_empty() {
            if self.endpoint.description().namespaced && self.context.namespace.is_empty() {
                return Err(Status::bad_request("an empty namespace may not be set during creation"));
            }
            return self.written(&self.endpoint.create(&request, &body).await?);
        }
        if self.path.subresource.is_empty() {
            return Err(self.not_allowed("create"));
        }
        self.check_verb("create")?;
        let subresources = &self.endpoint.description().subresources;
        let is_action = subresources
            .iter()
            .any(|known| known.name == self.path.subresource && known.kind.is_some());
        if is_action {
            let json = self.endpoint.act(&request, &body).await?;
            return Ok(answer::json(
                StatusCode::CREATED,
                Pieces::new(VecDeque::from([json])),
                self.accepted.encoding,
            ));
        }
        let written = self.endpoint.update(&request, &body).await?;
        self.written(&Written {
            created: true,
            ..written
        })
    }

    /// PUT.
    pub(super) async fn update(&self) -> Result<Answer, Status> {
        self.check_verb("update")?;
        let body = content::object(self.headers, self.body.clone())?;
        self.written(&self.endpoint.update(&self.request()?, &body).await?)
    }

    /// PATCH.
    pub(super) async fn patch(&self) -> Result<Answer, Status> {
        self.check_verb("patch")?;
        let patch = content::patch(self.headers, self.body.clone())?;
        self.written(&self.endpoint.patch(&self.request()?, &patch).await?)
    }

    /// DELETE of one object.
    pub(super) async fn delete(&self) -> Result<Answer, Status> {
        if !self.path.subresource.is_empty() {
            return Err(self.not_allowed("delete"));
        }
        let (options, dry_run) = self.delete_options()?;
        let mut context = self.context.clone();
        context.dry_run = dry_run;
        let request = WriteRequest {
            context: &context,
            ..self.request()?
        };
        match self.endpoint.delete(&request, &options).await? {
            Deleted::Gone { uid, .. } => {
                let status = Status::success(&self.endpoint.description().resource, &self.path.name).with_uid(&uid);
                Ok(answer::value(StatusCode::OK, &status))
            }
            Deleted::Pending(object) => self.written(&Written { object, created: false }),
        }
    }

    /// DELETE of a collection: each object by itself, as the list was when the request began.
    pub(super) async fn delete_collection(&self) -> Result<Answer, Status> {
        let (options, dry_run) = self.delete_options()?;
        let selection = Selection::parse(self.query, self.endpoint.description())?;
        let listed = collection::list_query(self.query, &self.context.namespace, &selection)?;
        let snapshot = self
            .endpoint
            .cache()
            .list(&listed)
            .await
            .map_err(|error| read_failure(error, self.endpoint))?;
        let mut deleted = Vec::new();
        for object in &snapshot.items {
            let mut context = self.context.clone();
            context.dry_run = dry_run;
            context.namespace.clone_from(&object.namespace);
            let request = WriteRequest {
                context: &context,
                name: &object.name,
                ..self.request()?
            };
            match self.endpoint.delete(&request, &options).await {
                Ok(Deleted::Gone { last, .. }) => deleted.push(last),
                Ok(Deleted::Pending(object)) => deleted.push(object),
                // Somebody else was faster.
                Err(status) if status.reason == StatusReason::NotFound => {}
                Err(status) => return Err(status),
            }
        }
        let metadata = ListMetadata {
            revision: snapshot.revision,
            ..ListMetadata::default()
        };
        let pieces = self.shaper().list(deleted.iter().map(AsRef::as_ref), &metadata)?;
        Ok(answer::json(StatusCode::OK, pieces, self.accepted.encoding))
    }

    /// Options of a deletion, from the body and the parameters; and whether it is a dry run.
    fn delete_options(&self) -> Result<(DeleteRequest, bool), Status> {
        let options = DeleteOptions::read(self.headers, &self.body)?;
        let dry_run = match options.dry_run.as_slice() {
            [] => self.context.dry_run,
            [all] if all == "All" => true,
            _ => {
                return Err(Status::bad_request(
                    r#"dryRun: Unsupported value: supported values: "All""#,
                ));
            }
        };
        let policy = match self.query.text("propagationPolicy") {
            "" => options.propagation_policy.as_deref().unwrap_or_default(),
            policy => policy,
        };
        let finalizer = match (policy, options.orphan_dependents) {
            ("Orphan", _) | ("", Some(true)) => Some("orphan"),
            ("Foreground", _) => Some("foregroundDeletion"),
            ("" | "Background", _) => None,
            (other, _) => {
                let supported = r#"supported values: "Foreground", "Background", "Orphan", "nil""#;
                return Err(Status::bad_request(format!(
                    "propagationPolicy: Unsupported value: {other:?}: {supported}"
                )));
            }
        };
        let Preconditions { uid, resource_version } = options.preconditions.unwrap_or_default();
        Ok((
            DeleteRequest {
                uid,
                resource_version,
                finalizer,
            },
            dry_run,
        ))
    }

    fn shaper(&self) -> Shaper<'_> {
        Shaper {
            endpoint: self.endpoint,
            version: self.version,
            shape: self.accepted.shape,
            include: super::shape::include(self.query),
            now: self.context.now,
        }
    }

    fn written(&self, written: &Written) -> Result<Answer, Status> {
        let code = if written.created {
            StatusCode::CREATED
        } else {
            StatusCode::OK
        };
        let pieces = self.shaper().object(&written.object)?;
        Ok(answer::json(code, pieces, self.accepted.encoding))
    }
}
