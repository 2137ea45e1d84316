//! The sandbox of every pod: the process that holds the pod's namespaces. Where the pod's containers share process ids it is also
//! the parent of the orphaned.

use nix::sys::signal::{SigSet, Signal};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Waits until it is told to end.
pub(crate) fn run() -> nix::Result<()> {
    let signals = SigSet::from_iter([Signal::SIGTERM, Signal::SIGINT, Signal::SIGCHLD]);
    // Blocked signals are kept for `wait`; the first process of a namespace would otherwise not be told of them.
    signals.thread_block()?;
    loop {
        match signals.wait()? {
            Signal::SIGCHLD => bury(),
            _ => return Ok(()),
        }
    }
}

/// One signal may stand for several children.
fn bury() {
    loop {
        match waitpid(Pid::from_raw(-1), Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) | Err(_) => return,
            Ok(_) => {}
        }
    }
}
