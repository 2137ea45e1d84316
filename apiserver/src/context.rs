//! Who asks, and when: what strategies, plugins and subresources may know of a request.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;
use parking_lot::Mutex;

/// Group of those who may do everything, also when nobody can be asked.
pub const SYSTEM_MASTERS: &str = "system:masters";

/// An authenticated user.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct UserInfo {
    /// User name.
    pub name: String,
    /// Identifier that a recreated user of the same name does not have; may be empty.
    pub uid: String,
    /// Groups.
    pub groups: Vec<String>,
    /// Whatever else the authenticator says.
    pub extra: BTreeMap<String, Vec<String>>,
}

impl UserInfo {
    /// Whether the user is in a group.
    #[must_use]
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|member| member == group)
    }
}

/// One request, as far as its effect may depend on it. Clones share the warnings.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Who asks.
    pub user: UserInfo,
    /// When.
    pub now: Timestamp,
    /// Namespace in the request's path; empty for cluster-scoped resources.
    pub namespace: String,
    /// Nothing must be changed, anywhere.
    pub dry_run: bool,
    warnings: Arc<Mutex<Vec<String>>>,
}

impl RequestContext {
    /// A request of `user` at `now`.
    #[must_use]
    pub fn new(user: UserInfo, now: Timestamp) -> Self {
        Self {
            user,
            now,
            namespace: String::new(),
            dry_run: false,
            warnings: Arc::default(),
        }
    }

    /// Tells the user something that does not prevent the request; each text is told once.
    pub fn warn(&self, text: impl Into<String>) {
        let text = text.into();
        let mut warnings = self.warnings.lock();
        if !warnings.contains(&text) {
            warnings.push(text);
        }
    }

    /// What was told so far.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.warnings.lock().clone()
    }

    /// Forgets the warnings: a write is tried again from its beginning.
    pub(crate) fn forget_warnings(&self, kept: usize) {
        self.warnings.lock().truncate(kept);
    }
}
