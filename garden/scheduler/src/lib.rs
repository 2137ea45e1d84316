//! Binds shoots to seeds.
