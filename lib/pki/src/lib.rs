//! Certificate authorities and certificates: the one place that makes keys.
