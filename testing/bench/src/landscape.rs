//! The landscape under test, driven as a person would: by the binary and by kubectl.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use testing_testkit::upstream;

/// Longest that anything measured may take.
const DEADLINE: Duration = Duration::from_secs(300);
const NAMESPACE: [&str; 2] = ["--namespace", "garden-dev"];

/// When the shoots of one batch were ready.
pub(crate) struct Batch {
    pub(crate) started: Instant,
    pub(crate) median: Duration,
    pub(crate) last: Duration,
}

pub(crate) struct Landscape {
    name: String,
    binary: PathBuf,
    directory: tempfile::TempDir,
}

impl Landscape {
    pub(crate) fn new(name: &str, binary: &Path) -> Result<Self> {
        ensure!(
            binary.exists(),
            "{} is missing: build it with `make build`",
            binary.display()
        );
        let directory = tempfile::tempdir().context("failed to make a temporary directory")?;
        Ok(Self {
            name: name.to_owned(),
            binary: binary.to_owned(),
            directory,
        })
    }

    pub(crate) fn up(&self) -> Result<Duration> {
        let started = Instant::now();
        self.kubeception(&["up"])?;
        let elapsed = started.elapsed();
        for cluster in ["garden", "seed"] {
            fs_err::write(self.kubeconfig(cluster), self.kubeception(&["kubeconfig", cluster])?)?;
        }
        Ok(elapsed)
    }

    pub(crate) fn down(&self) -> Result<()> {
        self.kubeception(&["down"]).map(|_| ())
    }

    /// Creates shoots at once and waits until the API of each answers through the gateway.
    pub(crate) fn create_shoots(&self, names: &[String]) -> Result<Batch> {
        let manifests: Vec<String> = names.iter().map(|name| manifest(name)).collect();
        let file = self.directory.path().join("shoots.yaml");
        fs_err::write(&file, manifests.join("---\n"))?;
        let started = Instant::now();
        self.kubectl("garden", &["create", "-f", &file.display().to_string()])?;
        self.watch(started, names, |name| {
            let kubeconfig = self.kubeconfig(name);
            if !kubeconfig.exists() {
                let text = self.kubeception(&["kubeconfig", "shoot", &format!("dev/{name}")])?;
                fs_err::write(&kubeconfig, text)?;
            }
            self.kubectl(name, &["get", "--raw", "/readyz"]).map(|_| ())
        })
    }

    /// Time since `started` when the last of the shoots was reported as succeeded.
    pub(crate) fn wait_succeeded(&self, names: &[String], started: Instant) -> Result<Duration> {
        let path = "jsonpath={.status.lastOperation.state}";
        let batch = self.watch(started, names, |name| {
            let state = self.kubectl(
                "garden",
                &[&["get", "shoot", name, "--output", path][..], &NAMESPACE].concat(),
            )?;
            ensure!(state == "Succeeded", "{name} is {state}");
            Ok(())
        })?;
        Ok(batch.last)
    }

    /// Deletes shoots at once and waits until neither they nor their namespaces are there.
    pub(crate) fn delete_shoots(&self, names: &[String]) -> Result<Batch> {
        let names_arguments: Vec<&str> = names.iter().map(String::as_str).collect();
        let confirm = ["confirmation.gardener.cloud/deletion=true", "--overwrite"];
        self.kubectl(
            "garden",
            &[&["annotate", "shoot"][..], &names_arguments, &confirm, &NAMESPACE].concat(),
        )?;
        let started = Instant::now();
        let delete = [&["delete", "shoot", "--wait=false"][..], &names_arguments, &NAMESPACE].concat();
        self.kubectl("garden", &delete)?;
        let gone = |cluster: &str, arguments: &[&str]| -> Result<()> {
            let left = self.kubectl(
                cluster,
                &[arguments, &["--ignore-not-found", "--output", "name"]].concat(),
            )?;
            ensure!(left.is_empty(), "{left} is still there");
            Ok(())
        };
        self.watch(started, names, |name| {
            gone("garden", &["get", "shoot", name, NAMESPACE[0], NAMESPACE[1]])?;
            gone("seed", &["get", "namespace", &format!("shoot--dev--{name}")])
        })
    }

    /// Looks at each until all are as wished; the median and the last time since `started`.
    fn watch(&self, started: Instant, names: &[String], look: impl Fn(&str) -> Result<()>) -> Result<Batch> {
        let mut open: Vec<&String> = names.iter().collect();
        let mut times = Vec::new();
        while !open.is_empty() {
            let mut still_open = Vec::new();
            for name in open {
                match look(name) {
                    Ok(()) => times.push(started.elapsed()),
                    Err(error) if started.elapsed() > DEADLINE => {
                        return Err(error.context(format!("gave up on {name}")));
                    }
                    Err(_) => still_open.push(name),
                }
            }
            open = still_open;
            std::thread::sleep(Duration::from_millis(50));
        }
        let last = *times.last().context("there was nothing to look at")?;
        Ok(Batch {
            started,
            median: times[times.len() / 2],
            last,
        })
    }

    fn kubeconfig(&self, cluster: &str) -> PathBuf {
        self.directory.path().join(format!("{cluster}.kubeconfig"))
    }

    fn kubeception(&self, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(&self.binary);
        output(command.args(arguments).env("KUBECEPTION_LANDSCAPE", &self.name))
    }

    fn kubectl(&self, cluster: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(upstream::hyperkube());
        command
            .args(["kubectl", "--request-timeout=10s", "--kubeconfig"])
            .arg(self.kubeconfig(cluster))
            .args(arguments);
        output(&mut command)
    }
}

fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .output()
        .context("failed to run a command")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn manifest(name: &str) -> String {
    format!(
        "apiVersion: core.gardener.cloud/v1beta1\nkind: Shoot\nmetadata: {{name: {name}, namespace: garden-dev}}\nspec:\n  \
         cloudProfile: {{kind: CloudProfile, name: local}}\n  region: local\n  provider: {{type: local}}\n  \
         kubernetes: {{version: 1.35.4}}\n"
    )
}
