//! The four verbs of every kind, and the pages besides, from request to answer. Blocking.

use std::sync::Arc;

use cloud_client::{DnsRecord, ErrorCode, List, LoadBalancer, Machine, Network, Resource, Route, SecurityGroup};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Cloud, query::Query};
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
        query: &Query,
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
            (Verb::Get, ["v1", Machine::PATH, name, "console"]) => self.console(name, query.bytes()?).map(Value::from),
            (Verb::Get, ["v1", Machine::PATH]) => self.list::<Machine>(caller, |machine| query.wants(machine)),
            (verb, ["v1", Network::PATH, rest @ ..]) => self.on::<Network>(caller, verb, rest, body),
            (verb, ["v1", Route::PATH, rest @ ..]) => self.on::<Route>(caller, verb, rest, body),
            (verb, ["v1", SecurityGroup::PATH, rest @ ..]) => self.on::<SecurityGroup>(caller, verb, rest, body),
            (verb, ["v1", Machine::PATH, rest @ ..]) => self.on::<Machine>(caller, verb, rest, body),
            (verb, ["v1", LoadBalancer::PATH, rest @ ..]) => self.on::<LoadBalancer>(caller, verb, rest, body),
            (verb, ["v1", DnsRecord::PATH, rest @ ..]) => self.on::<DnsRecord>(caller, verb, rest, body),
            _ => Err(no_such_page(path)),
        }
    }

    fn on<R: Managed>(
        self: &Arc<Self>,
        caller: Caller,
        verb: Verb,
        rest: &[&str],
        body: &[u8],
    ) -> Result<Value, Error> {
        match (verb, rest) {
            (Verb::Get, []) => self.list::<R>(caller, |_| true),
            (Verb::Get, [name]) => encode(&R::get(self, name)?.shown_to(caller)),
            (Verb::Put, [name]) => {
                let spec = serde_json::from_slice(body).map_err(|error| {
                    refuse(
                        ErrorCode::Invalid,
                        format!("the body is not the specification of a {}: {error}", R::KIND),
                        "",
                    )
                })?;
                encode(&R::put(self, name, spec)?.shown_to(caller))
            }
            (Verb::Delete, [name]) => R::delete(self, name).map(|()| json!({})),
            _ => Err(no_such_page(&rest.join("/"))),
        }
    }

    fn list<R: Managed>(&self, caller: Caller, wanted: impl Fn(&R) -> bool) -> Result<Value, Error> {
        // An object that goes away between its name and itself is not in the list.
        let items = R::names(self)
            .iter()
            .filter_map(|name| R::get(self, name).ok())
            .filter(wanted)
            .map(|object| object.shown_to(caller))
            .collect();
        encode(&List::<R> { items })
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
    /// Forgets what only the host's root may see.
    fn conceal(&mut self) {}

    fn shown_to(mut self, caller: Caller) -> Self {
        match caller {
            Caller::Host => {}
            Caller::Inside => self.conceal(),
        }
        self
    }
}

macro_rules! managed {
    ($kind:ty, $table:ident, $get:ident, $put:ident, $delete:ident $(, $conceal:ident)?) => {
        impl Managed for $kind {
            fn names(cloud: &Cloud) -> Vec<String> {
                cloud.store.read().$table.keys().cloned().collect()
            }
            fn get(cloud: &Cloud, name: &str) -> Result<Self, Error> {
                cloud.$get(name)
            }
            fn put(cloud: &Arc<Cloud>, name: &str, spec: Self::Spec) -> Result<Self, Error> {
                cloud.$put(name, spec)
            }
            fn delete(cloud: &Cloud, name: &str) -> Result<(), Error> {
                cloud.$delete(name)
            }
            $(fn conceal(&mut self) {
                $conceal(self);
            })?
        }
    };
}
managed!(Network, networks, network, put_network, delete_network);
managed!(Route, routes, route, put_route, delete_route);
managed!(
    SecurityGroup,
    security_groups,
    security_group,
    put_security_group,
    delete_security_group
);
managed!(
    Machine,
    machines,
    machine,
    put_machine,
    delete_machine,
    conceal_user_data
);
managed!(
    LoadBalancer,
    load_balancers,
    load_balancer,
    put_load_balancer,
    delete_load_balancer
);
managed!(DnsRecord, names, record, put_record, delete_record);

/// The token opens the door for many; a machine's user data is for the machine.
fn conceal_user_data(machine: &mut Machine) {
    machine.spec.user_data.clear();
}
