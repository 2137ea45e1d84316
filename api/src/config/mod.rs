//! Configuration files of the processes. File formats: they are never stored in an API server.

mod common; // client connections, leader election, servers

pub mod controller_manager;
pub mod gardenlet;
pub mod node_agent;
pub mod operator;
pub mod resource_manager;
pub mod scheduler;
pub mod tunnel_client;

pub use self::common::*;
