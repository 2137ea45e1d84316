//! The directory that holds all volumes: one directory each, named as the volume.

use std::{
    io,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use fs_err::tokio as fs;

/// Any user of any pod may own the data: pods choose their users, and the volumes' directory itself is closed.
const VOLUME_MODE: u32 = 0o777;
/// Nobody but root looks in from the host; the kubelet mounts the volumes one by one.
const ROOT_MODE: u32 = 0o711;

/// Why a volume's directory was not made or removed.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// The name could lead elsewhere.
    #[error("{0:?} is not a name of a volume")]
    BadName(String),
    /// Something that is no directory has the volume's name; it is left alone.
    #[error("{0} is not a directory")]
    NotADirectory(PathBuf),
    /// The file system refused.
    #[error("failed to {step} the directory of the volume")]
    Io {
        /// What was tried.
        step: &'static str,
        /// What went wrong, and where.
        source: io::Error,
    },
}

/// Name of a volume, and of its directory: lower-case letters, digits and dashes, so it is never a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VolumeName(String);

impl VolumeName {
    /// Reads a name.
    pub fn new(name: &str) -> Result<Self, DirectoryError> {
        let good = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || name.len() > 253 || name.starts_with('-') || !name.bytes().all(good) {
            return Err(DirectoryError::BadName(name.to_owned()));
        }
        Ok(Self(name.to_owned()))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The directory that holds all volumes.
#[derive(Clone, Debug)]
pub struct Directories {
    root: PathBuf,
}

fn failed(step: &'static str) -> impl Fn(io::Error) -> DirectoryError {
    move |source| DirectoryError::Io { step, source }
}

impl Directories {
    /// Volumes below `root`, as this process sees it.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Makes sure that the directory of all volumes is there.
    pub async fn prepare(&self) -> Result<(), DirectoryError> {
        fs::create_dir_all(&self.root).await.map_err(failed("prepare"))?;
        set_mode(&self.root, ROOT_MODE).await
    }

    /// Makes the volume's directory; what is in it already stays.
    pub async fn create(&self, name: &VolumeName) -> Result<(), DirectoryError> {
        let path = self.root.join(name.as_str());
        match fs::create_dir(&path).await {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                self.existing(&path).await?;
            }
            Err(error) => return Err(failed("create")(error)),
        }
        // Not by `create_dir`: the process' umask would take bits away.
        set_mode(&path, VOLUME_MODE).await
    }

    /// Removes the volume's directory with all that is in it; `false` if it was not there.
    ///
    /// Links in it are removed, not followed.
    pub async fn remove(&self, name: &VolumeName) -> Result<bool, DirectoryError> {
        let path = self.root.join(name.as_str());
        if !self.existing(&path).await? {
            return Ok(false);
        }
        fs::remove_dir_all(&path).await.map_err(failed("remove"))?;
        Ok(true)
    }

    /// Removes the volume's directory if there is nothing in it.
    pub async fn remove_empty(&self, name: &VolumeName) -> Result<(), DirectoryError> {
        let path = self.root.join(name.as_str());
        match fs::remove_dir(&path).await {
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {
                Err(failed("remove")(error))
            }
            _ => Ok(()),
        }
    }

    /// Whether the directory is there; an error if something else is, a link for example.
    async fn existing(&self, path: &Path) -> Result<bool, DirectoryError> {
        match fs::symlink_metadata(path).await {
            Ok(found) if found.is_dir() => Ok(true),
            Ok(_) => Err(DirectoryError::NotADirectory(path.to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(failed("look at")(error)),
        }
    }
}

async fn set_mode(path: &Path, mode: u32) -> Result<(), DirectoryError> {
    fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .await
        .map_err(failed("open"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> VolumeName {
        VolumeName::new(name).unwrap()
    }

    #[test]
    fn names_are_never_paths() {
        for bad in [
            "",
            ".",
            "..",
            "../etc",
            "/etc",
            "a/b",
            "a/../../etc",
            "a\0b",
            "A",
            "-rf",
            "a b",
            "ä",
            "pvc.1",
        ] {
            assert!(
                matches!(VolumeName::new(bad), Err(DirectoryError::BadName(_))),
                "{bad:?}"
            );
        }
        assert!(VolumeName::new(&"a".repeat(254)).is_err());
        assert_eq!(name("pvc-0d6a4c1e-5a0b").as_str(), "pvc-0d6a4c1e-5a0b");
    }

    #[tokio::test]
    async fn a_volume_is_open_to_every_user_and_keeps_its_data() {
        let root = tempfile::tempdir().unwrap();
        let directories = Directories::new(root.path().join("volumes"));
        directories.prepare().await.unwrap();
        directories.create(&name("pvc-1")).await.unwrap();
        let path = root.path().join("volumes/pvc-1");
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o777);
        std::fs::write(path.join("data"), "precious").unwrap();
        directories.create(&name("pvc-1")).await.unwrap();
        assert_eq!(std::fs::read_to_string(path.join("data")).unwrap(), "precious");
        assert!(directories.remove(&name("pvc-1")).await.unwrap());
        assert!(!path.exists());
        assert!(!directories.remove(&name("pvc-1")).await.unwrap());
    }

    #[tokio::test]
    async fn only_an_empty_directory_goes_without_a_word() {
        let root = tempfile::tempdir().unwrap();
        let directories = Directories::new(root.path());
        for volume in ["pvc-1", "pvc-2"] {
            directories.create(&name(volume)).await.unwrap();
        }
        std::fs::write(root.path().join("pvc-2/data"), "precious").unwrap();
        for volume in ["pvc-1", "pvc-2", "pvc-3"] {
            directories.remove_empty(&name(volume)).await.unwrap();
        }
        assert!(!root.path().join("pvc-1").exists());
        assert!(root.path().join("pvc-2/data").exists());
    }

    #[tokio::test]
    async fn links_lead_nowhere() {
        let root = tempfile::tempdir().unwrap();
        let outside = root.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("data"), "precious").unwrap();
        let directories = Directories::new(root.path().join("volumes"));
        directories.prepare().await.unwrap();
        // A link in place of the volume is neither used nor removed.
        std::os::unix::fs::symlink(&outside, root.path().join("volumes/pvc-1")).unwrap();
        assert!(matches!(
            directories.create(&name("pvc-1")).await,
            Err(DirectoryError::NotADirectory(_))
        ));
        assert!(matches!(
            directories.remove(&name("pvc-1")).await,
            Err(DirectoryError::NotADirectory(_))
        ));
        // A link that a pod made inside its volume goes with the volume; what it points to stays.
        directories.create(&name("pvc-2")).await.unwrap();
        std::os::unix::fs::symlink(&outside, root.path().join("volumes/pvc-2/link")).unwrap();
        directories.remove(&name("pvc-2")).await.unwrap();
        assert_eq!(std::fs::read_to_string(outside.join("data")).unwrap(), "precious");
    }
}
