//! The walk: where the binaries are, how steps are run and counted.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

/// Port of the walk's proxy into its cloud: not the usual one, because a person's landscape may be up at the same time.
pub(crate) const PROXY_PORT: &str = "6488";

/// `up` with that port.
pub(crate) const UP: [&str; 3] = ["up", "--proxy-port", PROXY_PORT];

/// Prints a line; a walk whose output is gone has nobody to tell.
pub(crate) fn say(line: &str) {
    let mut output = std::io::stdout().lock();
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

/// Which cluster a command talks to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Cluster<'a> {
    Garden,
    Seed,
    /// `<project>/<name>`
    Shoot(&'a str),
}

/// The state of one walk.
pub(crate) struct Walk {
    pub(crate) landscape: String,
    pub(crate) binary: PathBuf,
    pub(crate) directory: tempfile::TempDir,
    only: Option<String>,
    hyperkube: PathBuf,
    passed: u32,
    failed: u32,
}

impl Walk {
    /// Finds the binaries; nothing has been made yet.
    pub(crate) fn begin(landscape: &str, only: Option<String>) -> Result<Self> {
        let own = std::env::current_exe().context("failed to find this program")?;
        let binary = own.with_file_name("kubeception");
        if !binary.exists() {
            bail!(
                "{} is missing: build it with `cargo xtask static-binary --profile dev`",
                binary.display()
            );
        }
        let hyperkube = cache_root()?.join("upstream/kubernetes-1.35.4/hyperkube");
        if !hyperkube.exists() {
            bail!("{} is missing: build it with `make upstream`", hyperkube.display());
        }
        let directory = tempfile::tempdir().context("failed to make a temporary directory")?;
        Ok(Self {
            landscape: landscape.to_owned(),
            binary,
            directory,
            only,
            hyperkube,
            passed: 0,
            failed: 0,
        })
    }

    /// Runs a step and counts it, unless it was not asked for.
    pub(crate) fn step(&mut self, name: &str, step: impl FnOnce(&Self) -> Result<()>) {
        if self.wants(name) {
            self.must(name, step);
        }
    }

    /// Whether a step of this name was asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only.as_str()))
    }

    /// Runs a step and counts it; true when it succeeded.
    pub(crate) fn must(&mut self, name: &str, step: impl FnOnce(&Self) -> Result<()>) -> bool {
        let started = Instant::now();
        let result = step(self);
        let seconds = started.elapsed().as_secs_f32();
        match &result {
            Ok(()) => {
                self.passed += 1;
                say(&format!("test {name} ... ok ({seconds:.1} s)"));
            }
            Err(error) => {
                self.failed += 1;
                say(&format!("test {name} ... FAILED ({seconds:.1} s)\n    {error:#}"));
            }
        }
        result.is_ok()
    }

    /// Prints the closing line; true when nothing failed.
    pub(crate) fn end(&self) -> bool {
        let word = if self.failed == 0 { "ok" } else { "FAILED" };
        say(&format!(
            "test result: {word}. {} passed; {} failed; 0 ignored",
            self.passed, self.failed
        ));
        self.failed == 0
    }

    /// Runs our binary on the walk's landscape; its standard output, or what it said on failing.
    pub(crate) fn kubeception(&self, arguments: &[&str]) -> Result<String> {
        let output = self.kubeception_output(arguments)?;
        succeeded(&output, &format!("kubeception {}", arguments.join(" ")))
    }

    /// Runs our binary on the walk's landscape, whatever comes of it.
    pub(crate) fn kubeception_output(&self, arguments: &[&str]) -> Result<Output> {
        let mut command = self.kubeception_command(arguments);
        command
            .output()
            .with_context(|| format!("failed to run kubeception {}", arguments.join(" ")))
    }

    /// Our binary on the walk's landscape, to be started by the caller.
    pub(crate) fn kubeception_command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .args(arguments)
            .env("KUBECEPTION_LANDSCAPE", &self.landscape)
            .stdin(Stdio::null());
        command
    }

    /// Runs the real kubectl; its standard output, or what it said on failing.
    pub(crate) fn kubectl(&self, cluster: Cluster<'_>, arguments: &[&str]) -> Result<String> {
        let kubeconfig = self.kubeconfig(cluster)?;
        self.kubectl_with(&kubeconfig, arguments)
    }

    /// As [`Walk::kubectl`], but ended after 30 s: what goes through a tunnel hangs for long when the other end is gone.
    pub(crate) fn kubectl_briefly(&self, cluster: Cluster<'_>, arguments: &[&str]) -> Result<String> {
        let kubectl = self.kubectl_command(cluster, arguments)?;
        let mut command = Command::new("timeout");
        command
            .args(["--kill-after=5", "30"])
            .arg(kubectl.get_program())
            .args(kubectl.get_args());
        run_kubectl(&mut command, arguments)
    }

    /// Runs the real kubectl with a kubeconfig file. If that names no proxy, the walk's is taken.
    pub(crate) fn kubectl_with(&self, kubeconfig: &Path, arguments: &[&str]) -> Result<String> {
        let mut command = self.kubectl_of(kubeconfig, arguments);
        command.env("HTTPS_PROXY", format!("http://127.0.0.1:{PROXY_PORT}"));
        run_kubectl(&mut command, arguments)
    }

    /// As [`Walk::kubectl_with`], but in the cloud's backbone, by a kubeconfig with addresses and without a proxy: it needs nothing of the
    /// cloud's daemon.
    pub(crate) fn kubectl_in_backbone(&self, kubeconfig: &Path, arguments: &[&str]) -> Result<String> {
        let kubectl = self.kubectl_of(kubeconfig, arguments);
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/run/kubeception/{}/netns/backbone", self.landscape))
            .arg(kubectl.get_program())
            .args(kubectl.get_args())
            // By default kubectl remembers kinds by address, and all API servers have the gateway's.
            .arg(format!("--cache-dir={}", kubeconfig.with_extension("cache").display()))
            .env("NO_PROXY", "*");
        run_kubectl(&mut command, arguments)
    }

    /// The real kubectl, to be started by the caller.
    pub(crate) fn kubectl_command(&self, cluster: Cluster<'_>, arguments: &[&str]) -> Result<Command> {
        let kubeconfig = self.kubeconfig(cluster)?;
        Ok(self.kubectl_of(&kubeconfig, arguments))
    }

    /// No request takes longer than 30 s, watches included: `wait` and `delete` begin them anew until their own deadline, so that they
    /// are not cut off; `logs -f` ends. Connections of `exec`, `cp` and `port-forward` are not requests to kubectl.
    fn kubectl_of(&self, kubeconfig: &Path, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.hyperkube);
        command
            .args(["kubectl", "--request-timeout=30s", "--kubeconfig"])
            .arg(kubeconfig)
            .args(arguments);
        command
    }

    /// Applies a manifest written by the test.
    pub(crate) fn apply(&self, cluster: Cluster<'_>, manifest: &str) -> Result<String> {
        let file = self.file("manifest.yaml", manifest)?;
        self.kubectl(cluster, &["apply", "-f", &file.display().to_string()])
    }

    /// Writes a file of the walk's own directory.
    pub(crate) fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory.path().join(name);
        fs_err::write(&path, text)?;
        Ok(path)
    }

    /// The kubeconfig that `kubeception kubeconfig` prints, as a file.
    pub(crate) fn kubeconfig(&self, cluster: Cluster<'_>) -> Result<PathBuf> {
        let (name, arguments) = match cluster {
            Cluster::Garden => ("garden.kubeconfig".to_owned(), vec!["kubeconfig", "garden"]),
            Cluster::Seed => ("seed.kubeconfig".to_owned(), vec!["kubeconfig", "seed"]),
            Cluster::Shoot(shoot) => (
                format!("shoot-{}.kubeconfig", shoot.replace('/', "-")),
                vec!["kubeconfig", "shoot", shoot],
            ),
        };
        let text = self.kubeception(&arguments)?;
        self.file(&name, &text)
    }
}

fn run_kubectl(command: &mut Command, arguments: &[&str]) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().context("failed to run kubectl")?;
    succeeded(&output, &format!("kubectl {}", arguments.join(" ")))
}

/// Looks until `look` succeeds; on the deadline the last reason is the error.
pub(crate) fn eventually<T>(seconds: u64, what: &str, mut look: impl FnMut() -> Result<T>) -> Result<T> {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    loop {
        match look() {
            Ok(value) => return Ok(value),
            Err(error) if Instant::now() >= deadline => {
                return Err(error.context(format!("waited {seconds} s for {what}")));
            }
            Err(_) => std::thread::sleep(Duration::from_millis(250)),
        }
    }
}

/// Standard output of a command that succeeded, else its standard error as the reason.
pub(crate) fn succeeded(output: &Output, what: &str) -> Result<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        return Ok(text(&output.stdout));
    }
    let reason = format!("{}\n{}", text(&output.stdout), text(&output.stderr));
    let lines: Vec<&str> = reason.trim().lines().collect();
    bail!(
        "`{what}` failed ({}): {}",
        output.status,
        lines[lines.len().saturating_sub(12)..].join("\n    ")
    )
}

/// The reason why a command was refused; an error when it was not.
pub(crate) fn refused(result: Result<String>, because: &str) -> Result<()> {
    match result {
        Ok(output) => bail!("it was accepted: {output}"),
        Err(reason) if format!("{reason:#}").contains(because) => Ok(()),
        Err(reason) => Err(reason.context(format!("it was refused, but not because of {because:?}"))),
    }
}

fn cache_root() -> Result<PathBuf> {
    if let Some(root) = std::env::var_os("KUBECEPTION_CACHE") {
        return Ok(root.into());
    }
    if let Some(caches) = std::env::var_os("XDG_CACHE_HOME") {
        return Ok(PathBuf::from(caches).join("kubeception"));
    }
    let home = std::env::var_os("HOME").context("HOME is not set")?;
    Ok(PathBuf::from(home).join(".cache/kubeception"))
}
