//! What spec and status of every extension resource have.

use apimachinery::{RawExtension, api_type};

use crate::core::v1beta1::{Condition, LastError, LastOperation, NamedResourceReference};

/// What the spec of every extension resource has.
#[api_type]
pub struct DefaultSpec {
    /// Type of the extension.
    pub type_: String,
    /// Kind of cluster it is for; a shoot when absent.
    #[api(immutable)]
    pub class: Option<ExtensionClass>,
    /// Configuration that only the extension of this type understands.
    #[api(preserve_unknown)]
    pub provider_config: Option<RawExtension>,
}

/// What the status of every extension resource has.
#[api_type]
pub struct DefaultStatus {
    /// State that only the extension of this type understands.
    #[api(preserve_unknown)]
    pub provider_status: Option<RawExtension>,
    /// Current conditions, one per type.
    #[api(omitempty)]
    pub conditions: Vec<Condition>,
    /// Why the last operation failed; absent when it did not.
    pub last_error: Option<LastError>,
    /// What was done last, and how far it got.
    pub last_operation: Option<LastOperation>,
    /// Generation of the spec that this status describes.
    #[api(omitempty)]
    pub observed_generation: i64,
    /// What the extension wants to find again after a move to another seed.
    #[api(preserve_unknown)]
    pub state: Option<RawExtension>,
    /// Objects the state refers to by a name.
    #[api(omitempty)]
    pub resources: Vec<NamedResourceReference>,
}

/// For which kind of cluster an extension resource is.
#[api_type]
pub enum ExtensionClass {
    /// For the garden's runtime cluster.
    #[api(name = "garden")]
    Garden,
    /// For a seed.
    #[api(name = "seed")]
    Seed,
    /// For a shoot.
    #[api(name = "shoot")]
    Shoot,
    /// Anything else; kept as it was written.
    #[api(other)]
    Other(String),
}
