//! What the cloud was told, on disk and in memory.
//!
//! Every object is a file that is replaced atomically and reaches the disk before anything is made for it, and is removed after
//! everything of it is gone. So whatever exists on the host has a record here, also after a crash.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions, Permissions},
    io::Write,
    net::Ipv4Addr,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use cloud_client::{
    DnsRecordSpec, ErrorCode, Flavor, Limits, LoadBalancerSpec, MachineSpec, NetworkRoute, NetworkSpec, RouteSpec,
    SecurityGroupSpec,
};
use ipnet::Ipv4Net;
use parking_lot::{Mutex, RwLock, RwLockReadGuard};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{Error, error::refuse};

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
    /// Empty in a record of before there were zones.
    #[serde(default)]
    pub(crate) zone: String,
    /// What its flavor meant when it was made.
    #[serde(default)]
    pub(crate) limits: Option<Limits>,
    #[serde(default)]
    pub(crate) deleting: bool,
}

impl MachineRecord {
    pub(crate) fn limits(&self) -> Option<Limits> {
        self.limits.or(match self.spec.flavor {
            Some(Flavor::Limits(limits)) => Some(limits),
            _ => None,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct RouteRecord {
    pub(crate) spec: RouteSpec,
    #[serde(default)]
    pub(crate) deleting: bool,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SecurityGroupRecord {
    pub(crate) spec: SecurityGroupSpec,
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
    pub(crate) routes: BTreeMap<String, RouteRecord>,
    pub(crate) security_groups: BTreeMap<String, SecurityGroupRecord>,
    pub(crate) machines: BTreeMap<String, MachineRecord>,
    pub(crate) load_balancers: BTreeMap<String, LoadBalancerRecord>,
    pub(crate) names: BTreeMap<String, NameRecord>,
}

impl Tables {
    /// The whole route table of a network: the lines of its specification, and those that are objects of their own.
    pub(crate) fn routes_of(&self, network: &str) -> Vec<NetworkRoute> {
        let own = self
            .networks
            .get(network)
            .into_iter()
            .flat_map(|it| it.spec.routes.iter().cloned());
        let others = self
            .routes
            .values()
            .filter(|route| route.spec.network == network && !route.deleting);
        let mut routes: Vec<NetworkRoute> = own
            .chain(others.map(|route| NetworkRoute {
                destination: route.spec.destination,
                via: route.spec.via,
            }))
            .collect();
        routes.sort_by_key(|route| (route.destination, route.via));
        routes.dedup();
        routes
    }

    /// All addresses that lead to a network: its own, and those of its routes.
    pub(crate) fn ranges_of(&self, network: &str) -> Vec<Ipv4Net> {
        let own = self.networks.get(network).map(|it| it.spec.cidr);
        own.into_iter()
            .chain(self.routes_of(network).into_iter().map(|route| route.destination))
            .collect()
    }
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
record!(RouteRecord, "routes", routes);
record!(SecurityGroupRecord, "securitygroups", security_groups);
record!(MachineRecord, "machines", machines);
record!(LoadBalancerRecord, "loadbalancers", load_balancers);
record!(NameRecord, "records", names);

/// The store. Readers never wait for the disk.
pub(crate) struct Store {
    folder: PathBuf,
    /// How many records of a kind there may be.
    quotas: BTreeMap<String, usize>,
    tables: RwLock<Tables>,
    /// Held while a decision is made and written, so that two writers do not choose the same address.
    writer: Mutex<()>,
}

impl Store {
    /// Reads all records below the folder.
    pub(crate) fn open(folder: PathBuf, quotas: BTreeMap<String, usize>) -> Result<Self, Error> {
        let tables = Tables {
            networks: load::<NetworkRecord>(&folder)?,
            routes: load::<RouteRecord>(&folder)?,
            security_groups: load::<SecurityGroupRecord>(&folder)?,
            machines: load::<MachineRecord>(&folder)?,
            load_balancers: load::<LoadBalancerRecord>(&folder)?,
            names: load::<NameRecord>(&folder)?,
        };
        Ok(Self {
            folder,
            quotas,
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
        self.check_quota::<R>(name)?;
        write_atomically(&self.folder.join(R::FOLDER), name, &record)?;
        R::table_mut(&mut self.tables.write()).insert(name.to_owned(), record.clone());
        Ok(record)
    }

    /// What is there may change also when there is too much of it.
    fn check_quota<R: Record>(&self, name: &str) -> Result<(), Error> {
        let tables = self.tables.read();
        let table = R::table(&tables);
        match self.quotas.get(R::FOLDER) {
            Some(quota) if !table.contains_key(name) && table.len() >= *quota => Err(refuse(
                ErrorCode::QuotaExceeded,
                format!("quota exceeded: this cloud has room for {quota} {}", R::FOLDER),
                "delete what is not used, or start the cloud with a greater --quota",
            )),
            _ => Ok(()),
        }
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
        // Of a version that left them to the folder's mode.
        fs_err::set_permissions(&path, Permissions::from_mode(PRIVATE))
            .map_err(Error::file("change mode of", &path))?;
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

/// For files that hold secrets, or may one day.
const PRIVATE: u32 = 0o600;

/// Replaces a file in one step; when this returns, the content is on the disk, for root's eyes only.
pub(crate) fn write_durably(path: &Path, content: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or_else(|| Path::new("/"));
    let mut draft = path.as_os_str().to_owned();
    draft.push(".draft");
    let draft = PathBuf::from(draft);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(PRIVATE);
    let mut file = options.open(&draft).map_err(Error::file("create", &draft))?;
    // A draft that a killed writer left has the mode that it had.
    file.set_permissions(Permissions::from_mode(PRIVATE))
        .and_then(|()| file.write_all(content))
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

    fn open(folder: &Path) -> Result<Store, Error> {
        Store::open(folder.to_owned(), BTreeMap::from([("records".to_owned(), 2)]))
    }

    fn record(value: &str) -> NameRecord {
        NameRecord {
            spec: DnsRecordSpec::new("a.b", RecordType::A, vec![value.into()]),
        }
    }

    #[test]
    fn records_are_found_again() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap();
        store.put("a.b:A", |_| Ok(record("10.0.0.1"))).unwrap();
        store
            .put("a.b:A", |tables| {
                Ok(record(&format!("10.0.0.{}", tables.names.len() + 1)))
            })
            .unwrap();
        store.put("gone:A", |_| Ok(record("10.0.0.1"))).unwrap();
        store.remove::<NameRecord>("gone:A").unwrap();
        store.remove::<NameRecord>("never:A").unwrap();

        let again = open(folder.path()).unwrap();
        assert_eq!(
            again.read().names,
            BTreeMap::from([("a.b:A".to_owned(), record("10.0.0.2"))])
        );
    }

    #[test]
    fn a_refusal_writes_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap();
        let refusal = |_: &Tables| Err::<NameRecord, _>(refuse(ErrorCode::Invalid, "no", ""));
        store.put("a.b:A", refusal).unwrap_err();
        assert!(open(folder.path()).unwrap().read().names.is_empty());
    }

    #[test]
    fn drafts_of_a_killed_writer_vanish() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap();
        store.put("a.b:A", |_| Ok(record("10.0.0.1"))).unwrap();
        let draft = folder.path().join("records/a.b:A.json.draft");
        std::fs::write(&draft, "{").unwrap();
        assert_eq!(open(folder.path()).unwrap().read().names.len(), 1);
        assert!(!draft.exists());
    }

    #[test]
    fn quotas_stop_what_is_new() {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path()).unwrap();
        for name in ["a", "b", "a"] {
            store.put(name, |_| Ok(record("10.0.0.1"))).unwrap();
        }
        let refusal = store.put("c", |_| Ok(record("10.0.0.1"))).unwrap_err().into_api();
        assert_eq!(refusal.code, ErrorCode::QuotaExceeded);
        assert_eq!(refusal.message, "quota exceeded: this cloud has room for 2 records");
        store.remove::<NameRecord>("a").unwrap();
        store.put("c", |_| Ok(record("10.0.0.1"))).unwrap();
    }

    #[test]
    fn records_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records/a.json");
        let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
        open(folder.path())
            .unwrap()
            .put("a", |_| Ok(record("10.0.0.1")))
            .unwrap();
        assert_eq!(mode(), 0o600);
        std::fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
        open(folder.path()).unwrap();
        assert_eq!(mode(), 0o600, "of an earlier version");
    }

    #[test]
    fn records_of_earlier_versions_are_read() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [
            (
                "networks/seed.json",
                r#"{"spec": {"cidr": "10.1.0.0/24", "routed": true}, "uplink": "172.30.1.1", "deleting": false}"#,
            ),
            (
                "machines/seed.json",
                r##"{"spec": {"network": "seed", "kind": "container", "address": "10.1.0.10",
                    "flavor": {"cpuMillis": 1500, "memoryMib": 512}, "userData": "#!/bin/sh\n"},
                    "address": "10.1.0.10", "uid": "00", "created": "2026-01-01T00:00:00Z", "image": "bookworm-0", "deleting": false}"##,
            ),
        ] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let store = open(folder.path()).unwrap();
        let machine: MachineRecord = store.get("seed").unwrap();
        let limits = Limits {
            cpu_millis: 1500,
            memory_mib: 512,
        };
        assert_eq!((machine.zone.as_str(), machine.limits()), ("", Some(limits)));
        assert_eq!(machine.spec.security_groups, Vec::<String>::new());
        assert_eq!(store.read().routes_of("seed"), []);
    }
}
