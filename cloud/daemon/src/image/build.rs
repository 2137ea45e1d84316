//! Builds the image: packages by mmdebstrap, then our files.

use std::{
    fs::{File, Permissions},
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use lib_error_chain::ErrorChain;

use super::{
    Distribution, MachineImage,
    clean::{BUILDING, remove_unused},
    files::{CONTAINERD, CONTAINERD_PROGRAMS, EXCLUDED, FILES, LINKS, MASKED_UNITS, PACKAGES},
    folder,
    sources::{Format, SourceFile, select},
    wanted,
};
use crate::{Error, command, file_lock::FileLock, layout::Layout};

/// Half a minute with a near mirror; a slow connection has 150 MB to fetch.
const BUILD_DEADLINE: Duration = Duration::from_secs(20 * 60);

/// Folders that hold nothing but what the build left.
const EMPTIED: &[&str] = &[
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/cache",
    "var/log",
];

/// Builds the image below the cache, or finds it built. `progress` is told what is being done, in a few words.
/// Blocks for some 20 seconds when there is something to build: call it from a thread that may.
pub fn build(cache: &Path, progress: &(dyn Fn(&str) + Sync)) -> Result<MachineImage, Error> {
    let image = wanted(cache)?;
    if image.root.is_dir() {
        return Ok(image);
    }
    if !nix::unistd::geteuid().is_root() {
        return Err(Error::NotRoot);
    }
    let folder = folder(cache);
    fs_err::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    progress("waiting for another build of the machine image");
    let _lock = FileLock::wait(&super::lock(cache))?;
    if image.root.is_dir() {
        return Ok(image);
    }
    // A folder of this process' own: what a killed build left may be in use by its last children for another moment.
    let workshop = folder.join(format!("{BUILDING}{}-{}", image.version, std::process::id()));
    fs_err::create_dir_all(&workshop).map_err(Error::file("create", &workshop))?;
    let root = workshop.join("root");
    progress("installing packages of the machine image");
    install_packages(&workshop, &root)?;
    progress("adding containerd to the machine image");
    add_programs(cache, &root)?;
    add_files(&root)?;
    sync(&root)?;
    fs_err::rename(&root, &image.root).map_err(Error::file("rename", &root))?;
    fs_err::remove_dir_all(&workshop).map_err(Error::file("remove", &workshop))?;
    progress("removing machine images that no machine uses");
    if let Err(error) = remove_unused(&folder, &image.version, Layout::shared_state()) {
        // The new image is there: that the old ones are, too, is no reason to fail.
        tracing::warn!(error = %ErrorChain(&error), "failed to remove old machine images");
    }
    Ok(image)
}

fn install_packages(workshop: &Path, root: &Path) -> Result<(), Error> {
    let codename = Distribution::of_host()?.codename;
    let mut mmdebstrap = tied_to_us("mmdebstrap");
    mmdebstrap.args(["--quiet", "--mode=root", "--variant=minbase", "--format=directory"]);
    mmdebstrap.arg(format!("--include={}", PACKAGES.join(",")));
    for pattern in EXCLUDED {
        mmdebstrap.arg(format!("--dpkgopt=path-exclude={pattern}"));
    }
    for option in proxies_of_apt()? {
        mmdebstrap.arg(format!("--aptopt={option}"));
    }
    mmdebstrap
        .arg(&codename)
        .arg(root)
        .args(write_sources(workshop, &codename)?);
    command::run(
        &mut mmdebstrap,
        "install the packages of the machine image",
        BUILD_DEADLINE,
    )?;
    Ok(())
}

/// A program that goes when we go, with all that it has started and mounted: whoever is killed leaves no build behind.
fn tied_to_us(program: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare"]);
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command.arg(program);
    command
}

/// The host's proxies for packages: mmdebstrap looks at its sources only if told so, and at its settings not at all.
fn proxies_of_apt() -> Result<Vec<String>, Error> {
    let dump = command::run(
        Command::new("apt-config").arg("dump"),
        "read apt's settings",
        command::QUICK,
    )?;
    let is_proxy = |line: &&str| line.starts_with("Acquire::http") && line.contains("::Proxy");
    Ok(dump.lines().filter(is_proxy).map(str::to_owned).collect())
}

fn write_sources(workshop: &Path, codename: &str) -> Result<Vec<PathBuf>, Error> {
    let selected: Vec<SourceFile> = read_sources()?
        .iter()
        .filter_map(|file| select(file, codename))
        .collect();
    if selected.is_empty() {
        return Err(Error::NoSources {
            distribution: codename.to_owned(),
        });
    }
    let mut paths = Vec::new();
    for (index, file) in selected.iter().enumerate() {
        let path = workshop.join(format!("{index}.{}", file.format.extension()));
        fs_err::write(&path, &file.text).map_err(Error::file("write", &path))?;
        paths.push(path);
    }
    Ok(paths)
}

fn read_sources() -> Result<Vec<SourceFile>, Error> {
    let folder = Path::new("/etc/apt/sources.list.d");
    let mut paths = vec![PathBuf::from("/etc/apt/sources.list")];
    if folder.is_dir() {
        let mut parts: Vec<PathBuf> = fs_err::read_dir(folder)
            .map_err(Error::file("read", folder))?
            .flatten()
            .map(|entry| entry.path())
            .collect();
        parts.sort();
        paths.extend(parts);
    }
    let mut files = Vec::new();
    for path in paths.into_iter().filter(|path| path.is_file()) {
        let format = match path.extension().and_then(|extension| extension.to_str()) {
            Some("list") => Format::List,
            Some("sources") => Format::Paragraphs,
            _ => continue,
        };
        let text = fs_err::read_to_string(&path).map_err(Error::file("read", &path))?;
        files.push(SourceFile { format, text });
    }
    Ok(files)
}

fn add_programs(cache: &Path, root: &Path) -> Result<(), Error> {
    for program in CONTAINERD_PROGRAMS {
        let from = cache.join("upstream").join(CONTAINERD).join(program);
        if !from.is_file() {
            return Err(Error::MissingBinary { path: from });
        }
        let to = root.join("usr/local/bin").join(program);
        fs_err::copy(&from, &to).map_err(Error::file("copy to", &to))?;
        fs_err::set_permissions(&to, Permissions::from_mode(0o755)).map_err(Error::file("make executable", &to))?;
    }
    Ok(())
}

fn add_files(root: &Path) -> Result<(), Error> {
    for emptied in EMPTIED {
        let path = root.join(emptied);
        if path.is_dir() {
            fs_err::remove_dir_all(&path).map_err(Error::file("remove", &path))?;
        }
        fs_err::create_dir_all(&path).map_err(Error::file("create", &path))?;
    }
    for file in FILES {
        let path = prepare(root, file.path)?;
        fs_err::write(&path, file.text).map_err(Error::file("write", &path))?;
        fs_err::set_permissions(&path, Permissions::from_mode(file.mode))
            .map_err(Error::file("change mode of", &path))?;
    }
    for (link, target) in LINKS {
        add_link(root, link, target)?;
    }
    for unit in MASKED_UNITS {
        add_link(root, &format!("etc/systemd/system/{unit}"), "/dev/null")?;
    }
    for path in [
        "etc/machine-id",
        "etc/hostname",
        "etc/hosts",
        "etc/resolv.conf",
        "var/lib/dbus/machine-id",
    ] {
        // Written per machine; as links they would lead astray.
        let path = root.join(path);
        if path.is_symlink() || path.exists() {
            fs_err::remove_file(&path).map_err(Error::file("remove", &path))?;
        }
    }
    Ok(())
}

fn prepare(root: &Path, path: &str) -> Result<PathBuf, Error> {
    let path = root.join(path);
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent).map_err(Error::file("create", parent))?;
    }
    if path.is_symlink() || path.is_file() {
        fs_err::remove_file(&path).map_err(Error::file("replace", &path))?;
    }
    Ok(path)
}

fn add_link(root: &Path, link: &str, target: &str) -> Result<(), Error> {
    let path = prepare(root, link)?;
    symlink(target, &path).map_err(Error::file("link", &path))
}

/// The rename must not come to the disk before the files do.
fn sync(root: &Path) -> Result<(), Error> {
    let folder = File::open(root).map_err(Error::file("open", root))?;
    nix::unistd::syncfs(folder).map_err(|error| Error::file("sync", root)(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{process, wait};

    #[test]
    fn a_build_ends_with_its_builder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "").unwrap();
        let (followed, deadline) = (path.clone(), Duration::from_secs(10));
        // The kernel tells it of the end of the thread that started it.
        let builder = std::thread::spawn(move || {
            let child = tied_to_us("tail").arg("-f").arg(&followed).spawn().unwrap();
            wait::until("the program", deadline, || {
                Ok(process::with_argument(&followed).iter().any(|found| found.runs("tail")))
            })
            .unwrap();
            child
        });
        let mut child = builder.join().unwrap();
        child.wait().unwrap();
        wait::until("its end", deadline, || Ok(process::with_argument(&path).is_empty())).unwrap();
    }
}
