//! Exclusive locks on files; the kernel lets go of them when the holder dies.

use std::{
    fs::{File, OpenOptions},
    io::{Seek, Write},
    os::unix::fs::MetadataExt,
    path::Path,
};

use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};

use crate::Error;

/// A lock that is held until it is dropped.
pub(crate) struct FileLock(Flock<File>);

impl FileLock {
    /// Waits until nobody else holds it.
    pub(crate) fn wait(path: &Path) -> Result<Self, Error> {
        Flock::lock(open(path)?, FlockArg::LockExclusive)
            .map(Self)
            .map_err(|(_, error)| Error::file("lock", path)(error.into()))
    }

    /// Takes it if nobody else holds it.
    pub(crate) fn try_take(path: &Path) -> Result<Option<Self>, Error> {
        match Flock::lock(open(path)?, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(Self(lock))),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, error)) => Err(Error::file("lock", path)(error.into())),
        }
    }

    /// Replaces the file's content, for others to read while we hold it.
    pub(crate) fn write(&mut self, text: &str) -> std::io::Result<()> {
        self.0.set_len(0)?;
        self.0.rewind()?;
        self.0.write_all(text.as_bytes())
    }

    /// Which file it is: another may lie at its path by now.
    pub(crate) fn inode(&self) -> Option<u64> {
        self.0.metadata().ok().map(|metadata| metadata.ino())
    }
}

fn open(path: &Path) -> Result<File, Error> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(Error::file("open", path))
}
