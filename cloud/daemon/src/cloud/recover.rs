//! Finds or makes everything that was written down: at the start, and again for what failed.

use std::sync::Arc;

use super::{Cloud, key, machine::remove_folder};
use crate::{
    Error,
    netns::{self, Note},
    plan::links,
    store::{LoadBalancerRecord, MachineRecord, NetworkRecord, Record, RouteRecord, SecurityGroupRecord},
};

impl Cloud {
    /// Brings everything to the state that is written down. Objects that fail are noted and do not stand in the way of others.
    pub(crate) fn recover(self: &Arc<Self>) -> Result<(), Error> {
        self.ensure_backbone()?;
        let registry = self.registry.lock().ensure_answering();
        let _ = self.note("registry", registry);
        self.finish_deletions(|_| true);
        let networks: Vec<String> = self.store.read().networks.keys().cloned().collect();
        for network in networks {
            // Noted already: the next attempt is the supervisor's.
            let _ = self.ensure_network(&network);
        }
        let machines: Vec<String> = self.store.read().machines.keys().cloned().collect();
        for machine in machines {
            let _ = self.ensure_machine(&machine);
        }
        self.empty_trash();
        Ok(())
    }

    /// One round of the supervisor: what failed is tried again, and what nobody else looks after is looked after.
    pub(crate) fn supervise(self: &Arc<Self>) {
        let registry = self.registry.lock().ensure();
        let _ = self.note("registry", registry);
        let failed: Vec<String> = self.failures.lock().keys().cloned().collect();
        self.finish_deletions(|key| failed.iter().any(|failed| failed == key));
        for failed in &failed {
            match failed.split_once('/') {
                Some((NetworkRecord::FOLDER, name)) => drop(self.ensure_network(name)),
                Some((MachineRecord::FOLDER, name)) => drop(self.ensure_machine(name)),
                Some((folder, name)) => self.retry_part_of_network(folder, name),
                None => {}
            }
            self.forget_failure_of_nothing(failed);
        }
        self.shorten_consoles();
    }

    /// What is only a part of what its network's router does.
    fn retry_part_of_network(self: &Arc<Self>, folder: &str, name: &str) {
        let tables = self.store.read();
        let network = match folder {
            RouteRecord::FOLDER => tables.routes.get(name).map(|it| it.spec.network.clone()),
            SecurityGroupRecord::FOLDER => tables.security_groups.get(name).map(|it| it.spec.network.clone()),
            LoadBalancerRecord::FOLDER => tables.load_balancers.get(name).map(|it| it.spec.network.clone()),
            _ => None,
        };
        drop(tables);
        if let Some(network) = network {
            let _ = self.note(&format!("{folder}/{name}"), self.ensure_network(&network));
        }
    }

    /// A failure of an object that is gone is nobody's any more.
    fn forget_failure_of_nothing(&self, key: &str) {
        let tables = self.store.read();
        let exists = match key.split_once('/') {
            Some((NetworkRecord::FOLDER, name)) => tables.networks.contains_key(name),
            Some((RouteRecord::FOLDER, name)) => tables.routes.contains_key(name),
            Some((SecurityGroupRecord::FOLDER, name)) => tables.security_groups.contains_key(name),
            Some((MachineRecord::FOLDER, name)) => tables.machines.contains_key(name),
            Some((LoadBalancerRecord::FOLDER, name)) => tables.load_balancers.contains_key(name),
            _ => true,
        };
        if !exists {
            self.failures.lock().remove(key);
        }
    }

    fn ensure_backbone(&self) -> Result<(), Error> {
        let namespace = self.layout.backbone_namespace();
        let note = Note::of(&namespace);
        let identity = netns::identity(&namespace);
        if !note.says(identity, identity) {
            note.remove()?;
            // Routers lose their links with it, and the next backbone may get the same number.
            for network in self.store.read().networks.keys() {
                Note::of(&self.layout.network_namespace(network)).remove()?;
            }
            netns::remove(&namespace)?;
            netns::create(&namespace)?;
            netns::set_parameters(&namespace, links::BACKBONE_PARAMETERS)?;
            netns::ip(&namespace, &links::backbone(), "make the backbone")?;
            let identity = netns::identity(&namespace);
            note.write(identity, identity)?;
        }
        self.link_backbone()
    }

    /// Lets `ip netns exec kc-<landscape>` find the backbone, without a mount.
    fn link_backbone(&self) -> Result<(), Error> {
        let link = self.layout.backbone_link();
        if link.symlink_metadata().is_ok() {
            return Ok(());
        }
        if let Some(folder) = link.parent() {
            fs_err::create_dir_all(folder).map_err(Error::file("create", folder))?;
        }
        std::os::unix::fs::symlink(self.layout.backbone_namespace(), &link).map_err(Error::file("link", &link))
    }

    /// Finishes deletions that a killed daemon, or a failure, left half-done.
    fn finish_deletions(self: &Arc<Self>, which: impl Fn(&str) -> bool) {
        // In this order: what is in use cannot go.
        for name in self.half_deleted::<MachineRecord>(&which, |it| it.deleting) {
            let _ = self.delete_machine(&name);
        }
        for name in self.half_deleted::<LoadBalancerRecord>(&which, |it| it.deleting) {
            let _ = self.delete_load_balancer(&name);
        }
        for name in self.half_deleted::<RouteRecord>(&which, |it| it.deleting) {
            let _ = self.delete_route(&name);
        }
        for name in self.half_deleted::<SecurityGroupRecord>(&which, |it| it.deleting) {
            let _ = self.delete_security_group(&name);
        }
        for name in self.half_deleted::<NetworkRecord>(&which, |it| it.deleting) {
            let _ = self.delete_network(&name);
        }
    }

    fn half_deleted<R: Record>(&self, which: &impl Fn(&str) -> bool, is_deleting: impl Fn(&R) -> bool) -> Vec<String> {
        let tables = self.store.read();
        let records = R::table(&tables).iter();
        records
            .filter(|(name, record)| is_deleting(record) && which(&key::<R>(name)))
            .map(|(name, _)| name.clone())
            .collect()
    }

    fn empty_trash(&self) {
        let Ok(graves) = std::fs::read_dir(self.layout.trash()) else {
            return;
        };
        for grave in graves.flatten() {
            remove_folder(&grave.path());
        }
    }
}
