//! Logging of every process, set up one way.
