//! The Gardener API server: Gardener's kinds on the generic server.
