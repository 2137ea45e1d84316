//! Units, over systemd's D-Bus interface (`org.freedesktop.systemd1`).
//!
//! The bus may be restarted under us: then what is asked at that moment fails, and what is asked next connects again.

use std::{collections::BTreeMap, io, time::Duration};

use async_trait::async_trait;
use futures::StreamExt as _;
use tokio::sync::Mutex;
use zbus::{Address, Connection, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant};

use crate::units::{Activity, UnitError, UnitState, Units};

const SERVICE: &str = "org.freedesktop.systemd1";
const OBJECT: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// systemd's own default for a unit to start is 90 s; its word is waited for.
const JOB_DEADLINE: Duration = Duration::from_secs(120);
/// Everything but jobs is answered at once, also by a busy machine.
const CALL_DEADLINE: Duration = Duration::from_secs(30);

/// The machine's systemd.
#[derive(Debug)]
pub(crate) struct Systemd {
    bus: Address,
    /// Exchanged for another by whoever finds it closed.
    connection: Mutex<Connection>,
}

/// A line of `ListUnitsByNames`: name, description, load state, active state, sub state, followed unit, object, job, its type and object.
type Listed = (
    String,
    String,
    String,
    String,
    String,
    String,
    OwnedObjectPath,
    u32,
    String,
    OwnedObjectPath,
);

impl Systemd {
    /// Connects to the system's bus.
    pub(crate) async fn connect() -> Result<Self, UnitError> {
        let bus = Address::system().map_err(failed("find the system's bus"))?;
        Self::connect_to(bus).await
    }

    async fn connect_to(bus: Address) -> Result<Self, UnitError> {
        let connection = Mutex::new(open(&bus).await?);
        Ok(Self { bus, connection })
    }

    /// The connection, or another when the bus was lost since.
    async fn connection(&self) -> Result<Connection, UnitError> {
        let mut connection = self.connection.lock().await;
        if connection.is_closed() {
            *connection = open(&self.bus).await?;
            tracing::info!("connected to systemd again");
        }
        Ok(connection.clone())
    }

    async fn call<B>(&self, method: &str, body: &B, action: &str) -> Result<Message, UnitError>
    where
        B: serde::Serialize + zbus::DynamicType + Sync,
    {
        let connection = self.connection().await?;
        call(&connection, method, body, action).await
    }

    /// Asks for a job and waits for its end.
    async fn job(&self, method: &str, unit: &str, action: &str) -> Result<(), UnitError> {
        // One for all of it: when the bus is lost in between, nobody waits for an end that is told on another.
        let connection = self.connection().await?;
        let rule = MatchRule::builder()
            .msg_type(zbus::message::Type::Signal)
            .interface(MANAGER)
            .member("JobRemoved")
            .build()
            .map_err(failed(action))?;
        // Before the job is asked for: it may end before the answer is read.
        let mut ended = MessageStream::for_match_rule(rule, &connection, None)
            .await
            .map_err(failed(action))?;
        let answer = call(&connection, method, &(unit, "replace"), action).await?;
        let job: OwnedObjectPath = answer.body().deserialize().map_err(failed(action))?;
        let wait = async {
            while let Some(Ok(signal)) = ended.next().await {
                let body = signal.body();
                if let Ok((_, path, _, result)) = body.deserialize::<(u32, OwnedObjectPath, String, String)>()
                    && path == job
                {
                    return result;
                }
            }
            "lost".to_owned()
        };
        match tokio::time::timeout(JOB_DEADLINE, wait).await {
            Ok(result) if result == "done" || result == "skipped" => Ok(()),
            Ok(result) => Err(UnitError::Job {
                action: action.to_owned(),
                result,
            }),
            Err(_) => Err(UnitError::Deadline(action.to_owned())),
        }
    }
}

/// What to make of D-Bus's errors.
fn failed(action: &str) -> impl Fn(zbus::Error) -> UnitError {
    move |source| UnitError::Call {
        action: action.to_owned(),
        source,
    }
}

/// A connection on which systemd says how jobs ended.
async fn open(bus: &Address) -> Result<Connection, UnitError> {
    let build = zbus::connection::Builder::address(bus.clone())
        .method_timeout(CALL_DEADLINE)
        .build();
    // The method's deadline is not that of the first greeting: a bus may accept and say nothing.
    let connection = tokio::time::timeout(CALL_DEADLINE, build)
        .await
        .unwrap_or_else(|elapsed| Err(io::Error::from(elapsed).into()))
        .map_err(failed("connect to systemd"))?;
    call(&connection, "Subscribe", &(), "listen to systemd").await?;
    Ok(connection)
}

async fn call<B>(connection: &Connection, method: &str, body: &B, action: &str) -> Result<Message, UnitError>
where
    B: serde::Serialize + zbus::DynamicType + Sync,
{
    connection
        .call_method(Some(SERVICE), OBJECT, Some(MANAGER), method, body)
        .await
        .map_err(failed(action))
}

/// Whether the unit is a service that ends when its work is done.
async fn is_one_shot(connection: &Connection, unit: &OwnedObjectPath) -> bool {
    let body = ("org.freedesktop.systemd1.Service", "Type");
    let answer = connection
        .call_method(Some(SERVICE), unit, Some(PROPERTIES), "Get", &body)
        .await;
    // Units of other kinds have no such property.
    let kind = answer
        .ok()
        .and_then(|answer| answer.body().deserialize::<OwnedVariant>().ok());
    kind.and_then(|kind| String::try_from(kind).ok()).as_deref() == Some("oneshot")
}

#[async_trait]
impl Units for Systemd {
    async fn reload(&self) -> Result<(), UnitError> {
        self.call("Reload", &(), "reload units").await.map(drop)
    }

    async fn set_enabled(&self, unit: &str, enabled: bool) -> Result<bool, UnitError> {
        let changes: Vec<(String, String, String)> = if enabled {
            let action = format!("enable {unit}");
            let answer = self
                .call("EnableUnitFiles", &([unit].as_slice(), false, true), &action)
                .await?;
            let body = answer.body();
            let (_, changes): (bool, _) = body.deserialize().map_err(failed(&action))?;
            changes
        } else {
            let action = format!("disable {unit}");
            let answer = self
                .call("DisableUnitFiles", &([unit].as_slice(), false), &action)
                .await?;
            answer.body().deserialize().map_err(failed(&action))?
        };
        Ok(!changes.is_empty())
    }

    async fn states(&self, units: &[&str]) -> Result<BTreeMap<String, UnitState>, UnitError> {
        let action = "look at units";
        let connection = self.connection().await?;
        let answer = call(&connection, "ListUnitsByNames", &(units,), action).await?;
        let listed: Vec<Listed> = answer.body().deserialize().map_err(failed(action))?;
        let mut states = BTreeMap::new();
        for (name, _, load, active, _, _, path, ..) in listed {
            let activity = match active.as_str() {
                "active" | "reloading" => Activity::Active,
                "failed" => Activity::Failed,
                "inactive" if is_one_shot(&connection, &path).await => Activity::Done,
                "inactive" => Activity::Inactive,
                _ => Activity::Changing,
            };
            let startable = load == "loaded";
            states.insert(name, UnitState { activity, startable });
        }
        Ok(states)
    }

    async fn start(&self, unit: &str) -> Result<(), UnitError> {
        self.job("StartUnit", unit, &format!("start {unit}")).await
    }

    async fn stop(&self, unit: &str) -> Result<(), UnitError> {
        self.job("StopUnit", unit, &format!("stop {unit}")).await
    }

    async fn restart(&self, unit: &str) -> Result<(), UnitError> {
        self.job("RestartUnit", unit, &format!("restart {unit}")).await
    }

    async fn restart_soon(&self, unit: &str) -> Result<(), UnitError> {
        let action = format!("restart {unit}");
        self.call("RestartUnit", &(unit, "replace"), &action).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use lib_error_chain::ErrorChain;
    use testing_testkit::eventually;
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{UnixListener, UnixStream},
    };

    use super::*;

    /// What a bus answers on one connection, as signature and body: our name, that systemd listens, and no units.
    const ANSWERS: [(&str, &[u8]); 3] = [("s", b"\x04\0\0\0:1.1\0"), ("", b""), ("a(ssssssouso)", &[0; 8])];

    /// A bus that is restarted after some answers, again and again.
    async fn serve(bus: &UnixListener) {
        loop {
            let (mut connection, _) = bus.accept().await.unwrap();
            answer_some(&mut connection).await.unwrap();
        }
    }

    async fn answer_some(connection: &mut UnixStream) -> io::Result<()> {
        let mut greeting = Vec::new();
        while !greeting.ends_with(b"BEGIN\r\n") {
            greeting.push(connection.read_u8().await?);
        }
        let welcome = b"OK 00112233445566778899aabbccddeeff\r\nAGREE_UNIX_FD\r\n";
        connection.write_all(welcome).await?;
        for (signature, body) in ANSWERS {
            let mut head = [0; 16];
            connection.read_exact(&mut head).await?;
            let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
            let (body_length, serial, fields_length) = (number(4), number(8), number(12));
            let mut rest = vec![0; (fields_length.next_multiple_of(8) + body_length) as usize];
            connection.read_exact(&mut rest).await?;
            connection.write_all(&answer(serial, signature, body)).await?;
        }
        Ok(())
    }

    /// A method's return, by the D-Bus specification: a head, an array of fields, and behind a multiple of 8 bytes the body.
    fn answer(serial: u32, signature: &str, body: &[u8]) -> Vec<u8> {
        let mut fields = vec![5, 1, b'u', 0]; // the serial that is answered
        fields.extend(serial.to_le_bytes());
        if !signature.is_empty() {
            fields.extend([8, 1, b'g', 0, u8::try_from(signature.len()).unwrap()]);
            fields.extend(signature.as_bytes());
            fields.push(0);
        }
        let length = |bytes: &[u8]| u32::try_from(bytes.len()).unwrap().to_le_bytes();
        let mut answer = vec![b'l', 2, 1, 1]; // little endian, a return, not to be answered, version 1
        answer.extend(length(body));
        answer.extend(1_u32.to_le_bytes()); // our own serial
        answer.extend(length(&fields));
        answer.extend(fields);
        answer.resize(answer.len().next_multiple_of(8), 0);
        answer.extend(body);
        answer
    }

    #[tokio::test]
    async fn a_lost_bus_is_connected_to_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("bus");
        let bus = UnixListener::bind(&path).unwrap();
        let script = async {
            let address = format!("unix:path={}", path.display());
            let address = Address::try_from(address.as_str()).unwrap();
            let systemd = Systemd::connect_to(address).await.unwrap();
            for _ in 0..3 {
                // The first to ask may find the connection broken, and not closed yet.
                let states = eventually(Duration::from_secs(10), "systemd to answer", || async {
                    let states = systemd.states(&["a.service"]).await;
                    states.map_err(|error| ErrorChain(&error).to_string())
                })
                .await;
                assert_eq!(states, BTreeMap::new());
            }
        };
        tokio::select! {
            () = serve(&bus) => {}
            () = script => {}
        }
    }
}
