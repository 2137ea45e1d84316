//! The image registry's configuration.

use std::path::Path;

use crate::layout::REGISTRY;

/// Configuration of the distribution registry: images in a folder, plain HTTP, and nothing that calls home.
///
/// `secret` lets an upload continue after a restart of the registry.
pub(crate) fn configuration(data: &Path, secret: &str) -> String {
    format!(
        "version: 0.1\n\
         log:\n  level: warn\n  accesslog:\n    disabled: true\n\
         storage:\n  filesystem:\n    rootdirectory: {}\n  delete:\n    enabled: true\n  maintenance:\n    uploadpurging:\n      enabled: false\n\
         http:\n  addr: {REGISTRY}\n  secret: {secret}\n",
        serde_json::Value::from(data.display().to_string())
    )
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_configuration() {
        expect![[r#"
            version: 0.1
            log:
              level: warn
              accesslog:
                disabled: true
            storage:
              filesystem:
                rootdirectory: "/var/lib/kubeception/local/registry"
              delete:
                enabled: true
              maintenance:
                uploadpurging:
                  enabled: false
            http:
              addr: 172.30.0.1:5000
              secret: s
        "#]]
        .assert_eq(&configuration(Path::new("/var/lib/kubeception/local/registry"), "s"));
    }
}
