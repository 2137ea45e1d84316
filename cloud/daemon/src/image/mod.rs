//! The machine image: a root file system of the host's own distribution with systemd and containerd.
//!
//! In: the cache folder with the upstream binaries, and the host's package sources. Out: a folder in the cache, named after its
//! content's version, that is either complete or absent. **Absent:** anything of one landscape or machine.

mod build;
mod clean;
mod files;
mod sources;

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

pub use self::build::build;
use crate::Error;

/// Raised when the code that builds the image changes its result.
const RECIPE: &str = "1";

/// A built machine image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MachineImage {
    /// Changes whenever anything in it does.
    pub version: String,
    /// The root file system. Read-only by agreement: machines lie over it.
    pub root: PathBuf,
}

/// The cache of everything that is fetched or built once per user: `KUBECEPTION_CACHE`, else the user's cache folder.
pub fn default_cache() -> PathBuf {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    variable("KUBECEPTION_CACHE").unwrap_or_else(|| {
        variable("XDG_CACHE_HOME")
            .unwrap_or_else(|| {
                variable("HOME")
                    .unwrap_or_else(|| PathBuf::from("/root"))
                    .join(".cache")
            })
            .join("kubeception")
    })
}

/// The image that this version of the code wants, if it is built.
pub fn find(cache: &Path) -> Result<MachineImage, Error> {
    let image = wanted(cache)?;
    if image.root.is_dir() {
        Ok(image)
    } else {
        Err(Error::NoImage { version: image.version })
    }
}

/// The image of this version, if it is still in the cache: a machine keeps the image that it was made with.
pub(crate) fn find_version(cache: &Path, version: &str) -> Result<MachineImage, Error> {
    let root = folder(cache).join(version);
    let version = version.to_owned();
    if root.is_dir() {
        Ok(MachineImage { version, root })
    } else {
        Err(Error::NoImage { version })
    }
}

/// What users call the image that this version of the code wants.
const NEWEST: &str = "local";

/// The image of that name: the newest, or a version that is still in the cache. Nothing if there is no such name.
pub(crate) fn named(cache: &Path, name: Option<&str>) -> Result<Option<MachineImage>, Error> {
    match name {
        None | Some(NEWEST) => find(cache).map(Some),
        // A name may be anything, and a path as well: only what is in the folder is a version.
        Some(version) if names_in(&folder(cache)).iter().any(|name| name == version) => {
            find_version(cache, version).map(Some)
        }
        Some(_) => Ok(None),
    }
}

/// All names that [`named`] knows.
pub(crate) fn names(cache: &Path) -> Vec<String> {
    let mut names = vec![NEWEST.to_owned()];
    names.extend(names_in(&folder(cache)));
    names
}

/// Versions in a folder of images.
fn names_in(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = folders
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !clean::is_unfinished(name))
        .collect();
    names.sort();
    names
}

fn wanted(cache: &Path) -> Result<MachineImage, Error> {
    let version = version(&Distribution::of_host()?);
    Ok(MachineImage {
        root: folder(cache).join(&version),
        version,
    })
}

/// Where all machine images of the cache lie.
pub fn folder(cache: &Path) -> PathBuf {
    cache.join("machine-image")
}

/// What is held while one is built.
pub fn lock(cache: &Path) -> PathBuf {
    folder(cache).join("lock")
}

/// The host's distribution: the image is made from the same packages.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Distribution {
    name: String,
    codename: String,
}

impl Distribution {
    fn of_host() -> Result<Self, Error> {
        let path = "/etc/os-release";
        Self::parse(&fs_err::read_to_string(path).map_err(Error::file("read", path))?)
    }

    fn parse(text: &str) -> Result<Self, Error> {
        let value = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .map(|value| value.trim_matches('"').to_owned())
                .unwrap_or_default()
        };
        let (name, codename) = (value("ID"), value("VERSION_CODENAME"));
        if codename.is_empty() || !(matches!(name.as_str(), "debian" | "ubuntu") || value("ID_LIKE").contains("debian"))
        {
            let message = format!("machine images are made from Debian's or Ubuntu's packages; this host is {name:?}");
            return Err(Error::Unsupported(message));
        }
        Ok(Self { name, codename })
    }
}

fn version(distribution: &Distribution) -> String {
    let mut hash = Sha256::new();
    let mut add = |part: &str| {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    };
    add(RECIPE);
    add(&distribution.name);
    add(&distribution.codename);
    add(files::CONTAINERD);
    for list in [
        files::PACKAGES,
        files::EXCLUDED,
        files::MASKED_UNITS,
        files::CONTAINERD_PROGRAMS,
    ] {
        list.iter().for_each(|part| add(part));
    }
    for file in files::FILES {
        add(file.path);
        add(&file.mode.to_string());
        add(file.text);
    }
    for (path, target) in files::LINKS {
        add(path);
        add(target);
    }
    let digest = hash.finalize();
    digest
        .iter()
        .take(6)
        .fold(format!("{}-", distribution.codename), |mut version, byte| {
            let _ = write!(version, "{byte:02x}");
            version
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distribution_is_read_from_os_release() {
        let text = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        let distribution = Distribution::parse(text).unwrap();
        assert_eq!(
            distribution,
            Distribution {
                name: "debian".into(),
                codename: "bookworm".into()
            }
        );
        assert!(Distribution::parse("ID=fedora\nVERSION_CODENAME=\"\"\n").is_err());
    }

    #[test]
    fn the_version_depends_on_the_distribution() {
        let of = |codename: &str| {
            version(&Distribution {
                name: "debian".into(),
                codename: codename.into(),
            })
        };
        assert_eq!(of("bookworm"), of("bookworm"));
        assert_ne!(of("bookworm")["bookworm-".len()..], of("trixie")["trixie-".len()..]);
    }

    #[test]
    fn images_go_by_name() {
        let cache = tempfile::tempdir().unwrap();
        let root = folder(cache.path()).join("bookworm-1");
        std::fs::create_dir_all(&root).unwrap();
        std::fs::create_dir_all(folder(cache.path()).join("building-bookworm-2")).unwrap();
        assert_eq!(names(cache.path()), ["local", "bookworm-1"]);
        let found = |name| named(cache.path(), Some(name)).unwrap().map(|image| image.root);
        assert_eq!(found("bookworm-1"), Some(root));
        for name in ["bookworm-2", "building-bookworm-2", "", ".", "..", "/"] {
            assert_eq!(found(name), None, "{name}");
        }
    }
}
