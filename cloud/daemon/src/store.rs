//! What the cloud was told, on disk and in memory.
//!
//! Every object is a file that is replaced atomically and reaches the disk before anything is made for it, and is removed after
//! everything of it is gone. So whatever exists on the host has a record here, also after a crash.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write,
    net::Ipv4Addr,
    path::{Path, PathBuf},
};

use cloud_client::{DnsRecordSpec, LoadBalancerSpec, MachineSpec, NetworkSpec};
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Error;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NetworkRecord {
    pub(crate) spec: NetworkSpec,
    pub(crate) uplink: Ipv4Addr,
    #[serde(default)]
    pub(crate) deleting: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct MachineRecord {
    pub(crate) spec: MachineSpec,
    pub(crate) address: Ipv4Addr,
    /// 32 hexadecimal digits.
    pub(crate) uid: String,
    pub(crate) created: String,
    /// Version of the image that it was made with.
    pub(crate) image: String,
    #[serde(default)]
    pub(crate) deleting: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LoadBalancerRecord {
    pub(crate) spec: LoadBalancerSpec,
    pub(crate) address: Ipv4Addr,
    #[serde(default)]
    pub(crate) deleting: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct NameRecord {
    pub(crate) spec: DnsRecordSpec,
}

/// All objects, by kind and name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(crate) networks: BTreeMap<String, NetworkRecord>,
    pub(crate) machines: BTreeMap<String, MachineRecord>,
    pub(crate) load_balancers: BTreeMap<String, LoadBalancerRecord>,
    pub(crate) names: BTreeMap<String, NameRecord>,
}

/// A kind of object that is stored.
pub(crate) trait Record: Serialize + DeserializeOwned + Clone {
    /// Its folder, and the first half of its key in messages.
    const FOLDER: &'static str;
    fn table(tables: &Tables) -> &BTreeMap<String, Self>;
    fn table_mut(tables: &mut Tables) -> &mut BTreeMap<String, Self>;
}

macro_rules! record {
    ($record:ty, $folder:literal, $field:ident) => {
        impl Record for $record {
            const FOLDER: &'static str = $folder;
            fn table(tables: &Tables) -> &BTreeMap<String, Self> {
                &tables.$field
            }
            fn table_mut(tables: &mut Tables) -> &mut BTreeMap<String, Self> {
                &mut tables.$field
            }
        }
    };
}
record!(NetworkRecord, "networks", networks);
record!(MachineRecord, "machines", machines);
record!(LoadBalancerRecord, "loadbalancers", load_balancers);
record!(NameRecord, "records", names);

/// The store. Readers never wait for the disk.
pub(crate) struct Store {
    folder: PathBuf,
    tables: RwLock<Tables>,
    /// Held while a decision is made and written, so that two writers do not choose the same address.
    writer: Mutex<()>,
}

impl Store {
    /// Reads all records below the folder.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, Error> {
        let tables = Tables {
            networks: load::<NetworkRecord>(&folder)?,
            machines: load::<MachineRecord>(&folder)?,
            load_balancers: load::<LoadBalancerRecord>(&folder)?,
            names: load::<NameRecord>(&folder)?,
        };
        Ok(Self {
            folder,
            tables: RwLock::new(tables),
            writer: Mutex::new(()),
        })
    }

    /// All records as they are now. Do not hold it while doing anything that takes time.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read()
    }

    pub(crate) fn get<R: Record>(&self, name: &str) -> Option<R> {
        R::table(&self.read()).get(name).cloned()
    }

    /// Writes what `decide` makes of the present records. When it returns, the record is on the disk.
    pub(crate) fn put<R: Record>(
        &self,
        name: &str,
        decide: impl FnOnce(&Tables) -> Result<R, Error>,
    ) -> Result<R, Error> {
        let _writer = self.writer.lock();
        let record = decide(&self.tables.read())?;
        write_atomically(&self.folder.join(R::FOLDER), name, &record)?;
        R::table_mut(&mut self.tables.write()).insert(name.to_owned(), record.clone());
        Ok(record)
    }

    /// Forgets the record.
    pub(crate) fn remove<R: Record>(&self, name: &str) -> Result<(), Error> {
        let _writer = self.writer.lock();
        let folder = self.folder.join(R::FOLDER);
        let path = folder.join(format!("{name}.json"));
        match fs_err::remove_file(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::file("remove", path)(error));
            }
            _ => {}
        }
        sync_folder(&folder)?;
        R::table_mut(&mut self.tables.write()).remove(name);
        Ok(())
    }
}

fn load<R: Record>(folder: &Path) -> Result<BTreeMap<String, R>, Error> {
    let folder = folder.join(R::FOLDER);
    fs_err::create_dir_all(&folder).map_err(Error::file("create", &folder))?;
    let mut table = BTreeMap::new();
    for entry in fs_err::read_dir(&folder).map_err(Error::file("read", &folder))? {
        let path = entry.map_err(Error::file("read", &folder))?.path();
        let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let Some(name) = file_name.strip_suffix(".json") else {
            // Of a writer that was killed before the rename.
            fs_err::remove_file(&path).map_err(Error::file("remove", &path))?;
            continue;
        };
        let text = fs_err::read(&path).map_err(Error::file("read", &path))?;
        let record = serde_json::from_slice(&text).map_err(|source| Error::Damaged {
            path: path.clone(),
            source,
        })?;
        table.insert(name.to_owned(), record);
    }
    Ok(table)
}

fn write_atomically(folder: &Path, name: &str, record: &impl Serialize) -> Result<(), Error> {
    let path = folder.join(format!("{name}.json"));
    let text = serde_json::to_vec_pretty(record).map_err(|source| Error::Damaged {
        path: path.clone(),
        source,
    })?;
    write_durably(&path, &text)
}

/// Replaces a file in one step; when this returns, the content is on the disk.
pub(crate) fn write_durably(path: &Path, content: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    let draft = PathBuf::from(draft);
    let mut file = File::create(&draft).map_err(Error::file("create", &draft))?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(Error::file("write", &draft))?;
    fs_err::rename(&draft, path).map_err(Error::file("rename", &draft))?;
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .map_err(Error::file("sync", folder))
}

#[cfg(test)]
mod tests {
    use cloud_client::RecordType;

    use super::*;
    use crate::error::refuse;

    fn record(value: &str) -> NameRecord {
        NameRecord {
            spec: DnsRecordSpec::new("a.b", RecordType::A, vec![value.into()]),
        }
    }

    #[test]
    fn records_are_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_owned()).unwrap();
        store.put("a.b:A", |_| Ok(record("10.0.0.1"))).unwrap();
        store
            .put("a.b:A", |tables| {
                Ok(record(&format!("10.0.0.{}", tables.names.len() + 1)))
            })
            .unwrap();
        store.put("gone:A", |_| Ok(record("10.0.0.1"))).unwrap();
        store.remove::<NameRecord>("gone:A").unwrap();
        store.remove::<NameRecord>("never:A").unwrap();

        let again = Store::open(folder.path().to_owned()).unwrap();
        assert_eq!(
            again.read().names,
            BTreeMap::from([("a.b:A".to_owned(), record("10.0.0.2"))])
        );
    }

    #[test]
    fn a_refusal_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_owned()).unwrap();
        let refusal = |_: &Tables| Err::<NameRecord, _>(refuse(cloud_client::ErrorCode::Invalid, "no", ""));
        store.put("a.b:A", refusal).unwrap_err();
        assert!(Store::open(folder.path().to_owned()).unwrap().read().names.is_empty());
    }

    #[test]
    fn drafts_of_a_killed_writer_vanish() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_owned()).unwrap();
        store.put("a.b:A", |_| Ok(record("10.0.0.1"))).unwrap();
        let draft = folder.path().join("records/a.b:A.json.draft");
        std::fs::write(&draft, "{").unwrap();
        assert_eq!(Store::open(folder.path().to_owned()).unwrap().read().names.len(), 1);
        assert!(!draft.exists());
    }
}
