//! Tear-down: nothing of a landscape is left, in whatever state it was.
//!
//! The cloud removes what it made, and with the machines goes all that ran on them. What remains is bring-up's own: its files.

use std::io;

use cloud_daemon::Landscape;
use landscape_upstream::Cache;

use crate::lock::{Lock, LockError};
use crate::paths::Paths;

/// What a tear-down removed, one line each; empty when there was nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed(pub Vec<String>);

/// The landscape, or a part of it, could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum DownError {
    /// Another command is at work.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The cloud could not be removed.
    #[error("failed to remove the local cloud")]
    Cloud(#[from] cloud_daemon::Error),
    /// A folder could not be removed.
    #[error("failed to remove a folder")]
    Folder(#[source] io::Error),
    /// Something is still there.
    #[error("these are still there, run `kubeception down` again:\n{}", .0.join("\n"))]
    Left(Vec<String>),
}

/// Removes the landscape, and with `purge` everything that was downloaded or built for any landscape. Blocks.
pub fn down(landscape: &Landscape, purge: Option<&Cache>) -> Result<Removed, DownError> {
    let paths = Paths::of(&landscape.to_string());
    let lock = Lock::take(&paths.lock(), "down")?;
    let mut removed = cloud_daemon::teardown(landscape)?.0;
    if remove_folder(&paths.state())? {
        removed.push(format!("{}", paths.state().display()));
    }
    if let Some(cache) = purge
        && remove_folder(cache.root())?
    {
        removed.push(format!("{}", cache.root().display()));
    }
    let left = cloud_daemon::leftovers(landscape)?;
    lock.remove(&paths.lock())?;
    if left.is_empty() {
        Ok(Removed(removed))
    } else {
        Err(DownError::Left(left))
    }
}

fn remove_folder(folder: &std::path::Path) -> Result<bool, DownError> {
    match fs_err::remove_dir_all(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(DownError::Folder(error)),
    }
}
