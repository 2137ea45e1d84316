//! Removes images that no machine was made from any more: each takes a quarter of a gigabyte.

use std::{collections::BTreeSet, io, path::Path};

use serde::Deserialize;

use super::names_in;
use crate::Error;

/// Half-built and half-removed images; nobody uses them while the lock is held.
pub(super) const BUILDING: &str = "building-";
const REMOVING: &str = "removing-";

/// Whether the name is not that of a complete image.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.starts_with(BUILDING) || name.starts_with(REMOVING)
}

/// Removes all images of the folder but `kept` and those that machines of any landscape below `state` were made from. The folder's lock
/// must be held.
pub(super) fn remove_unused(folder: &Path, kept: &str, state: &Path) -> Result<Vec<String>, Error> {
    for entry in fs_err::read_dir(folder).map_err(Error::file("read", folder))?.flatten() {
        if is_unfinished(&entry.file_name().to_string_lossy()) {
            remove(&entry.path())?;
        }
    }
    let used = versions_in_use(state)?;
    let unused = names_in(folder)
        .into_iter()
        .filter(|name| name != kept && !used.contains(name));
    let mut removed = Vec::new();
    for version in unused {
        let (place, away) = (folder.join(&version), folder.join(format!("{REMOVING}{version}")));
        fs_err::rename(&place, &away).map_err(Error::file("rename", &place))?;
        // From here on no machine can be made from it; one may have been written down just before.
        if versions_in_use(state)?.contains(&version) {
            fs_err::rename(&away, &place).map_err(Error::file("rename", &away))?;
            continue;
        }
        remove(&away)?;
        removed.push(version);
    }
    Ok(removed)
}

fn remove(folder: &Path) -> Result<(), Error> {
    fs_err::remove_dir_all(folder).map_err(Error::file("remove", folder))
}

/// The part of a machine's record that matters here.
#[derive(Deserialize)]
struct Record {
    image: String,
}

/// Versions that machines of any landscape were made from.
fn versions_in_use(state: &Path) -> Result<BTreeSet<String>, Error> {
    let mut used = BTreeSet::new();
    for landscape in entries(state)? {
        for record in entries(&landscape.join("objects/machines"))? {
            if record.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            let text = match fs_err::read(&record) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(Error::file("read", &record))?,
            };
            let parsed: Record =
                serde_json::from_slice(&text).map_err(|source| Error::Damaged { path: record, source })?;
            used.insert(parsed.image);
        }
    }
    Ok(used)
}

fn entries(folder: &Path) -> Result<Vec<std::path::PathBuf>, Error> {
    match fs_err::read_dir(folder) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(Vec::new()),
        Err(error) => Err(Error::file("read", folder)(error)),
        Ok(entries) => Ok(entries.flatten().map(|entry| entry.path()).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_nobody_uses_goes() {
        let (cache, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for image in [
            "bookworm-new",
            "bookworm-used",
            "bookworm-old",
            "building-x",
            "removing-y",
        ] {
            std::fs::create_dir_all(cache.path().join(image).join("etc")).unwrap();
        }
        std::fs::write(cache.path().join("lock"), "").unwrap();
        let machines = state.path().join("other/objects/machines");
        std::fs::create_dir_all(&machines).unwrap();
        std::fs::write(state.path().join("a-file"), "").unwrap();
        std::fs::write(machines.join("m.json"), r#"{"image": "bookworm-used", "spec": {}}"#).unwrap();
        std::fs::write(machines.join("n.json.draft"), "{").unwrap();

        let removed = remove_unused(cache.path(), "bookworm-new", state.path()).unwrap();
        assert_eq!(removed, ["bookworm-old"]);
        assert_eq!(names_in(cache.path()), ["bookworm-new", "bookworm-used"]);
        assert!(!cache.path().join("building-x").exists() && !cache.path().join("removing-y").exists());
        assert!(cache.path().join("lock").exists());
    }

    #[test]
    fn what_cannot_be_read_may_be_in_use() {
        let (cache, state) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::create_dir_all(cache.path().join("bookworm-old")).unwrap();
        let machines = state.path().join("other/objects/machines");
        std::fs::create_dir_all(&machines).unwrap();
        std::fs::write(machines.join("m.json"), "{").unwrap();
        remove_unused(cache.path(), "bookworm-new", state.path()).unwrap_err();
        assert_eq!(names_in(cache.path()), ["bookworm-old"]);
    }
}
