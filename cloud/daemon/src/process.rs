//! Processes of the host: who they are, whether they live, how they end.

use std::{path::Path, time::Duration};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::{Error, wait};

/// A process that cannot be confused with a later one of the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) pid: i32,
    /// When it started, in the kernel's ticks since it was booted.
    pub(crate) start: u64,
}

impl Process {
    pub(crate) fn current() -> Option<Self> {
        Self::of(nix::unistd::getpid().as_raw())
    }

    /// The living process of that number.
    pub(crate) fn of(pid: i32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        parse_stat(&text).map(|start| Self { pid, start })
    }

    /// Whether it runs the program of that name.
    pub(crate) fn runs(self, program: &str) -> bool {
        std::fs::read_to_string(format!("/proc/{}/comm", self.pid)).is_ok_and(|name| name.trim_end() == program)
    }

    pub(crate) fn is_alive(self) -> bool {
        Self::of(self.pid) == Some(self)
    }

    /// Sends the signal if the process still lives.
    pub(crate) fn signal(self, signal: Signal) -> Result<(), Error> {
        if !self.is_alive() {
            return Ok(());
        }
        match kill(Pid::from_raw(self.pid), signal) {
            Ok(()) | Err(Errno::ESRCH) => Ok(()),
            Err(error) => Err(Error::system(format!("send {signal} to process {}", self.pid))(
                error.into(),
            )),
        }
    }

    /// Asks it to end, and after a grace period ends it.
    pub(crate) fn end(self, name: &str, grace: Duration) -> Result<(), Error> {
        self.signal(Signal::SIGTERM)?;
        let what = format!("the end of {name}, process {}", self.pid);
        if wait::until(&what, grace, || Ok(!self.is_alive())).is_err() {
            self.signal(Signal::SIGKILL)?;
        }
        wait::until(&what, grace, || Ok(!self.is_alive()))
    }
}

/// The start time; nothing for a process that has ended and only waits to be noticed by its parent.
fn parse_stat(text: &str) -> Option<u64> {
    // The second field is the program's name, which may contain anything.
    let (_, rest) = text.rsplit_once(')')?;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // State is field 3, the start time field 22.
    fields.nth(22 - 4)?.parse().ok()
}

/// All processes that have this path as an argument.
pub(crate) fn with_argument(path: &Path) -> Vec<Process> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let wanted = path.as_os_str().as_encoded_bytes();
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok())
        .filter(|pid| {
            std::fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|arguments| arguments.split(|byte| *byte == 0).any(|argument| argument == wanted))
        })
        .filter_map(Process::of)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn stat_is_read_behind_the_name() {
        let fields: Vec<String> = (4..=25).map(|field| field.to_string()).collect();
        let line = |state| format!("7 (a) (b) {state} {}", fields.join(" "));
        assert_eq!(parse_stat(&line("S")), Some(22));
        assert_eq!(parse_stat(&line("Z")), None);
    }

    #[test]
    fn a_process_is_found_by_its_argument_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "").unwrap();
        let mut child = Command::new("tail")
            .arg("-f")
            .arg(&path)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // A new program's arguments are not visible from its first moment on.
        let found = wait::until("its arguments", Duration::from_secs(10), || {
            Ok(!with_argument(&path).is_empty())
        })
        .map(|()| with_argument(&path));
        let ended = found
            .as_ref()
            .map(|found| found.iter().map(|process| process.end("tail", Duration::from_secs(10))));
        let failures = ended.map_or(1, |ended| ended.filter(Result::is_err).count());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(failures, 0);
        assert_eq!(
            found.unwrap().iter().map(|process| process.pid).collect::<Vec<_>>(),
            [child.id() as i32]
        );
        assert_eq!(with_argument(&path), []);
    }
}
