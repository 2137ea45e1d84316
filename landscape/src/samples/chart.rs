//! Charts of our own extensions, packed as a ControllerDeployment carries them.
//!
//! In: the files of `charts/`, which are compiled in. Out: a gzipped tar. The same files give the same bytes: nothing carries a time.

use std::io;

use flate2::Compression;
use flate2::write::GzEncoder;

/// The chart of the local provider.
const PROVIDER_LOCAL: [(&str, &str); 4] = [
    (
        "provider-local/Chart.yaml",
        include_str!("../../../charts/provider-local/Chart.yaml"),
    ),
    (
        "provider-local/values.yaml",
        include_str!("../../../charts/provider-local/values.yaml"),
    ),
    (
        "provider-local/templates/deployment.yaml",
        include_str!("../../../charts/provider-local/templates/deployment.yaml"),
    ),
    (
        "provider-local/templates/identity.yaml",
        include_str!("../../../charts/provider-local/templates/identity.yaml"),
    ),
];

/// The local provider's chart, packed.
pub(super) fn provider_local() -> io::Result<Vec<u8>> {
    pack(&PROVIDER_LOCAL)
}

fn pack(files: &[(&str, &str)]) -> io::Result<Vec<u8>> {
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
    for (path, text) in files {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o644);
        header.set_mtime(0);
        header.set_size(text.len() as u64);
        archive.append_data(&mut header, path, text.as_bytes())?;
    }
    archive.into_inner()?.finish()
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn the_same_chart_gives_the_same_bytes() {
        assert_eq!(provider_local().unwrap(), provider_local().unwrap());
    }

    #[test]
    fn every_file_of_the_chart_is_packed() {
        let chart = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts");
        let mut found = Vec::new();
        for folder in ["provider-local", "provider-local/templates"] {
            let entries = fs_err::read_dir(chart.join(folder)).unwrap().map(Result::unwrap);
            let files = entries.filter(|entry| entry.file_type().unwrap().is_file());
            found.extend(files.map(|file| format!("{folder}/{}", file.file_name().to_string_lossy())));
        }
        found.sort();
        let mut packed: Vec<_> = PROVIDER_LOCAL.iter().map(|(path, _)| (*path).to_owned()).collect();
        packed.sort();
        assert_eq!(found, packed);
    }

    /// What gardenlet makes of the chart with the values of the sample.
    fn render(values: &serde_json::Value) -> Result<String, String> {
        let folder = tempfile::tempdir().unwrap();
        let chart = folder.path().join("chart.tgz");
        fs_err::write(&chart, provider_local().unwrap()).unwrap();
        let mut child = Command::new(testing_testkit::upstream::helm())
            .args(["template", "provider-local"])
            .arg(chart)
            .args(["--namespace", "extension-provider-local-12345", "--values", "-"])
            .env("HOME", folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(values.to_string().as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).unwrap())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    #[test]
    fn helm_renders_the_chart_as_reviewed() {
        let values = serde_json::json!({
            "image": "registry/kubeception@sha256:0123",
            "imageVectorOverwrite": "{\"images\":[]}",
            "gardener": { "seed": { "name": "local" } },
        });
        let rendered = render(&values).unwrap();
        expect_test::expect_file!["../../tests/golden/provider-local.yaml"].assert_eq(&rendered);
        let error = render(&serde_json::json!({})).unwrap_err();
        assert!(error.contains("image is required"), "{error}");
    }
}
