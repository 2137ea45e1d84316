//! The components: what a landscape takes from upstream, unmodified, by version.

use std::time::Duration;

/// One upstream component in one version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Component {
    /// The name, as in the cache's folder.
    pub name: &'static str,
    /// The version, without a leading `v`.
    pub version: &'static str,
    /// The programs that make it complete.
    pub binaries: &'static [&'static str],
    /// How it is built from published Go modules.
    pub go: GoBuild,
    /// How long that takes with cold caches on two cores, for the estimate before the wait.
    pub build_estimate: Duration,
}

/// How a component is built from Go modules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoBuild {
    /// A main module of ours around upstream's modules.
    OwnMain {
        /// The files of the main module: name and content.
        files: &'static [(&'static str, &'static str)],
        /// The main package: `.` for our own, or one of upstream's as this module's versions make it.
        package: &'static str,
        /// `-X` settings: variable and value.
        variables: &'static [(&'static str, &'static str)],
    },
    /// Main packages of a published module, by `go install`.
    Install {
        /// The packages, without version.
        packages: &'static [&'static str],
        /// `-X` settings: variable and value.
        variables: &'static [(&'static str, &'static str)],
    },
}

impl Component {
    /// The name of the folder in the cache.
    pub fn directory(&self) -> String {
        format!("{}-{}", self.name, self.version)
    }

    /// The `-ldflags` of the build: no symbols, and the version that the program says of itself.
    pub fn linker_flags(&self) -> String {
        let (GoBuild::OwnMain { variables, .. } | GoBuild::Install { variables, .. }) = self.go;
        let settings = variables
            .iter()
            .map(|(variable, value)| format!(" -X {variable}={value}"));
        std::iter::once("-s -w".to_owned()).chain(settings).collect()
    }
}

/// Kubernetes with kubectl and etcd 3.6 in one program, `hyperkube`.
pub const KUBERNETES: Component = Component {
    name: "kubernetes",
    version: "1.35.4",
    binaries: &["hyperkube"],
    go: GoBuild::OwnMain {
        files: &[
            ("main.go", include_str!("../kubernetes/main.go")),
            ("go.mod", include_str!("../kubernetes/1.35.4/go.mod")),
            ("go.sum", include_str!("../kubernetes/1.35.4/go.sum")),
        ],
        package: ".",
        variables: &[
            ("k8s.io/component-base/version.gitVersion", "v1.35.4"),
            ("k8s.io/component-base/version.gitMajor", "1"),
            ("k8s.io/component-base/version.gitMinor", "35"),
            ("k8s.io/component-base/version.gitTreeState", "clean"),
            ("k8s.io/client-go/pkg/version.gitVersion", "v1.35.4"),
        ],
    },
    build_estimate: Duration::from_secs(7 * 60),
};

/// The program of upstream's tests, of the same module as Kubernetes: what that build compiled is not compiled again.
pub const AGNHOST: Component = Component {
    name: "agnhost",
    version: KUBERNETES.version,
    binaries: &["agnhost"],
    go: GoBuild::OwnMain {
        files: &[
            ("tools.go", include_str!("../kubernetes/tools.go")),
            ("go.mod", include_str!("../kubernetes/1.35.4/go.mod")),
            ("go.sum", include_str!("../kubernetes/1.35.4/go.sum")),
        ],
        package: "k8s.io/kubernetes/test/images/agnhost",
        variables: &[],
    },
    build_estimate: Duration::from_secs(30),
};

/// containerd, its client and its shim.
pub const CONTAINERD: Component = Component {
    name: "containerd",
    version: "2.2.1",
    binaries: &["containerd", "ctr", "containerd-shim-runc-v2"],
    go: GoBuild::Install {
        packages: &[
            "github.com/containerd/containerd/v2/cmd/containerd",
            "github.com/containerd/containerd/v2/cmd/ctr",
            "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
        ],
        variables: &[("github.com/containerd/containerd/v2/version.Version", "v2.2.1")],
    },
    build_estimate: Duration::from_secs(60),
};

/// CoreDNS.
pub const COREDNS: Component = Component {
    name: "coredns",
    version: "1.12.4",
    binaries: &["coredns"],
    go: GoBuild::Install {
        packages: &["github.com/coredns/coredns"],
        variables: &[],
    },
    build_estimate: Duration::from_secs(140),
};

/// helm, by which gardenlet renders the charts of extensions.
pub const HELM: Component = Component {
    name: "helm",
    version: "3.21.4",
    binaries: &["helm"],
    go: GoBuild::Install {
        packages: &["helm.sh/helm/v3/cmd/helm"],
        variables: &[("helm.sh/helm/v3/internal/version.version", "v3.21.4")],
    },
    build_estimate: Duration::from_secs(150),
};

/// metrics-server, which tells `kubectl top` and autoscalers what pods use.
pub const METRICS_SERVER: Component = Component {
    name: "metrics-server",
    version: "0.9.0",
    binaries: &["metrics-server"],
    go: GoBuild::Install {
        packages: &["sigs.k8s.io/metrics-server/cmd/metrics-server"],
        variables: &[("k8s.io/client-go/pkg/version.gitVersion", "v0.9.0")],
    },
    build_estimate: Duration::from_secs(170),
};

/// All that a landscape needs. What shares a module is built one after the other.
pub const LANDSCAPE: &[Component] = &[KUBERNETES, AGNHOST, CONTAINERD, COREDNS, HELM, METRICS_SERVER];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_says_the_version_of_its_recipe() {
        for component in LANDSCAPE {
            let (GoBuild::OwnMain { variables, .. } | GoBuild::Install { variables, .. }) = component.go;
            let versions = variables.iter().filter(|(variable, _)| variable.ends_with("ersion"));
            for (variable, value) in versions {
                assert_eq!(*value, format!("v{}", component.version), "{variable}");
            }
        }
    }

    #[test]
    fn linker_flags_strip_and_set_versions() {
        assert_eq!(COREDNS.linker_flags(), "-s -w");
        assert_eq!(
            CONTAINERD.linker_flags(),
            "-s -w -X github.com/containerd/containerd/v2/version.Version=v2.2.1"
        );
    }

    #[test]
    fn the_recipe_requires_the_version_it_is_for() {
        for component in [KUBERNETES, AGNHOST] {
            let GoBuild::OwnMain { files, .. } = component.go else {
                panic!("{} has a main module of ours", component.name)
            };
            let (_, module) = files.iter().find(|(name, _)| *name == "go.mod").unwrap();
            assert!(module.contains(&format!("k8s.io/kubernetes v{}", component.version)));
        }
    }
}
