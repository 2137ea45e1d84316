//! InternalSecret: a Secret of a project that its members cannot read.

use std::collections::BTreeMap;

use apimachinery::api_type;
use apimachinery::meta::{ByteString, ObjectMeta};

/// Secret of a project that its members cannot read.
#[api_type]
#[api(
    group = "core.gardener.cloud",
    version = "v1beta1",
    kind = "InternalSecret",
    namespaced,
    short = "ins"
)]
pub struct InternalSecret {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(tag = 1, optional)]
    pub metadata: ObjectMeta,
    /// Forbids changes of the data.
    #[api(tag = 5)]
    pub immutable: Option<bool>,
    /// The data, by key.
    #[api(tag = 2, omitempty)]
    pub data: BTreeMap<String, ByteString>,
    /// Data given as text; merged into `data` when written, never read.
    #[api(tag = 4, omitempty)]
    pub string_data: BTreeMap<String, String>,
    /// What the data is for, as with Secrets.
    #[api(tag = 3, omitempty)]
    pub type_: String,
}
