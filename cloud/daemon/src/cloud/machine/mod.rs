//! Machines: a namespace with one interface, an image with changes over it, a container that boots.

pub(crate) mod console;
mod decide;

use std::{net::Ipv4Addr, os::unix::fs::PermissionsExt, path::Path, sync::Arc, time::Duration};

use cloud_client::{ErrorCode, Machine, MachineSpec, MachineStatus, Phase};

use self::decide::Decision;
use super::{Cloud, being_deleted, check_name, key, not_found};
use crate::{
    Error, cgroup,
    error::refuse,
    image,
    layout::{CLOUD, MachineLayout, OWN_NAMES},
    mounts,
    netns::{self, Note},
    plan::{
        addresses::{gateway, port_name},
        links,
        machine::{DATA, Identity, Wish, identity_files, specification},
    },
    process, runtime,
    store::{MachineRecord, NetworkRecord, write_durably},
};

const LONGEST_NAME: usize = 63;

/// How long a killed runtime may take to be gone.
const END: Duration = Duration::from_secs(10);

impl Cloud {
    pub(crate) fn put_machine(self: &Arc<Self>, name: &str, spec: MachineSpec) -> Result<Machine, Error> {
        check_name("machine", name, LONGEST_NAME)?;
        if OWN_NAMES.contains(&name) {
            let message = format!("{name:?} is the name of a service of the cloud's own");
            return Err(refuse(ErrorCode::Invalid, message, "choose another name"));
        }
        let (uid, created) = (self.environment.new_uid.as_ref()(), self.environment.clock.now());
        let range = format!("machines of {}", spec.network);
        let last = self.last_addresses.lock().get(&range).copied();
        let decision = Decision {
            name,
            last,
            catalog: &self.environment.catalog,
            images: &|name| image::named(&self.environment.cache, name),
            uid: uid.simple().to_string(),
            created: created.to_string(),
        };
        let record = self.store.put(name, |tables| decision.decide(tables, spec))?;
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
            zone: match record.zone.as_str() {
                "" => self.environment.catalog.default_zone(),
                zone => zone.to_owned(),
            },
            image: record.image,
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
        let removed = self
            .remove_machine(name, &record)
            // Its groups' rules elsewhere knew it as a friend.
            .and_then(|()| self.refresh_network(&record.spec.network));
        self.note(&key, removed)?;
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
        // Started by a daemon that was killed: it must not go on behind our back.
        let processes = process::with_argument(self.layout.machine(name).bundle());
        for runtime in processes.into_iter().filter(|process| process.runs(runtime::PROGRAM)) {
            runtime.end("a container runtime", END)?;
        }
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
            limits: record.limits(),
            namespace: &self.layout.machine_namespace(name),
            control_group: format!("/{}/{name}", self.layout.control_group()),
            layout,
        };
        let specification = specification(&wish, &self.environment.host);
        write_durably(&layout.specification(), specification.to_string().as_bytes())
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
