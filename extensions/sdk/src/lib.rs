//! The core of every extension: an actuator trait per kind and the reconciler that drives it.
