//! Passes over a machine below a temporary folder, with doubles for systemd, containerd and the network.

use std::{
    collections::BTreeMap,
    io,
    net::IpAddr,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use api::{
    config::tunnel_client,
    extensions::v1alpha1::{File, FileContent, FileContentImageRef, OperatingSystemConfig, Unit},
};
use async_trait::async_trait;
use parking_lot::Mutex;

use super::*;
use crate::{
    address::AddressError,
    images::ImageError,
    layout::UNITS,
    units::{Activity, UnitError, UnitState},
    wished::tests::{config, facts, file, unit},
};

/// A systemd that remembers what it was asked.
#[derive(Default)]
pub(crate) struct FakeUnits {
    root: PathBuf,
    calls: Mutex<Vec<String>>,
    running: Mutex<BTreeMap<String, Activity>>,
    enabled: Mutex<BTreeMap<String, bool>>,
    /// The unit that cannot be started.
    broken: Mutex<Option<String>>,
    /// Whether no state is to be had.
    silent: Mutex<bool>,
}

impl FakeUnits {
    /// Loses the bus, or finds it again.
    pub(crate) fn silence(&self, silent: bool) {
        *self.silent.lock() = silent;
    }

    fn call(&self, what: &str, unit: &str) -> Result<(), UnitError> {
        self.calls.lock().push(format!("{what} {unit}"));
        if self.broken.lock().as_deref() == Some(unit) {
            return Err(UnitError::Job {
                action: format!("{what} {unit}"),
                result: "failed".into(),
            });
        }
        let activity = if what == "stop" {
            Activity::Inactive
        } else {
            Activity::Active
        };
        self.running.lock().insert(unit.to_owned(), activity);
        Ok(())
    }
}

#[async_trait]
impl Units for FakeUnits {
    async fn reload(&self) -> Result<(), UnitError> {
        self.calls.lock().push("reload".into());
        Ok(())
    }
    async fn set_enabled(&self, unit: &str, enabled: bool) -> Result<bool, UnitError> {
        let before = self.enabled.lock().insert(unit.to_owned(), enabled);
        let changed = before.unwrap_or(false) != enabled;
        if changed {
            let word = if enabled { "enable" } else { "disable" };
            self.calls.lock().push(format!("{word} {unit}"));
        }
        Ok(changed)
    }
    async fn states(&self, units: &[&str]) -> Result<BTreeMap<String, UnitState>, UnitError> {
        if *self.silent.lock() {
            return Err(UnitError::Call {
                action: "look at units".into(),
                source: io::Error::other("the bus is gone").into(),
            });
        }
        let running = self.running.lock();
        let state = |name: &str| UnitState {
            activity: running.get(name).copied().unwrap_or(Activity::Inactive),
            startable: self.root.join(UNITS.trim_start_matches('/')).join(name).exists()
                || name == "containerd.service",
        };
        Ok(units.iter().map(|name| ((*name).to_owned(), state(name))).collect())
    }
    async fn start(&self, unit: &str) -> Result<(), UnitError> {
        self.call("start", unit)
    }
    async fn stop(&self, unit: &str) -> Result<(), UnitError> {
        self.call("stop", unit)
    }
    async fn restart(&self, unit: &str) -> Result<(), UnitError> {
        self.call("restart", unit)
    }
    async fn restart_soon(&self, unit: &str) -> Result<(), UnitError> {
        self.call("restart_soon", unit)
    }
}

/// Images are folders.
#[derive(Default)]
pub(crate) struct FakeImages {
    folder: PathBuf,
    mounts: Mutex<u32>,
}

#[async_trait]
impl Images for FakeImages {
    async fn mount(&self, image: &str) -> Result<PathBuf, ImageError> {
        *self.mounts.lock() += 1;
        let folder = self.folder.join(image);
        if folder.exists() {
            return Ok(folder);
        }
        Err(ImageError::Failed {
            action: format!("pull the image {image}"),
            output: "not found".into(),
        })
    }
    async fn unmount(&self, _image: &str) -> Result<(), ImageError> {
        Ok(())
    }
}

#[derive(Default)]
pub(crate) struct FakeAddresses(Mutex<Vec<IpAddr>>);

#[async_trait]
impl Addresses for FakeAddresses {
    async fn ensure(&self, address: IpAddr) -> Result<(), AddressError> {
        self.0.lock().push(address);
        Ok(())
    }
}

pub(crate) struct Machine {
    root: tempfile::TempDir,
    pub(crate) units: Arc<FakeUnits>,
    images: Arc<FakeImages>,
    addresses: Arc<FakeAddresses>,
    pub(crate) keeper: Keeper,
}

impl Machine {
    pub(crate) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let units = Arc::new(FakeUnits {
            root: root.path().to_owned(),
            ..FakeUnits::default()
        });
        let images = Arc::new(FakeImages {
            folder: root.path().join("images"),
            ..FakeImages::default()
        });
        let addresses = Arc::new(FakeAddresses::default());
        let keeper = Keeper {
            layout: Layout::below(root.path()),
            machine: "machine".into(),
            facts: facts(),
            units: units.clone(),
            images: images.clone(),
            addresses: addresses.clone(),
        };
        Self {
            root,
            units,
            images,
            addresses,
            keeper,
        }
    }

    /// Another keeper of the same machine: the next process.
    pub(crate) fn keeper_again(&self) -> Keeper {
        Keeper {
            layout: self.keeper.layout.clone(),
            machine: self.keeper.machine.clone(),
            facts: self.keeper.facts.clone(),
            units: self.units.clone(),
            images: self.images.clone(),
            addresses: self.addresses.clone(),
        }
    }

    fn image(&self, image: &str, path: &str, content: &str) {
        crate::files::replace(&self.images.folder.join(image).join(path), 0o755, content.as_bytes()).unwrap();
    }

    async fn apply(&self, config: &OperatingSystemConfig) -> Result<(), String> {
        let download = Download {
            checksum: "checksum".into(),
            config: config.clone(),
        };
        self.keeper.apply(&download).await.map_err(|error| {
            ErrorChain(&error)
                .to_string()
                .replace(&self.root.path().display().to_string(), "")
        })
    }

    /// What systemd was asked since the last time.
    pub(crate) fn calls(&self) -> Vec<String> {
        std::mem::take(&mut *self.units.calls.lock())
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.keeper.layout.at(path)
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs_err::read_to_string(self.at(path)).unwrap()
    }
}

fn kubelet(files: &[&str]) -> Unit {
    Unit {
        content: Some("[Service]\nExecStart=/opt/bin/kubelet\n".into()),
        file_paths: files.iter().map(|path| (*path).to_owned()).collect(),
        ..unit("kubelet.service")
    }
}

fn program(path: &str, image: &str) -> File {
    File {
        path: path.into(),
        permissions: Some(0o755),
        content: FileContent {
            image_ref: Some(FileContentImageRef {
                image: image.into(),
                file_path_in_image: "/bin/program".into(),
            }),
            ..FileContent::default()
        },
        ..File::default()
    }
}

fn node() -> OperatingSystemConfig {
    let files = vec![file("/etc/kubelet", "one"), program("/opt/bin/kubelet", "hyperkube")];
    config(files, vec![kubelet(&["/etc/kubelet", "/opt/bin/kubelet"])])
}

#[tokio::test]
async fn a_new_machine_gets_everything_once() {
    let machine = Machine::new();
    machine.image("hyperkube", "bin/program", "v1");
    machine.apply(&node()).await.unwrap();
    assert_eq!(machine.read("/etc/kubelet"), "one");
    assert_eq!(machine.read("/opt/bin/kubelet"), "v1");
    let mode = fs_err::metadata(machine.at("/opt/bin/kubelet"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o755);
    assert_eq!(
        machine.calls(),
        ["enable kubelet.service", "reload", "restart kubelet.service"]
    );

    machine.apply(&node()).await.unwrap();
    assert_eq!(machine.calls(), Vec::<String>::new());
    assert_eq!(
        *machine.images.mounts.lock(),
        1,
        "a program that is as it was needs no image"
    );
}

#[tokio::test]
async fn a_changed_configuration_restarts_what_hangs_on_it() {
    let machine = Machine::new();
    machine.image("hyperkube", "bin/program", "v1");
    let mut config = node();
    config.spec.units.push(Unit {
        content: Some("[Service]\n".into()),
        ..unit("other.service")
    });
    machine.apply(&config).await.unwrap();
    machine.calls();

    config.spec.files[0] = file("/etc/kubelet", "two");
    machine.apply(&config).await.unwrap();
    assert_eq!(machine.calls(), ["restart kubelet.service"]);

    machine.image("hyperkube-2", "bin/program", "v2");
    config.spec.files[1] = program("/opt/bin/kubelet", "hyperkube-2");
    machine.apply(&config).await.unwrap();
    assert_eq!(machine.read("/opt/bin/kubelet"), "v2");
    assert_eq!(machine.calls(), ["restart kubelet.service"]);
}

#[tokio::test]
async fn another_image_with_the_same_program_restarts_nothing() {
    let machine = Machine::new();
    machine.image("hyperkube", "bin/program", "v1");
    machine.image("hyperkube-again", "bin/program", "v1");
    let mut config = node();
    machine.apply(&config).await.unwrap();
    machine.calls();
    config.spec.files[1] = program("/opt/bin/kubelet", "hyperkube-again");
    machine.apply(&config).await.unwrap();
    assert_eq!(machine.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn what_somebody_changed_is_repaired() {
    let machine = Machine::new();
    machine.image("hyperkube", "bin/program", "v1");
    machine.apply(&node()).await.unwrap();
    machine.calls();

    fs_err::write(machine.at("/etc/kubelet"), "broken").unwrap();
    fs_err::write(machine.at("/opt/bin/kubelet"), "broken").unwrap();
    machine.apply(&node()).await.unwrap();
    assert_eq!(machine.read("/etc/kubelet"), "one");
    assert_eq!(machine.read("/opt/bin/kubelet"), "v1");
    assert_eq!(machine.calls(), ["restart kubelet.service"]);

    machine
        .units
        .running
        .lock()
        .insert("kubelet.service".into(), Activity::Inactive);
    machine.units.enabled.lock().clear();
    machine.apply(&node()).await.unwrap();
    assert_eq!(
        machine.calls(),
        ["enable kubelet.service", "reload", "start kubelet.service"]
    );

    fs_err::remove_file(machine.at("/etc/systemd/system/kubelet.service")).unwrap();
    machine.apply(&node()).await.unwrap();
    assert_eq!(machine.calls(), ["reload", "restart kubelet.service"]);
}

#[tokio::test]
async fn a_unit_that_starts_or_did_its_work_is_left_alone() {
    let machine = Machine::new();
    machine.image("hyperkube", "bin/program", "v1");
    machine.apply(&node()).await.unwrap();
    machine.calls();
    for activity in [Activity::Changing, Activity::Done] {
        machine.units.running.lock().insert("kubelet.service".into(), activity);
        machine.apply(&node()).await.unwrap();
        assert_eq!(machine.calls(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn what_is_not_wished_any_more_is_removed_and_nothing_else() {
    let machine = Machine::new();
    machine.image("hyperkube", "bin/program", "v1");
    fs_err::create_dir_all(machine.at("/etc")).unwrap();
    fs_err::write(machine.at("/etc/theirs"), "theirs").unwrap();
    machine.apply(&node()).await.unwrap();
    machine.calls();
    machine.apply(&config(vec![], vec![])).await.unwrap();
    assert_eq!(
        machine.calls(),
        ["stop kubelet.service", "disable kubelet.service", "reload"]
    );
    for gone in [
        "/etc/kubelet",
        "/opt/bin/kubelet",
        "/etc/systemd/system/kubelet.service",
    ] {
        assert!(!machine.at(gone).exists(), "{gone}");
    }
    assert_eq!(machine.read("/etc/theirs"), "theirs");
    machine.apply(&config(vec![], vec![])).await.unwrap();
    assert_eq!(machine.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_drop_in_that_goes_restarts_its_unit() {
    let machine = Machine::new();
    let mut unit = Unit {
        content: Some("[Service]\n".into()),
        ..unit("a.service")
    };
    unit.drop_ins = vec![api::extensions::v1alpha1::DropIn {
        name: "10-more.conf".into(),
        content: "[Service]\n".into(),
    }];
    machine.apply(&config(vec![], vec![unit.clone()])).await.unwrap();
    machine.calls();
    unit.drop_ins.clear();
    machine.apply(&config(vec![], vec![unit])).await.unwrap();
    assert!(!machine.at("/etc/systemd/system/a.service.d/10-more.conf").exists());
    assert_eq!(machine.calls(), ["reload", "restart a.service"]);
}

#[tokio::test]
async fn an_image_that_is_not_there_stops_only_what_hangs_on_it() {
    let machine = Machine::new();
    let mut config = node();
    config.spec.units.push(Unit {
        content: Some("[Service]\n".into()),
        ..unit("other.service")
    });
    let error = machine.apply(&config).await.unwrap_err();
    assert_eq!(
        error,
        "2 of the steps to apply the OperatingSystemConfig failed: failed to pull the image hyperkube: not found; \
         kubelet.service waits for /opt/bin/kubelet"
    );
    assert_eq!(
        machine.calls(),
        [
            "enable kubelet.service",
            "enable other.service",
            "reload",
            "restart other.service"
        ]
    );

    machine.image("hyperkube", "bin/program", "v1");
    machine.apply(&config).await.unwrap();
    assert_eq!(machine.calls(), ["restart kubelet.service"]);
}

#[tokio::test]
async fn a_restart_that_failed_is_made_up_for() {
    let machine = Machine::new();
    machine.image("hyperkube", "bin/program", "v1");
    *machine.units.broken.lock() = Some("kubelet.service".into());
    let error = machine.apply(&node()).await.unwrap_err();
    assert!(
        error.contains(r#"the job to restart kubelet.service ended as "failed""#),
        "{error}"
    );
    machine.calls();
    // Nothing on disk differs now; what has to be restarted was noted.
    *machine.units.broken.lock() = None;
    machine.apply(&node()).await.unwrap();
    assert_eq!(machine.calls(), ["restart kubelet.service"]);
}

#[tokio::test]
async fn a_process_killed_after_writing_is_continued_by_the_next() {
    let machine = Machine::new();
    machine.image("hyperkube", "bin/program", "v1");
    machine.apply(&node()).await.unwrap();
    machine.calls();
    let mut changed = node();
    changed.spec.files[0] = file("/etc/kubelet", "two");
    // As it is when the process ends between the note with the files and the restart.
    let wished = wished(&changed, "machine", &facts()).unwrap();
    let mut ledger = Ledger::open(&machine.at(RECORD));
    ledger.record.own(&wished);
    ledger.record.restart.insert("kubelet.service".into());
    ledger.record.reload = true;
    ledger.save().unwrap();
    fs_err::write(machine.at("/etc/kubelet"), "two").unwrap();

    machine.apply(&changed).await.unwrap();
    assert_eq!(machine.calls(), ["reload", "restart kubelet.service"]);
}

#[tokio::test]
async fn our_own_restart_comes_last_and_once() {
    let machine = Machine::new();
    machine.image("kubeception", "bin/program", "v1");
    let ours = |text: &str| {
        let agent = Unit {
            content: Some("[Service]\n".into()),
            file_paths: vec!["/etc/agent".into()],
            ..unit("gardener-node-agent.service")
        };
        config(vec![file("/etc/agent", text)], vec![agent, kubelet(&["/etc/agent"])])
    };
    machine.apply(&ours("one")).await.unwrap();
    machine.calls();
    machine.apply(&ours("two")).await.unwrap();
    assert_eq!(
        machine.calls(),
        ["restart kubelet.service", "restart_soon gardener-node-agent.service"]
    );
    machine.apply(&ours("two")).await.unwrap();
    assert_eq!(machine.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn a_unit_of_the_image_is_started_and_never_removed() {
    let machine = Machine::new();
    let mut theirs = config(
        vec![],
        vec![unit("containerd.service"), unit("not-in-this-image.service")],
    );
    machine.apply(&theirs).await.unwrap();
    assert_eq!(
        machine.calls(),
        ["enable containerd.service", "reload", "start containerd.service"]
    );
    theirs.spec.units.clear();
    machine.apply(&theirs).await.unwrap();
    assert_eq!(machine.calls(), Vec::<String>::new());
}

#[tokio::test]
async fn the_api_servers_address_is_added() {
    let machine = Machine::new();
    let tunnel = file(
        tunnel_client::CONFIGURATION_FILE,
        r#"{"listenAddress": "240.0.0.1:6443"}"#,
    );
    machine.apply(&config(vec![tunnel], vec![])).await.unwrap();
    assert_eq!(*machine.addresses.0.lock(), ["240.0.0.1".parse::<IpAddr>().unwrap()]);
}

#[tokio::test]
async fn a_wish_that_nobody_can_fulfil_touches_nothing() {
    let machine = Machine::new();
    let error = machine
        .apply(&config(vec![file("relative", "x")], vec![kubelet(&[])]))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        "failed to understand the OperatingSystemConfig: file relative: its path is not absolute"
    );
    assert_eq!(machine.calls(), Vec::<String>::new());
    assert!(!Path::new(&machine.at(RECORD)).exists());
}

#[tokio::test(start_paused = true)]
async fn the_keeper_tells_what_it_applied_and_sees_what_somebody_changes() {
    let machine = Machine::new();
    machine.image("hyperkube", "bin/program", "v1");
    let download = Arc::new(Download {
        checksum: "checksum".into(),
        config: node(),
    });
    let (wishes, wish) = watch::channel(None);
    let (applied, mut report) = watch::channel(None);
    let shutdown = CancellationToken::new();
    let keep = machine.keeper.keep(wish, &applied, &shutdown);
    let script = async {
        wishes.send_replace(Some(download));
        report.changed().await.unwrap();
        assert_eq!(report.borrow_and_update().as_ref().unwrap().checksum, "checksum");
        fs_err::write(machine.at("/etc/kubelet"), "broken").unwrap();
        tokio::time::sleep(GLANCE * 2).await;
        assert_eq!(machine.read("/etc/kubelet"), "one");
        shutdown.cancel();
    };
    tokio::join!(keep, script);
}
