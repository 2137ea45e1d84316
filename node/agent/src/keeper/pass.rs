//! One look at the machine, and what it takes to make it as wished.

use std::collections::{BTreeMap, BTreeSet};

use lib_error_chain::ErrorChain;
use plan_node::{CONTAINERD_UNIT, NODE_AGENT_UNIT};

use super::{
    Keeper,
    record::{Ledger, Program},
};
use crate::{
    files,
    images::{ImageError, Taken, take},
    layout::UNITS,
    units::{Activity, UnitError, UnitState},
    wished::{Content, ImageFile, Wished, WishedUnit},
};

/// One pass; see the order in the module above.
pub(super) struct Pass<'a> {
    keeper: &'a Keeper,
    wished: &'a Wished,
    ledger: Ledger,
    failures: Vec<String>,
    /// Files that could not be made: units that hang on them are left as they are.
    missing: BTreeSet<&'a str>,
}

impl<'a> Pass<'a> {
    pub(super) fn new(keeper: &'a Keeper, wished: &'a Wished, ledger: Ledger) -> Self {
        Self {
            keeper,
            wished,
            ledger,
            failures: Vec::new(),
            missing: BTreeSet::new(),
        }
    }

    /// Does it all; returns what failed.
    pub(super) async fn run(mut self) -> Vec<String> {
        if !self.write_files() {
            // Without a record, nothing is safe to touch.
            return self.failures;
        }
        self.remove_units().await;
        self.remove_files();
        self.ensure_address().await;
        self.enable_units().await;
        let others = |name: &&str| *name != CONTAINERD_UNIT && *name != NODE_AGENT_UNIT;
        let names: Vec<&str> = self.wished.units.keys().map(String::as_str).collect();
        self.run_units(names.iter().copied().filter(|name| *name == CONTAINERD_UNIT).collect())
            .await;
        self.take_programs().await;
        self.run_units(names.iter().copied().filter(others).collect()).await;
        self.restart_ourselves().await;
        self.failures
    }

    fn fail(&mut self, error: &(dyn std::error::Error + 'static)) {
        self.failures.push(ErrorChain(error).to_string());
    }

    /// Saves the record; `false` when that failed.
    fn save(&mut self) -> bool {
        let saved = self.ledger.save();
        if let Err(error) = &saved {
            self.fail(error);
        }
        saved.is_ok()
    }

    /// Writes files that are not as wished, after noting them and what hangs on them.
    fn write_files(&mut self) -> bool {
        let mut wrong = Vec::new();
        for (path, file) in &self.wished.files {
            if let Content::Bytes(bytes) = &file.content
                && !files::is_as(&self.keeper.layout.at(path), file.mode, bytes)
            {
                wrong.push((path.as_str(), file.mode, bytes));
            }
        }
        let unwished: BTreeSet<String> = self.ledger.record.unwished_files(self.wished).into_iter().collect();
        // A drop-in that goes restarts its unit, too: by what the unit hung on until now.
        for (name, files) in &self.ledger.record.units.clone() {
            if self.wished.units.contains_key(name) && !files.is_disjoint(&unwished) {
                self.ledger.record.restart.insert(name.clone());
            }
        }
        let changing: BTreeSet<&str> = wrong.iter().map(|(path, ..)| *path).collect();
        self.note_restarts(&changing);
        let is_unit = |path: &str| path.starts_with(UNITS);
        self.ledger.record.reload |= changing.iter().copied().any(is_unit) || unwished.iter().any(|path| is_unit(path));
        // Units that go keep their entry until they are gone.
        self.ledger.record.own(self.wished);
        if !self.save() {
            return false;
        }
        for (path, mode, bytes) in wrong {
            match files::replace(&self.keeper.layout.at(path), mode, bytes) {
                Ok(()) => tracing::debug!(path, "wrote"),
                Err(error) => {
                    self.fail(&error);
                    self.missing.insert(path);
                }
            }
        }
        true
    }

    /// Notes units that hang on files about to change.
    fn note_restarts(&mut self, changing: &BTreeSet<&str>) {
        for (name, unit) in &self.wished.units {
            if unit.files.iter().any(|path| changing.contains(path.as_str())) {
                self.ledger.record.restart.insert(name.clone());
            }
        }
    }

    async fn remove_units(&mut self) {
        for name in self.ledger.record.unwished_units(self.wished) {
            match self.remove_unit(&name).await {
                Ok(()) => {
                    tracing::info!(unit = %name, "removed a unit");
                    self.ledger.record.units.remove(&name);
                    self.ledger.record.restart.remove(&name);
                }
                Err(error) => self.fail(&error),
            }
        }
        self.save();
    }

    async fn remove_unit(&self, name: &str) -> Result<(), UnitError> {
        let units = &self.keeper.units;
        let states = units.states(&[name]).await?;
        if states.get(name).is_some_and(|state| runs(state.activity)) {
            units.stop(name).await?;
        }
        // Its file may be gone already.
        if states.get(name).is_some_and(|state| state.startable) {
            units.set_enabled(name, false).await?;
        }
        Ok(())
    }

    fn remove_files(&mut self) {
        let kept: BTreeSet<String> = self
            .ledger
            .record
            .unwished_units(self.wished)
            .iter()
            .filter_map(|name| self.ledger.record.units.get(name))
            .flatten()
            .cloned()
            .collect();
        for path in self.ledger.record.unwished_files(self.wished) {
            if kept.contains(&path) {
                continue; // of a unit that could not be removed
            }
            match files::remove(&self.keeper.layout.at(&path)) {
                Ok(()) => {
                    tracing::debug!(%path, "removed");
                    self.ledger.record.files.remove(&path);
                }
                Err(error) => self.fail(&error),
            }
        }
        self.save();
    }

    async fn ensure_address(&mut self) {
        if let Some(address) = self.wished.address
            && let Err(error) = self.keeper.addresses.ensure(address).await
        {
            self.fail(&error);
        }
    }

    /// Lets units start with the machine, and systemd read what changed.
    async fn enable_units(&mut self) {
        let wished = self.wished;
        let states = match self
            .keeper
            .units
            .states(&wished.units.keys().map(String::as_str).collect::<Vec<_>>())
            .await
        {
            Ok(states) => states,
            Err(error) => return self.fail(&error),
        };
        for (name, unit) in &wished.units {
            // Of one that systemd has not read yet, the file is there all the same.
            let there = unit.is_ours || states.get(name).is_some_and(|state| state.startable);
            if !there {
                continue;
            }
            match self.keeper.units.set_enabled(name, unit.enabled).await {
                Ok(changed) => self.ledger.record.reload |= changed,
                Err(error) => self.fail(&error),
            }
        }
        if !self.ledger.record.reload || !self.save() {
            return;
        }
        match self.keeper.units.reload().await {
            Ok(()) => {
                self.ledger.record.reload = false;
                self.save();
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Programs that are not as they were when they were taken out of their image, or never were.
    async fn take_programs(&mut self) {
        let mut wrong: BTreeMap<&'a str, (&'a ImageFile, u32)> = BTreeMap::new();
        for (path, file) in &self.wished.files {
            let Content::Image(source) = &file.content else {
                continue;
            };
            let program = self.ledger.record.files.get(path).and_then(Option::as_ref);
            let trace = files::trace(&self.keeper.layout.at(path));
            let same =
                program.is_some_and(|program| program.source == *source && trace.as_ref() == Some(&program.trace));
            if !same {
                wrong.insert(path, (source, file.mode));
            }
        }
        let keeper = self.keeper;
        let taken = wrong.iter().map(|(path, (source, mode))| async move {
            (
                *path,
                *source,
                take(&*keeper.images, source, keeper.layout.at(path), *mode).await,
            )
        });
        for (path, source, taken) in futures::future::join_all(taken).await {
            self.place_program(path, source, taken);
        }
    }

    fn place_program(&mut self, path: &'a str, source: &ImageFile, taken: Result<Taken, ImageError>) {
        let target = self.keeper.layout.at(path);
        let placed = match taken {
            Ok(Taken::Same) => true,
            Ok(Taken::Staged(staged)) => {
                self.note_restarts(&BTreeSet::from([path]));
                let saved = self.save();
                let moved = if saved { fs_err::rename(staged, &target) } else { Ok(()) };
                if let Err(error) = &moved {
                    self.fail(error);
                } else {
                    tracing::info!(path, image = %source.image, "took a program out of its image");
                }
                saved && moved.is_ok()
            }
            Err(error) => {
                self.fail(&error);
                false
            }
        };
        let Some(trace) = files::trace(&target).filter(|_| placed) else {
            self.missing.insert(path);
            return;
        };
        let program = Program {
            source: source.clone(),
            trace,
        };
        self.ledger.record.files.insert(path.to_owned(), Some(program));
        self.save();
    }

    /// Starts, stops and restarts units.
    async fn run_units(&mut self, names: Vec<&'a str>) {
        let states = match self.keeper.units.states(&names).await {
            Ok(states) => states,
            Err(error) => return self.fail(&error),
        };
        for name in names {
            let (Some(unit), Some(state)) = (self.wished.units.get(name), states.get(name)) else {
                continue;
            };
            match self.run_unit(name, unit, *state).await {
                Ok(()) => {
                    self.ledger.record.restart.remove(name);
                }
                Err(error) => self.failures.push(error),
            }
        }
        self.save();
    }

    async fn run_unit(&self, name: &str, unit: &WishedUnit, state: UnitState) -> Result<(), String> {
        let units = &self.keeper.units;
        let text = |result: Result<(), UnitError>| result.map_err(|error| ErrorChain(&error).to_string());
        match unit.runs {
            None => Ok(()),
            Some(false) if runs(state.activity) => text(units.stop(name).await),
            Some(false) => Ok(()),
            Some(true) if !state.startable => {
                // Masked in this machine's image, or not part of it: somebody knew why.
                if unit.is_ours {
                    Err(format!("{name} cannot be started"))
                } else {
                    Ok(())
                }
            }
            Some(true) => {
                if let Some(missing) = unit.files.iter().find(|path| self.missing.contains(path.as_str())) {
                    return Err(format!("{name} waits for {missing}"));
                }
                if self.ledger.record.restart.contains(name) {
                    tracing::info!(unit = name, "restarting a unit whose files changed");
                    return text(units.restart(name).await);
                }
                match state.activity {
                    Activity::Active | Activity::Changing | Activity::Done => Ok(()),
                    Activity::Inactive | Activity::Failed => {
                        tracing::info!(unit = name, "starting a unit that does not run");
                        text(units.start(name).await)
                    }
                }
            }
        }
    }

    /// The last step: it may be our end. The note is gone before, for the next process need not restart itself.
    async fn restart_ourselves(&mut self) {
        let waits = self
            .wished
            .units
            .get(NODE_AGENT_UNIT)
            .is_some_and(|unit| unit.files.iter().any(|path| self.missing.contains(path.as_str())));
        if waits || !self.ledger.record.restart.remove(NODE_AGENT_UNIT) || !self.save() {
            return;
        }
        tracing::info!("restarting, for this process's own program or configuration changed");
        if let Err(error) = self.keeper.units.restart_soon(NODE_AGENT_UNIT).await {
            self.ledger.record.restart.insert(NODE_AGENT_UNIT.to_owned());
            self.save();
            self.fail(&error);
        }
    }
}

/// Whether there is something to stop.
fn runs(activity: Activity) -> bool {
    matches!(activity, Activity::Active | Activity::Changing)
}
