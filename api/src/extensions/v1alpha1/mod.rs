//! Group `extensions.gardener.cloud`, version `v1alpha1`: what gardenlet asks extensions for.

mod cluster; // what extensions must know of a shoot
mod defaults; // what all extension resources share
mod dns_record; // a record in a DNS zone

pub use self::{cluster::*, defaults::*, dns_record::*};
