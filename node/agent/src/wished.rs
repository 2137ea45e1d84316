//! What an OperatingSystemConfig means for this machine: files, and units with the files they hang on. Pure.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use api::{
    config::tunnel_client::{CONFIGURATION_FILE, TunnelClientConfiguration},
    extensions::v1alpha1::{CriConfig, File, OperatingSystemConfig, Unit, UnitCommand},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use plan_node::{
    CONTAINERD_CONFIGURATION, CONTAINERD_UNIT, KUBELET_CONFIGURATION, SYSCTLS, containerd,
    machine::{MachineFacts, complete_kubelet, complete_sysctls},
};

use crate::layout::UNITS;

/// Mode of a file that says nothing of it (Gardener API).
const DEFAULT_MODE: u32 = 0o644;

/// What this machine shall be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wished {
    /// Files by their paths, those of units among them.
    pub(crate) files: BTreeMap<String, WishedFile>,
    /// Units by their names.
    pub(crate) units: BTreeMap<String, WishedUnit>,
    /// An address that this machine answers at by itself: the API server's, where the tunnel's client listens.
    pub(crate) address: Option<IpAddr>,
}

/// A file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct WishedFile {
    /// Its mode.
    pub(crate) mode: u32,
    /// What is in it.
    pub(crate) content: Content,
}

/// What is in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What lies at a path of an image.
    Image(ImageFile),
}

/// A file of an image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub(crate) struct ImageFile {
    /// The image.
    pub(crate) image: String,
    /// The path in it.
    pub(crate) path: String,
}

/// A unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WishedUnit {
    /// Whether we bring it, and not the machine's image.
    pub(crate) is_ours: bool,
    /// Whether it starts with the machine.
    pub(crate) enabled: bool,
    /// Whether it runs now; `None`: nobody cares.
    pub(crate) runs: Option<bool>,
    /// Files whose change restarts it, its own among them.
    pub(crate) files: BTreeSet<String>,
}

/// Why an OperatingSystemConfig cannot be applied.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WishError {
    /// A file says nothing that we understand.
    #[error("file {path}: {why}")]
    File {
        /// The file.
        path: String,
        /// What is wrong.
        why: String,
    },
    /// The same file twice, with different content.
    #[error("file {0} is wanted twice, and not the same")]
    Twice(String),
    /// The kubelet's configuration is not understood.
    #[error("failed to complete the kubelet's configuration")]
    Kubelet(#[from] serde_json::Error),
}

/// What the configuration means for the machine `machine`.
pub(crate) fn wished(config: &OperatingSystemConfig, machine: &str, facts: &MachineFacts) -> Result<Wished, WishError> {
    let mut wished = Wished::default();
    let files = config.spec.files.iter().chain(&config.status.extension_files);
    for file in files.filter(|file| file.host_name.as_deref().is_none_or(|name| name == machine)) {
        wished.add_file(&file.path, wished_file(file)?)?;
    }
    for unit in config.spec.units.iter().chain(&config.status.extension_units) {
        wished.add_unit(unit)?;
    }
    if let Some(cri) = &config.spec.cri_config {
        wished.add_containerd(cri, facts)?;
    }
    wished.complete(facts)?;
    wished.address = wished.tunnel_address();
    Ok(wished)
}

fn wished_file(file: &File) -> Result<WishedFile, WishError> {
    let wrong = |why: String| WishError::File {
        path: file.path.clone(),
        why,
    };
    if !file.path.starts_with('/') || file.path.split('/').any(|part| part == "..") {
        return Err(wrong("its path is not absolute".to_owned()));
    }
    let content = match (&file.content.inline, &file.content.image_ref) {
        (Some(inline), None) => Content::Bytes(match inline.encoding.as_str() {
            "" => inline.data.clone().into_bytes(),
            "b64" => BASE64
                .decode(inline.data.trim())
                .map_err(|error| wrong(format!("its content is not base64: {error}")))?,
            other => return Err(wrong(format!("its encoding {other:?} is not known"))),
        }),
        (None, Some(reference)) => Content::Image(ImageFile {
            image: reference.image.clone(),
            path: reference.file_path_in_image.clone(),
        }),
        _ => {
            return Err(wrong(
                "it has to have either inline content or a file of an image".to_owned(),
            ));
        }
    };
    Ok(WishedFile {
        mode: file.permissions.unwrap_or(DEFAULT_MODE) & 0o7777,
        content,
    })
}

impl Wished {
    fn add_file(&mut self, path: &str, file: WishedFile) -> Result<(), WishError> {
        if self.files.get(path).is_some_and(|other| *other != file) {
            return Err(WishError::Twice(path.to_owned()));
        }
        self.files.insert(path.to_owned(), file);
        Ok(())
    }

    fn add_text(&mut self, path: &str, text: &str) -> Result<(), WishError> {
        let file = WishedFile {
            mode: DEFAULT_MODE,
            content: Content::Bytes(text.as_bytes().to_vec()),
        };
        self.add_file(path, file)
    }

    /// Adds a unit, or to a unit what an extension says of it, too.
    fn add_unit(&mut self, unit: &Unit) -> Result<(), WishError> {
        let mut files: BTreeSet<String> = unit.file_paths.iter().cloned().collect();
        if let Some(content) = &unit.content {
            let path = format!("{UNITS}/{}", unit.name);
            self.add_text(&path, content)?;
            files.insert(path);
        }
        for drop_in in &unit.drop_ins {
            let path = format!("{UNITS}/{}.d/{}", unit.name, drop_in.name);
            self.add_text(&path, &drop_in.content)?;
            files.insert(path);
        }
        let wished = self.units.entry(unit.name.clone()).or_insert_with(|| WishedUnit {
            enabled: true,
            runs: Some(true),
            ..WishedUnit::default()
        });
        wished.is_ours |= unit.content.is_some();
        wished.enabled &= unit.enable != Some(false);
        wished.files.extend(files);
        wished.runs = match &unit.command {
            Some(UnitCommand::Stop) => Some(false),
            None if !wished.enabled => None,
            _ => Some(true),
        };
        Ok(())
    }

    /// containerd's own files: settings in, text out.
    fn add_containerd(&mut self, cri: &CriConfig, facts: &MachineFacts) -> Result<(), WishError> {
        let Some(settings) = &cri.containerd else { return Ok(()) };
        let driver = cri.cgroup_driver.as_ref().unwrap_or(&facts.cgroup_driver);
        self.add_text(CONTAINERD_CONFIGURATION, &containerd::configuration(settings, driver))?;
        // Read with every pull: nothing restarts for them.
        for (path, text) in containerd::registry_files(settings) {
            self.add_text(&path, &text)?;
        }
        if let Some(unit) = self.units.get_mut(CONTAINERD_UNIT) {
            unit.files.insert(CONTAINERD_CONFIGURATION.to_owned());
        }
        Ok(())
    }

    /// Fills in what only the machine knows.
    fn complete(&mut self, facts: &MachineFacts) -> Result<(), WishError> {
        if let Some(text) = self.text(KUBELET_CONFIGURATION) {
            let complete = complete_kubelet(text, facts)?;
            self.set_text(KUBELET_CONFIGURATION, complete);
        }
        if let Some(text) = self.text(SYSCTLS) {
            let complete = complete_sysctls(text, facts);
            self.set_text(SYSCTLS, complete);
        }
        Ok(())
    }

    fn text(&self, path: &str) -> Option<&str> {
        match &self.files.get(path)?.content {
            Content::Bytes(bytes) => std::str::from_utf8(bytes).ok(),
            Content::Image(_) => None,
        }
    }

    fn set_text(&mut self, path: &str, text: String) {
        if let Some(file) = self.files.get_mut(path) {
            file.content = Content::Bytes(text.into_bytes());
        }
    }

    fn tunnel_address(&self) -> Option<IpAddr> {
        let text = self.text(CONFIGURATION_FILE)?;
        let configuration: TunnelClientConfiguration = serde_yaml_ng::from_str(text).ok()?;
        let (host, _) = configuration.listen_address.rsplit_once(':')?;
        host.parse().ok()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use api::extensions::v1alpha1::{
        CgroupDriverName, DropIn, FileContent, FileContentInline, OperatingSystemConfigSpec,
    };
    use plan_node::machine::Resources;

    use super::*;

    pub(crate) fn facts() -> MachineFacts {
        MachineFacts {
            cgroup_driver: CgroupDriverName::Systemd,
            shares_kernel: false,
            resolver_configuration: "/etc/resolv.conf".into(),
            kernel: Resources::default(),
            limits: Resources::default(),
        }
    }

    pub(crate) fn file(path: &str, text: &str) -> File {
        File {
            path: path.into(),
            content: FileContent {
                inline: Some(FileContentInline {
                    encoding: String::new(),
                    data: text.into(),
                }),
                ..FileContent::default()
            },
            ..File::default()
        }
    }

    pub(crate) fn unit(name: &str) -> Unit {
        Unit {
            name: name.into(),
            ..Unit::default()
        }
    }

    pub(crate) fn config(files: Vec<File>, units: Vec<Unit>) -> OperatingSystemConfig {
        OperatingSystemConfig {
            spec: OperatingSystemConfigSpec {
                files,
                units,
                ..OperatingSystemConfigSpec::default()
            },
            ..OperatingSystemConfig::default()
        }
    }

    fn of(config: &OperatingSystemConfig) -> Result<Wished, String> {
        wished(config, "machine", &facts()).map_err(|error| error.to_string())
    }

    #[test]
    fn what_the_planner_plans_is_understood() {
        let wish = plan_node::NodeWish::default();
        let config = OperatingSystemConfig {
            spec: plan_node::plan_original(&wish),
            ..OperatingSystemConfig::default()
        };
        let wished = of(&config).unwrap();
        assert_eq!(wished.address, Some("240.0.0.1".parse().unwrap()));
        let kubelet = wished.text(KUBELET_CONFIGURATION).unwrap();
        assert!(kubelet.contains(r#""cgroupDriver": "systemd""#), "{kubelet}");
        let containerd = &wished.units[CONTAINERD_UNIT];
        assert!(!containerd.is_ours && containerd.files.contains(CONTAINERD_CONFIGURATION));
        assert!(
            wished
                .text(CONTAINERD_CONFIGURATION)
                .unwrap()
                .contains("SystemdCgroup = true")
        );
        // The very bytes that the first start wrote: containerd does not restart when we take over.
        let init = plan_node::plan_init(&wish);
        let first = init
            .files
            .iter()
            .find(|file| file.path.ends_with("containerd-systemd.toml"))
            .unwrap();
        assert_eq!(
            first.content.inline.as_ref().unwrap().data,
            wished.text(CONTAINERD_CONFIGURATION).unwrap()
        );
        assert!(
            wished
                .units
                .values()
                .all(|unit| unit.enabled && unit.runs == Some(true))
        );
    }

    #[test]
    fn a_unit_hangs_on_its_own_files() {
        let mut kubelet = unit("kubelet.service");
        kubelet.content = Some("[Service]\n".into());
        kubelet.file_paths = vec!["/opt/bin/kubelet".into()];
        let mut of_extension = unit("kubelet.service");
        of_extension.drop_ins = vec![DropIn {
            name: "10-local.conf".into(),
            content: "[Service]\n".into(),
        }];
        let mut config = config(vec![], vec![kubelet]);
        config.status.extension_units = vec![of_extension];
        let wished = of(&config).unwrap();
        let files: Vec<&str> = wished.units["kubelet.service"]
            .files
            .iter()
            .map(String::as_str)
            .collect();
        assert_eq!(
            files,
            [
                "/etc/systemd/system/kubelet.service",
                "/etc/systemd/system/kubelet.service.d/10-local.conf",
                "/opt/bin/kubelet"
            ]
        );
        assert!(wished.units["kubelet.service"].is_ours);
    }

    #[test]
    fn commands_say_whether_a_unit_runs() {
        let runs = |command: Option<UnitCommand>, enable: Option<bool>| {
            let unit = Unit {
                command,
                enable,
                ..unit("a.service")
            };
            of(&config(vec![], vec![unit])).unwrap().units["a.service"].runs
        };
        assert_eq!(runs(None, None), Some(true));
        assert_eq!(runs(None, Some(false)), None);
        assert_eq!(runs(Some(UnitCommand::Stop), None), Some(false));
        assert_eq!(runs(Some(UnitCommand::Restart), Some(false)), Some(true));
    }

    #[test]
    fn files_of_other_machines_are_none_of_ours() {
        let mut of_other = file("/etc/other", "x");
        of_other.host_name = Some("other".into());
        let mut of_this = file("/etc/this", "x");
        of_this.host_name = Some("machine".into());
        let files = of(&config(vec![of_other, of_this], vec![])).unwrap().files;
        assert_eq!(files.into_keys().collect::<Vec<_>>(), ["/etc/this"]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        let mut encoded = file("/etc/a", "a");
        encoded.content.inline.as_mut().unwrap().encoding = "gzip".into();
        assert_eq!(
            of(&config(vec![encoded], vec![])).unwrap_err(),
            r#"file /etc/a: its encoding "gzip" is not known"#
        );
        assert_eq!(
            of(&config(vec![file("/etc/../shadow", "a")], vec![])).unwrap_err(),
            "file /etc/../shadow: its path is not absolute"
        );
        assert_eq!(
            of(&config(vec![file("/a", "a"), file("/a", "b")], vec![])).unwrap_err(),
            "file /a is wanted twice, and not the same"
        );
        let empty = File {
            path: "/a".into(),
            ..File::default()
        };
        assert!(
            of(&config(vec![empty], vec![]))
                .unwrap_err()
                .starts_with("file /a: it has to have")
        );
    }
}
