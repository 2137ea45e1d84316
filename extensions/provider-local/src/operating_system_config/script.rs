//! From an OperatingSystemConfig of purpose `provision` to the script of a machine's first boot. Pure.
//!
//! Files first, then units. Every step can be repeated: a machine runs the script again when it was interrupted. Text stays
//! readable in it, so that placeholders such as `<<BOOTSTRAP_TOKEN>>` can be replaced for each machine.

use std::fmt::Write as _;

use api::extensions::v1alpha1::{Unit, UnitCommand};

/// Where units of the machine's administrator lie.
const UNITS: &str = "/etc/systemd/system";
/// Mode of a file that says nothing of it (Gardener API).
const DEFAULT_MODE: u32 = 0o644;
/// How the end of an embedded file begins; numbers are added until no line of the file is the same.
const END: &str = "END_OF_FILE";

/// A file is written beside its place and moved there: nobody ever sees half of it.
const BEGINNING: &str = "\
#!/bin/sh
# Turns this machine into a node: files first, then units. It may run again after an interruption.
set -eu

# put <mode> <path>: writes standard input.
put() {
    mkdir -p \"${2%/*}/\"
    (umask 077; cat >\"$2.partial\")
    chmod \"$1\" \"$2.partial\"
    mv -f \"$2.partial\" \"$2\"
}

";

/// A file with all of its content at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScriptFile {
    /// Absolute path.
    pub(crate) path: String,
    /// Mode; 0644 when absent.
    pub(crate) mode: Option<u32>,
    /// What is in it.
    pub(crate) content: Vec<u8>,
    /// The only machine that it is for.
    pub(crate) host_name: Option<String>,
}

/// The whole script.
pub(crate) fn script(files: &[ScriptFile], units: &[Unit]) -> String {
    let mut script = BEGINNING.to_owned();
    for file in files {
        add_file(&mut script, file);
    }
    for unit in units {
        if let Some(content) = &unit.content {
            add_file(&mut script, &text_file(format!("{UNITS}/{}", unit.name), content));
        }
        for drop_in in &unit.drop_ins {
            let path = format!("{UNITS}/{}.d/{}", unit.name, drop_in.name);
            add_file(&mut script, &text_file(path, &drop_in.content));
        }
    }
    add_units(&mut script, units);
    script
}

fn text_file(path: String, content: &str) -> ScriptFile {
    ScriptFile {
        path,
        mode: None,
        content: content.as_bytes().to_vec(),
        host_name: None,
    }
}

fn add_file(script: &mut String, file: &ScriptFile) {
    if let Some(host_name) = &file.host_name {
        let _ = writeln!(script, "if [ \"$(uname -n)\" = {} ]; then", quoted(host_name));
    }
    let put = format!("put {:04o} {}", file.mode.unwrap_or(DEFAULT_MODE), quoted(&file.path));
    let _ = writeln!(script, "{}", written(&file.content, &put));
    if file.host_name.is_some() {
        script.push_str("fi\n");
    }
    script.push('\n');
}

/// The command that hands the content to `put`, byte for byte.
fn written(content: &[u8], put: &str) -> String {
    let Some(text) = std::str::from_utf8(content).ok().filter(|text| !text.contains('\0')) else {
        let encoded = wrapped_base64(content);
        return format!("base64 -d <<'{END}' | {put}\n{encoded}{END}");
    };
    if text.ends_with('\n') {
        let end = end_for(text);
        format!("{put} <<'{end}'\n{text}{end}")
    } else {
        // A here-document would add the newline that the file does not have.
        format!("printf '%s' {} | {put}", quoted(text))
    }
}

fn end_for(text: &str) -> String {
    let taken = |end: &str| text.lines().any(|line| line == end);
    let numbered = (1..).map(|number| format!("{END}_{number}"));
    std::iter::once(END.to_owned())
        .chain(numbered)
        .find(|end| !taken(end))
        .unwrap_or_default()
}

fn wrapped_base64(content: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let encoded = STANDARD.encode(content);
    let mut lines = String::with_capacity(encoded.len() + encoded.len() / 76 + 1);
    for (index, character) in encoded.chars().enumerate() {
        if index > 0 && index % 76 == 0 {
            lines.push('\n');
        }
        lines.push(character);
    }
    lines.push('\n');
    lines
}

/// The text as one word of the shell.
fn quoted(text: &str) -> String {
    let plain = |character: char| character.is_ascii_alphanumeric() || "/._-+:@%=,".contains(character);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Enables and starts units without waiting for them: the script is itself part of the machine's start.
fn add_units(script: &mut String, units: &[Unit]) {
    if units.is_empty() {
        return;
    }
    script.push_str("systemctl daemon-reload\n");
    let named = |wanted: &dyn Fn(&Unit) -> bool| -> String {
        let names = units.iter().filter(|unit| wanted(unit)).map(|unit| quoted(&unit.name));
        names.collect::<Vec<_>>().join(" ")
    };
    let add = |script: &mut String, command: &str, names: String| {
        if !names.is_empty() {
            let _ = writeln!(script, "systemctl {command} {names}");
        }
    };
    // `--no-reload`: what is enabled here is started by name below, and the next boot reads everything anyway.
    add(script, "enable --no-reload", named(&|unit| unit.enable != Some(false)));
    add(script, "disable --no-reload", named(&|unit| unit.enable == Some(false)));
    for unit in units {
        let command = match unit.command {
            Some(UnitCommand::Stop) => "stop",
            Some(UnitCommand::Restart) => "restart",
            None if unit.enable == Some(false) => continue,
            Some(UnitCommand::Start | UnitCommand::Other(_)) | None => "start",
        };
        let _ = writeln!(script, "systemctl {command} --no-block {}", quoted(&unit.name));
    }
}

#[cfg(test)]
mod tests {
    use api::extensions::v1alpha1::DropIn;

    use super::*;

    fn file(path: &str, content: &[u8]) -> ScriptFile {
        ScriptFile {
            path: path.to_owned(),
            mode: None,
            content: content.to_vec(),
            host_name: None,
        }
    }

    fn unit(name: &str) -> Unit {
        Unit {
            name: name.to_owned(),
            ..Unit::default()
        }
    }

    fn example() -> (Vec<ScriptFile>, Vec<Unit>) {
        let files = vec![
            ScriptFile {
                mode: Some(0o600),
                ..file(
                    "/var/lib/gardener-node-agent/credentials/bootstrap-token",
                    b"<<BOOTSTRAP_TOKEN>>",
                )
            },
            file("/var/lib/gardener-node-agent/machine-name", b"<<MACHINE_NAME>>"),
            file("/etc/quotes", b"it's END_OF_FILE:\nEND_OF_FILE\n$(date) `date` \\n\n"),
            file("/etc/with space", b"one 'two' three"),
            ScriptFile {
                mode: Some(0o755),
                ..file("/opt/bin/binary", &[0, 159, 146, 150, 255].repeat(20))
            },
            ScriptFile {
                host_name: Some("other".to_owned()),
                ..file("/etc/only-other", b"x\n")
            },
        ];
        let units = vec![
            Unit {
                content: Some("[Service]\nExecStart=/opt/bin/kubeception\n".to_owned()),
                ..unit("gardener-node-agent.service")
            },
            Unit {
                drop_ins: vec![DropIn {
                    name: "10-local.conf".to_owned(),
                    content: "[Service]\nRestart=always\n".to_owned(),
                }],
                command: Some(UnitCommand::Restart),
                ..unit("containerd.service")
            },
            Unit {
                enable: Some(false),
                command: Some(UnitCommand::Stop),
                ..unit("update.timer")
            },
        ];
        (files, units)
    }

    #[test]
    fn the_script_is_as_reviewed() {
        let (files, units) = example();
        testing_testkit::golden::assert("tests/golden/user-data.sh", &script(&files, &units));
    }

    #[test]
    fn nothing_to_do_is_a_script_all_the_same() {
        assert!(script(&[], &[]).starts_with("#!/bin/sh\n"));
    }

    /// Runs the files' part in a real shell, below a temporary directory, as often as `times` says.
    fn run(files: &[ScriptFile], times: usize) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        let below: Vec<ScriptFile> = files
            .iter()
            .map(|file| ScriptFile {
                path: format!("{}{}", directory.path().display(), file.path),
                ..file.clone()
            })
            .collect();
        let path = directory.path().join("user-data.sh");
        std::fs::write(&path, script(&below, &[])).unwrap();
        for _ in 0..times {
            let status = std::process::Command::new("sh").arg(&path).status().unwrap();
            assert!(status.success());
        }
        directory
    }

    #[test]
    fn a_shell_writes_every_file_byte_for_byte_however_often_it_runs() {
        use std::os::unix::fs::PermissionsExt as _;
        let (files, _) = example();
        let directory = run(&files, 2);
        for file in &files {
            let path = directory.path().join(file.path.trim_start_matches('/'));
            if file.host_name.is_some() {
                assert!(!path.exists());
                continue;
            }
            assert_eq!(std::fs::read(&path).unwrap(), file.content, "{}", file.path);
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
            assert_eq!(mode, file.mode.unwrap_or(0o644), "{}", file.path);
            assert!(!path.with_extension("partial").exists());
        }
    }

    #[test]
    fn placeholders_survive() {
        let (files, units) = example();
        let script = script(&files, &units);
        assert_eq!(script.matches("<<BOOTSTRAP_TOKEN>>").count(), 1);
        assert_eq!(script.matches("<<MACHINE_NAME>>").count(), 1);
    }
}
