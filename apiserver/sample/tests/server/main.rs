//! The sample server over real HTTPS, on a real etcd.

#![expect(clippy::panic, reason = "a test fails by panicking")]

mod aggregation;
mod reads;
mod storage;
mod support;
mod writes;
