//! Resolves names without the C library, for a static binary.
//!
//! In: a host name, `/etc/resolv.conf` (name servers, search domains, ndots) and `/etc/hosts`. Out: addresses, or an
//! error that names the host. IP literals pass. [`Resolver`] is also a tower `Service`, so that hyper's `HttpConnector`
//! takes it. Absent: `nsswitch.conf`, mDNS and everything else that glibc would load at run time.

#![forbid(unsafe_code)]

mod connect;
mod files;
mod resolver;

pub use self::{
    connect::{ConnectError, connect},
    files::Files,
    resolver::{Addresses, ResolveError, Resolver},
};
