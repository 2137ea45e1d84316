//! A layer of an image: an uncompressed tar, made while it is read.

use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// What lies at a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Content {
    /// A folder.
    Directory,
    /// A copy of a file of this machine.
    File(PathBuf),
    /// A file with these bytes.
    Bytes(Vec<u8>),
    /// A symbolic link.
    Link(PathBuf),
}

/// One path of a layer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The path, without a leading slash.
    pub path: PathBuf,
    /// Permission bits.
    pub mode: u32,
    /// What lies there.
    pub content: Content,
}

/// A layer: what it adds to a file system. Everything belongs to root, and nothing carries a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Layer {
    entries: Vec<Entry>,
}

/// A layer that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("failed to put {path} into a layer")]
pub struct LayerError {
    path: String,
    source: io::Error,
}

/// Digest and size of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    pub(crate) digest: String,
    pub(crate) size: u64,
}

impl Layer {
    /// Adds a program: a file of this machine that may be run.
    pub fn program(self, path: impl Into<PathBuf>, source: impl Into<PathBuf>) -> Self {
        self.with(path, 0o755, Content::File(source.into()))
    }

    /// Adds a file with the given bytes.
    pub fn file(self, path: impl Into<PathBuf>, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(path, 0o644, Content::Bytes(bytes.into()))
    }

    /// Adds a symbolic link.
    pub fn link(self, path: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        self.with(path, 0o777, Content::Link(target.into()))
    }

    /// Adds a folder.
    pub fn directory(self, path: impl Into<PathBuf>, mode: u32) -> Self {
        self.with(path, mode, Content::Directory)
    }

    /// Adds everything of another layer.
    pub fn joined(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self
    }

    fn with(mut self, path: impl Into<PathBuf>, mode: u32, content: Content) -> Self {
        self.entries.push(Entry {
            path: path.into(),
            mode,
            content,
        });
        self
    }

    /// The paths, in the order they are written.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Writes the tar.
    pub fn write(&self, writer: impl Write) -> Result<(), LayerError> {
        let mut archive = tar::Builder::new(writer);
        for entry in &self.entries {
            append(&mut archive, entry).map_err(|source| failed(&entry.path, source))?;
        }
        archive.finish().map_err(|source| failed(Path::new("its end"), source))
    }

    /// Computes digest and size.
    pub(crate) fn measure(&self) -> Result<Measured, LayerError> {
        let mut sink = Sink {
            hash: Sha256::new(),
            size: 0,
        };
        self.write(&mut sink)?;
        Ok(Measured {
            digest: digest_text(sink.hash),
            size: sink.size,
        })
    }
}

/// The digest of bytes, as OCI writes it.
pub(crate) fn digest(bytes: &[u8]) -> String {
    digest_text(Sha256::new().chain_update(bytes))
}

fn digest_text(hash: Sha256) -> String {
    format!("sha256:{:x}", hash.finalize())
}

fn failed(path: &Path, source: io::Error) -> LayerError {
    LayerError {
        path: path.display().to_string(),
        source,
    }
}

fn append(archive: &mut tar::Builder<impl Write>, entry: &Entry) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_mode(entry.mode);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    match &entry.content {
        Content::Directory => {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_size(0);
            archive.append_data(&mut header, &entry.path, io::empty())
        }
        Content::File(source) => {
            let file = fs_err::File::open(source)?;
            let size = file.metadata()?.len();
            header.set_size(size);
            // A file that grows while it is read must not break the archive.
            archive.append_data(
                &mut header,
                &entry.path,
                BufReader::with_capacity(1 << 20, file.take(size)),
            )
        }
        Content::Bytes(bytes) => {
            header.set_size(bytes.len() as u64);
            archive.append_data(&mut header, &entry.path, bytes.as_slice())
        }
        Content::Link(target) => {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            archive.append_link(&mut header, &entry.path, target)
        }
    }
}

struct Sink {
    hash: Sha256,
    size: u64,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hash.update(bytes);
        self.size += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(directory: &Path) -> Layer {
        fs_err::write(directory.join("program"), "binary").unwrap();
        Layer::default()
            .directory("tmp", 0o1777)
            .program("usr/local/bin/a", directory.join("program"))
            .link("usr/local/bin/b", "a")
            .file("etc/passwd", "root:x:0:0::/:\n")
    }

    #[test]
    fn a_layer_is_a_tar_with_what_was_put_in() {
        let directory = tempfile::tempdir().unwrap();
        let mut bytes = Vec::new();
        layer(directory.path()).write(&mut bytes).unwrap();
        let mut archive = tar::Archive::new(bytes.as_slice());
        let listing: Vec<String> = archive
            .entries()
            .unwrap()
            .map(|entry| {
                let mut entry = entry.unwrap();
                let (path, mode) = (
                    entry.path().unwrap().display().to_string(),
                    entry.header().mode().unwrap(),
                );
                let link = entry
                    .link_name()
                    .unwrap()
                    .map(|link| format!(" -> {}", link.display()))
                    .unwrap_or_default();
                let mut text = String::new();
                entry.read_to_string(&mut text).unwrap();
                format!("{mode:o} {path}{link} {text:?}")
            })
            .collect();
        let expected = [
            "1777 tmp \"\"",
            "755 usr/local/bin/a \"binary\"",
            "777 usr/local/bin/b -> a \"\"",
            "644 etc/passwd \"root:x:0:0::/:\\n\"",
        ];
        assert_eq!(listing, expected);
    }

    #[test]
    fn the_same_input_gives_the_same_digest() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut bytes = Vec::new();
        layer(one.path()).write(&mut bytes).unwrap();
        let measured = layer(two.path()).measure().unwrap();
        assert_eq!(
            measured,
            Measured {
                digest: digest(&bytes),
                size: bytes.len() as u64
            }
        );
    }

    #[test]
    fn a_missing_file_is_named() {
        let error = Layer::default().program("a", "/nowhere/a").measure().unwrap_err();
        assert_eq!(error.to_string(), "failed to put a into a layer");
    }
}
