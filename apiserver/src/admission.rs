//! Admission: plugins that see a write before it is stored, may change it, and may refuse it.
//!
//! In: typed [`Attributes`] of one write. Out: `Ok`, or the status that refuses it. Plugins look at other objects through
//! [`crate::registry::Caches`], never by a request to this server. Absent: webhooks.

use std::{any::Any, sync::Arc};

use apimachinery::{ApiObject, status::Status, versioning::GroupResource};
use async_trait::async_trait;
use serde_json::Value;

use crate::context::RequestContext;

/// What is done to the object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// It is created; for an [`crate::registry::Action`], its body is posted.
    Create,
    /// It is changed, also through a subresource.
    Update,
    /// It is deleted.
    Delete,
}

/// An object of any kind.
pub(crate) trait AnyObject: Any + Send + Sync {
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
    fn to_json(&self) -> Value;
}

impl<T: ApiObject> AnyObject for T {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn to_json(&self) -> Value {
        // Serializing our own types into a tree does not fail.
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// One write.
pub struct Attributes<'a> {
    /// What is done.
    pub operation: Operation,
    /// To which resource.
    pub resource: GroupResource,
    /// Through which subresource; empty for the object itself.
    pub subresource: &'a str,
    /// The object's namespace; empty for cluster-scoped ones.
    pub namespace: &'a str,
    /// The object's name; empty when it is yet to be generated.
    pub name: &'a str,
    /// Who asks, when, whether it is a dry run; takes warnings.
    pub context: &'a RequestContext,
    pub(crate) new: Option<&'a mut dyn AnyObject>,
    pub(crate) old: Option<&'a dyn AnyObject>,
}

impl Attributes<'_> {
    /// The new object, if it is of this kind: absent on deletion. Stored kinds come in their storage version.
    #[must_use]
    pub fn new_object<T: ApiObject>(&self) -> Option<&T> {
        self.new.as_ref().and_then(|object| object.as_any().downcast_ref())
    }

    /// The new object, to be changed; useful in [`Plugin::mutate`] only.
    pub fn new_object_mut<T: ApiObject>(&mut self) -> Option<&mut T> {
        self.new.as_mut().and_then(|object| object.as_any_mut().downcast_mut())
    }

    /// The object as it is stored, if it is of this kind: absent on creation.
    ///
    /// While [`Plugin::mutate`] runs for a deletion, it is absent too.
    #[must_use]
    pub fn old_object<T: ApiObject>(&self) -> Option<&T> {
        self.old.and_then(|object| object.as_any().downcast_ref())
    }

    /// The new object as JSON, for plugins that know no kind.
    #[must_use]
    pub fn new_json(&self) -> Option<Value> {
        self.new.as_ref().map(|object| object.to_json())
    }

    /// The old object as JSON.
    #[must_use]
    pub fn old_json(&self) -> Option<Value> {
        self.old.map(AnyObject::to_json)
    }

    /// Whether the write is to this resource itself, not to a subresource.
    #[must_use]
    pub fn is(&self, group: &str, plural: &str) -> bool {
        self.subresource.is_empty() && self.resource.group == group && self.resource.resource == plural
    }
}

/// One admission plugin. Both steps do nothing unless implemented.
#[async_trait]
pub trait Plugin: Send + Sync + 'static {
    /// Its name, for `--enable-admission-plugins` and error messages.
    fn name(&self) -> &'static str;

    /// May change the new object; runs before the strategy prepares and validates it. May run several times for one
    /// write, when the object changes meanwhile.
    async fn mutate(&self, _attributes: &mut Attributes<'_>) -> Result<(), Status> {
        Ok(())
    }

    /// May refuse; runs after the strategy, when the object is what will be stored.
    async fn validate(&self, _attributes: &Attributes<'_>) -> Result<(), Status> {
        Ok(())
    }
}

/// The plugins of a server, in the order in which they run.
#[derive(Clone, Default)]
pub struct Chain {
    plugins: Arc<[Arc<dyn Plugin>]>,
}

impl std::fmt::Debug for Chain {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_list()
            .entries(self.plugins.iter().map(|plugin| plugin.name()))
            .finish()
    }
}

impl Chain {
    /// A chain of these plugins.
    #[must_use]
    pub fn new(plugins: Vec<Arc<dyn Plugin>>) -> Self {
        Self {
            plugins: plugins.into(),
        }
    }

    /// Runs the mutating steps; the first refusal ends it.
    pub(crate) async fn mutate(&self, attributes: &mut Attributes<'_>) -> Result<(), Status> {
        for plugin in self.plugins.iter() {
            plugin.mutate(attributes).await?;
        }
        Ok(())
    }

    /// Runs the validating steps; the first refusal ends it.
    pub(crate) async fn validate(&self, attributes: &Attributes<'_>) -> Result<(), Status> {
        for plugin in self.plugins.iter() {
            plugin.validate(attributes).await?;
        }
        Ok(())
    }
}
