//! Tasks and the edges between them. In: tasks, area by area, in any order. Out: a [`Flow`] without unknown names and cycles.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::Future,
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;

/// A task's name, by which other tasks refer to it. It is shown to users: write it as "Deploying etcd".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(&'static str);

impl TaskId {
    /// The task of this name.
    pub const fn new(name: &'static str) -> Self {
        Self(name)
    }

    /// The name.
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl From<&'static str> for TaskId {
    fn from(name: &'static str) -> Self {
        Self(name)
    }
}

/// What is wrong with a graph; a mistake of the programmer, found when the graph is built.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two tasks have the same name.
    #[error("task `{0}` was added twice")]
    Duplicate(TaskId),
    /// A task needs one that nobody added.
    #[error("task `{task}` needs `{needed}`, which does not exist")]
    UnknownDependency {
        /// The task with the edge.
        task: TaskId,
        /// The name nobody has.
        needed: TaskId,
    },
    /// Tasks that wait for each other.
    #[error("these tasks wait for each other: {}", names(.0))]
    Cycle(Vec<TaskId>),
}

fn names(tasks: &[TaskId]) -> String {
    tasks
        .iter()
        .map(|task| format!("`{task}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A task that names no deadline of its own has this one: what it waits for has deadlines, and nothing hangs for ever.
const DEADLINE: Duration = Duration::from_secs(30 * 60);

pub(crate) type Action<C, E> = Box<dyn FnOnce(Arc<C>) -> BoxFuture<'static, Result<(), E>> + Send>;

pub(crate) struct Task<C, E> {
    pub(crate) id: TaskId,
    pub(crate) needs: BTreeSet<TaskId>,
    pub(crate) skipped: bool,
    pub(crate) deadline: Duration,
    pub(crate) action: Action<C, E>,
}

/// A graph in the making: tasks with a shared context `C` that fail with `E`.
pub struct Graph<C, E> {
    tasks: Vec<Task<C, E>>,
}

impl<C, E> Default for Graph<C, E> {
    fn default() -> Self {
        Self { tasks: Vec::new() }
    }
}

impl<C, E> fmt::Debug for Graph<C, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_list()
            .entries(self.tasks.iter().map(|task| task.id))
            .finish()
    }
}

impl<C, E> Graph<C, E> {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a task; [`TaskBuilder::run`] adds it to the graph.
    pub fn task(&mut self, name: impl Into<TaskId>) -> TaskBuilder<'_, C, E> {
        TaskBuilder {
            graph: self,
            id: name.into(),
            needs: BTreeSet::new(),
            skipped: false,
            deadline: DEADLINE,
        }
    }

    /// Checks the graph: every name is there, none twice, and no task waits for itself.
    pub fn build(self) -> Result<Flow<C, E>, GraphError> {
        let mut known = BTreeSet::new();
        for task in &self.tasks {
            if !known.insert(task.id) {
                return Err(GraphError::Duplicate(task.id));
            }
        }
        for task in &self.tasks {
            if let Some(needed) = task.needs.iter().find(|needed| !known.contains(needed)) {
                return Err(GraphError::UnknownDependency {
                    task: task.id,
                    needed: *needed,
                });
            }
        }
        let flow = Flow { tasks: self.tasks };
        match flow.cycle() {
            Some(cycle) => Err(GraphError::Cycle(cycle)),
            None => Ok(flow),
        }
    }
}

/// A task in the making.
#[must_use = "a task is added to the graph by `run`"]
pub struct TaskBuilder<'a, C, E> {
    graph: &'a mut Graph<C, E>,
    id: TaskId,
    needs: BTreeSet<TaskId>,
    skipped: bool,
    deadline: Duration,
}

impl<C, E> fmt::Debug for TaskBuilder<'_, C, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("TaskBuilder")
            .field("id", &self.id)
            .field("needs", &self.needs)
            .finish_non_exhaustive()
    }
}

impl<C, E> TaskBuilder<'_, C, E> {
    /// Tasks that must have succeeded, or have been skipped, before this one starts.
    pub fn needs<T: Into<TaskId>>(mut self, tasks: impl IntoIterator<Item = T>) -> Self {
        self.needs.extend(tasks.into_iter().map(Into::into));
        self
    }

    /// Leaves the task out of the run; tasks that need it go on as if it had succeeded, once what it needs has.
    pub fn skip_if(mut self, skipped: bool) -> Self {
        self.skipped |= skipped;
        self
    }

    /// The task fails when it has not ended after this time; by default, 30 minutes.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Adds the task with what it does.
    pub fn run<F, Fut>(self, action: F) -> TaskId
    where
        F: FnOnce(Arc<C>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        let Self {
            graph,
            id,
            needs,
            skipped,
            deadline,
        } = self;
        let action: Action<C, E> = Box::new(move |context| Box::pin(action(context)));
        graph.tasks.push(Task {
            id,
            needs,
            skipped,
            deadline,
            action,
        });
        id
    }
}

/// A checked graph, ready to run.
pub struct Flow<C, E> {
    pub(crate) tasks: Vec<Task<C, E>>,
}

impl<C, E> fmt::Debug for Flow<C, E> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.describe())
    }
}

impl<C, E> Flow<C, E> {
    /// True when `to` starts only after `from` has ended, directly or through others.
    pub fn has_path(&self, from: impl Into<TaskId>, to: impl Into<TaskId>) -> bool {
        let (from, mut open) = (from.into(), vec![to.into()]);
        let mut seen = BTreeSet::new();
        while let Some(task) = open.pop() {
            for needed in self.needs(task) {
                if *needed == from {
                    return true;
                }
                if seen.insert(*needed) {
                    open.push(*needed);
                }
            }
        }
        false
    }

    /// True when the flow has this task, skipped or not.
    pub fn has_task(&self, task: impl Into<TaskId>) -> bool {
        let task = task.into();
        self.tasks.iter().any(|known| known.id == task)
    }

    /// The whole shape as text, for golden files: a line per task, `name <- needs`, with `(skipped)` where it is.
    pub fn describe(&self) -> String {
        let line = |task: &Task<C, E>| {
            let needs = task
                .needs
                .iter()
                .map(|needed| needed.name())
                .collect::<Vec<_>>()
                .join(", ");
            let skipped = if task.skipped { " (skipped)" } else { "" };
            if needs.is_empty() {
                format!("{}{skipped}\n", task.id)
            } else {
                format!("{}{skipped} <- {needs}\n", task.id)
            }
        };
        self.tasks.iter().map(line).collect()
    }

    fn needs(&self, task: TaskId) -> impl Iterator<Item = &TaskId> {
        self.tasks
            .iter()
            .filter(move |known| known.id == task)
            .flat_map(|known| &known.needs)
    }

    /// Takes away tasks that need nothing, again and again; what stays waits for a cycle.
    fn cycle(&self) -> Option<Vec<TaskId>> {
        let mut open: BTreeMap<TaskId, BTreeSet<TaskId>> =
            self.tasks.iter().map(|task| (task.id, task.needs.clone())).collect();
        loop {
            let free: BTreeSet<TaskId> = open
                .iter()
                .filter(|(_, needs)| needs.is_empty())
                .map(|(task, _)| *task)
                .collect();
            if free.is_empty() {
                break;
            }
            open.retain(|task, _| !free.contains(task));
            open.values_mut()
                .for_each(|needs| needs.retain(|needed| !free.contains(needed)));
        }
        (!open.is_empty()).then(|| open.into_keys().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(tasks: &[(&'static str, &[&'static str])]) -> Result<Flow<(), ()>, GraphError> {
        let mut graph = Graph::new();
        for (name, needs) in tasks {
            graph.task(*name).needs(needs.iter().copied()).run(|_| async { Ok(()) });
        }
        graph.build()
    }

    #[test]
    fn names_must_be_known_and_unique() {
        let unknown = graph(&[("a", &["b"])]).unwrap_err();
        assert_eq!(unknown.to_string(), "task `a` needs `b`, which does not exist");
        assert_eq!(
            graph(&[("a", &[]), ("a", &[])]).unwrap_err().to_string(),
            "task `a` was added twice"
        );
    }

    #[test]
    fn a_cycle_is_found_and_named() {
        let cycle = graph(&[("root", &[]), ("a", &["root", "c"]), ("b", &["a"]), ("c", &["b"])]).unwrap_err();
        assert_eq!(cycle.to_string(), "these tasks wait for each other: `a`, `b`, `c`");
        assert_eq!(
            graph(&[("a", &["a"])]).unwrap_err(),
            GraphError::Cycle(vec!["a".into()])
        );
    }

    #[test]
    fn a_task_may_need_one_that_is_added_later() {
        let flow = graph(&[("second", &["first"]), ("first", &[]), ("third", &["second"])]).unwrap();
        assert!(flow.has_path("first", "third"));
        assert!(flow.has_path("first", "second"));
        assert!(!flow.has_path("third", "first"));
        assert!(!flow.has_path("first", "first"));
        assert!(flow.has_task("third") && !flow.has_task("fourth"));
        assert_eq!(flow.describe(), "second <- first\nfirst\nthird <- second\n");
    }
}
