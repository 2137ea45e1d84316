//! Cells of the tables that `kubectl get` shows, without name and age, which the generic server adds.
//!
//! In: an object. Out: its cells in the order of its columns. Absent: the columns' titles, which the strategies declare.

mod core;
mod shoot;

pub(crate) use self::core::{
    cloud_profile, controller_installation, controller_registration, credentials_binding, internal_secret, project,
    seed,
};
pub(crate) use self::shoot::shoot;

use api::core::v1beta1::{Condition, LastOperation};
use serde_json::Value;

/// `Reconcile Processing (40%)`, or that nothing has happened yet.
fn last_operation(operation: Option<&LastOperation>) -> String {
    match operation {
        Some(operation) => format!("{} {} ({}%)", operation.type_, operation.state, operation.progress),
        None => "<pending>".to_owned(),
    }
}

/// A condition's status, or that nobody has set it.
fn condition(conditions: &[Condition], condition_type: &str) -> String {
    let found = conditions.iter().find(|condition| condition.type_ == condition_type);
    found.map_or_else(|| "<unknown>".to_owned(), |condition| condition.status.to_string())
}

fn text(value: impl Into<String>) -> Value {
    Value::String(value.into())
}

fn or(value: Option<&str>, otherwise: &str) -> Value {
    text(value.filter(|value| !value.is_empty()).unwrap_or(otherwise))
}
