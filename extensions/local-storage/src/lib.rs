//! Provisions node-local directories as `local` volumes.
