//! Project.

use std::collections::BTreeMap;

use api::core::v1beta1::{Project, ProjectStatus};
use api::{defaulting, validation};
use apimachinery::field::FieldErrors;
use apiserver::context::RequestContext;
use apiserver::registry::{Column, Strategy, UpdateStrategy};
use jiff::Timestamp;
use serde_json::Value;

use super::{first_generation, row, set_generation};
use crate::{admission, tables};

/// `projects`.
pub(crate) struct ProjectStrategy;

impl Strategy for ProjectStrategy {
    type Object = Project;

    fn default(&self, project: &mut Project) {
        defaulting::set_defaults_project(project);
    }

    fn prepare_for_create(&self, _context: &RequestContext, project: &mut Project) {
        first_generation(&mut project.metadata);
        project.status = ProjectStatus::default();
    }

    fn prepare_for_update(&self, _context: &RequestContext, new: &mut Project, old: &Project) {
        new.status = old.status.clone();
        let changed = new.spec != old.spec;
        set_generation(&mut new.metadata, &old.metadata, changed);
    }

    fn canonicalize(&self, project: &mut Project) {
        admission::sync_owner_role(&mut project.spec);
    }

    fn validate(&self, _context: &RequestContext, project: &Project) -> FieldErrors {
        validation::validate_project(project)
    }

    fn validate_update(&self, _context: &RequestContext, new: &Project, old: &Project) -> FieldErrors {
        validation::validate_project_update(new, old)
    }

    fn columns(&self) -> Vec<Column> {
        vec![
            Column::NAME,
            Column::string("Namespace", "Namespace of the project's shoots."),
            Column::string("Status", "How far the project is set up."),
            Column::string("Owner", "Who is responsible for it."),
            Column::string("Creator", "Who made it."),
            Column::AGE,
        ]
    }

    fn cells(&self, project: &Project, now: Timestamp) -> Vec<Value> {
        row(project, tables::project(project), now)
    }

    fn selectable_fields(&self, project: &Project) -> BTreeMap<&'static str, String> {
        BTreeMap::from([("spec.namespace", project.spec.namespace.clone().unwrap_or_default())])
    }

    fn allow_unconditional_update(&self) -> bool {
        true
    }
}

/// `projects/status`.
pub(crate) struct ProjectStatusStrategy;

impl UpdateStrategy for ProjectStatusStrategy {
    type Object = Project;

    fn prepare_for_update(&self, _context: &RequestContext, new: &mut Project, old: &Project) {
        let status = std::mem::take(&mut new.status);
        *new = Project {
            status,
            metadata: new.metadata.clone(),
            ..old.clone()
        };
    }
}
