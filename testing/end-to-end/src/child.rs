//! A program that runs beside the walk: its lines as they come, and its end.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};

use crate::{host, walk::eventually};

/// A program that was started; killed when this is dropped.
pub(crate) struct Running {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

impl Running {
    /// Starts it, listening to standard output and standard error.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .with_context(|| format!("failed to start {:?}", command.get_program()))?;
        let (sender, lines) = channel();
        if let Some(output) = child.stdout.take() {
            forward(output, sender.clone());
        }
        if let Some(errors) = child.stderr.take() {
            forward(errors, sender);
        }
        Ok(Self {
            child,
            lines,
            said: Vec::new(),
        })
    }

    /// Waits for a line that is wished for, over all others.
    pub(crate) fn line(&mut self, seconds: u64, is_wished: impl Fn(&str) -> bool) -> Result<String> {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if is_wished(&line) {
                        return Ok(line);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    bail!(
                        "it did not say so within {seconds} s; it said:\n    {}",
                        self.all_said()
                    )
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("it ended without saying so; it said:\n    {}", self.all_said())
                }
            }
        }
    }

    /// Sends a signal, by its name without `SIG`.
    pub(crate) fn signal(&self, signal: &str) -> Result<()> {
        host::signal(&self.child.id().to_string(), signal)
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self, seconds: u64) -> Result<ExitStatus> {
        eventually(seconds, "its end", || self.child.try_wait()?.context("it still runs"))
    }

    /// Kills it.
    pub(crate) fn kill(&mut self) -> Result<()> {
        self.child.kill().context("failed to kill it")?;
        self.child.wait().context("failed to wait for it").map(|_| ())
    }

    fn all_said(&self) -> String {
        self.said.join("\n    ")
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes lines on until the stream ends or nobody listens any more.
fn forward(stream: impl Read + Send + 'static, lines: Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if lines.send(line).is_err() {
                return;
            }
        }
    });
}
