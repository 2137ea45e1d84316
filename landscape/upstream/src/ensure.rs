//! Makes components be there: lock, ask the sources in order, check, move into place.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::cache::Cache;
use crate::component::Component;

/// Where a component may come from. Release downloads will be the second implementation, tried before the build.
pub trait Source {
    /// For messages: "Go modules".
    fn name(&self) -> &'static str;

    /// Puts the component's programs into `directory`, which is empty and on the cache's file system.
    fn provide(&self, component: &Component, directory: &Path, report: &dyn Report) -> Result<Outcome, SourceError>;
}

/// What a source did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The programs are there.
    Provided,
    /// The source does not have this component or version; the next one is asked.
    NotOffered,
}

/// Hears what happens while one waits.
pub trait Report {
    /// Work on a component starts.
    fn started(&self, component: &Component, source: &str);
    /// Something to show beside the running time, replaced by the next.
    fn progress(&self, component: &Component, detail: &str);
    /// The component is there.
    fn finished(&self, component: &Component, elapsed: Duration);
    /// Another process holds the cache; its end is waited for.
    fn waiting_for_lock(&self);
}

/// A source that failed.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A program that the source needs is missing.
    #[error("failed to start {program}: {remedy}")]
    Start {
        /// The program.
        program: &'static str,
        /// What to do about it.
        remedy: &'static str,
        /// Why.
        source: io::Error,
    },
    /// A program that the source runs failed.
    #[error("{command} failed with {status}:\n{output}")]
    Command {
        /// What was run.
        command: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The end of what it printed.
        output: String,
    },
    /// A file could not be written or read.
    #[error("failed to prepare the build")]
    Io(#[from] io::Error),
}

/// A component that could not be brought.
#[derive(Debug, thiserror::Error)]
pub enum EnsureError {
    /// The cache's folder cannot be used.
    #[error("failed to prepare the cache")]
    Cache(#[source] io::Error),
    /// A source failed.
    #[error("failed to get {component} from {from}")]
    Source {
        /// The component and version.
        component: String,
        /// The source.
        from: &'static str,
        /// Why.
        source: SourceError,
    },
    /// A source said it was done but did not leave all programs.
    #[error("{from} did not bring {binary} of {component}")]
    Incomplete {
        /// The component and version.
        component: String,
        /// The source.
        from: &'static str,
        /// The program that is missing.
        binary: &'static str,
    },
    /// No source offers the component.
    #[error("no source offers {component}")]
    NotOffered {
        /// The component and version.
        component: String,
    },
}

/// Brings all `components` that are not in the cache yet, each from the first of `sources` that offers it.
pub fn ensure(
    cache: &Cache,
    components: &[Component],
    sources: &[&dyn Source],
    report: &dyn Report,
) -> Result<(), EnsureError> {
    if components.iter().all(|component| cache.has(component)) {
        return Ok(());
    }
    let _lock = lock(cache, report).map_err(EnsureError::Cache)?;
    for component in components.iter().filter(|component| !cache.has(component)) {
        let started = Instant::now();
        bring(cache, component, sources, report)?;
        report.finished(component, started.elapsed());
    }
    Ok(())
}

/// The lock is released when the file is closed, also by a process that is killed.
fn lock(cache: &Cache, report: &dyn Report) -> io::Result<File> {
    let path = cache.lock();
    loop {
        fs_err::create_dir_all(cache.upstream())?;
        let file = File::create(&path)?;
        if file.try_lock().is_err() {
            report.waiting_for_lock();
            file.lock()?;
        }
        // Whoever had it may have removed the cache with the file in it: then this is a lock on nothing.
        if lies_at(&file, &path) {
            return Ok(file);
        }
    }
}

fn lies_at(file: &File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (file.metadata(), std::fs::metadata(path)) {
        (Ok(open), Ok(named)) => (open.dev(), open.ino()) == (named.dev(), named.ino()),
        _ => false,
    }
}

fn bring(
    cache: &Cache,
    component: &Component,
    sources: &[&dyn Source],
    report: &dyn Report,
) -> Result<(), EnsureError> {
    let staging = cache.upstream().join(format!(".{}.partial", component.directory()));
    for source in sources {
        recreate(&staging).map_err(EnsureError::Cache)?;
        report.started(component, source.name());
        let outcome = source
            .provide(component, &staging, report)
            .map_err(|error| EnsureError::Source {
                component: component.directory(),
                from: source.name(),
                source: error,
            })?;
        if outcome == Outcome::NotOffered {
            continue;
        }
        if let Some(binary) = component.binaries.iter().find(|binary| !staging.join(binary).is_file()) {
            return Err(EnsureError::Incomplete {
                component: component.directory(),
                from: source.name(),
                binary,
            });
        }
        return publish(&staging, &cache.component(component)).map_err(EnsureError::Cache);
    }
    Err(EnsureError::NotOffered {
        component: component.directory(),
    })
}

fn recreate(directory: &Path) -> io::Result<()> {
    if directory.exists() {
        fs_err::remove_dir_all(directory)?;
    }
    fs_err::create_dir_all(directory)
}

fn publish(staging: &Path, directory: &Path) -> io::Result<()> {
    if directory.exists() {
        fs_err::remove_dir_all(directory)?; // incomplete, or it would not have been brought
    }
    fs_err::rename(staging, directory)
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::component::{CONTAINERD, COREDNS};

    #[derive(Default)]
    struct Log(RefCell<Vec<String>>);

    impl Report for Log {
        fn started(&self, component: &Component, source: &str) {
            self.0.borrow_mut().push(format!("{} from {source}", component.name));
        }
        fn progress(&self, _: &Component, _: &str) {}
        fn finished(&self, component: &Component, _: Duration) {
            self.0.borrow_mut().push(format!("{} done", component.name));
        }
        fn waiting_for_lock(&self) {
            self.0.borrow_mut().push("waiting".to_owned());
        }
    }

    /// Brings the first `binaries` programs of what it offers.
    struct Fake {
        name: &'static str,
        offers: &'static str,
        binaries: usize,
    }

    impl Source for Fake {
        fn name(&self) -> &'static str {
            self.name
        }
        fn provide(&self, component: &Component, directory: &Path, _: &dyn Report) -> Result<Outcome, SourceError> {
            if component.name != self.offers {
                return Ok(Outcome::NotOffered);
            }
            for binary in component.binaries.iter().take(self.binaries) {
                fs_err::write(directory.join(binary), self.name)?;
            }
            Ok(Outcome::Provided)
        }
    }

    const DOWNLOAD: Fake = Fake {
        name: "download",
        offers: "coredns",
        binaries: 9,
    };
    const BUILD: Fake = Fake {
        name: "build",
        offers: "containerd",
        binaries: 9,
    };

    #[test]
    fn each_component_comes_from_the_first_source_that_offers_it() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::new(directory.path());
        let log = Log::default();
        ensure(&cache, &[CONTAINERD, COREDNS], &[&DOWNLOAD, &BUILD], &log).unwrap();
        let expected = [
            "containerd from download",
            "containerd from build",
            "containerd done",
            "coredns from download",
            "coredns done",
        ];
        assert_eq!(*log.0.borrow(), expected);
        assert_eq!(
            fs_err::read_to_string(cache.binary(&COREDNS, "coredns")).unwrap(),
            "download"
        );
        assert_eq!(
            fs_err::read_to_string(cache.binary(&CONTAINERD, "ctr")).unwrap(),
            "build"
        );

        log.0.borrow_mut().clear();
        ensure(&cache, &[CONTAINERD, COREDNS], &[&DOWNLOAD, &BUILD], &log).unwrap();
        assert!(log.0.borrow().is_empty(), "what is there is not brought again");
    }

    #[test]
    fn an_incomplete_component_is_not_published() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::new(directory.path());
        let partial = Fake {
            name: "build",
            offers: "containerd",
            binaries: 1,
        };
        let error = ensure(&cache, &[CONTAINERD], &[&partial], &Log::default()).unwrap_err();
        assert_eq!(error.to_string(), "build did not bring ctr of containerd-2.2.1");
        assert!(!cache.component(&CONTAINERD).exists());
        ensure(&cache, &[CONTAINERD], &[&BUILD], &Log::default()).unwrap();
        assert!(cache.has(&CONTAINERD));
    }

    #[test]
    fn a_component_nobody_offers_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let error = ensure(&Cache::new(directory.path()), &[COREDNS], &[&BUILD], &Log::default()).unwrap_err();
        assert_eq!(error.to_string(), "no source offers coredns-1.12.4");
    }

    #[test]
    fn a_second_process_waits_for_the_first() {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::new(directory.path());
        let held = lock(&cache, &Log::default()).unwrap();
        let waiting = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                struct Tell(std::sync::mpsc::Sender<()>);
                impl Report for Tell {
                    fn started(&self, _: &Component, _: &str) {}
                    fn progress(&self, _: &Component, _: &str) {}
                    fn finished(&self, _: &Component, _: Duration) {}
                    fn waiting_for_lock(&self) {
                        self.0.send(()).unwrap();
                    }
                }
                ensure(&cache, &[CONTAINERD], &[&BUILD], &Tell(waiting.0)).unwrap();
            });
            waiting.1.recv().unwrap();
            assert!(!cache.has(&CONTAINERD));
            drop(held);
        });
        assert!(cache.has(&CONTAINERD));
    }
}
