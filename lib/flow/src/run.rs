//! The execution of a flow: plain futures, as many at once as the edges and the options allow.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    num::NonZeroUsize,
    sync::Arc,
    time::Duration,
};

use futures::{
    StreamExt,
    future::{BoxFuture, FutureExt},
    stream::FuturesUnordered,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{
    graph::{Action, Flow, Task, TaskId},
    report::{Outcome, Report, TaskReport},
};

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Share of the tasks, without skipped ones, that have succeeded: 0 to 100.
    pub percent: u8,
    /// Names of the tasks that run at the moment, in the flow's order.
    pub running: Vec<TaskId>,
}

impl fmt::Display for Progress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.running.iter().map(|task| task.name()).collect();
        formatter.write_str(&names.join(", "))
    }
}

/// How a flow is run.
pub struct RunOptions<'a> {
    /// Most tasks at once; `None`: as many as the edges allow.
    pub max_concurrency: Option<NonZeroUsize>,
    /// Called whenever a task starts or ends. It must not block: hand the value over and return.
    pub progress: Box<dyn FnMut(Progress) + Send + 'a>,
    /// Ends the run early: no further task starts, running ones are dropped.
    pub cancellation: CancellationToken,
}

impl Default for RunOptions<'_> {
    fn default() -> Self {
        Self {
            max_concurrency: None,
            progress: Box::new(|_| ()),
            cancellation: CancellationToken::new(),
        }
    }
}

impl fmt::Debug for RunOptions<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RunOptions")
            .field("max_concurrency", &self.max_concurrency)
            .finish_non_exhaustive()
    }
}

impl<C: Send + Sync + 'static, E: Send + 'static> Flow<C, E> {
    /// Runs all tasks. A failed task stops only those that need it.
    pub async fn run(self, context: Arc<C>, mut options: RunOptions<'_>) -> Report<E> {
        let mut run = Run::new(self.tasks);
        let limit = options.max_concurrency.map_or(usize::MAX, NonZeroUsize::get);
        let mut running: FuturesUnordered<BoxFuture<'static, (usize, Outcome<E>)>> = FuturesUnordered::new();
        loop {
            if !options.cancellation.is_cancelled() {
                while running.len() < limit {
                    let Some((index, action, deadline)) = run.start_next() else {
                        break;
                    };
                    running.push(execute(index, action(Arc::clone(&context)), deadline).boxed());
                }
            }
            (options.progress)(run.progress());
            let ended = tokio::select! {
                biased;
                () = options.cancellation.cancelled() => None,
                ended = running.next() => ended,
            };
            let Some((index, outcome)) = ended else { break };
            run.end(index, outcome);
        }
        drop(running);
        run.report()
    }
}

async fn execute<E>(
    index: usize,
    action: BoxFuture<'static, Result<(), E>>,
    deadline: Duration,
) -> (usize, Outcome<E>) {
    let outcome = match tokio::time::timeout(deadline, action).await {
        Ok(Ok(())) => Outcome::Succeeded,
        Ok(Err(error)) => Outcome::Failed(error),
        Err(_) => Outcome::TimedOut(deadline),
    };
    (index, outcome)
}

/// The state of a run: a row per task.
struct Run<C, E> {
    began: Instant,
    rows: Vec<Row<C, E>>,
    by_id: BTreeMap<TaskId, usize>,
}

struct Row<C, E> {
    id: TaskId,
    needs: BTreeSet<TaskId>,
    skipped: bool,
    deadline: Duration,
    action: Option<Action<C, E>>,
    started: Option<Instant>,
    took: Duration,
    outcome: Option<Outcome<E>>,
}

impl<C, E> Run<C, E> {
    fn new(tasks: Vec<Task<C, E>>) -> Self {
        let by_id = tasks.iter().enumerate().map(|(index, task)| (task.id, index)).collect();
        let row = |Task {
                       id,
                       needs,
                       skipped,
                       deadline,
                       action,
                   }| Row {
            id,
            needs,
            skipped,
            deadline,
            action: Some(action),
            started: None,
            took: Duration::ZERO,
            outcome: None,
        };
        Self {
            began: Instant::now(),
            rows: tasks.into_iter().map(row).collect(),
            by_id,
        }
    }

    /// Settles skipped and blocked tasks, then marks the first one that may start as running.
    fn start_next(&mut self) -> Option<(usize, Action<C, E>, Duration)> {
        self.settle();
        let index = (0..self.rows.len()).find(|index| {
            let row = &self.rows[*index];
            row.outcome.is_none() && row.started.is_none() && self.may_start(row)
        })?;
        let row = &mut self.rows[index];
        let action = row.action.take()?;
        row.started = Some(Instant::now());
        tracing::debug!(task = %row.id, "task starts");
        Some((index, action, row.deadline))
    }

    /// Gives an outcome to tasks that will not run, until nothing changes.
    fn settle(&mut self) {
        loop {
            let next = self.rows.iter().enumerate().find_map(|(index, row)| {
                if row.outcome.is_some() || row.started.is_some() {
                    return None;
                }
                if self.is_blocked(row) {
                    return Some((index, Outcome::Blocked));
                }
                (row.skipped && self.may_start(row)).then_some((index, Outcome::Skipped))
            });
            let Some((index, outcome)) = next else { return };
            self.rows[index].outcome = Some(outcome);
        }
    }

    fn outcomes_needed<'a>(&'a self, row: &'a Row<C, E>) -> impl Iterator<Item = Option<&'a Outcome<E>>> {
        row.needs.iter().map(|needed| {
            self.by_id
                .get(needed)
                .and_then(|index| self.rows[*index].outcome.as_ref())
        })
    }

    fn may_start(&self, row: &Row<C, E>) -> bool {
        self.outcomes_needed(row)
            .all(|outcome| outcome.is_some_and(Outcome::releases))
    }

    fn is_blocked(&self, row: &Row<C, E>) -> bool {
        self.outcomes_needed(row).flatten().any(|outcome| !outcome.releases())
    }

    fn end(&mut self, index: usize, outcome: Outcome<E>) {
        let row = &mut self.rows[index];
        row.took = row.started.map(|started| started.elapsed()).unwrap_or_default();
        tracing::debug!(task = %row.id, took = ?row.took, succeeded = outcome.releases(), "task ended");
        row.outcome = Some(outcome);
    }

    fn progress(&self) -> Progress {
        let counted = self.rows.iter().filter(|row| !row.skipped);
        let (total, succeeded) = counted.fold((0_usize, 0_usize), |(total, succeeded), row| {
            (
                total + 1,
                succeeded + usize::from(matches!(row.outcome, Some(Outcome::Succeeded))),
            )
        });
        let percent = (succeeded * 100).checked_div(total).unwrap_or(100);
        let running = self
            .rows
            .iter()
            .filter(|row| row.started.is_some() && row.outcome.is_none());
        Progress {
            percent: u8::try_from(percent).unwrap_or(100),
            running: running.map(|row| row.id).collect(),
        }
    }

    fn report(mut self) -> Report<E> {
        self.settle();
        let began = self.began;
        let task = |row: Row<C, E>| TaskReport {
            id: row.id,
            needs: row.needs.into_iter().collect(),
            started: row.started.map(|started| started - began),
            took: match (&row.outcome, row.started) {
                (None, Some(started)) => started.elapsed(),
                _ => row.took,
            },
            outcome: row.outcome.unwrap_or(Outcome::Cancelled),
        };
        Report {
            tasks: self.rows.into_iter().map(task).collect(),
            took: began.elapsed(),
        }
    }
}
