//! The four verbs of every kind, and the pages besides, from request to answer. Blocking.

use std::sync::Arc;

use cloud_client::{DnsRecord, ErrorCode, List, LoadBalancer, Machine, Network, Resource};
use serde::Serialize;
use serde_json::{Value, json};

use super::Cloud;
use crate::{Error, error::refuse};

/// What can be done to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Get,
    Put,
    Delete,
}

/// Who asks: only the host's root may see secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Over the Unix socket.
    Host,
    /// Over TCP, with the bearer token.
    Inside,
}

impl Cloud {
    /// Answers one request.
    pub(crate) fn answer(
        self: &Arc<Self>,
        caller: Caller,
        verb: Verb,
        path: &str,
        body: &[u8],
    ) -> Result<Value, Error> {
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (verb, segments.as_slice()) {
            (Verb::Get, ["v1", "info"]) => encode(&self.info()),
            (Verb::Get, ["v1", "token"]) if caller == Caller::Host => {
                let path = self.layout.token();
                fs_err::read_to_string(&path)
                    .map(Value::from)
                    .map_err(Error::file("read", path))
            }
            (Verb::Get, ["v1", "machines", name, "console"]) => self.console(name).map(Value::from),
            (verb, ["v1", Network::PATH, rest @ ..]) => self.on::<Network>(verb, rest, body),
            (verb, ["v1", Machine::PATH, rest @ ..]) => self.on::<Machine>(verb, rest, body),
            (verb, ["v1", LoadBalancer::PATH, rest @ ..]) => self.on::<LoadBalancer>(verb, rest, body),
            (verb, ["v1", DnsRecord::PATH, rest @ ..]) => self.on::<DnsRecord>(verb, rest, body),
            _ => Err(no_such_page(path)),
        }
    }

    fn on<R: Managed>(self: &Arc<Self>, verb: Verb, rest: &[&str], body: &[u8]) -> Result<Value, Error> {
        match (verb, rest) {
            (Verb::Get, []) => {
                // An object that goes away between its name and itself is not in the list.
                let items = R::names(self)
                    .iter()
                    .filter_map(|name| R::get(self, name).ok())
                    .collect();
                encode(&List::<R> { items })
            }
            (Verb::Get, [name]) => encode(&R::get(self, name)?),
            (Verb::Put, [name]) => {
                let spec = serde_json::from_slice(body).map_err(|error| {
                    refuse(
                        ErrorCode::Invalid,
                        format!("the body is not the specification of a {}: {error}", R::KIND),
                        "",
                    )
                })?;
                encode(&R::put(self, name, spec)?)
            }
            (Verb::Delete, [name]) => R::delete(self, name).map(|()| json!({})),
            _ => Err(no_such_page(&rest.join("/"))),
        }
    }
}

fn no_such_page(path: &str) -> Error {
    refuse(
        ErrorCode::NotFound,
        format!("there is nothing at {path:?} for this method and caller"),
        "see docs/local-cloud.md",
    )
}

fn encode(value: &impl Serialize) -> Result<Value, Error> {
    serde_json::to_value(value).map_err(|error| Error::system("encode an answer")(error.into()))
}

/// A kind of object that the cloud manages.
trait Managed: Resource {
    fn names(cloud: &Cloud) -> Vec<String>;
    fn get(cloud: &Cloud, name: &str) -> Result<Self, Error>;
    fn put(cloud: &Arc<Cloud>, name: &str, spec: Self::Spec) -> Result<Self, Error>;
    fn delete(cloud: &Cloud, name: &str) -> Result<(), Error>;
}

macro_rules! managed {
    ($kind:ty, $table:ident, $get:ident, $delete:ident, |$cloud:ident, $name:ident, $spec:ident| $put:expr) => {
        impl Managed for $kind {
            fn names(cloud: &Cloud) -> Vec<String> {
                cloud.store.read().$table.keys().cloned().collect()
            }
            fn get(cloud: &Cloud, name: &str) -> Result<Self, Error> {
                cloud.$get(name)
            }
            fn put($cloud: &Arc<Cloud>, $name: &str, $spec: Self::Spec) -> Result<Self, Error> {
                $put
            }
            fn delete(cloud: &Cloud, name: &str) -> Result<(), Error> {
                cloud.$delete(name)
            }
        }
    };
}
managed!(Network, networks, network, delete_network, |cloud, name, spec| cloud
    .put_network(name, spec));
managed!(Machine, machines, machine, delete_machine, |cloud, name, spec| cloud
    .put_machine(name, spec));
managed!(
    LoadBalancer,
    load_balancers,
    load_balancer,
    delete_load_balancer,
    |cloud, name, spec| cloud.put_load_balancer(name, spec)
);
managed!(DnsRecord, names, record, delete_record, |cloud, name, spec| cloud
    .put_record(name, &spec));
