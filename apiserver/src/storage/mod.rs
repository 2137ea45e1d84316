//! Where objects lie: bytes under keys, with one revision that every write moves on.
//!
//! In: keys like `/registry-gardener/core.gardener.cloud/shoots/garden-dev/first` and values that are already encoded
//! and encrypted. Out: the same bytes with the revision of their last change, and a stream of later changes. The store
//! knows nothing of objects. Two backends, [`MemoryStore`] and [`EtcdStore`], pass one suite (`tests/storage.rs`).

mod encryption;
mod encryption_file;
mod etcd;
mod etcd_connect;
mod memory;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::mpsc;

pub use self::{
    encryption::{Encryption, EncryptionError, Transformer},
    encryption_file::EncryptionFileError,
    etcd::{EtcdConfig, EtcdStore},
    memory::MemoryStore,
};

/// A key's value, and the revision that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The whole key, prefix included.
    pub key: String,
    /// What was written.
    pub value: Bytes,
    /// Revision of the write; it becomes the object's `resourceVersion`.
    pub revision: u64,
}

/// What a key holds at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lookup {
    /// `None` when the key does not exist.
    pub item: Option<Item>,
    /// The store's revision at that moment.
    pub revision: u64,
}

/// Which part of a listing is wanted.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// Only keys greater than this one.
    pub after: Option<String>,
    /// At most so many items; 0 means all.
    pub limit: usize,
    /// The listing as it was at this revision; `None` means now.
    pub revision: Option<u64>,
}

/// Items under a prefix in the order of their keys, all as of one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The items.
    pub items: Vec<Item>,
    /// The revision this listing shows.
    pub revision: u64,
    /// How many further items follow the last one.
    pub remaining: u64,
}

/// A change under a watched prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The key was created or overwritten.
    Put(Item),
    /// The key was deleted.
    Delete {
        /// The key that is gone.
        key: String,
        /// Revision of the deletion.
        revision: u64,
    },
    /// Every change up to this revision has been delivered.
    Progress {
        /// The revision.
        revision: u64,
    },
}

impl Change {
    /// The revision of the change.
    #[must_use]
    pub fn revision(&self) -> u64 {
        match self {
            Self::Put(item) => item.revision,
            Self::Delete { revision, .. } | Self::Progress { revision } => *revision,
        }
    }
}

/// Why the store did not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Creation of a key that exists.
    #[error("key {key} exists already")]
    AlreadyExists {
        /// The key.
        key: String,
    },
    /// The key is not at the expected revision.
    #[error("key {key} was changed or deleted meanwhile")]
    Conflict {
        /// The key.
        key: String,
        /// What the key holds now; `None` when it is gone.
        current: Option<Item>,
    },
    /// The asked revision has been compacted away.
    #[error("revision {revision} is no longer stored")]
    Expired {
        /// The revision asked for.
        revision: u64,
    },
    /// The store did not answer in time; a write may or may not have happened.
    #[error("storage did not answer in time to: {operation}")]
    Timeout {
        /// What was asked.
        operation: &'static str,
    },
    /// The store can't be reached, or failed.
    #[error("storage failed to {operation}")]
    Unavailable {
        /// What was asked.
        operation: &'static str,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The store answered with something that makes no sense.
    #[error("storage answered nonsense to: {operation}")]
    Protocol {
        /// What was asked.
        operation: &'static str,
    },
}

/// Changes after a revision, in order. Dropping it ends the watch.
///
/// The stream ends with an error (the last message) or silently; then the reader lists again, or watches from the last
/// revision it has seen.
#[derive(Debug)]
pub struct StoreWatch {
    changes: mpsc::Receiver<Result<Change, StoreError>>,
    progress: mpsc::Sender<()>,
}

impl StoreWatch {
    /// A watch that a backend feeds: it sends changes, and answers each message on `progress` with a
    /// [`Change::Progress`] as soon as it can.
    pub(crate) fn new(changes: mpsc::Receiver<Result<Change, StoreError>>, progress: mpsc::Sender<()>) -> Self {
        Self { changes, progress }
    }

    /// The next change; `None` when the watch has ended. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<Change, StoreError>> {
        self.changes.recv().await
    }

    /// Asks for a [`Change::Progress`] soon. May be lost: ask again.
    pub fn request_progress(&self) {
        // A full channel means that a request is on its way already.
        let _ = self.progress.try_send(());
    }
}

/// A store of bytes under keys. Every call ends within the backend's deadline.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug + 'static {
    /// The key's value, as of now: reads what was written before the call began, by whomever.
    async fn get(&self, key: &str) -> Result<Lookup, StoreError>;

    /// The revision of the key's last write (`None`: it does not exist) and the store's revision, without the value.
    async fn revision_of(&self, key: &str) -> Result<(Option<u64>, u64), StoreError>;

    /// The store's revision, as of now.
    async fn revision(&self) -> Result<u64, StoreError>;

    /// Items whose keys begin with `prefix`.
    async fn list(&self, prefix: &str, page: Page) -> Result<Listing, StoreError>;

    /// Writes a key that must not exist, and returns the write's revision.
    async fn create(&self, key: &str, value: Bytes) -> Result<u64, StoreError>;

    /// Overwrites a key that must be at revision `expected`, and returns the write's revision.
    async fn update(&self, key: &str, expected: u64, value: Bytes) -> Result<u64, StoreError>;

    /// Deletes a key that must be at revision `expected`, and returns the deletion's revision.
    async fn delete(&self, key: &str, expected: u64) -> Result<u64, StoreError>;

    /// Changes under `prefix` that are later than revision `after`.
    ///
    /// # Errors
    /// [`StoreError::Expired`] when they are no longer all stored; it may also come as the stream's first message.
    async fn watch(&self, prefix: &str, after: u64) -> Result<StoreWatch, StoreError>;
}
