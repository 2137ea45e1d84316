//! Query parameters, as Kubernetes names them.

use std::{collections::BTreeMap, time::Duration};

use apimachinery::status::Status;

use crate::registry::FieldValidation;

use super::path::query_decode;

const NOT_A_NUMBER: &str = "must be a whole number of 0 or more";

/// The parameters of one request; of repeated ones the first counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Query {
    values: BTreeMap<String, String>,
}

/// `resourceVersionMatch`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match {
    Exact,
    NotOlderThan,
}

impl Query {
    pub(super) fn parse(query: Option<&str>) -> Result<Self, Status> {
        let mut values = BTreeMap::new();
        for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (query_decode(key), query_decode(value)) {
                (Some(key), Some(value)) => drop(values.entry(key).or_insert(value)),
                _ => return Err(Status::bad_request(format!("invalid query parameter {pair:?}"))),
            }
        }
        Ok(Self { values })
    }

    /// The parameter; empty when it is absent.
    pub(super) fn text(&self, key: &str) -> &str {
        self.values.get(key).map(String::as_str).unwrap_or_default()
    }

    /// A switch: absent, `0` and `false` are off, everything else is on.
    pub(super) fn flag(&self, key: &str) -> bool {
        self.values
            .get(key)
            .is_some_and(|value| !matches!(value.to_ascii_lowercase().as_str(), "false" | "0"))
    }

    pub(super) fn is_given(&self, key: &str) -> bool {
        self.values.contains_key(key)
    }

    fn number(&self, key: &str) -> Result<Option<u64>, Status> {
        match self.text(key) {
            "" => Ok(None),
            text => text
                .parse()
                .map(Some)
                .map_err(|_| Status::bad_request(format!("{key}: Invalid value: {text:?}: {NOT_A_NUMBER}"))),
        }
    }

    pub(super) fn limit(&self) -> Result<usize, Status> {
        Ok(usize::try_from(self.number("limit")?.unwrap_or(0)).unwrap_or(usize::MAX))
    }

    /// `timeoutSeconds`, however long; `None`: absent or 0.
    pub(super) fn timeout(&self) -> Result<Option<Duration>, Status> {
        Ok(self
            .number("timeoutSeconds")?
            .filter(|seconds| *seconds > 0)
            .map(Duration::from_secs))
    }

    /// `resourceVersion`; `None`: absent.
    pub(super) fn revision(&self) -> Result<Option<u64>, Status> {
        self.number("resourceVersion")
    }

    pub(super) fn revision_match(&self) -> Result<Option<Match>, Status> {
        match self.text("resourceVersionMatch") {
            "" => Ok(None),
            "Exact" => Ok(Some(Match::Exact)),
            "NotOlderThan" => Ok(Some(Match::NotOlderThan)),
            other => {
                let supported = r#"supported values: "Exact", "NotOlderThan""#;
                Err(Status::bad_request(format!(
                    "resourceVersionMatch: Unsupported value: {other:?}: {supported}"
                )))
            }
        }
    }

    pub(super) fn dry_run(&self) -> Result<bool, Status> {
        match self.text("dryRun") {
            "" => Ok(false),
            "All" => Ok(true),
            other => Err(Status::bad_request(format!(
                r#"dryRun: Unsupported value: {other:?}: supported values: "All""#
            ))),
        }
    }

    pub(super) fn field_validation(&self) -> Result<FieldValidation, Status> {
        match self.text("fieldValidation") {
            "" | "Warn" => Ok(FieldValidation::Warn),
            "Ignore" => Ok(FieldValidation::Ignore),
            "Strict" => Ok(FieldValidation::Strict),
            other => {
                let supported = r#"supported values: "", "Ignore", "Strict", "Warn""#;
                Err(Status::bad_request(format!(
                    "fieldValidation: Unsupported value: {other:?}: {supported}"
                )))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let query = Query::parse(Some("labelSelector=a%3Db%2Cc+in+(d)&watch=1&limit=5&dryRun=All")).unwrap();
        assert_eq!(query.text("labelSelector"), "a=b,c in (d)");
        assert!(query.flag("watch") && !query.flag("allowWatchBookmarks"));
        assert_eq!((query.limit().unwrap(), query.dry_run().unwrap()), (5, true));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        let error =
            |text: &str, read: fn(&Query) -> Option<Status>| read(&Query::parse(Some(text)).unwrap()).unwrap().message;
        assert_eq!(
            error("limit=x", |query| query.limit().err()),
            r#"limit: Invalid value: "x": must be a whole number of 0 or more"#
        );
        assert_eq!(
            error("timeoutSeconds=-1", |query| query.timeout().err()),
            r#"timeoutSeconds: Invalid value: "-1": must be a whole number of 0 or more"#
        );
        assert_eq!(
            error("dryRun=some", |query| query.dry_run().err()),
            r#"dryRun: Unsupported value: "some": supported values: "All""#
        );
    }
}
