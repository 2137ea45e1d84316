//! What should exist, computed: batches for `ip`, rules for `nft`, the runtime's specification, addresses. Pure.

pub(crate) mod addresses;
pub(crate) mod links;
pub(crate) mod machine;
pub(crate) mod registry;
pub(crate) mod rules;
pub(crate) mod security;
