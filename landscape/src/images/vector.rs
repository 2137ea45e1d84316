//! The image vector and its user's override of it, as far as a landscape itself goes by them.
//!
//! In: the vector that bring-up goes by. Out: where in the landscape's own registry an image is put, if it is one of ours to put
//! there; and the override for processes of ours, which look up images by themselves. Pure.

use plan_images::{Image, ImageSource, ImageVector, ImageVectorError, REGISTRY_HOST};

/// The name of our own image in the vector.
const OWN: &str = "kubeception";

/// A place for an image in the landscape's own registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// The name of the registry by which the vector calls it.
    pub(crate) host: String,
    /// The repository, without the registry's host.
    pub(crate) repository: String,
    /// The tag.
    pub(crate) tag: String,
}

impl Place {
    /// The place of an image. None if it is another registry's, or named by its digest: then it is what somebody else made. `registry`
    /// is the landscape's registry by its own name; the vector has another name for it.
    pub(crate) fn of(image: &Image, registry: &str) -> Option<Self> {
        // The whole name, since an override may give it as one.
        let name = image.to_string();
        let (host, path) = name.split_once('/')?;
        if path.contains('@') || ![REGISTRY_HOST, registry].contains(&host) {
            return None;
        }
        let (repository, tag) = path.rsplit_once(':').unwrap_or((path, "latest"));
        Some(Self {
            host: host.to_owned(),
            repository: repository.to_owned(),
            tag: tag.to_owned(),
        })
    }

    /// The image that lies here, by its digest.
    pub(crate) fn image(&self, digest: &str) -> Image {
        Image {
            repository: format!("{}/{}", self.host, self.repository),
            tag: Some(digest.to_owned()),
        }
    }
}

/// What the user put over the vector that is compiled in.
pub(crate) fn overrides(vector: &ImageVector) -> Result<Vec<ImageSource>, ImageVectorError> {
    let embedded = ImageVector::embedded()?;
    let is_new = |source: &&ImageSource| !embedded.images.contains(source);
    Ok(vector.images.iter().filter(is_new).cloned().collect())
}

/// The override for processes of ours: our own image as `own` names it, by its digest, and whatever the user overrides.
pub(crate) fn overwrite(overrides: &[ImageSource], own: &Image) -> Result<String, serde_json::Error> {
    let is_own = |source: &ImageSource| {
        source.name == OWN && source.target_version.is_none() && source.runtime_version.is_none()
    };
    let ours = (!overrides.iter().any(is_own)).then(|| ImageSource {
        name: OWN.to_owned(),
        repository: Some(own.repository.clone()),
        tag: own.tag.clone(),
        ..ImageSource::default()
    });
    let images = ours.into_iter().chain(overrides.iter().cloned()).collect();
    serde_json::to_string(&ImageVector { images })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REGISTRY: &str = "registry.test.kubeception.internal:5000";

    fn own() -> Image {
        Image {
            repository: format!("{REGISTRY_HOST}/kubeception/kubeception"),
            tag: Some("sha256:0123".to_owned()),
        }
    }

    /// The vector of bring-up, and that of a process that is given its override.
    fn vectors(overwrite_of_user: &str) -> (ImageVector, ImageVector) {
        let embedded = || ImageVector::embedded().unwrap();
        let ours = embedded().with_overwrite(overwrite_of_user).unwrap();
        let text = overwrite(&overrides(&ours).unwrap(), &own()).unwrap();
        let theirs = embedded().with_overwrite(&text).unwrap();
        (ours, theirs)
    }

    #[test]
    fn processes_get_what_the_user_overrides() {
        let (ours, theirs) = vectors(
            r#"{images: [
                {name: kube-apiserver, repository: mirror/kube-apiserver, tag: "1", targetVersion: "1.35.4", labels: [{name: kept}]},
                {name: etcd, ref: "mirror/etcd@sha256:0123"},
                {name: new, repository: mirror/new}]}"#,
        );
        for (name, version) in [
            ("kube-apiserver", Some("1.35.4")),
            ("kube-scheduler", Some("1.35.4")),
            ("etcd", None),
            ("coredns", None),
            ("new", Some("1.35.4")),
        ] {
            assert_eq!(theirs.find(name, version), ours.find(name, version), "{name}");
        }
        assert_eq!(
            theirs.find("etcd", None).unwrap().to_string(),
            "mirror/etcd@sha256:0123"
        );
        assert_eq!(theirs.find(OWN, None).unwrap(), own());
    }

    #[test]
    fn our_own_image_gives_way_to_the_users() {
        let (ours, theirs) = vectors(r#"{images: [{name: kubeception, ref: "mirror/kubeception@sha256:4567"}]}"#);
        assert_eq!(theirs.find(OWN, None), ours.find(OWN, None));
        let (_, theirs) =
            vectors(r#"{images: [{name: kubeception, repository: mirror/old, tag: "1", targetVersion: "1.34.x"}]}"#);
        assert_eq!(theirs.find(OWN, None).unwrap(), own());
        assert_eq!(theirs.find(OWN, Some("1.34.1")).unwrap().to_string(), "mirror/old:1");
    }

    #[test]
    fn without_an_override_there_is_our_own_image_alone() {
        let none = overrides(&ImageVector::embedded().unwrap()).unwrap();
        assert!(none.is_empty(), "{none:?}");
        let vector = ImageVector::parse(&overwrite(&none, &own()).unwrap()).unwrap();
        assert_eq!(vector.images.len(), 1);
    }

    #[test]
    fn only_names_of_the_own_registry_have_a_place_in_it() {
        let tagged = |repository: &str, tag: &str| Image {
            repository: repository.to_owned(),
            tag: Some(tag.to_owned()),
        };
        let reference = |reference: &str| Image {
            repository: reference.to_owned(),
            tag: None,
        };
        let cases = [
            (tagged("registry.kubeception.internal:5000/a/b", "1"), Some("a/b:1")),
            (reference("registry.kubeception.internal:5000/a/b:1"), Some("a/b:1")),
            (reference("registry.test.kubeception.internal:5000/b"), Some("b:latest")),
            (tagged("registry.kubeception.internal:5000/a/b", "sha256:01"), None),
            (reference("registry.kubeception.internal:5000/a/b:1@sha256:01"), None),
            (tagged("mirror:5000/a/b", "1"), None),
            (tagged("registry.kubeception.internal:5001/a/b", "1"), None),
            (tagged("busybox", "1"), None),
        ];
        for (image, expected) in cases {
            let place = Place::of(&image, REGISTRY).map(|place| format!("{}:{}", place.repository, place.tag));
            assert_eq!(place.as_deref(), expected, "{image}");
        }
        let place = Place::of(&reference("registry.kubeception.internal:5000/a/b:1"), REGISTRY).unwrap();
        let image = place.image("sha256:01").to_string();
        assert_eq!(image, "registry.kubeception.internal:5000/a/b@sha256:01");
    }
}
