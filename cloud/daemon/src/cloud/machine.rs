//! Machines: a namespace with one interface, an image with changes over it, a container that boots.

use std::{
    collections::BTreeSet,
    io::{Read, Seek, SeekFrom},
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
};

use cloud_client::{ErrorCode, Machine, MachineSpec, MachineStatus, Phase};
use ipnet::Ipv4Net;

use super::{Cloud, being_deleted, check_name, key, not_found, usable_network};
use crate::{
    Error, cgroup,
    error::refuse,
    image,
    layout::{CLOUD, MachineLayout, OWN_NAMES},
    mounts,
    netns::{self, Note},
    plan::{
        addresses::{gateway, next_free, port_name},
        links,
        machine::{DATA, Identity, Wish, identity_files, specification},
    },
    runtime,
    store::{MachineRecord, NetworkRecord, Tables, write_durably},
};

const LONGEST_NAME: usize = 63;

/// The part of a long console that is handed out.
const CONSOLE_SHOWN: u64 = 1024 * 1024;

/// Addresses below the tenth are for what people choose by hand.
const FIRST_ADDRESS: u32 = 9;

impl Cloud {
    pub(crate) fn put_machine(self: &Arc<Self>, name: &str, spec: MachineSpec) -> Result<Machine, Error> {
        check_name("machine", name, LONGEST_NAME)?;
        if OWN_NAMES.contains(&name) {
            let message = format!("{name:?} is the name of a service of the cloud's own");
            return Err(refuse(ErrorCode::Invalid, message, "choose another name"));
        }
        let image = image::find(&self.environment.cache);
        let (uid, created) = (self.environment.new_uid.as_ref()(), self.environment.clock.now());
        let range = format!("machines of {}", spec.network);
        let last = self.last_addresses.lock().get(&range).copied();
        let record = self.store.put(name, |tables| {
            decide(tables, name, spec, last, |spec, address| {
                let image = image.map(|image| image.version)?;
                let uid = uid.simple().to_string();
                Ok(MachineRecord {
                    spec,
                    address,
                    uid,
                    created: created.to_string(),
                    image,
                    deleting: false,
                })
            })
        })?;
        self.last_addresses.lock().insert(range, record.address);
        self.ensure_machine(name)?;
        self.machine(name)
    }

    pub(crate) fn machine(&self, name: &str) -> Result<Machine, Error> {
        let record: MachineRecord = self.store.get(name).ok_or_else(|| not_found("machine", name))?;
        let (mut phase, message) = self.phase(&key::<MachineRecord>(name), record.deleting);
        if phase == Phase::Ready && runtime::first_process(&self.layout, name).is_none() {
            phase = self.phase_without_process(name);
        }
        let provider_id = format!("local:///{}/{name}", self.layout.landscape());
        let status = MachineStatus {
            phase,
            message,
            address: record.address,
            provider_id,
            created: record.created,
        };
        Ok(Machine {
            name: name.to_owned(),
            spec: record.spec,
            status,
        })
    }

    /// A machine that ran once has the runtime's record of it.
    fn phase_without_process(&self, name: &str) -> Phase {
        if self.layout.runc().join(name).exists() {
            Phase::Stopped
        } else {
            Phase::Pending
        }
    }

    pub(crate) fn delete_machine(&self, name: &str) -> Result<(), Error> {
        let key = key::<MachineRecord>(name);
        let lock = self.lock(&key);
        let _guard = lock.lock();
        let record = self.store.put(name, |tables| {
            let record = tables.machines.get(name).ok_or_else(|| not_found("machine", name))?;
            Ok(MachineRecord {
                deleting: true,
                ..record.clone()
            })
        })?;
        self.note(&key, self.remove_machine(name, &record))?;
        self.store.remove::<MachineRecord>(name)
    }

    fn remove_machine(&self, name: &str, record: &MachineRecord) -> Result<(), Error> {
        self.remove_container(name)?;
        let namespace = self.layout.machine_namespace(name);
        Note::of(&namespace).remove()?;
        let router = self.layout.network_namespace(&record.spec.network);
        netns::remove_interface(&router, &port_name(record.address))?;
        netns::remove(&namespace)?;
        let folder = self.layout.machine(name).folder().to_owned();
        if folder.exists() {
            let trash = self.layout.trash();
            fs_err::create_dir_all(&trash).map_err(Error::file("create", &trash))?;
            let grave = trash.join(&record.uid);
            fs_err::rename(&folder, &grave).map_err(Error::file("rename", &folder))?;
            // Thousands of files: nobody waits for them. A restarted daemon would find them, too.
            std::thread::spawn(move || remove_folder(&grave));
        }
        Ok(())
    }

    /// Ends the machine's processes and unmounts its root.
    fn remove_container(&self, name: &str) -> Result<(), Error> {
        let removed = runtime::remove(&self.layout, name);
        // Whatever the runtime could not do: it may have been killed half-way.
        cgroup::remove(&format!("{}/{name}", self.layout.control_group()))?;
        removed?;
        mounts::remove_below(self.layout.machine(name).folder())?;
        Ok(())
    }

    /// Makes the machine run: network, links, root, container.
    pub(super) fn ensure_machine(self: &Arc<Self>, name: &str) -> Result<(), Error> {
        let key = key::<MachineRecord>(name);
        let lock = self.lock(&key);
        let _guard = lock.lock();
        let Some(record) = self.store.get::<MachineRecord>(name) else {
            return Err(not_found("machine", name));
        };
        if record.deleting {
            return Err(being_deleted("machine", name));
        }
        self.note(&key, self.make_machine(name, &record))
    }

    fn make_machine(self: &Arc<Self>, name: &str, record: &MachineRecord) -> Result<(), Error> {
        self.ensure_network(&record.spec.network)?;
        self.connect_machine(name, record)?;
        if runtime::first_process(&self.layout, name).is_some() {
            return Ok(());
        }
        self.remove_container(name)?;
        self.prepare_root(name, record)?;
        let layout = self.layout.machine(name);
        runtime::start(
            &self.layout,
            name,
            layout.bundle(),
            &layout.console(),
            &layout.runtime_log(),
        )?;
        tracing::info!(machine = name, address = %record.address, "started");
        Ok(())
    }

    fn connect_machine(&self, name: &str, record: &MachineRecord) -> Result<(), Error> {
        let namespace = self.layout.machine_namespace(name);
        let router = self.layout.network_namespace(&record.spec.network);
        let network: NetworkRecord = self
            .store
            .get(&record.spec.network)
            .ok_or_else(|| not_found("network", &record.spec.network))?;
        let note = Note::of(&namespace);
        if note.says(netns::identity(&namespace), netns::identity(&router)) {
            return Ok(());
        }
        note.remove()?;
        if netns::identity(&namespace).is_none() {
            netns::remove(&namespace)?;
            netns::create(&namespace)?;
        }
        netns::remove_interface(&namespace, links::MACHINE_INTERFACE)?;
        netns::remove_interface(&router, &port_name(record.address))?;
        netns::set_parameters(&namespace, links::MACHINE_PARAMETERS)?;
        let purpose = format!("connect the machine {name} to its network");
        netns::ip(&router, &links::machine_port(record.address, &namespace), &purpose)?;
        let cidr = network.spec.cidr;
        let gateway = gateway(cidr).unwrap_or(CLOUD);
        netns::ip(&namespace, &links::machine(record.address, cidr, gateway), &purpose)?;
        note.write(netns::identity(&namespace), netns::identity(&router))
    }

    fn prepare_root(&self, name: &str, record: &MachineRecord) -> Result<(), Error> {
        let layout = self.layout.machine(name);
        let image = image::find_version(&self.environment.cache, &record.image)?;
        for data in DATA {
            create_folder(&layout.data(data), 0o711)?;
        }
        let console = layout.console();
        fs_err::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&console)
            .map_err(Error::file("create", &console))?;
        mounts::overlay(&image.root, &layout.upper(), &layout.work(), &layout.root())?;
        // Only before the first boot: afterwards the files are the machine's own, and its links must not be followed here.
        if !layout.specification().exists() {
            self.write_identity(name, record, &layout)?;
        }
        self.write_specification(name, record, &layout)
    }

    fn write_identity(&self, name: &str, record: &MachineRecord, layout: &MachineLayout) -> Result<(), Error> {
        let (domain, registry) = (self.layout.domain(), self.registry_name());
        let identity = Identity {
            name,
            address: record.address,
            uid: &record.uid,
            domain: &domain,
            registry: &registry,
            dns: CLOUD,
        };
        for (path, text) in identity_files(&identity) {
            let path = layout.root().join(path);
            create_folder(path.parent().unwrap_or_else(|| Path::new("/")), 0o755)?;
            fs_err::write(&path, text).map_err(Error::file("write", &path))?;
        }
        Ok(())
    }

    fn write_specification(&self, name: &str, record: &MachineRecord, layout: &MachineLayout) -> Result<(), Error> {
        let wish = Wish {
            name,
            flavor: record.spec.flavor,
            namespace: &self.layout.machine_namespace(name),
            control_group: format!("/{}/{name}", self.layout.control_group()),
            layout,
        };
        let specification = specification(&wish, &self.environment.host);
        write_durably(&layout.specification(), specification.to_string().as_bytes())
    }

    /// What the machine wrote to its console, the end of it if it is long.
    pub(crate) fn console(&self, name: &str) -> Result<String, Error> {
        if self.store.get::<MachineRecord>(name).is_none() {
            return Err(not_found("machine", name));
        }
        let path = self.layout.machine(name).console();
        let read = || {
            let mut file = std::fs::File::open(&path)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(CONSOLE_SHOWN)))?;
            let mut text = Vec::new();
            file.read_to_end(&mut text)?;
            Ok::<_, std::io::Error>(String::from_utf8_lossy(&text).into_owned())
        };
        match read() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            other => other.map_err(Error::file("read", &path)),
        }
    }

    /// Who asks, judged by network and address; for the metadata server.
    pub(crate) fn machine_at(&self, network: &str, address: Ipv4Addr) -> Option<(String, MachineRecord)> {
        let tables = self.store.read();
        let mut machines = tables.machines.iter();
        let found = machines.find(|(_, machine)| machine.spec.network == network && machine.address == address);
        found.map(|(name, machine)| (name.clone(), machine.clone()))
    }
}

/// Removes the folder of a machine that is gone. Must never follow a mount into something else.
pub(super) fn remove_folder(folder: &Path) {
    let removed = mounts::below(folder).and_then(|mounts| match mounts.first() {
        Some(mount) => Err(Error::Unsupported(format!("{} is still mounted", mount.display()))),
        None => fs_err::remove_dir_all(folder).map_err(Error::file("remove", folder)),
    });
    if let Err(error) = removed {
        tracing::warn!(error = %lib_error_chain::ErrorChain(&error), "failed to remove what is left of a machine");
    }
}

fn create_folder(path: &Path, mode: u32) -> Result<(), Error> {
    if path.is_dir() {
        return Ok(());
    }
    fs_err::create_dir_all(path).map_err(Error::file("create", path))?;
    let permissions = std::fs::Permissions::from_mode(mode);
    fs_err::set_permissions(path, permissions).map_err(Error::file("change mode of", path))
}

fn decide(
    tables: &Tables,
    name: &str,
    spec: MachineSpec,
    last: Option<Ipv4Addr>,
    create: impl FnOnce(MachineSpec, Ipv4Addr) -> Result<MachineRecord, Error>,
) -> Result<MachineRecord, Error> {
    if let Some(present) = tables.machines.get(name) {
        if present.deleting {
            return Err(being_deleted("machine", name));
        }
        // An address of the cloud's choice is part of what is, not of what was wished.
        if present.spec != spec {
            let message = format!("the machine {name:?} exists with another specification");
            return Err(refuse(
                ErrorCode::Conflict,
                message,
                "a machine cannot change: delete it first",
            ));
        }
        return Ok(present.clone());
    }
    let cidr = usable_network(tables, &spec.network)?.spec.cidr;
    let machines = tables
        .machines
        .iter()
        .filter(|(_, machine)| machine.spec.network == spec.network);
    let taken: BTreeSet<Ipv4Addr> = machines
        .map(|(_, machine)| machine.address)
        .chain(gateway(cidr))
        .collect();
    let address = match spec.address {
        Some(address) => check_address(address, cidr, &taken)?,
        None => choose_address(cidr, &taken, last)?,
    };
    create(spec, address)
}

fn check_address(address: Ipv4Addr, cidr: Ipv4Net, taken: &BTreeSet<Ipv4Addr>) -> Result<Ipv4Addr, Error> {
    if !cidr.contains(&address) || address == cidr.network() || address == cidr.broadcast() {
        let message = format!("{address} cannot be a machine's address in the network {cidr}");
        return Err(refuse(
            ErrorCode::Invalid,
            message,
            "leave the address out, or choose one inside",
        ));
    }
    if taken.contains(&address) {
        let message = format!("{address} is the gateway's or another machine's address");
        return Err(refuse(
            ErrorCode::Conflict,
            message,
            "leave the address out, or choose another",
        ));
    }
    Ok(address)
}

fn choose_address(cidr: Ipv4Net, taken: &BTreeSet<Ipv4Addr>, last: Option<Ipv4Addr>) -> Result<Ipv4Addr, Error> {
    let start = Ipv4Addr::from(u32::from(cidr.network()).saturating_add(FIRST_ADDRESS));
    next_free(cidr, taken, last.or(Some(start))).ok_or_else(|| {
        refuse(
            ErrorCode::Exhausted,
            format!("no address is left in {cidr}"),
            "delete machines, or use another network",
        )
    })
}

#[cfg(test)]
mod tests {
    use cloud_client::NetworkSpec;

    use super::*;

    fn record(spec: MachineSpec, address: Ipv4Addr) -> MachineRecord {
        let text = |text: &str| text.to_owned();
        MachineRecord {
            spec,
            address,
            uid: text("u"),
            created: text("now"),
            image: text("i"),
            deleting: false,
        }
    }

    fn tables() -> Tables {
        let mut tables = Tables::default();
        let spec = NetworkSpec::routed("10.1.0.0/24".parse().unwrap());
        let network = NetworkRecord {
            spec,
            uplink: Ipv4Addr::new(172, 30, 1, 1),
            deleting: false,
        };
        tables.networks.insert("seed".into(), network);
        let address = Ipv4Addr::new(10, 1, 0, 10);
        tables
            .machines
            .insert("old".into(), record(MachineSpec::new("seed"), address));
        tables
    }

    #[track_caller]
    fn check(name: &str, spec: MachineSpec, expected: &str) {
        let answer =
            decide(&tables(), name, spec, None, |spec, address| Ok(record(spec, address))).map(|record| record.address);
        assert_eq!(
            answer.map_or_else(|error| error.to_string(), |address| address.to_string()),
            expected
        );
    }

    #[test]
    fn machines_are_checked() {
        let spec = || MachineSpec::new("seed");
        let at = |last| spec().address(Ipv4Addr::new(10, 1, 0, last));
        check("new", spec(), "10.1.0.11");
        check("old", spec(), "10.1.0.10");
        check(
            "old",
            spec().user_data("x"),
            "the machine \"old\" exists with another specification (a machine cannot change: delete it first)",
        );
        check("new", at(20), "10.1.0.20");
        check(
            "new",
            at(1),
            "10.1.0.1 is the gateway's or another machine's address (leave the address out, or choose another)",
        );
        check(
            "new",
            at(255),
            "10.1.0.255 cannot be a machine's address in the network 10.1.0.0/24 (leave the address out, or choose one inside)",
        );
        check(
            "new",
            MachineSpec::new("x"),
            "there is no network \"x\" (create the network first)",
        );
    }
}
