//! What users write: Gardener's groups as Rust types, with defaults, conversion and validation. Pure: no IO, no async.
