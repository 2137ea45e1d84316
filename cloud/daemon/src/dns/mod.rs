//! The DNS server of the landscape's zone.
//!
//! It answers for its zone only and refuses everything else: nothing inside the cloud leads to the internet, so a name out there
//! would be of no use, and a refusal comes at once.

pub(crate) mod server;
mod wire;
pub(crate) mod zone;
