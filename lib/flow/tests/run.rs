//! Runs of small flows on paused time: order, concurrency, errors, deadlines, cancellation, progress.

use std::{num::NonZeroUsize, sync::Arc, time::Duration};

use lib_flow::{Flow, Graph, Outcome, Progress, Report, RunOptions};
use tokio::sync::{Mutex, mpsc};
use tokio_util::sync::CancellationToken;

/// What happened, in order: `+name` at a task's start, `-name` at its end.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

type TestGraph = Graph<Log, String>;

fn add(graph: &mut TestGraph, name: &'static str, needs: &[&'static str], seconds: u64) {
    graph
        .task(name)
        .needs(needs.iter().copied())
        .run(move |log: Arc<Log>| async move {
            log.0.lock().await.push(format!("+{name}"));
            tokio::time::sleep(Duration::from_secs(seconds)).await;
            log.0.lock().await.push(format!("-{name}"));
            Ok(())
        });
}

fn add_failing(graph: &mut TestGraph, name: &'static str, needs: &[&'static str]) {
    graph
        .task(name)
        .needs(needs.iter().copied())
        .run(move |_| async move { Err(format!("{name} broke")) });
}

async fn run(flow: Flow<Log, String>, options: RunOptions<'_>) -> (Report<String>, String) {
    let log = Arc::new(Log::default());
    let report = flow.run(Arc::clone(&log), options).await;
    let text = log.0.lock().await.join(" ");
    (report, text)
}

/// `prepare` before `etcd` and `network`, side by side, before `server`.
fn diamond() -> TestGraph {
    let mut graph = Graph::new();
    add(&mut graph, "server", &["etcd", "network"], 3);
    add(&mut graph, "prepare", &[], 1);
    add(&mut graph, "etcd", &["prepare"], 5);
    add(&mut graph, "network", &["prepare"], 2);
    graph
}

#[tokio::test(start_paused = true)]
async fn independent_tasks_run_side_by_side() {
    let (report, log) = run(diamond().build().unwrap(), RunOptions::default()).await;
    assert!(report.succeeded());
    assert_eq!(log, "+prepare -prepare +etcd +network -network -etcd +server -server");
    assert_eq!(report.took.as_secs(), 9);
    assert_eq!(
        report.to_string(),
        "prepare 1.0s > etcd 5.0s > server 3.0s (total 9.0s)"
    );
}

#[tokio::test(start_paused = true)]
async fn concurrency_is_bounded() {
    let options = RunOptions {
        max_concurrency: NonZeroUsize::new(1),
        ..RunOptions::default()
    };
    let (report, log) = run(diamond().build().unwrap(), options).await;
    assert!(report.succeeded());
    assert_eq!(log, "+prepare -prepare +etcd -etcd +network -network +server -server");
}

#[tokio::test(start_paused = true)]
async fn a_failure_stops_only_what_needs_it() {
    let mut graph = Graph::new();
    add_failing(&mut graph, "etcd", &[]);
    add(&mut graph, "server", &["etcd"], 1);
    add(&mut graph, "clients", &["server"], 1);
    add(&mut graph, "network", &[], 1);
    add(&mut graph, "routes", &["network"], 1);
    let (report, log) = run(graph.build().unwrap(), RunOptions::default()).await;
    assert!(!report.succeeded() && !report.cancelled());
    assert_eq!(log, "+network -network +routes -routes");
    let outcomes: Vec<&Outcome<String>> = report.tasks.iter().map(|task| &task.outcome).collect();
    let failed = Outcome::Failed("etcd broke".to_owned());
    let expected = [
        &failed,
        &Outcome::Blocked,
        &Outcome::Blocked,
        &Outcome::Succeeded,
        &Outcome::Succeeded,
    ];
    assert_eq!(outcomes, expected);
    assert_eq!(
        report.failures().map(|task| task.id.name()).collect::<Vec<_>>(),
        ["etcd"]
    );
}

#[tokio::test(start_paused = true)]
async fn skipped_tasks_keep_the_order_of_their_neighbours() {
    let mut graph = Graph::new();
    add(&mut graph, "first", &[], 2);
    graph
        .task("middle")
        .needs(["first"])
        .skip_if(true)
        .run(|_| async { Err("must not run".to_owned()) });
    add(&mut graph, "last", &["middle"], 1);
    let (report, log) = run(graph.build().unwrap(), RunOptions::default()).await;
    assert!(report.succeeded());
    assert_eq!(log, "+first -first +last -last");
    assert_eq!(report.to_string(), "first 2.0s > last 1.0s (total 3.0s)");
}

#[tokio::test(start_paused = true)]
async fn a_task_past_its_deadline_fails() {
    let mut graph = TestGraph::new();
    let deadline = Duration::from_secs(30);
    graph.task("wait").deadline(deadline).run(|_| std::future::pending());
    let (report, _) = run(graph.build().unwrap(), RunOptions::default()).await;
    assert_eq!(report.tasks[0].outcome, Outcome::TimedOut(deadline));
    assert_eq!(report.took, deadline);
}

#[tokio::test(start_paused = true)]
async fn cancellation_drops_running_tasks_and_starts_no_other() {
    let cancellation = CancellationToken::new();
    let mut graph = diamond();
    let trigger = cancellation.clone();
    graph.task("trigger").run(move |_| async move {
        tokio::time::sleep(Duration::from_secs(4)).await;
        trigger.cancel();
        Ok(())
    });
    let options = RunOptions {
        cancellation,
        ..RunOptions::default()
    };
    let (report, log) = run(graph.build().unwrap(), options).await;
    assert!(report.cancelled() && !report.succeeded());
    assert_eq!(log, "+prepare -prepare +etcd +network -network");
    assert_eq!(report.took.as_secs(), 4);
}

#[tokio::test(start_paused = true)]
async fn progress_counts_what_is_not_skipped() {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let mut graph = diamond();
    graph.task("left out").skip_if(true).run(|_| async { Ok(()) });
    let progress = Box::new(move |progress: Progress| drop(sender.send(progress)));
    let (report, _) = run(
        graph.build().unwrap(),
        RunOptions {
            progress,
            ..RunOptions::default()
        },
    )
    .await;
    assert!(report.succeeded());
    let mut seen = Vec::new();
    while let Some(Progress { percent, running }) = receiver.recv().await {
        seen.push(format!(
            "{percent}% {}",
            running.iter().map(|task| task.name()).collect::<Vec<_>>().join(",")
        ));
    }
    assert_eq!(
        seen,
        ["0% prepare", "25% etcd,network", "50% etcd", "75% server", "100% "]
    );
}

#[tokio::test]
async fn an_empty_flow_succeeds_at_once() {
    let (report, _) = run(TestGraph::new().build().unwrap(), RunOptions::default()).await;
    assert!(report.succeeded());
    assert_eq!(report.critical_path().len(), 0);
}
