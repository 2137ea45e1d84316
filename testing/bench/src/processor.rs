//! Who spends the processors' time meanwhile, by program.
//!
//! In: `/proc`, looked at every now and then. Out: seconds of each program, those that began meanwhile apart from those that were
//! there before; and what short-lived children of a program took, which nobody saw running. Absent: what a process spent after
//! the last look at it.

use std::{
    collections::BTreeMap,
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result};
use nix::unistd::{SysconfVar, sysconf};

/// A look takes a few milliseconds.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// A process, as no other one is: its id, and when it began, in ticks since boot.
type Identity = (u32, u64);

/// What one process has spent, in ticks.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spent {
    program: String,
    own: u64,
    /// Of children that have ended.
    children: u64,
}

/// Looks on until it is stopped.
pub(crate) struct Watch {
    stop: Sender<()>,
    thread: JoinHandle<BTreeMap<String, u64>>,
}

impl Watch {
    /// Counts from now on.
    pub(crate) fn start() -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let before = look();
            let mut last = before.clone();
            loop {
                let ended = stopped.recv_timeout(LOOK_EVERY) != Err(RecvTimeoutError::Timeout);
                last.extend(look());
                if ended {
                    return by_program(&before, &last);
                }
            }
        });
        Self { stop, thread }
    }

    /// Time by program since the start, most first.
    pub(crate) fn stop(self) -> Result<Vec<(String, Duration)>> {
        drop(self.stop);
        let Ok(ticks) = self.thread.join() else {
            anyhow::bail!("the look at processes panicked");
        };
        let second = sysconf(SysconfVar::CLK_TCK)?.context("the kernel has no clock tick")?;
        let seconds = |ticks: u64| Duration::from_secs_f64(ticks as f64 / second as f64);
        let mut spent: Vec<(String, u64)> = ticks.into_iter().collect();
        spent.sort_by_key(|(_, ticks)| std::cmp::Reverse(*ticks));
        Ok(spent
            .into_iter()
            .map(|(program, ticks)| (program, seconds(ticks)))
            .collect())
    }
}

/// All processes of the moment; what ends while it is looked at is left out.
fn look() -> BTreeMap<Identity, Spent> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return BTreeMap::new();
    };
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter_map(|id: u32| {
        let status = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
        let arguments = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let (began, spent) = read(&status, &arguments)?;
        Some(((id, began), spent))
    })
    .collect()
}

/// One process from its `stat` (proc(5)) and its arguments.
fn read(status: &str, arguments: &[u8]) -> Option<(u64, Spent)> {
    let (head, tail) = status.rsplit_once(") ")?;
    let (_, name) = head.split_once('(')?;
    let fields: Vec<&str> = tail.split(' ').collect();
    let number = |index: usize| fields.get(index)?.parse::<u64>().ok();
    let spent = Spent {
        program: program(name, arguments),
        own: number(11)? + number(12)?,
        children: number(13)? + number(14)?,
    };
    Some((number(19)?, spent))
}

/// The project's own binary is many programs: its first argument says which. The kernel cuts names short: the first argument
/// begins as they do.
fn program(name: &str, arguments: &[u8]) -> String {
    let mut words = arguments.split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let path = words.next().unwrap_or_default();
    let file = path.rsplit('/').next().unwrap_or_default();
    match words.next() {
        Some(command) if name == "kubeception" && !command.starts_with('-') => command.into_owned(),
        _ if file.starts_with(name) => file.split(' ').next().unwrap_or(name).to_owned(),
        _ => name.to_owned(),
    }
}

fn by_program(before: &BTreeMap<Identity, Spent>, last: &BTreeMap<Identity, Spent>) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for (identity, spent) in last {
        let earlier = before.get(identity);
        let (own, children) = earlier.map_or((0, 0), |earlier| (earlier.own, earlier.children));
        let name = match earlier {
            Some(_) => spent.program.clone(),
            None => format!("new {}", spent.program),
        };
        *sums.entry(format!("{name}'s children")).or_default() += spent.children.saturating_sub(children);
        *sums.entry(name).or_default() += spent.own.saturating_sub(own);
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "42 (kube-controller) S 1 42 42 0 -1 4194560 9 0 0 0 150 50 7 3 20 0 9 0 777 1 1 1";

    fn spent(program: &str, own: u64, children: u64) -> Spent {
        Spent {
            program: program.to_owned(),
            own,
            children,
        }
    }

    #[test]
    fn a_process_has_times_and_a_name() {
        let arguments = b"/usr/bin/kube-controller-manager\0--v=2\0";
        assert_eq!(
            read(STATUS, arguments),
            Some((777, spent("kube-controller-manager", 200, 10)))
        );
        assert_eq!(read("42 (gone", b""), None);
    }

    #[test]
    fn one_binary_is_many_programs() {
        assert_eq!(program("kubeception", b"/kubeception\0gardenlet\0--a\0"), "gardenlet");
        assert_eq!(program("kubeception", b"/kubeception\0--help\0"), "kubeception");
        assert_eq!(program("sh", b"-sh\0"), "sh");
        assert_eq!(program("kworker/0:1", b""), "kworker/0:1");
    }

    #[test]
    fn new_processes_are_apart_and_time_before_does_not_count() {
        let before = BTreeMap::from([((1, 1), spent("etcd", 100, 5))]);
        let last = BTreeMap::from([
            ((1, 1), spent("etcd", 130, 6)),
            ((2, 9), spent("etcd", 20, 0)),
            // The number of one that has ended, taken by another.
            ((1, 50), spent("runc", 3, 0)),
        ]);
        let sums = by_program(&before, &last);
        assert_eq!((sums["etcd"], sums["new etcd"], sums["new runc"]), (30, 20, 3));
        assert_eq!(sums["etcd's children"], 1);
    }
}
