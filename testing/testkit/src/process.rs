//! A child process of a test: its output goes to a file, and it never outlives the test.

use std::{
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A running child; dropping it kills it and waits for its end.
#[derive(Debug)]
pub struct TestProcess {
    child: Child,
    log: PathBuf,
}

impl TestProcess {
    /// Starts `program` with `arguments`; its output is collected in `<directory>/<name>.log`.
    ///
    /// # Panics
    /// When the program can't be started.
    #[must_use]
    pub fn start(name: &str, program: &Path, arguments: &[String], directory: &Path) -> Self {
        let log = directory.join(format!("{name}.log"));
        let output = std::fs::File::create(&log).expect("create the log file");
        let errors = output.try_clone().expect("share the log file");
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("start {name} ({}): {error}", program.display()));
        Self { child, log }
    }

    /// The last lines of the child's output, for a message about why it did not do what was expected.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(15)..].join("\n")
    }

    /// The child's exit status when it has ended.
    ///
    /// # Panics
    /// When the system can't tell.
    pub fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.child.try_wait().expect("ask for the child's state")
    }

    /// Process id of the child.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for TestProcess {
    fn drop(&mut self) {
        if let Ok(id) = i32::try_from(self.child.id()) {
            // Already gone is as good.
            let _ = kill(Pid::from_raw(id), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}
