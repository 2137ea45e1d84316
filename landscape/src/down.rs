//! Tear-down: nothing of a landscape is left, in whatever state it was.
//!
//! The cloud removes what it made, and with the machines goes all that ran on them. What remains is bring-up's own: its files.
//! The cache is other landscapes', too: it goes last, and only when nobody else needs it.

use std::io;

use cloud_daemon::Landscape;
use landscape_upstream::Cache;

use crate::lock::{Lock, LockError};
use crate::paths::Paths;
use crate::purge::{Purge, PurgeError};

/// What a tear-down removed, one line each; empty when there was nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed(pub Vec<String>);

/// The landscape, or a part of it, could not be removed.
#[derive(Debug, thiserror::Error)]
pub enum DownError {
    /// Another command is at work.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The cache must stay, or could not be removed.
    #[error(transparent)]
    Purge(#[from] PurgeError),
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
    // First of all: whoever is refused has lost nothing yet.
    let purge = purge.map(|cache| Purge::prepare(cache, landscape)).transpose()?;
    let mut removed = cloud_daemon::teardown(landscape)?.0;
    if remove_folder(&paths.state())? {
        removed.push(format!("{}", paths.state().display()));
    }
    let left = cloud_daemon::leftovers(landscape)?;
    if !left.is_empty() {
        lock.remove(&paths.lock())?;
        return Err(DownError::Left(left));
    }
    if let Some(purge) = purge {
        removed.extend(purge.run()?.map(|folder| folder.display().to_string()));
    }
    lock.remove(&paths.lock())?;
    Ok(Removed(removed))
}

fn remove_folder(folder: &std::path::Path) -> Result<bool, DownError> {
    match fs_err::remove_dir_all(folder) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(DownError::Folder(error)),
    }
}
