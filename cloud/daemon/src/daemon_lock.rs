//! One daemon per landscape: a lock that the kernel releases with its holder, and in it who that is.

use std::time::Duration;

use crate::{
    Error, Landscape, arguments::create_private_folder, file_lock::FileLock, layout::Layout, process::Process, wait,
};

/// How long a daemon may take to end when asked to: it has only connections to close.
const GRACE: Duration = Duration::from_secs(10);

/// The right to be this landscape's daemon, or to tear it down.
pub(crate) struct DaemonLock(#[expect(dead_code, reason = "held, not used")] FileLock);

impl DaemonLock {
    /// Takes the lock, or says who has it.
    pub(crate) fn take(layout: &Layout) -> Result<Self, Error> {
        match Self::try_take(layout)? {
            Ok(lock) => Ok(lock),
            Err(holder) => Err(Error::AlreadyRunning {
                landscape: layout.landscape().to_string(),
                pid: holder.map_or_else(|| "unknown".to_owned(), |holder| holder.pid.to_string()),
            }),
        }
    }

    /// Ends the daemon that holds the lock, if one does, and takes it. Also tells whether one did.
    pub(crate) fn wrest(layout: &Layout) -> Result<(Self, Option<Process>), Error> {
        let mut ended = None;
        let mut lock = None;
        // A daemon takes the lock before it writes its name there: whoever has no name yet is asked again.
        let taken = wait::until("the lock of the cloud's daemon", GRACE, || {
            match Self::try_take(layout)? {
                Ok(taken) => lock = Some(taken),
                Err(Some(holder)) if Some(holder) != Process::current() && ended.is_none() => {
                    holder.end("the cloud's daemon", GRACE)?;
                    ended = Some(holder);
                }
                Err(_) => {}
            }
            Ok(lock.is_some())
        });
        match lock {
            Some(lock) => Ok((lock, ended)),
            None => taken.and_then(|()| Self::take(layout)).map(|lock| (lock, ended)),
        }
    }

    fn try_take(layout: &Layout) -> Result<Result<Self, Option<Process>>, Error> {
        let path = layout.lock();
        create_private_folder(&layout.run())?;
        let Some(mut lock) = FileLock::try_take(&path)? else {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            return Ok(Err(parse(&text)));
        };
        let me = Process::current().map_or_else(String::new, |me| format!("{} {}\n", me.pid, me.start));
        lock.write(&me).map_err(Error::file("write", &path))?;
        Ok(Ok(Self(lock)))
    }
}

/// Whether the landscape has a daemon, be it one that has only just begun and answers nobody yet. Takes no lock.
pub fn has_daemon(landscape: &Landscape) -> bool {
    let path = Layout::new(landscape.clone()).lock();
    std::fs::read_to_string(path).is_ok_and(|text| parse(&text).is_some())
}

/// The living process that the file names.
fn parse(text: &str) -> Option<Process> {
    let (pid, start) = text.trim().split_once(' ')?;
    let process = Process {
        pid: pid.parse().ok()?,
        start: start.parse().ok()?,
    };
    process.is_alive().then_some(process)
}
