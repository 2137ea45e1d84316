//! Images without Docker: assembled here, pushed into the landscape's registry over its HTTP API.
//!
//! In: programs of the cache, our own binary, the userland that kube-proxy needs. Out: OCI images in the registry, under the names
//! of the image vector; what the vector takes from elsewhere is not made. The same input gives the same bytes, and what the registry
//! has is not sent again. Layers are not compressed: they travel between processes of one machine, and the seconds matter. Absent:
//! pulling, running.

mod busybox; // a shell and its tools
mod image; // configuration and manifest
mod layer; // a layer is a tar, made while it is read
mod push; // into a registry
mod registry; // the registry's HTTP API
mod set; // the images of a landscape
mod userland; // programs of the distribution with their libraries
mod vector; // the image vector and its user's override

pub use self::image::{Descriptor, Image};
pub use self::layer::{Content, Entry, Layer, LayerError};
pub use self::push::{PushError, Pushed, push};
pub use self::registry::{Registry, RegistryError};
pub use self::set::{ImageSetError, NamedImage, Stage, landscape_images};
pub(crate) use self::vector::{Place, overrides, overwrite};
