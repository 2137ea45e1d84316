//! The sample server over real HTTPS, on a real etcd.

mod reads;
mod support;
mod writes;
