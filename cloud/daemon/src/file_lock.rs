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
        loop {
            let lock = Flock::lock(open(path)?, FlockArg::LockExclusive)
                .map(Self)
                .map_err(|(_, error)| Error::file("lock", path)(error.into()))?;
            if lock.lies_at(path) {
                return Ok(lock);
            }
        }
    }

    /// Takes it if nobody else holds it.
    pub(crate) fn try_take(path: &Path) -> Result<Option<Self>, Error> {
        loop {
            match Flock::lock(open(path)?, FlockArg::LockExclusiveNonblock).map(Self) {
                Ok(lock) if lock.lies_at(path) => return Ok(Some(lock)),
                Ok(_) => {}
                Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
                Err((_, error)) => return Err(Error::file("lock", path)(error.into())),
            }
        }
    }

    /// Whoever tears down removes the file while holding it; then we hold a file that nobody else will find.
    fn lies_at(&self, path: &Path) -> bool {
        let there = std::fs::metadata(path).map(|metadata| metadata.ino());
        matches!((there, self.0.metadata()), (Ok(there), Ok(ours)) if there == ours.ino())
    }

    /// Replaces the file's content, for others to read while we hold it.
    pub(crate) fn write(&mut self, text: &str) -> std::io::Result<()> {
        self.0.set_len(0)?;
        self.0.rewind()?;
        self.0.write_all(text.as_bytes())
    }
}

fn open(path: &Path) -> Result<File, Error> {
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder).map_err(Error::file("create", folder))?;
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    options.open(path).map_err(Error::file("open", path))
}
