//! Names of what belongs to an `Etcd` object, as etcd-druid gives them.

/// Service that clients connect to.
#[must_use]
pub fn client_service(etcd: &str) -> String {
    format!("{etcd}-client")
}

/// Headless Service that names the members.
#[must_use]
pub fn peer_service(etcd: &str) -> String {
    format!("{etcd}-peer")
}

/// Pod and member of an ordinal.
#[must_use]
pub fn member(etcd: &str, ordinal: u32) -> String {
    format!("{etcd}-{ordinal}")
}
