//! Group `machine.sapcloud.io`, version `v1alpha1`: machines, and what keeps their number.

mod machine; // one machine
mod machine_class; // how machines are made
mod machine_deployment; // machines that are replaced step by step
mod machine_set; // a number of equal machines

pub use self::{machine::*, machine_class::*, machine_deployment::*, machine_set::*};
