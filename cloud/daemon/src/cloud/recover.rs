//! Finds or makes everything that was written down: at the start, and again for what failed.

use std::{fs::OpenOptions, sync::Arc};

use super::{Cloud, key, machine::remove_folder};
use crate::{
    Error,
    netns::{self, Note},
    plan::links,
    store::{LoadBalancerRecord, MachineRecord, NetworkRecord},
};

/// A console longer than this begins anew: what matters was read long before.
const LONGEST_CONSOLE: u64 = 64 * 1024 * 1024;

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
                Some(("networks", name)) => drop(self.ensure_network(name)),
                Some(("machines", name)) => drop(self.ensure_machine(name)),
                Some(("loadbalancers", name)) => self.retry_load_balancer(name),
                _ => {}
            }
            self.forget_failure_of_nothing(failed);
        }
        self.shorten_consoles();
    }

    fn retry_load_balancer(self: &Arc<Self>, name: &str) {
        if let Some(record) = self.store.get::<LoadBalancerRecord>(name) {
            let _ = self.note(
                &key::<LoadBalancerRecord>(name),
                self.ensure_network(&record.spec.network),
            );
        }
    }

    /// A failure of an object that is gone is nobody's any more.
    fn forget_failure_of_nothing(&self, key: &str) {
        let tables = self.store.read();
        let exists = match key.split_once('/') {
            Some(("networks", name)) => tables.networks.contains_key(name),
            Some(("machines", name)) => tables.machines.contains_key(name),
            Some(("loadbalancers", name)) => tables.load_balancers.contains_key(name),
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
        let tables = self.store.read().clone();
        let chosen = |key: String, deleting: bool| deleting && which(&key);
        for (name, _) in tables
            .machines
            .iter()
            .filter(|(name, it)| chosen(key::<MachineRecord>(name), it.deleting))
        {
            let _ = self.delete_machine(name);
        }
        let balancers = tables.load_balancers.iter();
        for (name, _) in balancers.filter(|(name, it)| chosen(key::<LoadBalancerRecord>(name), it.deleting)) {
            let _ = self.delete_load_balancer(name);
        }
        for (name, _) in tables
            .networks
            .iter()
            .filter(|(name, it)| chosen(key::<NetworkRecord>(name), it.deleting))
        {
            let _ = self.delete_network(name);
        }
    }

    fn empty_trash(&self) {
        let Ok(graves) = std::fs::read_dir(self.layout.trash()) else {
            return;
        };
        for grave in graves.flatten() {
            remove_folder(&grave.path());
        }
    }

    fn shorten_consoles(&self) {
        let machines: Vec<String> = self.store.read().machines.keys().cloned().collect();
        for machine in machines {
            let console = self.layout.machine(&machine).console();
            if console
                .metadata()
                .is_ok_and(|metadata| metadata.len() > LONGEST_CONSOLE)
            {
                // The machine appends: it goes on at the new beginning.
                let _ = OpenOptions::new().write(true).truncate(true).open(&console);
            }
        }
    }
}
