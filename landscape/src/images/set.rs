//! The images of a landscape: what is in each, and the names it gets in the registry.

use std::path::Path;

use landscape_upstream::{AGNHOST, COREDNS, Cache, Component, HELM, KUBERNETES, METRICS_SERVER};
use plan_images::{ImageNotFound, ImageVector};

use super::busybox::busybox;
use super::image::Image;
use super::layer::Layer;
use super::userland::{UserlandError, userland};
use super::vector::Place;

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

/// The entries of the vector that are this one binary; each may have a name of its own.
const HYPERKUBE_ENTRIES: [&str; 6] = [
    "hyperkube",
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
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

/// The images that pods of a landscape use, in the order in which they are asked for, named as `vector` names them. What it takes from
/// another registry than the landscape's own, `registry`, is not among them. `own_binary` is the static kubeception binary.
pub fn landscape_images(
    cache: &Cache,
    own_binary: &Path,
    vector: &ImageVector,
    registry: &str,
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
    let mut set = Set {
        vector,
        registry,
        images: Vec::new(),
    };
    set.add(Stage::Seed, &HYPERKUBE_ENTRIES, &kubernetes)?;
    set.add(Stage::Seed, &["pause"], &own(&["pause"]))?;
    set.add(Stage::Seed, &["kubeception"], &own(&[]))?;
    set.add(Stage::Seed, &["coredns"], &upstream(cache, &COREDNS))?;
    set.add(Stage::Gardenlet, &["gardenlet"], &gardenlet)?;
    set.add(Stage::Shoots, &["metrics-server"], &upstream(cache, &METRICS_SERVER))?;
    set.add(Stage::Shoots, &["busybox"], &shell(&busybox))?;
    set.add(Stage::Shoots, &["agnhost"], &agnhost(cache, busybox))?;
    Ok(set.images)
}

/// Images as they are named one after the other.
struct Set<'a> {
    vector: &'a ImageVector,
    registry: &'a str,
    images: Vec<NamedImage>,
}

impl Set<'_> {
    /// Adds an image once for every name that these entries of the vector give it in the landscape's own registry.
    fn add(&mut self, stage: Stage, names: &[&'static str], image: &Image) -> Result<(), ImageNotFound> {
        for &name in names {
            let found = self.vector.find(name, Some(KUBERNETES.version))?;
            // Some are looked up without a version: an override may have another name for those.
            let unversioned = self.vector.find(name, None).ok();
            for found in std::iter::once(found).chain(unversioned) {
                if let Some(place) = Place::of(&found, self.registry) {
                    self.put(stage, name, place, image);
                }
            }
        }
        Ok(())
    }

    fn put(&mut self, stage: Stage, name: &'static str, place: Place, image: &Image) {
        let Place { repository, tag, .. } = place;
        let is_there = |other: &NamedImage| (&other.repository, &other.tag) == (&repository, &tag);
        if !self.images.iter().any(is_there) {
            self.images.push(NamedImage {
                name,
                stage,
                repository,
                tag,
                image: image.clone(),
            });
        }
    }
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

    const REGISTRY: &str = "registry.test.kubeception.internal:5000";

    fn images(vector: &ImageVector) -> Vec<NamedImage> {
        landscape_images(&Cache::new("/cache"), Path::new("/kubeception"), vector, REGISTRY).unwrap()
    }

    fn embedded() -> Vec<NamedImage> {
        images(&ImageVector::embedded().unwrap())
    }

    fn names(images: &[NamedImage]) -> Vec<String> {
        images
            .iter()
            .map(|image| format!("{}:{}", image.repository, image.tag))
            .collect()
    }

    #[test]
    fn every_image_of_the_vector_is_made() {
        let names = names(&embedded());
        for source in &ImageVector::embedded().unwrap().images {
            let (_, path) = source.repository.as_ref().unwrap().split_once('/').unwrap();
            let name = format!("{path}:{}", source.tag.as_ref().unwrap());
            let times = names.iter().filter(|made| **made == name).count();
            assert_eq!(times, 1, "{name} in {names:?}");
        }
    }

    #[test]
    fn what_another_registry_has_is_not_pushed() {
        let overwrite = r#"{images: [
            {name: coredns, ref: "mirror/coredns@sha256:0123"},
            {name: pause, repository: "registry.kubeception.internal:5000/pause", tag: "sha256:0123"},
            {name: busybox, ref: "registry.kubeception.internal:5000/mine/busybox:2"},
            {name: hyperkube, repository: mirror/hyperkube, tag: "1", targetVersion: "1.35.4"},
            {name: kube-proxy, repository: "registry.test.kubeception.internal:5000/proxy", tag: "1", targetVersion: "1.35.4"}]}"#;
        let vector = ImageVector::embedded().unwrap().with_overwrite(overwrite).unwrap();
        let names = names(&images(&vector));
        let has = |name: &str| names.iter().any(|made| made == name);
        assert!(has("mine/busybox:2") && has("proxy:1"), "{names:?}");
        assert!(
            has("kubeception/kubernetes:1.35.4"),
            "kube-apiserver still has that name: {names:?}"
        );
        let is_gone = |part: &str| !names.iter().any(|made| made.contains(part));
        assert!(
            is_gone("coredns") && is_gone("pause") && is_gone("hyperkube") && is_gone("sha256"),
            "{names:?}"
        );
    }

    #[test]
    fn what_is_waited_for_first_comes_first() {
        let images = embedded();
        assert!(images.is_sorted_by_key(|image| image.stage));
        let stage = |name: &str| images.iter().find(|image| image.name == name).unwrap().stage;
        assert_eq!((stage("coredns"), stage("agnhost")), (Stage::Seed, Stage::Shoots));
    }

    #[test]
    fn our_own_images_share_their_layers() {
        let images = embedded();
        let find = |name: &str| images.iter().find(|image| image.repository.ends_with(name)).unwrap();
        assert_eq!(find("/pause").image.layers, find("/kubeception").image.layers);
        assert_eq!(find("/pause").image.entrypoint, ["/usr/local/bin/kubeception", "pause"]);
        assert_eq!(find("/gardenlet").image.layers[..2], find("/kubeception").image.layers);
        assert_eq!(find("/gardenlet").image.entrypoint, ["/usr/local/bin/kubeception"]);
    }
}
