//! CredentialsBinding.

use api::security::v1alpha1::CredentialsBinding;
use api::validation;
use apimachinery::field::FieldErrors;
use apiserver::context::RequestContext;
use apiserver::registry::{Column, Strategy};
use jiff::Timestamp;
use serde_json::Value;

use super::row;
use crate::tables;

/// `credentialsbindings`. It has neither generation nor status.
pub(crate) struct CredentialsBindingStrategy;

impl Strategy for CredentialsBindingStrategy {
    type Object = CredentialsBinding;

    fn validate(&self, _context: &RequestContext, binding: &CredentialsBinding) -> FieldErrors {
        validation::validate_credentials_binding(binding)
    }

    fn validate_update(
        &self,
        _context: &RequestContext,
        new: &CredentialsBinding,
        old: &CredentialsBinding,
    ) -> FieldErrors {
        validation::validate_credentials_binding_update(new, old)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::NAME,
            Column::string("Provider", "Type of the cloud."),
            Column::string("APIVersion", "API version of the credentials."),
            Column::string("Kind", "Kind of the credentials."),
            Column::string("CredentialsName", "Namespace and name of the credentials."),
            Column::AGE,
        ]
    }

    fn cells(&self, binding: &CredentialsBinding, now: Timestamp) -> Vec<Value> {
        row(binding, tables::credentials_binding(binding), now)
    }
}
