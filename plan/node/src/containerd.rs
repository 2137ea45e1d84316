//! Files of the container runtime, as text: its configuration, and per registry where that is really reached.
//!
//! Both sides write them: user data for the first start, node-agent ever after; from the same settings the same bytes, so that nothing
//! restarts when node-agent takes over.

use std::fmt::Write as _;

use api::extensions::v1alpha1::{
    CgroupDriverName, ContainerdConfig, PluginConfig, PluginPathOperation, RegistryCapability, RegistryConfig,
};
use serde_json::{Map, Value, json};

use crate::CONTAINERD_REGISTRIES;

/// The text of `config.toml`.
pub fn configuration(settings: &ContainerdConfig, driver: &CgroupDriverName) -> String {
    let mut plugins = json!({
        "io.containerd.cri.v1.runtime": {
            // The capability to lower it may be missing.
            "restrict_oom_score_adj": true,
            "cni": {"bin_dirs": ["/opt/cni/bin"], "conf_dir": "/etc/cni/net.d"},
            "containerd": {"runtimes": {"runc": {
                "runtime_type": "io.containerd.runc.v2",
                "options": {"SystemdCgroup": *driver == CgroupDriverName::Systemd},
            }}},
        },
        "io.containerd.cri.v1.images": {
            "pinned_images": {"sandbox": settings.sandbox_image},
            "registry": {"config_path": CONTAINERD_REGISTRIES},
        },
    });
    for change in &settings.plugins {
        apply(&mut plugins, change);
    }
    let mut text = String::from("version = 3\n");
    if let Value::Object(table) = &plugins {
        write_table(&mut text, "plugins", table);
    }
    text
}

/// The files that say where registries are really reached: path and text.
pub fn registry_files(settings: &ContainerdConfig) -> Vec<(String, String)> {
    settings
        .registries
        .iter()
        .map(|registry| {
            (
                format!("{CONTAINERD_REGISTRIES}/{}/hosts.toml", registry.upstream),
                hosts(registry),
            )
        })
        .collect()
}

fn hosts(registry: &RegistryConfig) -> String {
    let mut text = String::new();
    if let Some(server) = &registry.server {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "server = {}", quoted(server));
    }
    for host in &registry.hosts {
        let _ = write!(text, "\n[host.{}]\n", quoted(&host.url));
        if !host.capabilities.is_empty() {
            let capabilities: Vec<&str> = host.capabilities.iter().map(capability).collect();
            let _ = writeln!(text, "  capabilities = {}", json!(capabilities));
        }
        if !host.ca_certs.is_empty() {
            let _ = writeln!(text, "  ca = {}", json!(host.ca_certs));
        }
        if let Some(override_path) = host.override_path {
            let _ = writeln!(text, "  override_path = {override_path}");
        }
    }
    text
}

fn capability(capability: &RegistryCapability) -> &str {
    match capability {
        RegistryCapability::Pull => "pull",
        RegistryCapability::Resolve => "resolve",
        RegistryCapability::Push => "push",
        RegistryCapability::Other(name) => name,
    }
}

/// Sets or removes what lies at a path; folders on the way to what is set are made.
fn apply(plugins: &mut Value, change: &PluginConfig) {
    let Some((last, way)) = change.path.split_last() else {
        return;
    };
    let mut place = plugins;
    for name in way {
        if !place[name.as_str()].is_object() {
            place[name.as_str()] = json!({});
        }
        place = &mut place[name.as_str()];
    }
    let values = change.values.clone();
    match change.op {
        Some(PluginPathOperation::Remove) => {
            if let Value::Object(table) = place {
                table.remove(last);
            }
        }
        _ => merge(&mut place[last.as_str()], values.unwrap_or_else(|| json!({}))),
    }
}

fn merge(place: &mut Value, values: Value) {
    match (place, values) {
        (Value::Object(place), Value::Object(values)) => {
            for (name, value) in values {
                merge(place.entry(name).or_insert(Value::Null), value);
            }
        }
        (place, value) => *place = value,
    }
}

/// A table and those in it. TOML wants a table's own values before its tables.
fn write_table(text: &mut String, path: &str, table: &Map<String, Value>) {
    let own: Vec<(&String, &Value)> = table.iter().filter(|(_, value)| is_value(value)).collect();
    if !own.is_empty() {
        // Writing to a string cannot fail.
        let _ = write!(text, "\n[{path}]\n");
    }
    for (name, value) in own {
        let _ = writeln!(text, "  {} = {}", key(name), inline(value));
    }
    for (name, value) in table {
        if let Value::Object(inner) = value {
            write_table(text, &format!("{path}.{}", key(name)), inner);
        }
    }
}

fn is_value(value: &Value) -> bool {
    !value.is_object() && !value.is_null()
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Object(table) => {
            let entries: Vec<String> = table
                .iter()
                .map(|(name, value)| format!("{} = {}", key(name), inline(value)))
                .collect();
            format!("{{ {} }}", entries.join(", "))
        }
        Value::Array(values) => format!("[{}]", values.iter().map(inline).collect::<Vec<_>>().join(", ")),
        // Numbers and booleans are the same in both languages, and so is a quoted text with its escapes.
        other => other.to_string(),
    }
}

fn key(name: &str) -> String {
    let bare = |character: char| character.is_ascii_alphanumeric() || "-_".contains(character);
    if !name.is_empty() && name.chars().all(bare) {
        name.to_owned()
    } else {
        quoted(name)
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::{pieces::containerd_config, wish::tests::wish};

    #[test]
    fn the_configuration_is_as_reviewed() {
        let settings = containerd_config(&wish());
        expect![[r#"
            version = 3

            [plugins."io.containerd.cri.v1.images".pinned_images]
              sandbox = "registry.kubeception.internal:5000/kubeception/pause:0.1.0"

            [plugins."io.containerd.cri.v1.images".registry]
              config_path = "/etc/containerd/certs.d"

            [plugins."io.containerd.cri.v1.runtime"]
              restrict_oom_score_adj = true

            [plugins."io.containerd.cri.v1.runtime".cni]
              bin_dirs = ["/opt/cni/bin"]
              conf_dir = "/etc/cni/net.d"

            [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
              runtime_type = "io.containerd.runc.v2"

            [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
              SystemdCgroup = true
        "#]]
        .assert_eq(&configuration(&settings, &CgroupDriverName::Systemd));
    }

    #[test]
    fn a_registry_is_reached_where_it_says() {
        let files = registry_files(&containerd_config(&wish()));
        assert_eq!(
            files[0].0,
            "/etc/containerd/certs.d/registry.kubeception.internal:5000/hosts.toml"
        );
        expect![[r#"
            server = "http://registry.test.kubeception.internal:5000"

            [host."http://registry.test.kubeception.internal:5000"]
              capabilities = ["pull","resolve"]
        "#]]
        .assert_eq(&files[0].1);
    }

    #[test]
    fn plugins_are_changed() {
        let change = |op, path: &[&str], values: Option<Value>| PluginConfig {
            op,
            path: path.iter().map(|part| (*part).to_owned()).collect(),
            values,
        };
        let settings = ContainerdConfig {
            plugins: vec![
                change(
                    None,
                    &["io.containerd.cri.v1.runtime", "cni"],
                    Some(json!({"max_conf_num": 2})),
                ),
                change(
                    Some(PluginPathOperation::Remove),
                    &["io.containerd.cri.v1.images", "registry"],
                    None,
                ),
                change(
                    Some(PluginPathOperation::Add),
                    &["new"],
                    Some(json!({"list": [{"a b": 1}]})),
                ),
            ],
            ..ContainerdConfig::default()
        };
        let text = configuration(&settings, &CgroupDriverName::Cgroupfs);
        assert!(text.contains("max_conf_num = 2"), "{text}");
        assert!(text.contains("conf_dir"), "{text}");
        assert!(!text.contains("config_path"), "{text}");
        assert!(text.contains("[plugins.new]\n  list = [{ \"a b\" = 1 }]\n"), "{text}");
    }
}
