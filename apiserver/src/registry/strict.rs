//! Fields that a kind does not have, or that occur twice: ignored, warned of, or refused.

use apimachinery::{
    openapi::Schema,
    schema::{duplicate_field_message, duplicate_fields, unknown_field_message, unknown_fields},
    status::Status,
};
use serde_json::Value;

use crate::context::RequestContext;

use super::FieldValidation;

/// Looks for unknown and duplicate fields in the JSON of a body.
pub(super) fn check_fields(
    json: &[u8],
    schema: &Schema,
    validation: FieldValidation,
    context: &RequestContext,
) -> Result<(), Status> {
    if validation == FieldValidation::Ignore {
        return Ok(());
    }
    let unreadable = |error: serde_json::Error| Status::bad_request(format!("failed to parse JSON: {error}"));
    let value: Value = serde_json::from_slice(json).map_err(unreadable)?;
    let unknown = unknown_fields(&value, schema)
        .into_iter()
        .map(|path| unknown_field_message(&path));
    let duplicate = duplicate_fields(json).map_err(unreadable)?;
    let found: Vec<String> = unknown
        .chain(duplicate.iter().map(|path| duplicate_field_message(path)))
        .collect();
    if validation == FieldValidation::Strict && !found.is_empty() {
        return Err(Status::bad_request(format!(
            "strict decoding error: {}",
            found.join(", ")
        )));
    }
    found.into_iter().for_each(|message| context.warn(message));
    Ok(())
}
