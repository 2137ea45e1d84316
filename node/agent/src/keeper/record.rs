//! What was applied last, and what of it is unfinished: on disk before anything is touched, so that a killed process is continued by
//! the next one.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    files::{self, Trace},
    wished::{ImageFile, Wished},
};

/// Only what is on disk counts: every change is followed by [`Ledger::save`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Files that are ours: those not wished any more are removed.
    pub(crate) files: BTreeMap<String, Option<Program>>,
    /// Units that are ours, and the files that they hung on.
    pub(crate) units: BTreeMap<String, BTreeSet<String>>,
    /// Units that have to be restarted because their files change.
    pub(crate) restart: BTreeSet<String>,
    /// Whether systemd has to read its units again.
    pub(crate) reload: bool,
}

/// A program that was taken out of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Program {
    /// Where it is from.
    pub(crate) source: ImageFile,
    /// What it looked like then.
    pub(crate) trace: Trace,
}

impl Record {
    /// Files that are ours and not wished any more.
    pub(crate) fn unwished_files(&self, wished: &Wished) -> Vec<String> {
        let unwished = self.files.keys().filter(|path| !wished.files.contains_key(*path));
        unwished.cloned().collect()
    }

    /// Units that are ours and not wished any more.
    pub(crate) fn unwished_units(&self, wished: &Wished) -> Vec<String> {
        let unwished = self.units.keys().filter(|name| !wished.units.contains_key(*name));
        unwished.cloned().collect()
    }

    /// Makes all that is wished ours.
    pub(crate) fn own(&mut self, wished: &Wished) {
        for path in wished.files.keys() {
            self.files.entry(path.clone()).or_default();
        }
        for (name, unit) in &wished.units {
            if unit.is_ours {
                self.units.insert(name.clone(), unit.files.clone());
            } else {
                self.units.remove(name);
            }
        }
    }
}

/// The record with its place on disk.
#[derive(Debug)]
pub(crate) struct Ledger {
    path: PathBuf,
    saved: Record,
    /// The record as it shall be.
    pub(crate) record: Record,
}

impl Ledger {
    /// Reads the record. One that cannot be read counts as empty: then what is wished is found by looking at the machine, and
    /// only what nobody wishes any more may be left over.
    pub(crate) fn open(path: &Path) -> Self {
        let read = fs_err::read(path);
        let record = match &read {
            Ok(bytes) => serde_json::from_slice(bytes).unwrap_or_else(|error| {
                tracing::warn!(%error, "the record of what was applied cannot be read, beginning a new one");
                Record::default()
            }),
            Err(_) => Record::default(),
        };
        Self {
            path: path.to_owned(),
            saved: record.clone(),
            record,
        }
    }

    /// Writes the record if it changed.
    pub(crate) fn save(&mut self) -> io::Result<()> {
        if self.record == self.saved {
            return Ok(());
        }
        let text = serde_json::to_vec_pretty(&self.record)?;
        files::replace(&self.path, 0o600, &text)?;
        self.saved = self.record.clone();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_survives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        let mut ledger = Ledger::open(&path);
        ledger.record.restart.insert("kubelet.service".into());
        ledger.record.files.insert("/etc/a".into(), None);
        assert_eq!(Ledger::open(&path).record, Record::default());
        ledger.save().unwrap();
        assert_eq!(Ledger::open(&path).record, ledger.record);
    }

    #[test]
    fn a_broken_record_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("record.json");
        fs_err::write(&path, "{").unwrap();
        assert_eq!(Ledger::open(&path).record, Record::default());
    }
}
