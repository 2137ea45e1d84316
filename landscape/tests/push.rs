//! Images are pushed into the real registry of the distribution, through a proxy as the cloud has one.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{SocketAddr, TcpListener as BlockingListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use landscape::images::{Image, Layer, NamedImage, Pushed, Stage, push};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

/// A registry process, ended with the test.
struct RunningRegistry {
    process: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl RunningRegistry {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let address = BlockingListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let configuration = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\"}}\n",
            folder.path().join("data").display()
        );
        let file = folder.path().join("config.yml");
        fs_err::write(&file, configuration).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is not installed: apt-get install docker-registry");
        let deadline = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(address).await.is_err() {
            assert!(Instant::now() < deadline, "the registry does not listen on {address}");
            tokio::task::yield_now().await;
        }
        Self {
            process,
            address,
            folder,
        }
    }

    /// The digest that a tag stands for.
    fn tag(&self, repository: &str, tag: &str) -> String {
        let link = format!("data/docker/registry/v2/repositories/{repository}/_manifests/tags/{tag}/current/link");
        fs_err::read_to_string(self.folder.path().join(link)).unwrap()
    }
}

impl Drop for RunningRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Answers CONNECT for any name with a connection to `target`.
async fn start_proxy(target: SocketAddr) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    request.push(client.read_u8().await.unwrap());
                }
                client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
                let mut server = TcpStream::connect(target).await.unwrap();
                let _ = copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    address
}

fn image(repository: &str, program: &Path) -> NamedImage {
    let layer = Layer::default()
        .directory("tmp", 0o1777)
        .program("usr/local/bin/program", program);
    let image = Image {
        layers: vec![layer],
        entrypoint: vec!["/usr/local/bin/program".to_owned()],
        ..Image::default()
    };
    NamedImage {
        name: "one",
        stage: Stage::Seed,
        repository: repository.to_owned(),
        tag: "1".to_owned(),
        image,
    }
}

#[tokio::test]
async fn an_image_is_pushed_once_and_its_layers_are_shared() {
    let registry = RunningRegistry::start().await;
    let proxy = start_proxy(registry.address).await;
    let program = registry.folder.path().join("program");
    fs_err::write(&program, vec![7; 5 << 20]).unwrap(); // several pieces on the wire

    let push_to = |repository: &'static str, others: Vec<String>| {
        let image = image(repository, &program);
        async move { push(proxy, "registry.test:5000", image, &others).await.unwrap() }
    };
    let first = push_to("kubeception/one", Vec::new()).await;
    assert!(first.sent > 5 << 20, "{first:?}");
    assert_eq!(registry.tag("kubeception/one", "1"), first.digest);

    let again = push_to("kubeception/one", Vec::new()).await;
    assert_eq!(
        again,
        Pushed {
            sent: 0,
            ..first.clone()
        }
    );

    let other = push_to("kubeception/two", vec!["kubeception/one".to_owned()]).await;
    assert_eq!(
        (other.sent, other.digest),
        (0, first.digest.clone()),
        "the layer is taken over from the first repository"
    );
    assert_eq!(registry.tag("kubeception/two", "1"), first.digest);

    fs_err::write(&program, "changed").unwrap();
    let changed = push_to("kubeception/one", Vec::new()).await;
    assert_ne!(changed.digest, first.digest);
    assert_eq!(registry.tag("kubeception/one", "1"), changed.digest);
}

#[tokio::test]
async fn a_layer_that_cannot_be_read_is_named_with_its_image() {
    let registry = RunningRegistry::start().await;
    let proxy = start_proxy(registry.address).await;
    let missing = registry.folder.path().join("missing");
    let error = push(proxy, "registry.test:5000", image("kubeception/one", &missing), &[])
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "failed to assemble image kubeception/one:1");
}
