//! An image: layers, how it is started, and the two documents that say so.

use serde_json::{Value, json};

use super::layer::{Layer, LayerError, Measured, digest};

const LAYER_TYPE: &str = "application/vnd.oci.image.layer.v1.tar";
const CONFIG_TYPE: &str = "application/vnd.oci.image.config.v1+json";
pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";

/// An image to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    /// From the bottom up.
    pub layers: Vec<Layer>,
    /// What is started when the pod says nothing else.
    pub entrypoint: Vec<String>,
    /// Its arguments when the pod gives none.
    pub arguments: Vec<String>,
}

/// A blob as a manifest names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The media type.
    pub media_type: &'static str,
    /// `sha256:…`.
    pub digest: String,
    /// Bytes.
    pub size: u64,
}

/// An image whose bytes are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assembled {
    pub(crate) layers: Vec<(Descriptor, Layer)>,
    pub(crate) config: Vec<u8>,
    pub(crate) config_descriptor: Descriptor,
    pub(crate) manifest: Vec<u8>,
    pub(crate) digest: String,
}

impl Image {
    /// Reads all layers once to know their digests. Blocks: not for an asynchronous task.
    pub(crate) fn assemble(self) -> Result<Assembled, LayerError> {
        let measured = self.layers.iter().map(Layer::measure).collect::<Result<Vec<_>, _>>()?;
        let config = config(&self.entrypoint, &self.arguments, &measured)
            .to_string()
            .into_bytes();
        let config_descriptor = Descriptor {
            media_type: CONFIG_TYPE,
            digest: digest(&config),
            size: config.len() as u64,
        };
        let descriptors = measured.into_iter().map(|Measured { digest, size }| Descriptor {
            media_type: LAYER_TYPE,
            digest,
            size,
        });
        let layers: Vec<_> = descriptors.zip(self.layers).collect();
        let manifest = manifest(&config_descriptor, layers.iter().map(|(descriptor, _)| descriptor));
        let manifest = manifest.to_string().into_bytes();
        let digest = digest(&manifest);
        Ok(Assembled {
            layers,
            config,
            config_descriptor,
            manifest,
            digest,
        })
    }
}

fn config(entrypoint: &[String], arguments: &[String], layers: &[Measured]) -> Value {
    let mut config = json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {
            "Entrypoint": entrypoint,
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        },
        // The digest of a layer and of its unpacked bytes are the same: it is not compressed.
        "rootfs": {"type": "layers", "diff_ids": layers.iter().map(|layer| &layer.digest).collect::<Vec<_>>()},
    });
    if !arguments.is_empty() {
        config["config"]["Cmd"] = json!(arguments);
    }
    config
}

fn manifest<'a>(config: &Descriptor, layers: impl Iterator<Item = &'a Descriptor>) -> Value {
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": config.to_json(),
        "layers": layers.map(Descriptor::to_json).collect::<Vec<_>>(),
    })
}

/// The architecture's name as Go has it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

impl Descriptor {
    fn to_json(&self) -> Value {
        json!({"mediaType": self.media_type, "digest": self.digest, "size": self.size})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_described_by_config_and_manifest() {
        let layer = Layer::default().file("etc/motd", "hello\n");
        let image = Image {
            layers: vec![layer],
            entrypoint: vec!["/bin/a".into(), "pause".into()],
            arguments: vec!["--quiet".into()],
        };
        let assembled = image.assemble().unwrap();
        let show = |bytes: &[u8]| {
            let value: Value = serde_json::from_slice(bytes).unwrap();
            serde_json::to_string_pretty(&value)
                .unwrap()
                .replace(architecture(), "ARCHITECTURE")
        };
        expect_test::expect![[r#"
            {
              "architecture": "ARCHITECTURE",
              "config": {
                "Cmd": [
                  "--quiet"
                ],
                "Entrypoint": [
                  "/bin/a",
                  "pause"
                ],
                "Env": [
                  "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
                ]
              },
              "os": "linux",
              "rootfs": {
                "diff_ids": [
                  "sha256:41989af5da7938a6e3716af7d81f22c71b3caa457d0e634c9dceeffd1ca6af74"
                ],
                "type": "layers"
              }
            }"#]]
        .assert_eq(&show(&assembled.config));
        let manifest: Value = serde_json::from_slice(&assembled.manifest).unwrap();
        assert_eq!(manifest["config"]["digest"], digest(&assembled.config));
        assert_eq!(manifest["layers"][0]["digest"], assembled.layers[0].0.digest);
        assert_eq!(manifest["layers"][0]["size"], assembled.layers[0].0.size);
        assert_eq!(assembled.digest, digest(&assembled.manifest));
    }
}
