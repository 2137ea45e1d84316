//! The images of a landscape: what is in each, and the name it gets in the registry.

use std::path::Path;

use landscape_upstream::{AGNHOST, COREDNS, Cache, Component, HELM, KUBERNETES, METRICS_SERVER};
use plan_images::{ImageNotFound, ImageVector};

use super::busybox::busybox;
use super::image::Image;
use super::layer::Layer;
use super::userland::{UserlandError, userland};

/// Where programs lie in our images.
const PROGRAMS: &str = "usr/local/bin";

/// The names that the one binary of upstream Kubernetes answers to.
const HYPERKUBE_NAMES: [&str; 7] = [
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
];

/// Who waits for an image first: what nobody waits for yet does not hold up what somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// The seed and the garden.
    Seed,
    /// gardenlet.
    Gardenlet,
    /// Machines of shoots.
    Shoots,
}

/// An image and the name it has in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedImage {
    /// The name in the image vector.
    pub name: &'static str,
    /// Who waits for it first.
    pub stage: Stage,
    /// The repository, without the registry's host.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// The image.
    pub image: Image,
}

/// The images cannot be put together.
#[derive(Debug, thiserror::Error)]
pub enum ImageSetError {
    /// The image vector has no name for one of them.
    #[error("failed to name an image")]
    Name(#[from] ImageNotFound),
    /// A program of the distribution is missing.
    #[error("failed to collect programs of the distribution")]
    Userland(#[from] UserlandError),
}

/// The images that pods of a landscape use, in the order in which they are asked for, named as `vector` names them. `own_binary` is
/// the static kubeception binary.
pub fn landscape_images(
    cache: &Cache,
    own_binary: &Path,
    vector: &ImageVector,
) -> Result<Vec<NamedImage>, ImageSetError> {
    let kubernetes = Image {
        layers: vec![userland_layer()?, kubernetes_layer(cache)],
        ..Image::default()
    };
    let own = |arguments: &[&str]| Image {
        layers: vec![base(), program_layer("kubeception", own_binary)],
        entrypoint: std::iter::once("/usr/local/bin/kubeception")
            .chain(arguments.iter().copied())
            .map(str::to_owned)
            .collect(),
        ..Image::default()
    };
    let mut gardenlet = own(&[]);
    gardenlet
        .layers
        .push(program_layer("helm", &cache.binary(&HELM, "helm")));
    let busybox = busybox()?;
    let name = |name, image| named(vector, Stage::Seed, name, image);
    let for_shoots = |name, image| named(vector, Stage::Shoots, name, image);
    Ok(vec![
        name("hyperkube", kubernetes)?,
        name("pause", own(&["pause"]))?,
        name("kubeception", own(&[]))?,
        name("coredns", upstream(cache, &COREDNS))?,
        named(vector, Stage::Gardenlet, "gardenlet", gardenlet)?,
        for_shoots("metrics-server", upstream(cache, &METRICS_SERVER))?,
        for_shoots("busybox", shell(&busybox))?,
        for_shoots("agnhost", agnhost(cache, busybox))?,
    ])
}

/// An image of a component with one program.
fn upstream(cache: &Cache, component: &Component) -> Image {
    Image {
        layers: vec![
            base(),
            program_layer(component.name, &cache.binary(component, component.name)),
        ],
        entrypoint: vec![format!("/{PROGRAMS}/{}", component.name)],
        ..Image::default()
    }
}

fn shell(busybox: &Layer) -> Image {
    Image {
        layers: vec![base(), busybox.clone()],
        arguments: vec!["sh".to_owned()],
        ..Image::default()
    }
}

/// As upstream's image of that name is called; with a shell in it, as there.
fn agnhost(cache: &Cache, busybox: Layer) -> Image {
    let mut image = upstream(cache, &AGNHOST);
    image.layers.insert(1, busybox);
    image
        .layers
        .push(Layer::default().link("agnhost", format!("{PROGRAMS}/agnhost")));
    image.arguments = vec!["pause".to_owned()];
    image
}

fn program_layer(name: &str, program: &Path) -> Layer {
    Layer::default().program(format!("{PROGRAMS}/{name}"), program)
}

fn named(vector: &ImageVector, stage: Stage, name: &'static str, image: Image) -> Result<NamedImage, ImageNotFound> {
    let found = vector.find(name, Some(KUBERNETES.version))?;
    let repository = found
        .repository
        .split_once('/')
        .map_or(found.repository.as_str(), |(_, path)| path)
        .to_owned();
    Ok(NamedImage {
        name,
        stage,
        repository,
        tag: found.tag.unwrap_or_else(|| "latest".to_owned()),
        image,
    })
}

/// What every program may expect: a place for temporary files, and names for the users that our pods run as.
fn base() -> Layer {
    Layer::default()
        .directory("etc", 0o755)
        .file(
            "etc/passwd",
            "root:x:0:0:root:/root:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n",
        )
        .file("etc/group", "root:x:0:\nnonroot:x:65532:\n")
        .directory("tmp", 0o1777)
        .directory("usr", 0o755)
        .directory("usr/local", 0o755)
        .directory(PROGRAMS, 0o755)
}

fn userland_layer() -> Result<Layer, UserlandError> {
    let programs = userland(&[("nft", "nftables"), ("conntrack", "conntrack")])?;
    Ok(base().joined(programs))
}

fn kubernetes_layer(cache: &Cache) -> Layer {
    let program = Layer::default().program(format!("{PROGRAMS}/hyperkube"), cache.binary(&KUBERNETES, "hyperkube"));
    HYPERKUBE_NAMES.iter().fold(program, |layer, name| {
        layer.link(format!("{PROGRAMS}/{name}"), "hyperkube")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_image_of_the_vector_is_made() {
        let vector = ImageVector::embedded().unwrap();
        let images = landscape_images(&Cache::new("/cache"), Path::new("/kubeception"), &vector).unwrap();
        let names: Vec<String> = images
            .iter()
            .map(|image| format!("{}:{}", image.repository, image.tag))
            .collect();
        for source in &vector.images {
            let (_, path) = source.repository.as_ref().unwrap().split_once('/').unwrap();
            let name = format!("{path}:{}", source.tag.as_ref().unwrap());
            assert!(names.contains(&name), "{name} is not among {names:?}");
        }
    }

    #[test]
    fn what_is_waited_for_first_comes_first() {
        let vector = ImageVector::embedded().unwrap();
        let images = landscape_images(&Cache::new("/cache"), Path::new("/kubeception"), &vector).unwrap();
        assert!(images.is_sorted_by_key(|image| image.stage));
        let stage = |name: &str| images.iter().find(|image| image.name == name).unwrap().stage;
        assert_eq!((stage("coredns"), stage("agnhost")), (Stage::Seed, Stage::Shoots));
    }

    #[test]
    fn our_own_images_share_their_layers() {
        let vector = ImageVector::embedded().unwrap();
        let images = landscape_images(&Cache::new("/cache"), Path::new("/kubeception"), &vector).unwrap();
        let find = |name: &str| images.iter().find(|image| image.repository.ends_with(name)).unwrap();
        assert_eq!(find("/pause").image.layers, find("/kubeception").image.layers);
        assert_eq!(find("/pause").image.entrypoint, ["/usr/local/bin/kubeception", "pause"]);
        assert_eq!(find("/gardenlet").image.layers[..2], find("/kubeception").image.layers);
        assert_eq!(find("/gardenlet").image.entrypoint, ["/usr/local/bin/kubeception"]);
    }
}
