//! Golden files: the committed rendering of a plan or a table. `UPDATE_GOLDEN=1` rewrites them.

use std::path::Path;

/// Compares `actual` with the file at `path` (relative to the crate under test, whose directory is a test's working directory).
///
/// # Panics
/// When they differ, naming the first line that does and how to accept the change.
#[track_caller]
pub fn assert(path: impl AsRef<Path>, actual: &str) {
    let path = path.as_ref();
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        if let Some(parent) = path.parent() {
            fs_err::create_dir_all(parent).expect("create the golden file's folder");
        }
        fs_err::write(path, actual).expect("write the golden file");
        return;
    }
    let expected = fs_err::read_to_string(path).unwrap_or_default();
    if expected == actual {
        return;
    }
    let line = expected
        .lines()
        .zip(actual.lines())
        .position(|(left, right)| left != right);
    let line = line.unwrap_or_else(|| expected.lines().count().min(actual.lines().count()));
    panic!(
        "{} differs in line {}:\n  expected: {}\n  actual:   {}\nlook at the change, then accept it with UPDATE_GOLDEN=1",
        path.display(),
        line + 1,
        expected.lines().nth(line).unwrap_or("<end of file>"),
        actual.lines().nth(line).unwrap_or("<end of file>"),
    );
}
