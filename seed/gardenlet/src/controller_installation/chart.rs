//! Renders charts with `helm template`: no template engine of our own.
//!
//! In: a packed chart, the name and namespace of its release, values. Out: YAML documents. Nothing is asked of a cluster, and nothing
//! is left behind.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use futures::future::BoxFuture;
use serde_json::Value;
use tokio::{io::AsyncWriteExt, process::Command};

/// Rendering takes a tenth of a second. A chart that takes longer than this loops.
const DEADLINE: Duration = Duration::from_secs(60);
/// How much of helm's complaint is shown.
const SHOWN_CHARACTERS: usize = 2000;

/// A chart to render.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Release {
    /// Its name.
    pub(super) name: String,
    /// Where its objects go.
    pub(super) namespace: String,
    /// The chart as a gzipped tar.
    pub(super) chart: Vec<u8>,
    /// Values over the chart's own.
    pub(super) values: Value,
    /// The seed's version, such as `v1.35.4`, if it is known.
    pub(super) kubernetes_version: Option<String>,
}

/// Why a chart was not rendered.
#[derive(Debug, thiserror::Error)]
pub(super) enum ChartError {
    #[error("failed to prepare a folder for the chart")]
    Prepare(#[source] io::Error),
    #[error("failed to start {}: it belongs into gardenlet's image", .0.display())]
    Start(PathBuf, #[source] io::Error),
    #[error("failed to hand the values to helm")]
    Values(#[source] io::Error),
    #[error("helm did not end within {} s", DEADLINE.as_secs())]
    Deadline,
    #[error("helm refused: {0}")]
    Refused(String),
}

/// Renders a release; tests hand in another one.
pub(super) type Renderer = Arc<dyn Fn(Release) -> BoxFuture<'static, Result<String, ChartError>> + Send + Sync>;

/// The renderer that calls the program `helm`.
pub(super) fn helm(program: PathBuf) -> Renderer {
    Arc::new(move |release| {
        let program = program.clone();
        Box::pin(async move { render(&program, &release).await })
    })
}

async fn render(program: &Path, release: &Release) -> Result<String, ChartError> {
    let folder = tempfile::tempdir().map_err(ChartError::Prepare)?;
    let chart = folder.path().join("chart.tgz");
    tokio::fs::write(&chart, &release.chart)
        .await
        .map_err(ChartError::Prepare)?;
    let mut command = Command::new(program);
    command
        .args(["template", &release.name])
        .arg(&chart)
        .args(["--namespace", &release.namespace, "--values", "-", "--skip-tests"])
        .args(
            release
                .kubernetes_version
                .iter()
                .flat_map(|version| ["--kube-version", version.as_str()]),
        )
        // Whatever it keeps for later goes with the folder; nothing of the pod's environment reaches a chart.
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default()) // helm itself is found by it
        .env("HOME", folder.path())
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command
        .spawn()
        .map_err(|error| ChartError::Start(program.to_owned(), error))?;
    let values = release.values.to_string(); // JSON is YAML
    if let Some(mut input) = child.stdin.take() {
        input.write_all(values.as_bytes()).await.map_err(ChartError::Values)?;
    }
    let output = match tokio::time::timeout(DEADLINE, child.wait_with_output()).await {
        Ok(output) => output.map_err(|error| ChartError::Start(program.to_owned(), error))?,
        Err(_) => return Err(ChartError::Deadline),
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    let text: String = complaint.trim().chars().take(SHOWN_CHARACTERS).collect();
    Err(ChartError::Refused(text))
}
