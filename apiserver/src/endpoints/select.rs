//! Label and field selectors of a request, as a filter over cached objects.

use std::sync::Arc;

use apimachinery::{
    selector::{FieldSelection, LabelSelection},
    status::Status,
};

use crate::{
    cache::{CachedObject, Filter},
    registry::Description,
};

use super::query::Query;

const NAME: &str = "metadata.name";
const NAMESPACE: &str = "metadata.namespace";

/// Which objects are meant.
#[derive(Clone, Default)]
pub(super) struct Selection {
    /// `None`: all.
    pub(super) filter: Option<Filter>,
    /// The only name that can match, where a field selector says so.
    pub(super) name: Option<String>,
}

impl Selection {
    pub(super) fn parse(query: &Query, description: &Description) -> Result<Self, Status> {
        let labels: LabelSelection = query
            .text("labelSelector")
            .parse()
            .map_err(|error| Status::bad_request(format!("unable to parse requirement: {error}")))?;
        let fields: FieldSelection = query
            .text("fieldSelector")
            .parse()
            .map_err(|error| Status::bad_request(format!("{error}")))?;
        for requirement in fields.requirements() {
            let field = requirement.field.as_str();
            let known =
                field == NAME || (field == NAMESPACE && description.namespaced) || description.fields.contains(field);
            if !known {
                return Err(Status::bad_request(format!("field label not supported: {field}")));
            }
        }
        let name = fields.required_value(NAME).map(str::to_owned);
        if labels.is_everything() && fields.is_everything() {
            return Ok(Self { filter: None, name });
        }
        let filter = move |object: &CachedObject| {
            labels.matches(&object.labels)
                && fields.matches(|field| match field {
                    NAME => Some(object.name.as_str()),
                    NAMESPACE => Some(object.namespace.as_str()),
                    other => object.fields.get(other).map(String::as_str),
                })
        };
        Ok(Self {
            filter: Some(Arc::new(filter)),
            name,
        })
    }
}
