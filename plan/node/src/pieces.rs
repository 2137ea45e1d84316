//! Files and units that a machine's first start and its later life share, and short ways to write them.

use api::{
    config::{
        ClientConnectionConfiguration, Server, ServerConfiguration,
        node_agent::{
            ApiServer, ControllerConfiguration, NodeAgentConfiguration, OperatingSystemConfigControllerConfig,
        },
    },
    core::v1beta1::CriName,
    extensions::v1alpha1::{
        ContainerdConfig, CriConfig, DefaultSpec, File, FileContent, FileContentImageRef, FileContentInline,
        OperatingSystemConfigPurpose, OperatingSystemConfigSpec, Unit, UnitCommand,
    },
};

use crate::{
    API_SERVER_CA, NODE_AGENT_CONFIGURATION, NODE_AGENT_KUBECONFIG, NODE_AGENT_UNIT, NODE_INIT_UNIT, NodeWish,
    OWN_BINARY, hash::node_agent_secret_name,
};

/// Where node-agent answers probes; only from the machine itself.
const HEALTH_PORT: i32 = 2751;

/// A file with a text.
pub(crate) fn text_file(path: &str, mode: u32, text: impl Into<String>) -> File {
    let inline = FileContentInline {
        encoding: String::new(),
        data: text.into(),
    };
    File {
        path: path.to_owned(),
        permissions: Some(mode),
        content: FileContent {
            inline: Some(inline),
            ..FileContent::default()
        },
        host_name: None,
    }
}

/// A program out of an image.
pub(crate) fn program(path: &str, image: &str, path_in_image: &str) -> File {
    let image_ref = FileContentImageRef {
        image: image.to_owned(),
        file_path_in_image: path_in_image.to_owned(),
    };
    File {
        path: path.to_owned(),
        permissions: Some(0o755),
        content: FileContent {
            image_ref: Some(image_ref),
            ..FileContent::default()
        },
        host_name: None,
    }
}

/// A unit that starts with the machine and is started now; a change of `files` restarts it.
pub(crate) fn service(name: &str, content: Option<String>, files: &[&str]) -> Unit {
    Unit {
        name: name.to_owned(),
        command: Some(UnitCommand::Start),
        enable: Some(true),
        content,
        drop_ins: Vec::new(),
        file_paths: files.iter().map(|path| (*path).to_owned()).collect(),
    }
}

/// An OperatingSystemConfig of the pool.
pub(crate) fn specification(
    wish: &NodeWish,
    purpose: OperatingSystemConfigPurpose,
    files: Vec<File>,
    units: Vec<Unit>,
) -> OperatingSystemConfigSpec {
    OperatingSystemConfigSpec {
        default_spec: DefaultSpec {
            type_: wish.machine_image.name.clone(),
            ..DefaultSpec::default()
        },
        cri_config: Some(CriConfig {
            name: CriName::Containerd,
            // Depends on the machine's layout of control groups, which node-agent sees.
            cgroup_driver: None,
            containerd: Some(containerd_config(wish)),
        }),
        purpose,
        units,
        files,
        in_place_updates: None,
    }
}

/// containerd's settings.
pub(crate) fn containerd_config(wish: &NodeWish) -> ContainerdConfig {
    ContainerdConfig {
        registries: wish.registries.clone(),
        sandbox_image: wish.images.pause.clone(),
        plugins: Vec::new(),
    }
}

/// What node-agent needs before it knows its OperatingSystemConfig.
pub(crate) fn node_agent_files(wish: &NodeWish) -> Vec<File> {
    let configuration = NodeAgentConfiguration {
        client_connection: ClientConnectionConfiguration {
            kubeconfig: NODE_AGENT_KUBECONFIG.to_owned(),
            ..ClientConnectionConfiguration::default()
        },
        log_level: "info".to_owned(),
        log_format: "text".to_owned(),
        server: ServerConfiguration {
            health_probes: Some(Server {
                bind_address: "127.0.0.1".to_owned(),
                port: HEALTH_PORT,
            }),
            metrics: None,
        },
        api_server: ApiServer {
            server: wish.api_server.clone(),
            ca_file: API_SERVER_CA.to_owned(),
        },
        controllers: ControllerConfiguration {
            operating_system_config: OperatingSystemConfigControllerConfig {
                secret_name: node_agent_secret_name(wish),
                kubernetes_version: wish.kubernetes_version.clone(),
                ..OperatingSystemConfigControllerConfig::default()
            },
            ..ControllerConfiguration::default()
        },
        ..NodeAgentConfiguration::default()
    };
    // JSON is YAML, too. Serializing plain data does not fail; if it did, node-agent would say that its file is empty.
    let text = serde_json::to_string_pretty(&configuration).unwrap_or_default() + "\n";
    vec![
        text_file(NODE_AGENT_CONFIGURATION, 0o600, text),
        text_file(API_SERVER_CA, 0o644, wish.ca_bundle.as_str()),
    ]
}

/// The unit of node-agent.
pub(crate) fn node_agent_unit() -> Unit {
    let content = format!(
        "\
[Unit]
Description=Keeps this machine as its cluster wants it
# At the first start the program is not there yet.
After={NODE_INIT_UNIT} network-online.target
StartLimitIntervalSec=0

[Service]
ExecStart={OWN_BINARY} gardener-node-agent --config={NODE_AGENT_CONFIGURATION}
Restart=always
RestartSec=1
LimitNOFILE=65536
# A machine that does not join tells why where its cloud shows it: on the console, of which some only show warnings.
StandardOutput=journal+console
StandardError=journal+console
SyslogLevel=warning

[Install]
WantedBy=multi-user.target
"
    );
    service(
        NODE_AGENT_UNIT,
        Some(content),
        &[NODE_AGENT_CONFIGURATION, API_SERVER_CA, OWN_BINARY],
    )
}
