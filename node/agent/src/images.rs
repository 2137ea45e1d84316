//! Programs out of images: the image is mounted, and the file copied if it is another one than on the machine.

use std::{io, path::PathBuf, process::Stdio, time::Duration};

use async_trait::async_trait;
use sha2::{Digest as _, Sha256};
use tokio::process::Command;

use crate::{
    files,
    layout::{Layout, MOUNTS},
    wished::ImageFile,
};

/// A big image over a slow line; after that it is begun anew, and what was fetched is kept.
const PULL_DEADLINE: Duration = Duration::from_secs(600);
/// All but fetching happens on the machine.
const LOCAL_DEADLINE: Duration = Duration::from_secs(60);
/// The namespace that the kubelet uses, too: what is here, it need not fetch.
const NAMESPACE: &str = "k8s.io";

/// Why a program cannot be taken out of its image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    /// A command or its folder is missing.
    #[error("failed to run a command for an image")]
    Run(#[source] io::Error),
    /// A command failed.
    #[error("failed to {action}: {output}")]
    Failed {
        /// What it was for.
        action: String,
        /// What it said.
        output: String,
    },
    /// A command did not end.
    #[error("gave up waiting to {0}")]
    Deadline(String),
    /// The file cannot be copied.
    #[error("failed to take {path} out of {image}")]
    Copy {
        /// The file in the image.
        path: String,
        /// The image.
        image: String,
        /// What went wrong.
        source: io::Error,
    },
}

/// Makes the content of images readable.
#[async_trait]
pub(crate) trait Images: Send + Sync {
    /// Fetches an image if it is not there, and returns a folder with its content.
    async fn mount(&self, image: &str) -> Result<PathBuf, ImageError>;
    /// Ends what [`Images::mount`] began.
    async fn unmount(&self, image: &str) -> Result<(), ImageError>;
}

/// Whether a file on the machine is the one of the image, and what to do when it is not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// It was already.
    Same,
    /// It lies beside its place now, at this path.
    Staged(PathBuf),
}

/// Compares the file at `target` with the image's; another one is copied beside it.
pub(crate) async fn take(
    images: &dyn Images,
    file: &ImageFile,
    target: PathBuf,
    mode: u32,
) -> Result<Taken, ImageError> {
    let root = images.mount(&file.image).await?;
    let source = root.join(file.path.trim_start_matches('/'));
    let copied = tokio::task::spawn_blocking(move || {
        if files::is_copy(&target, mode, &source)? {
            return Ok(Taken::Same);
        }
        let mut staged = target.into_os_string();
        staged.push(".new");
        let staged = PathBuf::from(staged);
        files::replace_by_copy(&staged, mode, &source)?;
        Ok(Taken::Staged(staged))
    })
    .await;
    let unmounted = images.unmount(&file.image).await;
    let taken = copied
        .unwrap_or_else(|error| Err(io::Error::other(error)))
        .map_err(|source| ImageError::Copy {
            path: file.path.clone(),
            image: file.image.clone(),
            source,
        })?;
    unmounted.map(|()| taken)
}

/// Images of the machine's containerd, by its own `ctr`.
#[derive(Clone, Debug)]
pub(crate) struct Containerd {
    layout: Layout,
}

impl Containerd {
    /// The machine's containerd.
    pub(crate) fn new(layout: Layout) -> Self {
        Self { layout }
    }

    /// Where the image is mounted, and the name of the snapshot that is.
    fn place(&self, image: &str) -> (PathBuf, String) {
        let digest = Sha256::digest(image.as_bytes());
        let name: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        (self.layout.at(MOUNTS).join(&name), format!("node-agent-{name}"))
    }

    async fn ctr(&self, action: String, deadline: Duration, arguments: &[&str]) -> Result<String, ImageError> {
        let mut command = Command::new("ctr");
        command.args(["--namespace", NAMESPACE]).args(arguments);
        run(command, action, deadline).await
    }

    /// Fetches the image, or finds it; the identity of its unpacked layers.
    async fn pull(&self, image: &str) -> Result<String, ImageError> {
        let hosts = self.layout.at(plan_node::CONTAINERD_REGISTRIES).display().to_string();
        let action = format!("pull the image {image}");
        let arguments = [
            "images",
            "pull",
            "--local",
            "--print-chainid",
            "--hosts-dir",
            &hosts,
            image,
        ];
        let said = self.ctr(action.clone(), PULL_DEADLINE, &arguments).await?;
        let chain = said.lines().find_map(|line| line.strip_prefix("image chain ID: "));
        chain
            .map(|chain| chain.trim().to_owned())
            .ok_or_else(|| ImageError::Failed {
                action,
                output: "ctr did not say which layers it has".to_owned(),
            })
    }

    /// Ends a mount, also one that a killed process left; there may be none.
    async fn clean(&self, image: &str) {
        let (folder, snapshot) = self.place(image);
        let _ = nix::mount::umount2(&folder, nix::mount::MntFlags::MNT_DETACH);
        // containerd may have collected it already: nothing refers to it.
        let action = format!("remove the snapshot {snapshot}");
        let _ = self.ctr(action, LOCAL_DEADLINE, &["snapshots", "rm", &snapshot]).await;
        let _ = fs_err::remove_dir(folder);
    }
}

/// Runs a command; what it said.
async fn run(mut command: Command, action: String, deadline: Duration) -> Result<String, ImageError> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let output = match tokio::time::timeout(deadline, command.output()).await {
        Ok(output) => output.map_err(ImageError::Run)?,
        Err(_) => return Err(ImageError::Deadline(action)),
    };
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said
        .lines()
        .rev()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("no word");
    Err(ImageError::Failed {
        action,
        output: last.trim().to_owned(),
    })
}

#[async_trait]
impl Images for Containerd {
    /// By a view of its snapshot: `ctr images mount` goes through containerd's mount manager, which refuses bind mounts.
    async fn mount(&self, image: &str) -> Result<PathBuf, ImageError> {
        let chain = self.pull(image).await?;
        self.clean(image).await;
        let (folder, snapshot) = self.place(image);
        fs_err::create_dir_all(&folder).map_err(ImageError::Run)?;
        let action = format!("mount the image {image}");
        let target = folder.display().to_string();
        let view = ["snapshots", "view", "--target", &target, &snapshot, &chain];
        let commands = self.ctr(action.clone(), LOCAL_DEADLINE, &view).await?;
        // One line per mount, written for a shell: `mount -t overlay overlay <target> -o <options>`.
        for line in commands.lines() {
            let mut words = line.split_whitespace();
            if words.next() != Some("mount") {
                continue;
            }
            let mut command = Command::new("mount");
            command.args(words);
            run(command, action.clone(), LOCAL_DEADLINE).await?;
        }
        Ok(folder)
    }

    async fn unmount(&self, image: &str) -> Result<(), ImageError> {
        self.clean(image).await;
        Ok(())
    }
}
