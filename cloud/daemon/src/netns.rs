//! Network namespaces, held by files below the landscape's run folder rather than by processes.
//!
//! They do not lie in `/run/netns`: the `ip` program mounts that folder over itself, and the host's mounts must stay as they were.

use std::{
    fs::File,
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Command,
    thread,
};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, setns, unshare},
    sys::statfs::{NSFS_MAGIC, statfs},
};

use crate::{Error, command};

/// Makes a namespace and holds it at the path, which must not hold one yet.
pub(crate) fn create(path: &Path) -> Result<(), Error> {
    if let Some(parent) = path.parent() {
        fs_err::create_dir_all(parent).map_err(Error::file("create", parent))?;
    }
    File::create(path).map_err(Error::file("create", path))?;
    let target = path.to_owned();
    in_thread(move || {
        unshare(CloneFlags::CLONE_NEWNET)?;
        let none: Option<&str> = None;
        // `thread-self`: the other threads stay where they are.
        mount(Some("/proc/thread-self/ns/net"), &target, none, MsFlags::MS_BIND, none)?;
        Ok(())
    })
    .map_err(Error::system(format!("make the network namespace {}", path.display())))?;
    ip(path, "link set lo up\n", "bring up the loopback interface")
}

/// Whether the path holds a namespace, and which: a number that no other living namespace has.
pub(crate) fn identity(path: &Path) -> Option<u64> {
    let is_namespace = statfs(path).is_ok_and(|statistics| statistics.filesystem_type() == NSFS_MAGIC);
    if is_namespace {
        fs_err::metadata(path).ok().map(|metadata| metadata.ino())
    } else {
        None
    }
}

/// Lets go of the namespace. The kernel removes it, with all its interfaces, when no process or socket is in it any more.
pub(crate) fn remove(path: &Path) -> Result<bool, Error> {
    if !path.exists() {
        return Ok(false);
    }
    while identity(path).is_some() {
        umount2(path, MntFlags::MNT_DETACH).map_err(|error| Error::file("unmount", path)(error.into()))?;
    }
    fs_err::remove_file(path).map_err(Error::file("remove", path))?;
    Ok(true)
}

/// Runs the closure in a thread inside the namespace. Sockets that it makes stay there.
pub(crate) fn enter<T: Send + 'static>(
    path: &Path,
    action: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let namespace = File::open(path)?;
    in_thread(move || {
        setns(namespace, CloneFlags::CLONE_NEWNET)?;
        action()
    })
}

/// A thread of its own, which ends afterwards: no other code may find itself in a foreign namespace.
fn in_thread<T: Send + 'static>(action: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    thread::Builder::new()
        .name("netns".into())
        .spawn(action)?
        .join()
        .unwrap_or_else(|_| Err(io::Error::other("the thread in the namespace panicked")))
}

/// Runs a batch of `ip` commands inside the namespace; the first that fails ends it.
pub(crate) fn ip(path: &Path, batch: &str, purpose: &str) -> Result<(), Error> {
    if batch.is_empty() {
        return Ok(());
    }
    let mut command = program(path, "ip");
    command.args(["-batch", "-"]);
    command::run_with_input(&mut command, batch, purpose, command::QUICK).map(drop)
}

/// Replaces rules inside the namespace, all or nothing.
pub(crate) fn nft(path: &Path, rules: &str, purpose: &str) -> Result<(), Error> {
    let mut command = program(path, "nft");
    command.args(["-f", "-"]);
    command::run_with_input(&mut command, rules, purpose, command::QUICK).map(drop)
}

/// A program that will run inside the namespace.
pub(crate) fn program(path: &Path, name: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net={}", path.display())).arg("--").arg(name);
    command
}

/// Sets kernel parameters of the namespace; those that this kernel does not have are passed over.
pub(crate) fn set_parameters(path: &Path, parameters: &'static [(&'static str, &'static str)]) -> Result<(), Error> {
    enter(path, move || {
        for (name, value) in parameters {
            match std::fs::write(Path::new("/proc/sys/net").join(name), value) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                other => other?,
            }
        }
        Ok(())
    })
    .map_err(Error::system(format!("set kernel parameters in {}", path.display())))
}

/// A note beside a namespace that its links are complete, and to which other namespace they lead.
pub(crate) struct Note(PathBuf);

impl Note {
    pub(crate) fn of(namespace: &Path) -> Self {
        Self(namespace.with_extension("ready"))
    }

    /// Whether this namespace was completed and leads to that one.
    pub(crate) fn says(&self, this: Option<u64>, that: Option<u64>) -> bool {
        let (Some(this), Some(that)) = (this, that) else {
            return false;
        };
        fs_err::read_to_string(&self.0).is_ok_and(|text| text == format!("{this} {that}"))
    }

    pub(crate) fn write(&self, this: Option<u64>, that: Option<u64>) -> Result<(), Error> {
        let text = format!("{} {}", this.unwrap_or_default(), that.unwrap_or_default());
        fs_err::write(&self.0, text).map_err(Error::file("write", &self.0))
    }

    pub(crate) fn remove(&self) -> Result<(), Error> {
        match fs_err::remove_file(&self.0) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(Error::file("remove", &self.0)(error)),
            _ => Ok(()),
        }
    }
}

/// Removes the interface, and with it its other end, if namespace and interface exist.
pub(crate) fn remove_interface(path: &Path, name: &str) -> Result<(), Error> {
    if identity(path).is_none() {
        return Ok(());
    }
    let wanted = name.to_owned();
    let exists = enter(path, move || Ok(nix::net::if_::if_nametoindex(wanted.as_str()).is_ok()))
        .map_err(Error::system(format!("look for the interface {name}")))?;
    if !exists {
        return Ok(());
    }
    match ip(
        path,
        &format!("link del {name}\n"),
        &format!("remove the interface {name}"),
    ) {
        // The other end's namespace may have taken it along in the meantime.
        Err(Error::Program { output, .. }) if output.contains("Cannot find device") => Ok(()),
        other => other,
    }
}
