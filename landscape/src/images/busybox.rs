//! The distribution's busybox with a link for each of its names: a shell and its tools in 2 MB, for users and tests.

use std::collections::BTreeSet;
use std::process::Command;

use super::layer::Layer;
use super::userland::{UserlandError, find, libraries_of};

const PROGRAM: &str = "busybox";
const PACKAGE: &str = "busybox";

/// A program of the C library that is never static. A static busybox loads the library all the same, to resolve names, and breaks without.
const DYNAMIC_PROGRAM: &str = "getent";

/// A layer with busybox; whether the distribution's is static or not.
pub(super) fn busybox() -> Result<Layer, UserlandError> {
    let path = find(PROGRAM).ok_or(UserlandError::Missing {
        program: PROGRAM,
        package: PACKAGE,
    })?;
    let listed = Command::new(&path).arg("--list").output();
    let listed = listed.map_err(|source| UserlandError::Libraries {
        program: path.display().to_string(),
        source,
    })?;
    let mut layer = Layer::default()
        .directory("bin", 0o755)
        .program(format!("bin/{PROGRAM}"), &path);
    let resolving = find(DYNAMIC_PROGRAM).map_or_else(|| Ok(Vec::new()), |program| libraries_of(&program))?;
    let libraries: BTreeSet<_> = libraries_of(&path)?.into_iter().chain(resolving).collect();
    for library in libraries {
        layer = layer.program(library.strip_prefix("/").unwrap_or(&library), &library);
    }
    let names = String::from_utf8_lossy(&listed.stdout).into_owned();
    let names = names
        .lines()
        .map(str::trim)
        .filter(|name| !name.is_empty() && *name != PROGRAM);
    Ok(names.fold(layer, |layer, name| layer.link(format!("bin/{name}"), PROGRAM)))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_shell_and_its_tools_are_there() {
        let layer = busybox().unwrap();
        for path in ["bin/busybox", "bin/sh", "bin/wget", "bin/nslookup", "bin/tar"] {
            let is_there = layer.entries().iter().any(|entry| entry.path == Path::new(path));
            assert!(is_there, "{path} is missing");
        }
    }
}
