//! The image registry: a process in the backbone that outlives the daemon and is found by its successor.

use std::{
    fs::OpenOptions,
    net::TcpStream,
    os::unix::process::CommandExt,
    process::{Child, Stdio},
    time::Duration,
};

use crate::{
    Error,
    layout::{Layout, REGISTRY},
    netns,
    plan::registry::configuration,
    process::{self, Process},
    store::write_durably,
    wait,
};

/// It answers within a tenth of a second; a loaded host may take much longer.
const START: Duration = Duration::from_secs(30);

/// A connection inside this machine is made or refused at once.
const CONNECT: Duration = Duration::from_secs(1);

/// Keeps the registry running.
pub(crate) struct Registry {
    layout: Layout,
    secret: String,
    process: Option<Process>,
    /// Only if this daemon started it: its end must be noticed, or it stays in the process table.
    child: Option<Child>,
}

impl Registry {
    pub(crate) fn new(layout: Layout, secret: &str) -> Self {
        Self {
            layout,
            secret: secret.to_owned(),
            process: None,
            child: None,
        }
    }

    /// Finds the registry's process, or starts one.
    pub(crate) fn ensure(&mut self) -> Result<(), Error> {
        if let Some(child) = &mut self.child
            && matches!(child.try_wait(), Ok(Some(_)))
        {
            tracing::warn!("the image registry ended, starting it again");
            self.child = None;
        }
        if self.process.is_some_and(Process::is_alive) {
            return Ok(());
        }
        self.process = process::with_argument(&self.layout.registry_configuration())
            .first()
            .copied();
        if self.process.is_some() {
            return Ok(());
        }
        self.start()
    }

    /// Finds the registry's process, or starts one, and waits until it answers.
    pub(crate) fn ensure_answering(&mut self) -> Result<(), Error> {
        self.ensure()?;
        let backbone = self.layout.backbone_namespace();
        let what = format!(
            "the image registry to answer; its log is {}",
            self.layout.registry_log().display()
        );
        wait::until(&what, START, || {
            Ok(netns::enter(&backbone, || TcpStream::connect_timeout(&REGISTRY, CONNECT)).is_ok())
        })
    }

    fn start(&mut self) -> Result<(), Error> {
        let data = self.layout.registry_data();
        fs_err::create_dir_all(&data).map_err(Error::file("create", &data))?;
        let file = self.layout.registry_configuration();
        write_durably(&file, configuration(&data, &self.secret).as_bytes())?;
        let path = self.layout.registry_log();
        let log = || {
            OpenOptions::new()
                .create(true)
                .append(true)
                .open(&path)
                .map_err(Error::file("open", &path))
        };
        let child = netns::program(&self.layout.backbone_namespace(), "docker-registry")
            .arg("serve")
            .arg(&file)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            // Nothing from the outside world: no exporter, no collector.
            .env("OTEL_TRACES_EXPORTER", "none")
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(log()?)
            .stderr(log()?)
            // A signal to the daemon's terminal is not meant for it.
            .process_group(0)
            .spawn()
            .map_err(|source| Error::Start {
                program: "docker-registry".into(),
                source,
            })?;
        self.process = Process::of(child.id().cast_signed());
        self.child = Some(child);
        Ok(())
    }
}
