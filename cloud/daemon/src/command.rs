//! Runs programs of the host: with a deadline, and with an error that says what for.

use std::{
    fs::OpenOptions,
    io::{Read, Write},
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::Error;

/// For what takes milliseconds; a loaded host may take a thousand times as long.
pub(crate) const QUICK: Duration = Duration::from_secs(30);

/// How much of a program's complaints goes into an error.
const LONGEST_COMPLAINT: usize = 2000;

/// Runs the program to its end and returns what it wrote to standard output.
pub(crate) fn run(command: &mut Command, purpose: &str, deadline: Duration) -> Result<String, Error> {
    run_with_input(command, "", purpose, deadline)
}

/// The same with standard input.
pub(crate) fn run_with_input(
    command: &mut Command,
    input: &str,
    purpose: &str,
    deadline: Duration,
) -> Result<String, Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|source| Error::Start {
            program: program.clone(),
            source,
        })?;
    let pid = Pid::from_raw(child.id().cast_signed());
    let (sender, receiver) = mpsc::channel();
    let input = input.to_owned();
    thread::spawn(move || sender.send(attend(child, input)));
    let Ok(outcome) = receiver.recv_timeout(deadline) else {
        let _ = kill(pid, Signal::SIGKILL);
        let what = format!("{program}, run to {purpose}");
        return Err(Error::Deadline { what, deadline });
    };
    let outcome = outcome.map_err(|source| Error::Start {
        program: program.clone(),
        source,
    })?;
    if outcome.status.success() {
        return Ok(outcome.output);
    }
    Err(Error::Program {
        program,
        purpose: purpose.to_owned(),
        status: outcome.status.to_string(),
        output: end_of(outcome.complaint.trim()),
    })
}

/// Runs a program that leaves processes behind: those keep the log as their output, and nobody waits for them.
/// What it complains about is read from `complaints`.
pub(crate) fn run_detached(
    command: &mut Command,
    log: &Path,
    complaints: &Path,
    purpose: &str,
    deadline: Duration,
) -> Result<(), Error> {
    let program = command.get_program().to_string_lossy().into_owned();
    let open = || {
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .map_err(Error::file("open", log))
    };
    let mut child = command
        .stdin(Stdio::null())
        .stdout(open()?)
        .stderr(open()?)
        .spawn()
        .map_err(|source| Error::Start {
            program: program.clone(),
            source,
        })?;
    let pid = Pid::from_raw(child.id().cast_signed());
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait()));
    let Ok(status) = receiver.recv_timeout(deadline) else {
        let _ = kill(pid, Signal::SIGKILL);
        return Err(Error::Deadline {
            what: format!("{program}, run to {purpose}"),
            deadline,
        });
    };
    let status = status.map_err(|source| Error::Start {
        program: program.clone(),
        source,
    })?;
    if status.success() {
        return Ok(());
    }
    let output = std::fs::read_to_string(complaints).unwrap_or_default();
    let (purpose, status) = (purpose.to_owned(), status.to_string());
    Err(Error::Program {
        program,
        purpose,
        status,
        output: end_of(output.trim()),
    })
}

struct Outcome {
    status: ExitStatus,
    output: String,
    complaint: String,
}

/// Writes and reads all three streams at once, so that neither side waits for the other.
fn attend(mut child: Child, input: String) -> std::io::Result<Outcome> {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let writer = thread::spawn(move || {
        // A program that ends without reading says why by itself.
        stdin.map(|mut stdin| stdin.write_all(input.as_bytes()))
    });
    let complaint = thread::spawn(move || read_all(stderr));
    let output = read_all(stdout);
    let complaint = complaint.join().unwrap_or_default();
    let _ = writer.join();
    Ok(Outcome {
        status: child.wait()?,
        output,
        complaint,
    })
}

fn read_all(stream: Option<impl Read>) -> String {
    let mut bytes = Vec::new();
    if let Some(mut stream) = stream {
        // What could be read is better than nothing.
        let _ = stream.read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn end_of(text: &str) -> String {
    let start = text.len().saturating_sub(LONGEST_COMPLAINT);
    let start = (start..text.len())
        .find(|index| text.is_char_boundary(*index))
        .unwrap_or(start);
    text[start..].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_input_pass_through() {
        let long = "line\n".repeat(100_000);
        assert_eq!(
            run_with_input(&mut Command::new("cat"), &long, "echo", QUICK).unwrap(),
            long
        );
    }

    #[test]
    fn a_failure_says_what_for_and_why() {
        let error = run(
            Command::new("sh").args(["-c", "echo because >&2; exit 3"]),
            "try",
            QUICK,
        )
        .unwrap_err();
        assert_eq!(
            error.to_string(),
            "sh failed (exit status: 3) while the cloud tried to try: because"
        );
    }

    #[test]
    fn what_hangs_is_killed() {
        let deadline = Duration::from_millis(50);
        let error = run(&mut Command::new("cat"), "hang", deadline);
        assert!(error.is_ok(), "cat ends with its input");
        let error = run(Command::new("tail").args(["-f", "/dev/null"]), "hang", deadline).unwrap_err();
        assert_eq!(error.to_string(), "waited 50ms in vain for tail, run to hang");
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut Command::new("no-such-program"), "try", QUICK).unwrap_err();
        assert_eq!(error.to_string(), "failed to start no-such-program");
    }
}
