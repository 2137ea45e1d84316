//! Time as an argument: a [`Clock`] that plans, certificates and flows are handed.
