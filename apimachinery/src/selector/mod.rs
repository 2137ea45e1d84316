//! Selectors: which objects a client means, by labels or by fields.
//!
//! In: query parameters (`a=b,c in (d,e)`), or [`LabelSelector`](crate::meta::LabelSelector) objects. Out: something to
//! ask [`LabelSelection::matches`]; mistakes are worded as Kubernetes words them.

mod fields; // metadata.name=x
mod labels; // a in (b, c)
mod parse; // text → requirements on labels

pub use self::{
    fields::{FieldRequirement, FieldSelection, ParseFieldSelectorError},
    labels::{LabelSelection, Operator, Requirement, SelectorError},
};
