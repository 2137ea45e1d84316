//! Updates and patches, of the object itself and through its subresources.
//!
//! Both are one loop: read, change, check, compare-and-swap. What came in between is an error for a client that named
//! the `resourceVersion` it changed, and one more round for everybody else.

use apimachinery::{
    ApiObject,
    field::{FieldError, FieldErrors, Path},
    status::Status,
};

use crate::{admission::Operation, patch::Patch, storage::StoreError};

use super::{
    Body, Strategy, UpdateStrategy, WriteRequest, Written,
    codec::Decoded,
    metadata,
    pipeline::{Registry, SubresourceHandler, codec_failure},
};

/// Rounds before a busy object is given up; kube-apiserver tries a patch five times.
const ATTEMPTS: usize = 5;

/// What to do to the stored object.
pub(super) enum Change<'a, O> {
    /// It becomes this one.
    Replace(Box<O>),
    /// It is patched.
    Patch(&'a Patch),
}

/// Whose rules hold for the change.
enum Rules<'a, O> {
    Main,
    Subresource(&'a dyn UpdateStrategy<Object = O>),
}

/// What became of one round.
enum Round {
    Done(Written),
    /// Somebody else was faster.
    Again,
}

impl<S: Strategy> Registry<S> {
    pub(super) async fn update_body(&self, request: &WriteRequest<'_>, body: &Body) -> Result<Written, Status> {
        let mut object = self
            .codec
            .decode_body(request.version, body, request.validation, request.context)?;
        if let Some(SubresourceHandler::Post(_)) = self.subresources.get(request.subresource) {
            // The path names the object; what is posted need not.
            let name = &mut object.metadata_mut().name;
            name.get_or_insert_with(|| request.name.to_owned());
        }
        metadata::check_name(object.metadata(), request.name)?;
        metadata::place(request.context, S::Object::NAMESPACED, object.metadata_mut())?;
        self.change(request, Change::Replace(Box::new(object))).await
    }

    pub(super) async fn change(
        &self,
        request: &WriteRequest<'_>,
        change: Change<'_, S::Object>,
    ) -> Result<Written, Status> {
        let rules = match (request.subresource, self.subresources.get(request.subresource)) {
            ("", _) => Rules::Main,
            (_, Some(SubresourceHandler::Update(rules) | SubresourceHandler::Post(rules))) => {
                Rules::Subresource(rules.as_ref())
            }
            _ => return Err(Status::no_such_resource()),
        };
        let kept = request.context.warnings().len();
        for _ in 0..ATTEMPTS {
            request.context.forget_warnings(kept);
            if let Round::Done(written) = self.round(request, &rules, &change).await? {
                return Ok(written);
            }
        }
        Err(Status::modified(&Self::resource(), request.name))
    }

    async fn round(
        &self,
        request: &WriteRequest<'_>,
        rules: &Rules<'_, S::Object>,
        change: &Change<'_, S::Object>,
    ) -> Result<Round, Status> {
        let (item, stored) = match self.stored(request.context, request.name).await {
            Ok(found) => found,
            Err(status) => return self.create_instead(request, rules, change, status).await,
        };
        let old = &stored.object;
        let mut new = self.changed(request, change, old)?;
        let named = self.check_preconditions(request, change, &new, old)?;
        self.strategy.default(&mut new);
        let step = (Operation::Update, request.subresource, request.name);
        self.admit(request.context, step, Some(&mut new), Some(old)).await?;
        self.prepare_and_check(request, rules, &mut new, old)?;
        self.validate_admission(request.context, step, Some(&mut new), Some(old))
            .await?;
        if metadata::may_go(new.metadata()) {
            return self.finish_deletion(request, new, item.revision).await;
        }
        self.store_change(request, new, &stored, (item.key, item.revision), named)
            .await
    }

    /// The object as the client wants it.
    fn changed(
        &self,
        request: &WriteRequest<'_>,
        change: &Change<'_, S::Object>,
        old: &S::Object,
    ) -> Result<S::Object, Status> {
        match change {
            Change::Replace(new) => Ok((**new).clone()),
            Change::Patch(patch) => {
                let version = self.codec.version(request.version)?;
                let json = version.encode_json(old).map_err(|error| codec_failure(&error.into()))?;
                let patched = patch.apply(&json, &Self::resource(), request.name)?;
                let body = Body::Json(patched.into());
                let mut new = self
                    .codec
                    .decode_body(request.version, &body, request.validation, request.context)?;
                metadata::check_name(new.metadata(), request.name)?;
                metadata::place(request.context, S::Object::NAMESPACED, new.metadata_mut())?;
                Ok(new)
            }
        }
    }

    /// Compares uid and `resourceVersion`; returns whether the client named the version it changes.
    fn check_preconditions(
        &self,
        request: &WriteRequest<'_>,
        change: &Change<'_, S::Object>,
        new: &S::Object,
        old: &S::Object,
    ) -> Result<bool, Status> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let (asked, found) = (text(&new.metadata().uid), text(&old.metadata().uid));
        if !asked.is_empty() && asked != found {
            let cause = format!("Precondition failed: UID in precondition: {asked}, UID in object meta: {found}");
            return Err(Status::conflict(&Self::resource(), request.name, &cause));
        }
        let (asked, found) = (
            text(&new.metadata().resource_version),
            text(&old.metadata().resource_version),
        );
        let replaces = matches!(change, Change::Replace(_));
        if asked.is_empty() || asked == "0" {
            let posted = matches!(
                self.subresources.get(request.subresource),
                Some(SubresourceHandler::Post(_))
            );
            if replaces && !posted && !self.strategy.allow_unconditional_update() {
                let path = Path::new("metadata").child("resourceVersion");
                let error = FieldError::invalid(&path, 0, "must be specified for an update");
                return Err(Status::invalid(&Self::kind(), request.name, &error.into()));
            }
            return Ok(false);
        }
        if asked != found {
            return Err(Status::modified(&Self::resource(), request.name));
        }
        // A patch was applied to what is stored, so it carries that version unless it named one.
        let named_by_patch = matches!(change, Change::Patch(patch) if patch.names_revision());
        Ok(replaces || named_by_patch)
    }

    fn prepare_and_check(
        &self,
        request: &WriteRequest<'_>,
        rules: &Rules<'_, S::Object>,
        new: &mut S::Object,
        old: &S::Object,
    ) -> Result<(), Status> {
        let context = request.context;
        metadata::carry_over(new.metadata_mut(), old.metadata());
        match rules {
            Rules::Main => self.strategy.prepare_for_update(context, new, old),
            Rules::Subresource(rules) => rules.prepare_for_update(context, new, old),
        }
        let errors: FieldErrors = match rules {
            Rules::Main => self.strategy.validate_update(context, new, old),
            Rules::Subresource(rules) => rules.validate_update(context, new, old),
        };
        Self::check(request.name, &errors)?;
        Self::check(request.name, &metadata::validate(new))?;
        Self::check(request.name, &metadata::validate_update(new.metadata(), old.metadata()))?;
        let warnings = match rules {
            Rules::Main => self.strategy.warnings(context, new, Some(old)),
            Rules::Subresource(rules) => rules.warnings(context, new, old),
        };
        warnings.into_iter().for_each(|warning| context.warn(warning));
        match rules {
            Rules::Main => self.strategy.canonicalize(new),
            Rules::Subresource(rules) => rules.canonicalize(new),
        }
        Ok(())
    }

    async fn store_change(
        &self,
        request: &WriteRequest<'_>,
        new: S::Object,
        stored: &Decoded<S::Object>,
        (key, revision): (String, u64),
        named: bool,
    ) -> Result<Round, Status> {
        let done = |object| Ok(Round::Done(Written { object, created: false }));
        let plain = self.codec.encode_stored(&new).map_err(|error| codec_failure(&error))?;
        if request.context.dry_run || (plain == stored.plain && !stored.stale) {
            return done(self.render(new, revision)?);
        }
        let sealed = self
            .codec
            .transformer
            .seal(&key, plain)
            .map_err(|error| codec_failure(&error.into()))?;
        match self.store.update(&key, revision, sealed).await {
            Ok(revision) => done(self.render(new, revision)?),
            // A client that named its version is told by the next round, which compares again; so is one whose object is
            // gone.
            Err(StoreError::Conflict { .. }) if named => Err(Status::modified(&Self::resource(), request.name)),
            Err(StoreError::Conflict { .. }) => Ok(Round::Again),
            Err(error) => Err(self.store_failure(&error, request.name)),
        }
    }

    /// The last finalizer is gone, and so is the object.
    async fn finish_deletion(
        &self,
        request: &WriteRequest<'_>,
        new: S::Object,
        revision: u64,
    ) -> Result<Round, Status> {
        let done = |object| Ok(Round::Done(Written { object, created: false }));
        if request.context.dry_run {
            return done(self.render(new, revision)?);
        }
        let key = self.codec.key(&request.context.namespace, request.name);
        match self.store.delete(&key, revision).await {
            Ok(revision) => done(self.render(new, revision)?),
            Err(StoreError::Conflict { .. }) => Ok(Round::Again),
            Err(error) => Err(self.store_failure(&error, request.name)),
        }
    }

    /// A PUT of what does not exist creates it, where the strategy allows that.
    async fn create_instead(
        &self,
        request: &WriteRequest<'_>,
        rules: &Rules<'_, S::Object>,
        change: &Change<'_, S::Object>,
        status: Status,
    ) -> Result<Round, Status> {
        match (rules, change) {
            (Rules::Main, Change::Replace(new)) if status.code == 404 && self.strategy.allow_create_on_update() => {
                self.create_object(request, (**new).clone()).await.map(Round::Done)
            }
            _ => Err(status),
        }
    }
}
