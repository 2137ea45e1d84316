//! The way of a request: who, may they, is there room, what.

use std::{sync::Arc, time::Duration};

use apimachinery::{status::Status, versioning::GroupResource};
use futures::future::BoxFuture;
use http::{Method, Request, StatusCode, request::Parts};
use lib_clock::Clock;
use lib_error_chain::ErrorChain;
use rustls::pki_types::CertificateDer;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::{
    authentication::{AuthenticationError, Authenticator, Credentials},
    authorization::{AccessAttributes, Authorizer, Decision},
    context::{RequestContext, UserInfo},
    registry::Endpoint,
};

use super::{
    accept::negotiate,
    answer::{self, Answer},
    collection,
    content::{self, RequestBody},
    directory::Directory,
    discovery,
    health::{self, HealthCheck},
    limits::RequestLimits,
    object,
    openapi::Documents,
    path::{ResourcePath, Route, route},
    query::Query,
    select::Selection,
    shape::{self, Shaper},
    watch::{self, WatchRequest},
    write::Write,
};

/// What the HTTP layer is made of.
pub(crate) struct ServiceConfig {
    pub(crate) directory: Directory,
    pub(crate) authenticator: Arc<dyn Authenticator>,
    pub(crate) authorizer: Arc<dyn Authorizer>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) limits: RequestLimits,
    /// How long a request may take that is no watch.
    pub(crate) request_timeout: Duration,
    /// How long a watch lasts at least, when the client does not say.
    pub(crate) min_request_timeout: Duration,
    pub(crate) checks: Vec<HealthCheck>,
    /// Answer of `/version`.
    pub(crate) version: Value,
    /// The server stops: watches end.
    pub(crate) stop: CancellationToken,
}

/// Answers requests.
pub(crate) struct Service {
    config: ServiceConfig,
    documents: Documents,
}

impl Service {
    pub(crate) fn new(config: ServiceConfig) -> Self {
        Self {
            config,
            documents: Documents::default(),
        }
    }

    /// Answers one request of a connection that showed these certificates. Never fails: failures are answers.
    pub(crate) fn answer(
        self: Arc<Self>,
        request: Request<RequestBody>,
        certificates: Arc<[CertificateDer<'static>]>,
    ) -> BoxFuture<'static, Answer> {
        let (parts, body) = request.into_parts();
        Box::pin(async move {
            match self.respond(parts, body, &certificates).await {
                Ok(answer) => answer,
                Err(status) => answer::failure(&status),
            }
        })
    }

    async fn respond(
        &self,
        parts: Parts,
        body: RequestBody,
        certificates: &[CertificateDer<'static>],
    ) -> Result<Answer, Status> {
        let route = route(parts.uri.path());
        let query = Query::parse(parts.uri.query())?;
        if let Route::Health { check } = &route {
            let (checks, stopping) = (&self.config.checks, self.config.stop.is_cancelled());
            return Ok(health::check(
                check,
                query.is_given("verbose"),
                &self.config.directory,
                checks,
                stopping,
            ));
        }
        let user = self.authenticate(&parts, certificates).await?;
        let selection = match &route {
            Route::Resource(path) => self.selection(path, &query)?,
            _ => Selection::default(),
        };
        let verb = verb(&parts.method, &route, &query);
        self.authorize(&user, verb, &route, &parts, &selection).await?;
        match route {
            Route::Resource(path) if verb == "watch" => self.watch(&path, &parts, &query, selection).await,
            Route::Resource(path) => {
                let _room = self.config.limits.enter(!matches!(verb, "get" | "list"))?;
                let resource = Resource {
                    path,
                    parts,
                    query,
                    user,
                    selection,
                };
                let work = self.resource(resource, body);
                let late = || Status::timeout("request did not complete within the allotted timeout", 0);
                tokio::time::timeout(self.config.request_timeout, work)
                    .await
                    .map_err(|_| late())?
            }
            other => self.other(&other, &parts),
        }
    }

    async fn authenticate(&self, parts: &Parts, certificates: &[CertificateDer<'static>]) -> Result<UserInfo, Status> {
        let credentials = Credentials {
            headers: &parts.headers,
            certificates,
        };
        match self.config.authenticator.authenticate(&credentials).await {
            Ok(Some(user)) => Ok(user),
            Ok(None) => Err(Status::unauthorized("")),
            Err(error @ AuthenticationError::Invalid(_)) => {
                tracing::info!(path = parts.uri.path(), error = %ErrorChain(&error), "request is not authenticated");
                Err(Status::unauthorized(""))
            }
            Err(error @ AuthenticationError::Unavailable(_)) => {
                tracing::warn!(path = parts.uri.path(), error = %ErrorChain(&error), "credentials can't be verified");
                Err(Status::unauthorized(""))
            }
        }
    }

    async fn authorize(
        &self,
        user: &UserInfo,
        verb: &str,
        route: &Route,
        parts: &Parts,
        selection: &Selection,
    ) -> Result<(), Status> {
        let mut asked = AccessAttributes {
            user: user.clone(),
            verb: verb.to_owned(),
            ..AccessAttributes::default()
        };
        match route {
            Route::Resource(path) => {
                asked.group.clone_from(&path.group);
                asked.version.clone_from(&path.version);
                asked.namespace = path.namespace.clone().unwrap_or_default();
                asked.resource.clone_from(&path.resource);
                asked.subresource.clone_from(&path.subresource);
                asked.name.clone_from(&path.name);
                if asked.name.is_empty() && verb != "create" {
                    asked.name = selection.name.clone().unwrap_or_default();
                }
            }
            _ => parts.uri.path().clone_into(&mut asked.path),
        }
        match self.config.authorizer.authorize(&asked).await {
            Ok(Decision::Allow) => Ok(()),
            Ok(Decision::Deny(reason)) => Err(forbidden(&asked, &reason)),
            Err(error) => {
                tracing::warn!(user = user.name, error = %ErrorChain(&error), "access can't be reviewed");
                Err(Status::internal_error(&ErrorChain(&error).to_string()))
            }
        }
    }

    fn endpoint(&self, path: &ResourcePath) -> Result<(&Arc<dyn Endpoint>, usize), Status> {
        let found = self
            .config
            .directory
            .resource(&path.group, &path.version, &path.resource);
        let (endpoint, version) = found.ok_or_else(Status::no_such_resource)?;
        let description = endpoint.description();
        let misplaced = if description.namespaced {
            path.namespace.is_none() && !path.name.is_empty()
        } else {
            path.namespace.is_some()
        };
        let unknown = !path.subresource.is_empty()
            && !description
                .subresources
                .iter()
                .any(|subresource| subresource.name == path.subresource);
        if misplaced || unknown {
            Err(Status::no_such_resource())
        } else {
            Ok((endpoint, version))
        }
    }

    fn selection(&self, path: &ResourcePath, query: &Query) -> Result<Selection, Status> {
        let (endpoint, _) = self.endpoint(path)?;
        if path.name.is_empty() {
            Selection::parse(query, endpoint.description())
        } else {
            Ok(Selection::default())
        }
    }

    async fn watch(
        &self,
        path: &ResourcePath,
        parts: &Parts,
        query: &Query,
        selection: Selection,
    ) -> Result<Answer, Status> {
        let (endpoint, version) = self.endpoint(path)?;
        // Watches that began together should not end together.
        let shortest = self.config.min_request_timeout;
        let request = WatchRequest {
            endpoint: Arc::clone(endpoint),
            version,
            namespace: path.namespace.clone().unwrap_or_default(),
            accepted: negotiate(&parts.headers)?,
            clock: Arc::clone(&self.config.clock),
            stop: self.config.stop.clone(),
            default_timeout: shortest + shortest.mul_f64(rand::random()),
        };
        watch::watch(request, query, selection).await
    }

    async fn resource(&self, resource: Resource, body: RequestBody) -> Result<Answer, Status> {
        let Resource {
            path,
            parts,
            query,
            user,
            selection,
        } = resource;
        let (endpoint, version) = self.endpoint(&path)?;
        let accepted = negotiate(&parts.headers)?;
        let mut context = RequestContext::new(user, self.config.clock.now());
        context.namespace = path.namespace.clone().unwrap_or_default();
        context.dry_run = query.dry_run()?;
        if parts.method == Method::GET {
            let (shape, include, now) = (accepted.shape, shape::include(&query), context.now);
            let shaper = Shaper {
                endpoint: &**endpoint,
                version,
                shape,
                include,
                now,
            };
            if path.name.is_empty() {
                return collection::list(&shaper, &context.namespace, &query, &selection, accepted.encoding).await;
            }
            check_readable(&**endpoint, &path)?;
            return object::get(&shaper, (&context.namespace, &path.name), &query, accepted.encoding).await;
        }
        let body = content::read(body).await?;
        let (query, headers) = (&query, &parts.headers);
        let write = Write {
            endpoint: &**endpoint,
            version,
            path: &path,
            query,
            headers,
            context: &context,
            accepted,
            body,
        };
        let mut answer = match (&parts.method, path.name.is_empty()) {
            (&Method::POST, _) => write.create().await,
            (&Method::PUT, false) => write.update().await,
            (&Method::PATCH, false) => write.patch().await,
            (&Method::DELETE, false) => write.delete().await,
            (&Method::DELETE, true) => write.delete_collection().await,
            (method, _) => Err(Status::method_not_allowed(
                &endpoint.description().resource,
                method.as_str(),
            )),
        }
        // What was said before the failure is still worth knowing.
        .unwrap_or_else(|status| answer::failure(&status));
        answer::warn(&mut answer, &context.warnings());
        Ok(answer)
    }

    /// Everything that is no resource.
    fn other(&self, route: &Route, parts: &Parts) -> Result<Answer, Status> {
        if parts.method != Method::GET && parts.method != Method::HEAD {
            return Err(Status::method_not_allowed(
                &GroupResource::default(),
                parts.method.as_str(),
            ));
        }
        let directory = &self.config.directory;
        match route {
            Route::Version => Ok(answer::value(StatusCode::OK, &self.config.version)),
            Route::Root => Ok(answer::value(StatusCode::OK, &json!({"paths": self.paths()}))),
            Route::Groups => Ok(discovery::groups(directory, &parts.headers)),
            Route::Group { group } => discovery::group(directory, group),
            Route::Resources { group, version } => discovery::resources(directory, group, version),
            Route::OpenApiIndex => Ok(self.documents.index(directory)),
            Route::OpenApi { group, version } => self.documents.get(directory, group, version),
            Route::Health { .. } | Route::Resource(_) | Route::Unknown => Err(Status::no_such_resource()),
        }
    }

    fn paths(&self) -> Vec<String> {
        let mut paths: Vec<String> = vec!["/apis".to_owned()];
        for group in self.config.directory.groups() {
            paths.push(format!("/apis/{}", group.name));
            paths.extend(
                group
                    .versions
                    .iter()
                    .map(|version| format!("/apis/{}/{version}", group.name)),
            );
        }
        paths.extend(["/healthz", "/livez", "/openapi/v3", "/readyz", "/version"].map(str::to_owned));
        paths
    }
}

/// A request to a resource.
struct Resource {
    path: ResourcePath,
    parts: Parts,
    query: Query,
    user: UserInfo,
    selection: Selection,
}

/// GET of a subresource must be one of its verbs.
fn check_readable(endpoint: &dyn Endpoint, path: &ResourcePath) -> Result<(), Status> {
    let subresources = &endpoint.description().subresources;
    let found = subresources
        .iter()
        .find(|subresource| subresource.name == path.subresource);
    match found {
        Some(found) if !found.verbs.contains(&"get") => {
            Err(Status::method_not_allowed(&endpoint.description().resource, "get"))
        }
        _ => Ok(()),
    }
}

/// The verb that authorization is asked for.
fn verb(method: &Method, route: &Route, query: &Query) -> &'static str {
    let collection = match route {
        Route::Resource(path) => path.name.is_empty(),
        _ => false,
    };
    match *method {
        Method::GET | Method::HEAD if collection && query.flag("watch") => "watch",
        Method::GET | Method::HEAD if collection => "list",
        Method::GET | Method::HEAD => "get",
        Method::POST => "create",
        Method::PUT => "update",
        Method::PATCH => "patch",
        Method::DELETE if collection => "deletecollection",
        Method::DELETE => "delete",
        _ => "",
    }
}

fn forbidden(asked: &AccessAttributes, reason: &str) -> Status {
    let user = &asked.user.name;
    let reason = if reason.is_empty() {
        String::new()
    } else {
        format!(": {reason}")
    };
    if asked.resource.is_empty() {
        let cause = format!("User {user:?} cannot {} path {:?}{reason}", asked.verb, asked.path);
        return Status::forbidden(&GroupResource::default(), "", &cause);
    }
    let resource = match asked.subresource.as_str() {
        "" => asked.resource.clone(),
        subresource => format!("{}/{subresource}", asked.resource),
    };
    let scope = match asked.namespace.as_str() {
        "" => "at the cluster scope".to_owned(),
        namespace => format!("in the namespace {namespace:?}"),
    };
    let cause = format!(
        "User {user:?} cannot {} resource {resource:?} in API group {:?} {scope}{reason}",
        asked.verb, asked.group
    );
    Status::forbidden(&GroupResource::new(&asked.group, &asked.resource), &asked.name, &cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_read_as_kubernetes() {
        let user = UserInfo {
            name: "alice".to_owned(),
            ..UserInfo::default()
        };
        let mut asked = AccessAttributes {
            user,
            verb: "list".to_owned(),
            path: "/x".to_owned(),
            ..AccessAttributes::default()
        };
        assert_eq!(
            forbidden(&asked, "").message,
            r#"forbidden: User "alice" cannot list path "/x""#
        );
        asked.group = "g".to_owned();
        asked.resource = "shoots".to_owned();
        asked.namespace = "n".to_owned();
        assert_eq!(
            forbidden(&asked, "no").message,
            r#"shoots.g is forbidden: User "alice" cannot list resource "shoots" in API group "g" in the namespace "n": no"#
        );
    }
}
