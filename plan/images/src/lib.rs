//! The image vector: from a component's name to the image it runs.
//!
//! In: the vector that is compiled in (`images.yaml`), and an installation's overrides in the same format, which is Gardener's.
//! Out: the [`Image`] for a name and, where it matters, for the version of the cluster that it serves or runs on.
//! Absent: registries and pulling. Only [`ImageVector::from_environment`] touches the outside; the rest is pure.

mod constraint; // "1.35.x", ">= 1.34, < 1.36"
mod vector; // entries, overrides, look-up

pub use self::constraint::{Constraint, ConstraintError};
pub use self::vector::{
    Image, ImageNotFound, ImageSource, ImageVector, ImageVectorError, OVERWRITE_ENVIRONMENT, REGISTRY_HOST,
};
