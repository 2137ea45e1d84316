//! Replaces files: readers see the old content or the new one, also when we are killed in between.

use std::{
    io::{self, Read as _, Write as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use fs_err::{File, OpenOptions, os::unix::fs::OpenOptionsExt as _};

/// Read at once when two files are compared.
const CHUNK: usize = 1 << 16;

/// Replaces the file, making folders on the way. The bytes are on disk when this returns.
pub(crate) fn replace(path: &Path, mode: u32, content: &[u8]) -> io::Result<()> {
    let partial = begin(path)?;
    let mut file = create(&partial)?;
    file.write_all(content)?;
    file.sync_all()?;
    finish(&partial, path, mode)
}

/// Replaces the file by a copy of another.
pub(crate) fn replace_by_copy(path: &Path, mode: u32, source: &Path) -> io::Result<()> {
    let partial = begin(path)?;
    let mut file = create(&partial)?;
    io::copy(&mut File::open(source)?, &mut file)?;
    file.sync_all()?;
    finish(&partial, path, mode)
}

/// One name per file: what a killed process left is written over by the next.
fn begin(path: &Path) -> io::Result<PathBuf> {
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".partial");
    let partial = PathBuf::from(name);
    // With other permissions than ours, or a link: nothing is written through it.
    remove(&partial)?;
    Ok(partial)
}

fn create(partial: &Path) -> io::Result<File> {
    // Secrets are nobody else's business, not even while they are written.
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(partial)
}

fn finish(partial: &Path, path: &Path, mode: u32) -> io::Result<()> {
    fs_err::set_permissions(partial, std::fs::Permissions::from_mode(mode))?;
    fs_err::rename(partial, path)
}

/// Removes the file; one that is not there is removed already.
pub(crate) fn remove(path: &Path) -> io::Result<()> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Whether the file is there with this mode and content.
pub(crate) fn is_as(path: &Path, mode: u32, content: &[u8]) -> bool {
    has_mode(path, mode) && fs_err::read(path).is_ok_and(|found| found == content)
}

fn has_mode(path: &Path, mode: u32) -> bool {
    let metadata = fs_err::symlink_metadata(path);
    metadata.is_ok_and(|metadata| metadata.is_file() && metadata.mode() & 0o7777 == mode)
}

/// Whether the file is there with this mode and the other file's content.
pub(crate) fn is_copy(path: &Path, mode: u32, source: &Path) -> io::Result<bool> {
    if !has_mode(path, mode) {
        return Ok(false);
    }
    let (mut one, mut other) = (File::open(path)?, File::open(source)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; CHUNK], vec![0; CHUNK]);
    loop {
        let count = one.read(&mut left)?;
        if count == 0 {
            return Ok(true);
        }
        other.read_exact(&mut right[..count])?;
        if left[..count] != right[..count] {
            return Ok(false);
        }
    }
}

/// What changes when somebody touches a file: cheap to compare where content is too much to read.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Trace {
    inode: u64,
    size: u64,
    mode: u32,
    modified: (i64, i64),
}

/// The trace of a file, if it is there.
pub(crate) fn trace(path: &Path) -> Option<Trace> {
    let metadata = fs_err::symlink_metadata(path).ok()?;
    Some(Trace {
        inode: metadata.ino(),
        size: metadata.size(),
        mode: metadata.mode(),
        modified: (metadata.mtime(), metadata.mtime_nsec()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_with_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b/file");
        replace(&path, 0o640, b"one").unwrap();
        assert!(is_as(&path, 0o640, b"one"));
        assert!(!is_as(&path, 0o600, b"one"));
        assert!(!is_as(&path, 0o640, b"two"));
        replace(&path, 0o600, b"two").unwrap();
        assert!(is_as(&path, 0o600, b"two"));
        assert_eq!(fs_err::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn nothing_is_written_through_what_a_killed_process_or_somebody_else_left() {
        let folder = tempfile::tempdir().unwrap();
        let (path, victim) = (folder.path().join("file"), folder.path().join("victim"));
        fs_err::write(&victim, "untouched").unwrap();
        fs_err::os::unix::fs::symlink(&victim, folder.path().join("file.partial")).unwrap();
        replace(&path, 0o644, b"new").unwrap();
        assert_eq!(fs_err::read_to_string(victim).unwrap(), "untouched");
        assert!(is_as(&path, 0o644, b"new"));
    }

    #[test]
    fn a_copy_is_told_from_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let (source, path) = (folder.path().join("source"), folder.path().join("path"));
        let mut content = vec![7; 3 * CHUNK + 5];
        fs_err::write(&source, &content).unwrap();
        assert!(!is_copy(&path, 0o755, &source).unwrap());
        replace_by_copy(&path, 0o755, &source).unwrap();
        assert!(is_copy(&path, 0o755, &source).unwrap());
        content[3 * CHUNK] = 8;
        fs_err::write(&source, &content).unwrap();
        assert!(!is_copy(&path, 0o755, &source).unwrap());
    }

    #[test]
    fn touching_a_file_leaves_a_trace() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert_eq!(trace(&path), None);
        replace(&path, 0o755, b"one").unwrap();
        let before = trace(&path);
        assert_eq!(before, trace(&path));
        replace(&path, 0o755, b"two").unwrap();
        assert_ne!(before, trace(&path));
        remove(&path).unwrap();
        remove(&path).unwrap();
    }
}
