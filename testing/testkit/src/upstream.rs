//! Where the upstream components lie that `make upstream` built.

use std::path::PathBuf;

/// Version of Kubernetes that tests run; the recipe in `landscape/upstream/kubernetes` builds it.
pub const KUBERNETES_VERSION: &str = "1.35.4";

/// Version of helm that tests run; the recipe is in `landscape/upstream`.
pub const HELM_VERSION: &str = "3.21.4";

/// Root of the cache: `KUBECEPTION_CACHE`, else `$XDG_CACHE_HOME/kubeception`, else `~/.cache/kubeception`.
///
/// # Panics
/// When neither of these variables nor `HOME` is set.
#[must_use]
pub fn cache_root() -> PathBuf {
    if let Some(root) = std::env::var_os("KUBECEPTION_CACHE") {
        return root.into();
    }
    let caches = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || PathBuf::from(std::env::var_os("HOME").expect("HOME is set")).join(".cache");
    caches.unwrap_or_else(home).join("kubeception")
}

/// The binary that holds every upstream Kubernetes component and etcd; its first argument names the component.
///
/// # Panics
/// When it has not been built, saying how to build it.
#[must_use]
pub fn hyperkube() -> PathBuf {
    let path = cache_root().join(format!("upstream/kubernetes-{KUBERNETES_VERSION}/hyperkube"));
    assert!(
        path.exists(),
        "{} is missing: build it with `make upstream`",
        path.display()
    );
    path
}

/// The program that renders charts.
///
/// # Panics
/// When it has not been built, saying how to build it.
#[must_use]
pub fn helm() -> PathBuf {
    let path = cache_root().join(format!("upstream/helm-{HELM_VERSION}/helm"));
    assert!(
        path.exists(),
        "{} is missing: build it with `make upstream`",
        path.display()
    );
    path
}
