//! ContainerRuntime: a further runtime on the machines of a worker pool.

use apimachinery::api_type;
use apimachinery::meta::{LabelSelector, ObjectMeta};

use super::{DefaultSpec, DefaultStatus};

/// A further container runtime on a worker pool.
#[api_type]
#[api(
    group = "extensions.gardener.cloud",
    version = "v1alpha1",
    kind = "ContainerRuntime",
    namespaced,
    short = "cr"
)]
pub struct ContainerRuntime {
    /// Name, labels, annotations and the rest of the object's metadata.
    #[api(optional)]
    pub metadata: ObjectMeta,
    /// What is wanted.
    pub spec: ContainerRuntimeSpec,
    /// What was observed last.
    #[api(optional)]
    pub status: ContainerRuntimeStatus,
}

/// The runtime wanted.
#[api_type]
pub struct ContainerRuntimeSpec {
    /// Type, class and configuration.
    #[api(inline)]
    pub default_spec: DefaultSpec,
    /// Folder of the nodes that its programs go to.
    pub binary_path: String,
    /// The pool.
    pub worker_pool: ContainerRuntimeWorkerPool,
}

/// The worker pool of a container runtime.
#[api_type]
pub struct ContainerRuntimeWorkerPool {
    /// Name of the pool.
    pub name: String,
    /// Labels that select its nodes.
    pub selector: LabelSelector,
}

/// State of the runtime.
#[api_type]
pub struct ContainerRuntimeStatus {
    /// Operation, conditions and state.
    #[api(inline)]
    pub default_status: DefaultStatus,
}
