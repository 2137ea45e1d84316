//! Which shape and encoding the client wants its answer in.

use apimachinery::status::Status;
use http::{HeaderMap, header};

/// What an object looks like in the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// As it is.
    Object,
    /// `meta.k8s.io/<version>, Kind=Table`.
    Table(&'static str),
    /// `meta.k8s.io/<version>, Kind=PartialObjectMetadata`, or its list.
    Metadata(&'static str),
}

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Yaml,
}

/// What was agreed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Accepted {
    pub(super) shape: Shape,
    pub(super) encoding: Encoding,
}

const OFFERED: [&str; 2] = ["application/json", "application/yaml"];

/// Finds the first clause of `Accept` that can be served, by preference (`q`) and order.
pub(super) fn negotiate(headers: &HeaderMap) -> Result<Accepted, Status> {
    let plain = Accepted {
        shape: Shape::Object,
        encoding: Encoding::Json,
    };
    let mut clauses: Vec<(f32, &str)> = Vec::new();
    for value in headers.get_all(header::ACCEPT) {
        for clause in value.to_str().unwrap_or_default().split(',') {
            let clause = clause.trim();
            if !clause.is_empty() {
                clauses.push((quality(clause), clause));
            }
        }
    }
    if clauses.is_empty() {
        return Ok(plain);
    }
    // Stable: equal preferences keep their order.
    clauses.sort_by(|left, right| right.0.total_cmp(&left.0));
    let accepted = clauses.iter().find_map(|(_, clause)| accept(clause));
    accepted.ok_or_else(|| Status::not_acceptable(&OFFERED))
}

fn quality(clause: &str) -> f32 {
    parameter(clause, "q")
        .and_then(|quality| quality.parse().ok())
        .unwrap_or(1.0)
}

fn parameter<'a>(clause: &'a str, name: &str) -> Option<&'a str> {
    let parameters = clause
        .split(';')
        .skip(1)
        .filter_map(|parameter| parameter.trim().split_once('='));
    parameters
        .into_iter()
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

fn accept(clause: &str) -> Option<Accepted> {
    let encoding = match clause.split(';').next().unwrap_or_default().trim() {
        "application/json" | "application/*" | "*/*" => Encoding::Json,
        "application/yaml" => Encoding::Yaml,
        _ => return None,
    };
    let version = match (parameter(clause, "g"), parameter(clause, "v")) {
        (Some("meta.k8s.io"), Some("v1")) => Some("v1"),
        (Some("meta.k8s.io"), Some("v1beta1")) => Some("v1beta1"),
        _ => None,
    };
    let shape = match (parameter(clause, "as"), version) {
        (None, _) => Shape::Object,
        (Some("Table"), Some(version)) => Shape::Table(version),
        (Some("PartialObjectMetadata" | "PartialObjectMetadataList"), Some(version)) => Shape::Metadata(version),
        _ => return None,
    };
    Some(Accepted { shape, encoding })
}

/// Whether the client takes this kind of aggregated discovery.
pub(super) fn aggregated_discovery(headers: &HeaderMap) -> Option<&'static str> {
    let values = headers
        .get_all(header::ACCEPT)
        .into_iter()
        .filter_map(|value| value.to_str().ok());
    let mut clauses = values.flat_map(|value| value.split(',')).map(str::trim);
    clauses.find_map(|clause| {
        let wanted = clause.starts_with("application/json")
            && parameter(clause, "g") == Some("apidiscovery.k8s.io")
            && parameter(clause, "as") == Some("APIGroupDiscoveryList");
        match parameter(clause, "v") {
            Some("v2") if wanted => Some("v2"),
            Some("v2beta1") if wanted => Some("v2beta1"),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, expected: Option<(Shape, Encoding)>) {
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        let found = negotiate(&headers)
            .ok()
            .map(|accepted| (accepted.shape, accepted.encoding));
        assert_eq!(found, expected, "{accept}");
    }

    #[test]
    fn the_first_that_can_be_served_wins() {
        let kubectl = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json";
        check(kubectl, Some((Shape::Table("v1"), Encoding::Json)));
        check(
            "application/vnd.kubernetes.protobuf, application/json",
            Some((Shape::Object, Encoding::Json)),
        );
        check(
            "application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
            Some((Shape::Metadata("v1"), Encoding::Json)),
        );
        check(
            "application/vnd.kubernetes.protobuf, */*",
            Some((Shape::Object, Encoding::Json)),
        );
        check(
            "application/json;q=0.5, application/yaml",
            Some((Shape::Object, Encoding::Yaml)),
        );
        check("text/html", None);
        check("application/json;as=Table;v=v9;g=meta.k8s.io", None);
    }

    #[test]
    fn aggregated_discovery_is_found_among_others() {
        let mut headers = HeaderMap::new();
        let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
        headers.insert(header::ACCEPT, accept.parse().unwrap());
        assert_eq!(aggregated_discovery(&headers), Some("v2"));
        headers.insert(header::ACCEPT, "application/json".parse().unwrap());
        assert_eq!(aggregated_discovery(&headers), None);
    }
}
