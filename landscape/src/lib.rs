//! A landscape on one machine: upstream components, images, bring-up and tear-down.
//!
//! In: the cache with upstream components, our own static binary, the local cloud. Out: a running landscape, its kubeconfigs, its
//! status; and nothing at all after tear-down. Absent: building upstream components (`landscape-upstream`), and what runs inside of
//! the landscape's clusters once it is applied.

pub mod images; // OCI images without Docker
pub mod seed; // the seed as a machine of the cloud
pub mod up; // bring-up

mod samples; // what bring-up puts into the clusters

mod access; // clients and kubeconfigs for this machine
mod down; // tear-down
mod purge; // the cache goes, unless somebody needs it
mod status; // what there is, and what it waits for

mod lock; // one command at a time
mod paths; // files of a landscape

pub use self::access::{Access, AccessError, ShootName, ShootNameError, Target};
pub use self::down::{DownError, Removed, down};
pub use self::lock::{Lock, LockError};
pub use self::paths::Paths;
pub use self::purge::PurgeError;
pub use self::status::{Line, Status};
