//! One `up` or `down` at a time: a lock file that names its holder.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

/// A holder that was killed holds on through a child that it was just about to start, for moments.
const LAST_MOMENTS: Duration = Duration::from_secs(5);
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Held while a command changes the landscape; released when it is dropped, or when the process ends in any way.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// The lock cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another command is at work.
    #[error("another `kubeception {holder}` is at work on this landscape: wait for its end, or stop it")]
    Held {
        /// What holds it: command and process id.
        holder: String,
    },
    /// The file cannot be used.
    #[error("failed to lock {path}")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Lock {
    /// Takes the lock for `command`, or says who has it.
    pub fn take(path: &Path, command: &str) -> Result<Self, LockError> {
        let failed = |source| LockError::Io {
            path: path.to_owned(),
            source,
        };
        let began = Instant::now();
        loop {
            let mut file = File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(std::fs::TryLockError::WouldBlock) => {
                    let mut holder = String::new();
                    file.read_to_string(&mut holder).map_err(failed)?;
                    if is_gone(&holder) && began.elapsed() < LAST_MOMENTS {
                        thread::sleep(LOOK_EVERY);
                        continue;
                    }
                    return Err(LockError::Held {
                        holder: holder.trim().to_owned(),
                    });
                }
                Err(std::fs::TryLockError::Error(source)) => return Err(failed(source)),
            }
            // Whoever had it may have removed the file meanwhile: then this is a lock on nothing.
            if !is_same_file(&file, path) {
                continue;
            }
            file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
            writeln!(file, "{command} (process {})", std::process::id()).map_err(failed)?;
            return Ok(Self { file });
        }
    }

    /// Removes the file with the lock.
    pub fn remove(self, path: &Path) -> Result<(), LockError> {
        let removed = fs_err::remove_file(path);
        drop(self.file);
        removed.map_err(|source| LockError::Io {
            path: path.to_owned(),
            source,
        })
    }
}

/// Whether the process that a lock file names has ended, be its end noticed or not.
fn is_gone(holder: &str) -> bool {
    let process = holder
        .trim()
        .rsplit_once("(process ")
        .and_then(|(_, rest)| rest.strip_suffix(')'));
    let Some(process) = process.and_then(|process| process.parse::<u32>().ok()) else {
        return false;
    };
    match std::fs::read_to_string(format!("/proc/{process}/stat")) {
        Ok(stat) => stat.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" Z")),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

fn is_same_file(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_holder_that_has_ended_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let mut ended = std::process::Command::new("true").spawn().unwrap();
        ended.wait().unwrap();
        // As a child of it would hold it: the name in the file is that of its parent.
        let holder = File::create(&path).unwrap();
        holder.lock().unwrap();
        writeln!(&holder, "up (process {})", ended.id()).unwrap();
        let releasing = thread::spawn(move || {
            thread::sleep(Duration::from_millis(100));
            drop(holder);
        });
        let lock = Lock::take(&path, "up").unwrap();
        releasing.join().unwrap();
        lock.remove(&path).unwrap();
        assert!(!is_gone(&format!("up (process {})", std::process::id())));
        assert!(!is_gone("nobody"));
    }

    #[test]
    fn the_second_is_told_about_the_first() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let first = Lock::take(&path, "up").unwrap();
        let error = Lock::take(&path, "down").unwrap_err();
        let expected = format!(
            "another `kubeception up (process {})` is at work on this landscape: wait for its end, or stop it",
            std::process::id()
        );
        assert_eq!(error.to_string(), expected);
        drop(first);
        // A child that another test starts holds it, too, until it has become its program.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
        let second = loop {
            match Lock::take(&path, "down") {
                Ok(second) => break second,
                Err(error) => assert!(std::time::Instant::now() < deadline, "{error}"),
            }
        };
        second.remove(&path).unwrap();
        assert!(!path.exists());
        Lock::take(&path, "up").unwrap();
    }
}
