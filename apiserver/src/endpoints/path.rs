//! What a request's path means.

/// A path that this server knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// `/healthz`, `/livez`, `/readyz`, with the check's name where one is asked for.
    Health { check: String },
    /// `/version`.
    Version,
    /// `/`.
    Root,
    /// `/apis`.
    Groups,
    /// `/apis/<group>`.
    Group { group: String },
    /// `/apis/<group>/<version>`.
    Resources { group: String, version: String },
    /// `/openapi/v3`.
    OpenApiIndex,
    /// `/openapi/v3/apis/<group>/<version>`.
    OpenApi { group: String, version: String },
    /// A resource, an object, or a part of one.
    Resource(ResourcePath),
    /// Nothing.
    Unknown,
}

/// `/apis/<group>/<version>[/namespaces/<namespace>]/<resource>[/<name>[/<subresource>]]`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ResourcePath {
    pub(super) group: String,
    pub(super) version: String,
    /// `None`: cluster-scoped, or all namespaces.
    pub(super) namespace: Option<String>,
    pub(super) resource: String,
    /// Empty: the collection.
    pub(super) name: String,
    /// Empty: the object itself.
    pub(super) subresource: String,
}

/// Reads a path (without its query).
pub(super) fn route(path: &str) -> Route {
    let Some(segments) = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .map(percent_decode)
        .collect::<Option<Vec<_>>>()
    else {
        return Route::Unknown;
    };
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let text = |text: &str| text.to_owned();
    match segments.as_slice() {
        [] => Route::Root,
        ["version"] => Route::Version,
        [check @ ("healthz" | "livez" | "readyz"), ..] => Route::Health { check: text(check) },
        ["apis"] => Route::Groups,
        ["apis", group] => Route::Group { group: text(group) },
        ["apis", group, version] => Route::Resources {
            group: text(group),
            version: text(version),
        },
        ["openapi", "v3"] => Route::OpenApiIndex,
        ["openapi", "v3", "apis", group, version] => Route::OpenApi {
            group: text(group),
            version: text(version),
        },
        ["apis", group, version, rest @ ..] => resource(group, version, rest),
        _ => Route::Unknown,
    }
}

fn resource(group: &str, version: &str, rest: &[&str]) -> Route {
    let (namespace, rest) = match rest {
        ["namespaces", namespace, rest @ ..] if !rest.is_empty() => (Some((*namespace).to_owned()), rest),
        rest => (None, rest),
    };
    let (resource, name, subresource) = match rest {
        [resource] => (*resource, "", ""),
        [resource, name] => (*resource, *name, ""),
        [resource, name, subresource] => (*resource, *name, *subresource),
        _ => return Route::Unknown,
    };
    Route::Resource(ResourcePath {
        group: group.to_owned(),
        version: version.to_owned(),
        namespace,
        resource: resource.to_owned(),
        name: name.to_owned(),
        subresource: subresource.to_owned(),
    })
}

/// Decodes `%41`; `None` where that is no UTF-8, or a code is broken. With `plus_is_space`, see [`query_decode`].
fn percent_decode(text: &str) -> Option<String> {
    decode(text, false)
}

/// Decodes a part of a query, where a plus is a space.
pub(super) fn query_decode(text: &str) -> Option<String> {
    decode(text, true)
}

fn decode(text: &str, plus_is_space: bool) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        match first {
            b'%' => {
                let code = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok())?;
                bytes.push(u8::from_str_radix(code, 16).ok()?);
                rest = &tail[2..];
            }
            b'+' if plus_is_space => bytes.push(b' '),
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: (Option<&str>, &str, &str, &str)) {
        let Route::Resource(found) = route(path) else {
            panic!("{path} is no resource: {:?}", route(path))
        };
        let found = (
            found.namespace.as_deref(),
            found.resource.as_str(),
            found.name.as_str(),
            found.subresource.as_str(),
        );
        assert_eq!(found, expected);
    }

    #[test]
    fn resources_are_found() {
        check("/apis/g/v1/shoots", (None, "shoots", "", ""));
        check("/apis/g/v1/namespaces/n/shoots", (Some("n"), "shoots", "", ""));
        check("/apis/g/v1/namespaces/n/shoots/a", (Some("n"), "shoots", "a", ""));
        check(
            "/apis/g/v1/namespaces/n/shoots/a/status",
            (Some("n"), "shoots", "a", "status"),
        );
        check("/apis/g/v1/seeds/a%2Db/status", (None, "seeds", "a-b", "status"));
        // A resource that happens to be called so.
        check("/apis/g/v1/namespaces/n", (None, "namespaces", "n", ""));
    }

    #[test]
    fn other_paths_are_told_apart() {
        let (group, version) = ("g".to_owned(), "v1".to_owned());
        assert_eq!(
            route("/apis/g/v1/"),
            Route::Resources {
                group: group.clone(),
                version: version.clone()
            }
        );
        assert_eq!(route("/openapi/v3/apis/g/v1"), Route::OpenApi { group, version });
        assert_eq!(
            route("/readyz/etcd"),
            Route::Health {
                check: "readyz".to_owned()
            }
        );
        assert_eq!(route("/"), Route::Root);
        assert_eq!(route("/apis/g/v1/a/b/c/d"), Route::Unknown);
        assert_eq!(route("/api/v1"), Route::Unknown);
        assert_eq!(route("/apis/%zz"), Route::Unknown);
    }
}
