//! Writes a node's pod network: rules by `nft`, then the file for which the runtime waits.

use std::{io, path::PathBuf, process::Stdio, time::Duration};

use ipnet::Ipv4Net;
use tokio::{io::AsyncWriteExt as _, process::Command, time::timeout};

use super::configuration::{FILE, masquerade, plugins};

/// `nft` sends one transaction to the kernel; it takes milliseconds.
const NFT_DEADLINE: Duration = Duration::from_secs(20);

/// Why the pod network is not as it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NodeError {
    /// `nft` could not be run.
    #[error("failed to run {program}")]
    Start {
        /// The program.
        program: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// `nft` did not end.
    #[error("{program} did not end within {NFT_DEADLINE:?}")]
    Deadline {
        /// The program.
        program: PathBuf,
    },
    /// `nft` refused the rules.
    #[error("{program} failed: {message}")]
    Refused {
        /// The program.
        program: PathBuf,
        /// What it printed.
        message: String,
    },
    /// The plugins' configuration could not be written.
    #[error("failed to write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

/// The node as this process reaches it.
#[derive(Clone, Debug)]
pub(crate) struct NodeNetwork {
    /// The runtime's folder for network configurations.
    pub(crate) directory: PathBuf,
    /// The program `nft`.
    pub(crate) nft: PathBuf,
    /// Ranges of all pods of the cluster.
    pub(crate) pod_ranges: Vec<Ipv4Net>,
}

impl NodeNetwork {
    /// Makes the node give its pods addresses of `range`; can be repeated at any time.
    pub(crate) async fn apply(&self, range: Ipv4Net) -> Result<(), NodeError> {
        // The rules first: a pod that the runtime starts at once must find them.
        self.run_nft(&masquerade(range, &self.pod_ranges)).await?;
        self.write_plugins(&plugins(range)).await
    }

    async fn run_nft(&self, rules: &str) -> Result<(), NodeError> {
        let program = &self.nft;
        let failed = |source| NodeError::Start {
            program: program.clone(),
            source,
        };
        let mut child = Command::new(program)
            .args(["-f", "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let feeding = async {
            if let Some(mut input) = child.stdin.take() {
                // It may end before it has read everything; then its message says more than ours.
                let _ = input.write_all(rules.as_bytes()).await;
            }
            child.wait_with_output().await
        };
        let output = timeout(NFT_DEADLINE, feeding)
            .await
            .map_err(|_| NodeError::Deadline {
                program: program.clone(),
            })?
            .map_err(failed)?;
        if output.status.success() {
            return Ok(());
        }
        Err(NodeError::Refused {
            program: program.clone(),
            message: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }

    /// Moved into place as a whole: the runtime reads the folder whenever something changes in it.
    async fn write_plugins(&self, text: &str) -> Result<(), NodeError> {
        let path = self.directory.join(FILE);
        if tokio::fs::read_to_string(&path)
            .await
            .is_ok_and(|present| present == text)
        {
            return Ok(());
        }
        // Without the ending that the runtime looks for.
        let partial = self.directory.join(format!(".{FILE}.partial"));
        let written = async {
            tokio::fs::create_dir_all(&self.directory).await?;
            tokio::fs::write(&partial, text).await?;
            tokio::fs::rename(&partial, &path).await
        };
        written.await.map_err(|source| NodeError::Write {
            path: path.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn network(folder: &std::path::Path, script: &str) -> NodeNetwork {
        let nft = folder.join("nft");
        std::fs::write(&nft, script).unwrap();
        std::fs::set_permissions(&nft, std::fs::Permissions::from_mode(0o755)).unwrap();
        NodeNetwork {
            directory: folder.join("net.d"),
            nft,
            pod_ranges: vec!["10.2.0.0/16".parse().unwrap()],
        }
    }

    #[tokio::test]
    async fn rules_come_before_the_file_and_both_follow_the_range() {
        let folder = tempfile::tempdir().unwrap();
        let rules = folder.path().join("rules");
        let script = format!("#!/bin/sh\ntest \"$1\" = -f\ncat >{}\n", rules.display());
        let network = network(folder.path(), &script);
        for range in ["10.2.1.0/24", "10.2.1.0/24", "10.2.7.0/24"] {
            network.apply(range.parse().unwrap()).await.unwrap();
            let file = std::fs::read_to_string(network.directory.join(FILE)).unwrap();
            assert!(file.contains(range), "{file}");
            assert!(
                std::fs::read_to_string(&rules)
                    .unwrap()
                    .contains(&format!("saddr {range}"))
            );
        }
        let left: Vec<_> = std::fs::read_dir(&network.directory).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
    }

    #[tokio::test]
    async fn without_rules_there_is_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let network = network(folder.path(), "#!/bin/sh\necho 'no such chain' >&2\nexit 1\n");
        let error = network.apply("10.2.1.0/24".parse().unwrap()).await.unwrap_err();
        assert!(error.to_string().ends_with("nft failed: no such chain"), "{error}");
        assert!(!network.directory.exists());
    }
}
