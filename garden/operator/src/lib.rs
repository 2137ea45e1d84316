//! Reconciles a `Garden` into the virtual garden cluster, in its runtime cluster.
