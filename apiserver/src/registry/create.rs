//! Creation, and actions.

use apimachinery::{ApiObject, field::FieldErrors, status::Status};
use bytes::Bytes;

use crate::{admission::Operation, storage::StoreError};

use super::{
    Body, Strategy, WriteRequest, Written, metadata,
    pipeline::{Registry, SubresourceHandler, codec_failure},
};

/// How many generated names are tried; with five characters, even one collision is rare.
const NAME_ATTEMPTS: usize = 8;

impl<S: Strategy> Registry<S> {
    pub(super) async fn create_body(&self, request: &WriteRequest<'_>, body: &Body) -> Result<Written, Status> {
        let object = self
            .codec
            .decode_body(request.version, body, request.validation, request.context)?;
        self.create_object(request, object).await
    }

    pub(super) async fn create_object(
        &self,
        request: &WriteRequest<'_>,
        mut object: S::Object,
    ) -> Result<Written, Status> {
        let resource = Self::resource();
        if !object
            .metadata()
            .resource_version
            .as_deref()
            .unwrap_or_default()
            .is_empty()
        {
            return Err(Status::bad_request(
                "resourceVersion should not be set on objects to be created",
            ));
        }
        metadata::place(request.context, S::Object::NAMESPACED, object.metadata_mut())?;
        self.strategy.default(&mut object);
        let name = object.name_or_empty().to_owned();
        self.admit(request.context, (Operation::Create, "", &name), Some(&mut object), None)
            .await?;
        let generated = object.name_or_empty().is_empty();
        let kept = request.context.warnings().len();
        for _ in 0..NAME_ATTEMPTS {
            request.context.forget_warnings(kept);
            match self.try_create(request, object.clone()).await {
                Err(Failure::NameTaken(_)) if generated => {}
                Err(Failure::NameTaken(name)) => return Err(Status::already_exists(&resource, &name)),
                Err(Failure::Status(status)) => return Err(*status),
                Ok(written) => return Ok(written),
            }
        }
        let base = object.metadata().generate_name.clone().unwrap_or_default();
        Err(Status::generate_name_conflict(&resource, &base))
    }

    async fn try_create(&self, request: &WriteRequest<'_>, mut object: S::Object) -> Result<Written, Failure> {
        let context = request.context;
        metadata::begin(object.metadata_mut(), context, &*self.ids);
        metadata::generate_name(object.metadata_mut(), &*self.ids);
        self.strategy.prepare_for_create(context, &mut object);
        let name = object.name_or_empty().to_owned();
        Self::check(&name, &self.strategy.validate(context, &object))?;
        Self::check(&name, &metadata::validate(&object))?;
        self.strategy
            .warnings(context, &object, None)
            .into_iter()
            .for_each(|warning| context.warn(warning));
        self.strategy.canonicalize(&mut object);
        self.validate_admission(context, (Operation::Create, "", &name), Some(&mut object), None)
            .await?;
        let key = self.codec.key(&context.namespace, &name);
        if context.dry_run {
            let found = self
                .store
                .revision_of(&key)
                .await
                .map_err(|error| self.store_failure(&error, &name))?;
            if found.0.is_some() {
                return Err(Failure::NameTaken(name));
            }
            return Ok(Written {
                object: self.render(object, 0)?,
                created: true,
            });
        }
        let plain = self
            .codec
            .encode_stored(&object)
            .map_err(|error| codec_failure(&error))?;
        let sealed = self
            .codec
            .transformer
            .seal(&key, plain)
            .map_err(|error| codec_failure(&error.into()))?;
        match self.store.create(&key, sealed).await {
            Ok(revision) => Ok(Written {
                object: self.render(object, revision)?,
                created: true,
            }),
            Err(StoreError::AlreadyExists { .. }) => Err(Failure::NameTaken(name)),
            Err(error) => Err(self.store_failure(&error, &name).into()),
        }
    }

    /// Runs an action of an object that exists.
    pub(super) async fn run_action(&self, request: &WriteRequest<'_>, body: &Body) -> Result<Bytes, Status> {
        let Some(SubresourceHandler::Action(action)) = self.subresources.get(request.subresource) else {
            return Err(Status::no_such_resource());
        };
        let (_, parent) = self.stored(request.context, request.name).await?;
        let attributes = self.attributes(request.context, Operation::Create, request.subresource, request.name);
        action
            .run(request, body, parent.object, attributes, &self.admission)
            .await
    }
}

enum Failure {
    NameTaken(String),
    Status(Box<Status>),
}

impl From<Status> for Failure {
    fn from(status: Status) -> Self {
        Self::Status(Box::new(status))
    }
}

/// 422 about a kind of its own.
pub(super) fn check_body<B: ApiObject>(name: &str, errors: &FieldErrors) -> Result<(), Status> {
    if errors.is_empty() {
        Ok(())
    } else {
        Err(Status::invalid(&B::group_kind(), name, errors))
    }
}
