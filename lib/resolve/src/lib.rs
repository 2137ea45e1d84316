//! Resolves names without the C library, for a static binary.
