//! InternalSecret.

use std::collections::BTreeMap;

use api::core::v1beta1::InternalSecret;
use api::validation;
use apimachinery::field::FieldErrors;
use apimachinery::meta::ByteString;
use apiserver::context::RequestContext;
use apiserver::registry::{Column, Strategy};
use jiff::Timestamp;
use serde_json::Value;

use super::row;
use crate::tables;

const OPAQUE: &str = "Opaque";

/// `internalsecrets`. It has neither generation nor status.
pub(crate) struct InternalSecretStrategy;

impl Strategy for InternalSecretStrategy {
    type Object = InternalSecret;

    fn default(&self, secret: &mut InternalSecret) {
        merge_text(secret);
        if secret.type_.is_empty() {
            OPAQUE.clone_into(&mut secret.type_);
        }
    }

    fn prepare_for_create(&self, _context: &RequestContext, secret: &mut InternalSecret) {
        merge_text(secret);
    }

    /// The type cannot be changed; who leaves it out means the old one.
    fn prepare_for_update(&self, _context: &RequestContext, new: &mut InternalSecret, old: &InternalSecret) {
        merge_text(new);
        if new.type_.is_empty() || (new.type_ == OPAQUE && old.type_ != OPAQUE) {
            new.type_.clone_from(&old.type_);
        }
    }

    fn validate(&self, _context: &RequestContext, secret: &InternalSecret) -> FieldErrors {
        validation::validate_internal_secret(secret)
    }

    fn validate_update(&self, _context: &RequestContext, new: &InternalSecret, old: &InternalSecret) -> FieldErrors {
        validation::validate_internal_secret_update(new, old)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::NAME,
            Column::string("Type", "What the data are for."),
            Column::integer("Data", "How many entries there are."),
            Column::AGE,
        ]
    }

    fn cells(&self, secret: &InternalSecret, now: Timestamp) -> Vec<Value> {
        row(secret, tables::internal_secret(secret), now)
    }

    fn selectable_fields(&self, secret: &InternalSecret) -> BTreeMap<&'static str, String> {
        BTreeMap::from([("type", secret.type_.clone())])
    }

    fn allow_unconditional_update(&self) -> bool {
        true
    }
}

/// `stringData` is for writing only: it goes into `data`, and over it.
fn merge_text(secret: &mut InternalSecret) {
    for (key, text) in std::mem::take(&mut secret.string_data) {
        secret.data.insert(key, ByteString(text.into_bytes()));
    }
}
