//! What came out of a run: each task's outcome and times, and the chain of tasks that made the run as long as it was.

use std::{fmt, time::Duration};

use crate::graph::TaskId;

/// What a task came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<E> {
    /// It did what it should.
    Succeeded,
    /// Its skip condition was met.
    Skipped,
    /// It failed.
    Failed(E),
    /// It had not ended at its deadline.
    TimedOut(Duration),
    /// It did not start, because a task it needs did not succeed.
    Blocked,
    /// The run was cancelled before the task started, or while it ran.
    Cancelled,
}

impl<E> Outcome<E> {
    /// True when tasks that need this one may start.
    pub(crate) fn releases(&self) -> bool {
        matches!(self, Self::Succeeded | Self::Skipped)
    }
}

/// A task's part of a run.
#[derive(Debug)]
pub struct TaskReport<E> {
    /// The task.
    pub id: TaskId,
    /// What it needed.
    pub needs: Vec<TaskId>,
    /// What it came to.
    pub outcome: Outcome<E>,
    /// Time from the start of the run to the start of the task; `None` when it did not start.
    pub started: Option<Duration>,
    /// How long it ran.
    pub took: Duration,
}

impl<E> TaskReport<E> {
    fn ended(&self) -> Option<Duration> {
        self.started.map(|started| started + self.took)
    }
}

/// The report of a run.
#[derive(Debug)]
pub struct Report<E> {
    /// Every task of the flow, in the flow's order.
    pub tasks: Vec<TaskReport<E>>,
    /// How long the run took.
    pub took: Duration,
}

impl<E> Report<E> {
    /// True when every task succeeded or was skipped.
    pub fn succeeded(&self) -> bool {
        self.tasks.iter().all(|task| task.outcome.releases())
    }

    /// True when the run was cancelled before all tasks had ended.
    pub fn cancelled(&self) -> bool {
        self.tasks.iter().any(|task| matches!(task.outcome, Outcome::Cancelled))
    }

    /// The tasks that failed or timed out.
    pub fn failures(&self) -> impl Iterator<Item = &TaskReport<E>> {
        self.tasks
            .iter()
            .filter(|task| matches!(task.outcome, Outcome::Failed(_) | Outcome::TimedOut(_)))
    }

    /// The chain of tasks, first to last, each of which waited for the one before it, that ended last.
    ///
    /// To make the flow faster, one of these must become faster, or lose an edge.
    pub fn critical_path(&self) -> Vec<&TaskReport<E>> {
        let last = self
            .tasks
            .iter()
            .filter(|task| task.started.is_some())
            .max_by_key(|task| task.ended());
        let mut path: Vec<&TaskReport<E>> = last.into_iter().collect();
        while let Some(before) = path.last().and_then(|task| self.awaited_last(task)) {
            path.push(before);
        }
        path.reverse();
        path
    }

    /// Of all tasks that `task` waited for, the one that ended last; through skipped ones, which take no time.
    fn awaited_last(&self, task: &TaskReport<E>) -> Option<&TaskReport<E>> {
        let of = |task: &TaskReport<E>| -> Vec<&TaskReport<E>> {
            self.tasks
                .iter()
                .filter(|known| task.needs.contains(&known.id))
                .collect()
        };
        let mut open = of(task);
        let mut latest: Option<&TaskReport<E>> = None;
        while let Some(needed) = open.pop() {
            if needed.started.is_none() {
                open.extend(of(needed));
            } else if latest.is_none_or(|latest| latest.ended() < needed.ended()) {
                latest = Some(needed);
            }
        }
        latest
    }
}

/// The critical path as one line: `Deploying etcd 1.2s > Waiting for etcd 3.0s (total 4.3s)`.
impl<E> fmt::Display for Report<E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, task) in self.critical_path().into_iter().enumerate() {
            let separator = if index == 0 { "" } else { " > " };
            write!(formatter, "{separator}{} {:.1}s", task.id, task.took.as_secs_f64())?;
        }
        write!(formatter, " (total {:.1}s)", self.took.as_secs_f64())
    }
}
