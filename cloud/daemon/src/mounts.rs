//! Mounts of the host, as far as they are ours.

use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};

use crate::Error;

/// Mount points at or below the path, the last mounted first.
pub(crate) fn below(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let file = "/proc/self/mountinfo";
    let text = fs_err::read_to_string(file).map_err(Error::file("read", file))?;
    let mut points: Vec<PathBuf> = text
        .lines()
        .filter_map(parse_line)
        .map(|mount| mount.point)
        .filter(|point| point.starts_with(path))
        .collect();
    points.reverse();
    Ok(points)
}

/// Unmounts everything at or below the path; returns what it was.
pub(crate) fn remove_below(path: &Path) -> Result<Vec<PathBuf>, Error> {
    let points = below(path)?;
    for point in &points {
        umount2(point, MntFlags::MNT_DETACH).map_err(|error| Error::file("unmount", point)(error.into()))?;
    }
    Ok(points)
}

/// Mounts `lower` with the changes in `upper` at `target`, anew if it is mounted already.
pub(crate) fn overlay(lower: &Path, upper: &Path, work: &Path, target: &Path) -> Result<(), Error> {
    remove_below(target)?;
    for folder in [upper, work, target] {
        fs_err::create_dir_all(folder).map_err(Error::file("create", folder))?;
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        escape(lower),
        escape(upper),
        escape(work)
    );
    mount(
        Some("overlay"),
        target,
        Some("overlay"),
        MsFlags::empty(),
        Some(options.as_str()),
    )
    .map_err(|error| Error::file("mount the overlay", target)(error.into()))
}

/// Commas separate options, and colons layers.
fn escape(path: &Path) -> String {
    path.display()
        .to_string()
        .replace('\\', "\\\\")
        .replace(',', "\\,")
        .replace(':', "\\:")
}

/// One line of mountinfo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) point: PathBuf,
    pub(crate) kind: String,
}

/// All mounts of this process's namespace.
pub(crate) fn all() -> Result<Vec<Mount>, Error> {
    let file = "/proc/self/mountinfo";
    let text = fs_err::read_to_string(file).map_err(Error::file("read", file))?;
    Ok(text.lines().filter_map(parse_line).collect())
}

fn parse_line(line: &str) -> Option<Mount> {
    let (before, after) = line.split_once(" - ")?;
    let point = before.split(' ').nth(4)?;
    // The kernel writes these four as octal numbers.
    let point = point
        .replace("\\040", " ")
        .replace("\\011", "\t")
        .replace("\\012", "\n")
        .replace("\\134", "\\");
    Some(Mount {
        point: point.into(),
        kind: after.split(' ').next()?.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mountinfo_is_parsed() {
        let line = r"36 35 98:0 /mnt1 /a\040b rw,noatime master:1 - ext3 /dev/root rw,errors=continue";
        assert_eq!(
            parse_line(line),
            Some(Mount {
                point: "/a b".into(),
                kind: "ext3".into()
            })
        );
        assert_eq!(parse_line("nonsense"), None);
    }

    #[test]
    fn options_are_escaped() {
        assert_eq!(escape(Path::new("/a,b:c")), r"/a\,b\:c");
    }
}
