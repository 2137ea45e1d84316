//! Dropping the cache, which all landscapes of this machine share: refused while another one lies over it, or a build writes into it.
//!
//! In: the cache, and the landscape that goes with it. Out: nothing is left of the cache, or a reason why it stays. [`Purge::prepare`]
//! only looks and locks, so that nothing is lost by whoever is refused. Absent: tear-down itself.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use cloud_daemon::{Landscape, image};
use landscape_upstream::Cache;

use crate::paths::Paths;

/// The cache stays.
#[derive(Debug, thiserror::Error)]
pub enum PurgeError {
    /// Machines of other landscapes have their images there.
    #[error(
        "the cache in {cache} stays while other landscapes need it ({}): remove them first ({}), or leave out --purge",
        landscapes.join(", "),
        remedies(landscapes)
    )]
    InUse {
        /// The cache.
        cache: PathBuf,
        /// Their names.
        landscapes: Vec<String>,
    },
    /// Something is built into it.
    #[error("the cache stays while a build is at work, which holds {lock}: wait for its end, or leave out --purge")]
    Building {
        /// What the build holds.
        lock: PathBuf,
    },
    /// It is not known whether there are other landscapes.
    #[error("failed to look for other landscapes")]
    Look(#[source] io::Error),
    /// A build's lock cannot be used.
    #[error("failed to lock {path}")]
    Lock {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The folder cannot be removed.
    #[error("failed to remove the cache")]
    Remove(#[source] io::Error),
}

fn remedies(landscapes: &[String]) -> String {
    let remedies: Vec<String> = landscapes
        .iter()
        .map(|name| format!("`kubeception down --landscape {name}`"))
        .collect();
    remedies.join(", ")
}

/// The right to remove the cache: as long as it lasts, nothing is built into it.
#[derive(Debug)]
pub(crate) struct Purge<'a> {
    cache: &'a Cache,
    own: &'a Landscape,
    roots: [&'a Path; 2],
    locks: Vec<File>,
}

impl<'a> Purge<'a> {
    /// Refuses if anybody but the landscape `own` needs the cache. Removes nothing yet.
    pub(crate) fn prepare(cache: &'a Cache, own: &'a Landscape) -> Result<Self, PurgeError> {
        Self::prepare_below(cache, own, Paths::roots())
    }

    fn prepare_below(cache: &'a Cache, own: &'a Landscape, roots: [&'a Path; 2]) -> Result<Self, PurgeError> {
        let mut purge = Self {
            cache,
            own,
            roots,
            locks: Vec::new(),
        };
        purge.refuse_in_use()?;
        for path in [cache.lock(), image::lock(cache.root())] {
            purge.locks.extend(hold(path)?);
        }
        Ok(purge)
    }

    /// Removes the cache, and says where it was, if there was one.
    pub(crate) fn run(self) -> Result<Option<PathBuf>, PurgeError> {
        // To take a landscape down takes a while: another may have come meanwhile.
        self.refuse_in_use()?;
        let root = self.cache.root();
        let mut removed = false;
        for part in [self.cache.upstream(), image::folder(self.cache.root())] {
            match fs_err::remove_dir_all(part) {
                Ok(()) => removed = true,
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(PurgeError::Remove(error)),
            }
        }
        // What else lies there is not ours: its user chose the folder, and may keep other things in it.
        let _ = std::fs::remove_dir(root);
        drop(self.locks);
        Ok(removed.then(|| root.to_owned()))
    }

    fn refuse_in_use(&self) -> Result<(), PurgeError> {
        let mut landscapes = BTreeSet::new();
        for root in self.roots {
            landscapes.extend(landscapes_below(root).map_err(PurgeError::Look)?);
        }
        landscapes.remove(self.own);
        if landscapes.is_empty() {
            return Ok(());
        }
        Err(PurgeError::InUse {
            cache: self.cache.root().to_owned(),
            landscapes: landscapes.iter().map(Landscape::to_string).collect(),
        })
    }
}

/// Landscapes with a folder below `root`. Other things that lie there have files, or names that are no landscape's.
fn landscapes_below(root: &Path) -> io::Result<BTreeSet<Landscape>> {
    let entries = match fs_err::read_dir(root) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        other => other?,
    };
    let mut landscapes = BTreeSet::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            let name = entry.file_name();
            landscapes.extend(name.to_str().and_then(|name| name.parse::<Landscape>().ok()));
        }
    }
    Ok(landscapes)
}

/// Takes a build's lock. Where there is no file nothing was ever built, and none is made: root's would be in the way of its user.
fn hold(path: PathBuf) -> Result<Option<File>, PurgeError> {
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(PurgeError::Lock { path, source }),
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(PurgeError::Building { lock: path }),
        Err(TryLockError::Error(source)) => Err(PurgeError::Lock { path, source }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A machine's folders and a cache with something in it.
    struct Machine {
        folder: tempfile::TempDir,
        own: Landscape,
        cache: Cache,
    }

    impl Machine {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let cache = Cache::new(folder.path().join("cache"));
            for part in [
                "state/local/machines",
                "run/local",
                "cache/upstream",
                "cache/machine-image",
            ] {
                fs_err::create_dir_all(folder.path().join(part)).unwrap();
            }
            // What landscapes share lies beside them.
            fs_err::write(folder.path().join("run/limits.lock"), "").unwrap();
            Self {
                folder,
                own: "local".parse().unwrap(),
                cache,
            }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn purge(&self) -> Result<Option<PathBuf>, PurgeError> {
            let (state, run) = (self.path("state"), self.path("run"));
            Purge::prepare_below(&self.cache, &self.own, [&state, &run])?.run()
        }
    }

    #[test]
    fn the_cache_goes_with_the_last_landscape() {
        let machine = Machine::new();
        fs_err::write(image::lock(machine.cache.root()), "").unwrap();
        assert_eq!(machine.purge().unwrap().as_deref(), Some(machine.cache.root()));
        assert!(!machine.cache.root().exists());
        fs_err::remove_dir_all(machine.path("run")).unwrap();
        fs_err::remove_dir_all(machine.path("state")).unwrap();
        assert_eq!(
            machine.purge().unwrap(),
            None,
            "there is no landscape and no cache any more"
        );
    }

    #[test]
    fn what_others_keep_in_the_folder_stays() {
        let machine = Machine::new();
        let diary = machine.cache.root().join("diary");
        fs_err::write(&diary, "precious").unwrap();
        assert_eq!(machine.purge().unwrap().as_deref(), Some(machine.cache.root()));
        assert!(diary.exists() && !machine.cache.upstream().exists());
        assert_eq!(machine.purge().unwrap(), None, "there is nothing of ours any more");
    }

    #[test]
    fn other_landscapes_are_named_with_the_way_to_remove_them() {
        let machine = Machine::new();
        for part in ["state/other", "run/other", "run/third", "state/Not-A-Landscape"] {
            fs_err::create_dir_all(machine.path(part)).unwrap();
        }
        let error = machine.purge().unwrap_err();
        let expected = format!(
            "the cache in {} stays while other landscapes need it (other, third): remove them first \
             (`kubeception down --landscape other`, `kubeception down --landscape third`), or leave out --purge",
            machine.cache.root().display()
        );
        assert_eq!(error.to_string(), expected);
        assert!(machine.cache.upstream().exists());
    }

    #[test]
    fn a_landscape_that_came_meanwhile_keeps_the_cache() {
        let machine = Machine::new();
        let (state, run) = (machine.path("state"), machine.path("run"));
        let purge = Purge::prepare_below(&machine.cache, &machine.own, [&state, &run]).unwrap();
        fs_err::create_dir(run.join("other")).unwrap();
        assert!(matches!(purge.run(), Err(PurgeError::InUse { .. })));
        assert!(machine.cache.upstream().exists());
    }

    #[test]
    fn a_build_at_work_keeps_the_cache() {
        for lock in [Cache::lock, |cache: &Cache| image::lock(cache.root())] {
            let machine = Machine::new();
            let path = lock(&machine.cache);
            let held = File::create(&path).unwrap();
            held.lock().unwrap();
            let error = machine.purge().unwrap_err();
            assert!(
                matches!(&error, PurgeError::Building { lock } if *lock == path),
                "{error}"
            );
            assert!(path.exists());
        }
    }
}
