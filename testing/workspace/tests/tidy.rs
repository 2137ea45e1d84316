//! What no lint checks: module headers, lengths, leftover marks, and paths that do not belong into a public repository.

use std::path::{Path, PathBuf};

/// Longest a source file may be. The list of exceptions may only shrink.
const LONGEST_FILE: usize = 800;
const LONGER_FILES: &[&str] = &[];

/// Folders that hold no source of ours.
const SKIPPED: &[&str] = &["target", ".git", "node_modules"];

fn rust_files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from("../..")];
    while let Some(folder) = folders.pop() {
        for entry in fs_err::read_dir(&folder).expect("list a folder") {
            let path = entry.expect("read a folder's entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !SKIPPED.contains(&name.as_str()) {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
}

fn shown(path: &Path) -> String {
    path.strip_prefix("../..").unwrap_or(path).display().to_string()
}

#[track_caller]
fn none_wrong(what: &str, wrong: impl Fn(&str, &str) -> Option<String>) {
    let found: Vec<String> = rust_files()
        .iter()
        .filter_map(|path| {
            let text = fs_err::read_to_string(path).expect("read a source file");
            wrong(&shown(path), &text).map(|reason| format!("{}: {reason}", shown(path)))
        })
        .collect();
    assert!(found.is_empty(), "{what}:\n{}", found.join("\n"));
}

#[test]
fn every_module_says_what_it_is_for() {
    none_wrong("these files do not begin with `//!`", |_, text| {
        (!text.starts_with("//!")).then(|| "no header".to_owned())
    });
}

#[test]
fn files_are_short() {
    none_wrong("these files are too long; is there a boundary inside?", |path, text| {
        let lines = text.lines().count();
        (lines > LONGEST_FILE && !LONGER_FILES.contains(&path)).then(|| format!("{lines} lines"))
    });
}

#[test]
fn nothing_is_left_unfinished() {
    // Put together from parts, so that this file does not find itself.
    let marks = [
        concat!("to", "do!("),
        concat!("unimpl", "emented!("),
        concat!("db", "g!("),
        concat!("#[ig", "nore"),
        concat!("FIX", "ME"),
    ];
    none_wrong("unfinished marks", |_, text| {
        marks
            .iter()
            .find(|mark| text.contains(**mark))
            .map(|mark| (*mark).to_owned())
    });
}

#[test]
fn lints_are_not_switched_off_without_a_reason() {
    let bare = [concat!("#[al", "low("), concat!("#![al", "low(")];
    none_wrong(
        "say why with `reason = \"…\"`, or better `#[expect(…)]`",
        |path, text| {
            // What the derive generates can't know which of its lints will fire.
            if path.starts_with("apimachinery/") {
                return None;
            }
            let attributes = bare.iter().flat_map(|bare| text.split(bare).skip(1));
            let without = attributes.map(|rest| rest.split(")]").next().unwrap_or(rest));
            without
                .filter(|lints| !lints.contains("reason"))
                .map(str::to_owned)
                .next()
        },
    );
}
