//! The agent of a seed: reconciles its Seed and the Shoots bound to it.

pub mod care; // conditions of the seed's shoots
pub mod seed; // the Seed object: registration, lease, status
