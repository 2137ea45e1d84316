//! Programs of the distribution with the libraries they load, as a layer: kube-proxy calls `nft`.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::layer::Layer;

/// Where the distribution keeps programs, in the order of looking.
const PROGRAM_FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// A program that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum UserlandError {
    /// It is not installed.
    #[error("{program} is not installed: apt-get install {package}")]
    Missing {
        /// The program.
        program: &'static str,
        /// The package that brings it.
        package: &'static str,
    },
    /// Its libraries cannot be listed.
    #[error("failed to list the libraries of {program}")]
    Libraries {
        /// The program.
        program: String,
        /// Why.
        source: io::Error,
    },
}

/// A layer with `programs`, each named with the package that brings it, and their libraries at the places they have here.
pub(crate) fn userland(programs: &[(&'static str, &'static str)]) -> Result<Layer, UserlandError> {
    let mut layer = Layer::default();
    let mut libraries = BTreeSet::new();
    for &(program, package) in programs {
        let path = find(program).ok_or(UserlandError::Missing { program, package })?;
        libraries.extend(libraries_of(&path)?);
        layer = layer.program(format!("usr/sbin/{program}"), path);
    }
    for library in libraries {
        // A library is taken by the name it is asked for; what that name points to is copied.
        layer = layer.program(library.strip_prefix("/").unwrap_or(&library), &library);
    }
    Ok(layer)
}

/// Where the distribution has the program.
pub(super) fn find(program: &str) -> Option<PathBuf> {
    PROGRAM_FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(program))
        .find(|path| path.is_file())
}

/// The libraries it loads; a static program loads none.
pub(super) fn libraries_of(program: &Path) -> Result<Vec<PathBuf>, UserlandError> {
    let failed = |source| UserlandError::Libraries {
        program: program.display().to_string(),
        source,
    };
    let output = Command::new("ldd").arg(program).output().map_err(failed)?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        if complaint.contains("not a dynamic executable") {
            return Ok(Vec::new());
        }
        return Err(failed(io::Error::other(complaint)));
    }
    Ok(parse_ldd(&String::from_utf8_lossy(&output.stdout)))
}

/// `name => /path (address)` for a library, `/path (address)` for the loader; the kernel's own has no path.
fn parse_ldd(output: &str) -> Vec<PathBuf> {
    let path = |line: &str| {
        line.split_whitespace()
            .find(|word| word.starts_with('/'))
            .map(PathBuf::from)
    };
    output.lines().filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_what_ldd_prints() {
        let output = "\tlinux-vdso.so.1 (0x00007fd4)\n\tlibnftables.so.1 => /lib/x86_64-linux-gnu/libnftables.so.1 (0x0)\n\
                      \t/lib64/ld-linux-x86-64.so.2 (0x00007fd4)\n";
        let expected = ["/lib/x86_64-linux-gnu/libnftables.so.1", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from);
        assert_eq!(parse_ldd(output), expected);
    }

    #[test]
    fn a_program_comes_with_its_loader() {
        let layer = userland(&[("sh", "dash")]).unwrap();
        assert_eq!(layer.entries()[0].path, Path::new("usr/sbin/sh"));
        assert!(
            layer
                .entries()
                .iter()
                .any(|entry| entry.path.to_string_lossy().contains("ld-linux"))
        );
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let error = userland(&[("no-such-program", "no-such-package")]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "no-such-program is not installed: apt-get install no-such-package"
        );
    }
}
