//! Extension objects: how gardenlet asks for them, waits for what they bring, and has them removed.
//!
//! In: an object with its wish. Out: the object as its extension left it, or an error that says what the extension said,
//! with its codes. gardenlet speaks to providers in no other way.

use std::{collections::BTreeMap, fmt::Debug, time::Duration};

use api::{
    constants::{CONFIRMATION_DELETION, GARDENER_OPERATION, GARDENER_TIMESTAMP, OPERATION_RECONCILE},
    core::v1beta1::{ErrorCode, LastOperationState, LastOperationType},
    extensions::v1alpha1::{
        ControlPlane, DefaultStatus, DnsRecord, Infrastructure, Network, OperatingSystemConfig, Worker,
    },
};
use apimachinery::meta::ObjectMeta;
use controller::{
    apply::describe,
    delete,
    error::is_not_found,
    wait::{Progress, WaitError, until},
};
use jiff::Timestamp;
use k8s_openapi::NamespaceResourceScope;
use kube::{
    Api, Resource,
    api::{Patch, PatchParams},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio::sync::watch;

use super::{
    error::{TaskError, in_seed, is_final},
    flow::ShootContext,
};

/// A kind of extension object.
pub(crate) trait ExtensionObject:
    Resource<DynamicType = (), Scope = NamespaceResourceScope>
    + Clone
    + Debug
    + Serialize
    + DeserializeOwned
    + Send
    + Sync
    + 'static
{
    /// What all kinds have in their status.
    fn default_status(&self) -> &DefaultStatus;
}

macro_rules! extension_objects {
    ($($kind:ty),+) => {
        $(impl ExtensionObject for $kind {
            fn default_status(&self) -> &DefaultStatus {
                &self.status.default_status
            }
        })+
    };
}

extension_objects!(
    ControlPlane,
    DnsRecord,
    Infrastructure,
    Network,
    OperatingSystemConfig,
    Worker
);

/// How long is waited for an extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Patience {
    /// In all.
    pub(crate) deadline: Duration,
    /// From its first complaint on: it tries again by itself, but its user shall know.
    pub(crate) after_complaint: Duration,
}

impl Patience {
    pub(crate) const fn seconds(deadline: u64, after_complaint: u64) -> Self {
        Self {
            deadline: Duration::from_secs(deadline),
            after_complaint: Duration::from_secs(after_complaint),
        }
    }
}

/// Metadata of an extension object of the shoot.
pub(crate) fn metadata(context: &ShootContext, name: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: Some(context.technical_id.clone()),
        ..ObjectMeta::default()
    }
}

fn api<K: ExtensionObject>(context: &ShootContext) -> Api<K> {
    Api::namespaced(context.gardenlet.seed_client(), &context.technical_id)
}

/// Asks the extension for what the object says. Without the annotation an extension leaves a changed wish alone.
pub(crate) async fn ask<K: ExtensionObject>(context: &ShootContext, mut object: K) -> Result<(), TaskError> {
    let annotations = object.meta_mut().annotations.get_or_insert_default();
    annotations.insert(GARDENER_OPERATION.to_owned(), OPERATION_RECONCILE.to_owned());
    annotations.insert(GARDENER_TIMESTAMP.to_owned(), context.gardenlet.clock.now().to_string());
    context.gardenlet.seed.apply(&object).await?;
    Ok(())
}

/// Waits until the extension has done what it was asked for last.
pub(crate) async fn wait<K: ExtensionObject>(
    context: &ShootContext,
    name: &str,
    patience: Patience,
) -> Result<K, TaskError> {
    let judge = |object: Option<&K>| match object {
        None => State::Working("it does not exist".to_owned()),
        Some(object) => reconciliation(object.meta(), object.default_status()),
    };
    let found = listen(&api(context), name, "to be reconciled", patience, judge).await?;
    found.ok_or(TaskError::OutOfOrder("an extension object"))
}

/// Has the object removed with all that it stands for, and waits until it is gone.
pub(crate) async fn remove<K: ExtensionObject>(
    context: &ShootContext,
    name: &str,
    patience: Patience,
) -> Result<(), TaskError> {
    let api: Api<K> = api(context);
    let annotations = BTreeMap::from([
        (CONFIRMATION_DELETION, "true".to_owned()),
        (GARDENER_TIMESTAMP, context.gardenlet.clock.now().to_string()),
    ]);
    let body = json!({ "metadata": { "annotations": annotations } });
    match api.patch(name, &PatchParams::default(), &Patch::Merge(body)).await {
        Ok(_) => {}
        Err(error) if is_not_found(&error) => return Ok(()),
        Err(error) => return Err(in_seed("confirm the deletion of an extension object")(error)),
    }
    delete::delete(&api, name).await?;
    let judge = |object: Option<&K>| match object {
        None => State::Done,
        Some(object) => deletion(object.default_status()),
    };
    listen(&api, name, "to be gone", patience, judge).await?;
    Ok(())
}

/// How far an extension is.
#[derive(Clone, Debug, PartialEq)]
enum State {
    Done,
    Working(String),
    Complaining(Complaint),
}

/// What an extension says when it did not succeed.
#[derive(Clone, Debug, PartialEq)]
struct Complaint {
    description: String,
    codes: Vec<ErrorCode>,
}

fn annotation<'a>(meta: &'a ObjectMeta, key: &str) -> Option<&'a str> {
    meta.annotations.as_ref()?.get(key).map(String::as_str)
}

/// How far it is with making. What it said before it was asked is no answer.
fn reconciliation(meta: &ObjectMeta, status: &DefaultStatus) -> State {
    let asked: Option<Timestamp> = annotation(meta, GARDENER_TIMESTAMP).and_then(|time| time.parse().ok());
    let said = status
        .last_operation
        .as_ref()
        .filter(|said| match (asked, &said.last_update_time) {
            // Kubernetes keeps times by the second.
            (Some(asked), Some(time)) => time.0.as_second() >= asked.as_second(),
            (Some(_), None) => false,
            (None, _) => true,
        });
    if annotation(meta, GARDENER_OPERATION).is_some() {
        return State::Working("its extension has not begun; is it running?".to_owned());
    }
    let Some(said) = said else {
        return State::Working("its extension has said nothing since it was asked".to_owned());
    };
    match (&said.state, &status.last_error) {
        (LastOperationState::Error | LastOperationState::Failed, Some(error)) => State::Complaining(Complaint {
            description: error.description.clone(),
            codes: error.codes.clone(),
        }),
        (LastOperationState::Succeeded, None) if status.observed_generation >= meta.generation.unwrap_or_default() => {
            State::Done
        }
        (LastOperationState::Succeeded, None) => {
            State::Working("its extension has not seen the newest version".to_owned())
        }
        (_, Some(error)) => State::Working(format!(
            "its extension tries again; before, it said: {}",
            error.description
        )),
        (_, None) => State::Working(format!("its extension is at it: {}", said.description)),
    }
}

/// How far it is with removing.
fn deletion(status: &DefaultStatus) -> State {
    let deleting = status
        .last_operation
        .as_ref()
        .filter(|said| said.type_ == LastOperationType::Delete);
    match (deleting, &status.last_error) {
        (None, _) => State::Working("its extension has not begun to remove it; is it running?".to_owned()),
        (Some(said), Some(error)) if said.state == LastOperationState::Error => State::Complaining(Complaint {
            description: error.description.clone(),
            codes: error.codes.clone(),
        }),
        (Some(said), _) => State::Working(format!("its extension is at it: {}", said.description)),
    }
}

/// Watches until the extension is done, gives up, or complains for too long.
async fn listen<K: ExtensionObject>(
    api: &Api<K>,
    name: &str,
    what: &str,
    patience: Patience,
    judge: impl Fn(Option<&K>) -> State,
) -> Result<Option<K>, TaskError> {
    let object = describe(&K::kind(&()), api.namespace(), name);
    let (tell, heard) = watch::channel(Heard::default());
    let observe = |seen: Option<&K>| {
        let state = judge(seen);
        tell.send_modify(|heard| heard.hear(&state));
        match state {
            State::Done => Progress::Done,
            State::Working(text) => Progress::Waiting(text),
            State::Complaining(complaint) if is_final(&complaint.codes) => Progress::Failed(says(&complaint)),
            State::Complaining(complaint) => Progress::Waiting(says(&complaint)),
        }
    };
    let ended = tokio::select! {
        biased;
        ended = until(api, name, what, patience.deadline, observe) => ended,
        () = lose_patience(heard.clone(), patience.after_complaint) => Err(WaitError::Failed {
            what: format!("{object} {what}"),
            reason: heard.borrow().last.as_ref().map(says).unwrap_or_default(),
        }),
    };
    ended.map_err(|source| TaskError::Extension {
        object,
        codes: heard
            .borrow()
            .last
            .as_ref()
            .map(|said| said.codes.clone())
            .unwrap_or_default(),
        source,
    })
}

/// What an extension complained of while it was listened to.
#[derive(Debug, Default)]
struct Heard {
    last: Option<Complaint>,
    times: u32,
    complains_now: bool,
}

impl Heard {
    fn hear(&mut self, state: &State) {
        let State::Complaining(complaint) = state else {
            self.complains_now = false;
            return;
        };
        // The same words are seen again when something else of the object changes.
        self.times += u32::from(!self.complains_now);
        self.complains_now = true;
        self.last = Some(complaint.clone());
    }
}

/// Ends when the extension has complained for so long. Once is no reason, if it went on since.
async fn lose_patience(mut heard: watch::Receiver<Heard>, patience: Duration) {
    let first = heard.wait_for(|heard| heard.times > 0).await.is_ok();
    tokio::time::sleep(patience).await;
    let again = heard
        .wait_for(|heard| heard.complains_now || heard.times > 1)
        .await
        .is_ok();
    if !(first && again) {
        // Nobody speaks any more: the wait itself has ended.
        std::future::pending::<()>().await;
    }
}

fn says(complaint: &Complaint) -> String {
    format!("its extension says: {}", complaint.description)
}

#[cfg(test)]
mod tests {
    use api::core::v1beta1::{LastError, LastOperation};
    use apimachinery::meta::Time;

    use super::*;

    const ASKED: &str = "2026-01-01T00:00:10.7Z";

    fn meta() -> ObjectMeta {
        ObjectMeta {
            generation: Some(2),
            annotations: Some(BTreeMap::from([(GARDENER_TIMESTAMP.to_owned(), ASKED.to_owned())])),
            ..ObjectMeta::default()
        }
    }

    fn status(state: LastOperationState, at: &str, error: Option<&str>) -> DefaultStatus {
        DefaultStatus {
            observed_generation: 2,
            last_operation: Some(LastOperation {
                description: "making it".to_owned(),
                state,
                last_update_time: Some(Time(at.parse().unwrap())),
                ..LastOperation::default()
            }),
            last_error: error.map(|description| LastError {
                description: description.to_owned(),
                codes: vec![ErrorCode::InfraQuotaExceeded],
                ..LastError::default()
            }),
            ..DefaultStatus::default()
        }
    }

    #[track_caller]
    fn check(meta: &ObjectMeta, status: &DefaultStatus, expected: &str) {
        let found = match reconciliation(meta, status) {
            State::Done => "done".to_owned(),
            State::Working(text) => text,
            State::Complaining(complaint) => says(&complaint),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn only_what_was_said_since_the_question_counts() {
        use LastOperationState::{Error, Processing, Succeeded};
        let (before, after) = ("2026-01-01T00:00:09Z", "2026-01-01T00:00:10Z");
        check(&meta(), &status(Succeeded, after, None), "done");
        let silent = "its extension has said nothing since it was asked";
        check(&meta(), &status(Succeeded, before, None), silent);
        check(&meta(), &status(Error, before, Some("no quota")), silent);
        check(&meta(), &DefaultStatus::default(), silent);
        check(
            &meta(),
            &status(Error, after, Some("no quota")),
            "its extension says: no quota",
        );
        check(
            &meta(),
            &status(Processing, after, Some("no quota")),
            "its extension tries again; before, it said: no quota",
        );
        check(
            &meta(),
            &status(Processing, after, None),
            "its extension is at it: making it",
        );
        let mut old = status(Succeeded, after, None);
        old.observed_generation = 1;
        check(&meta(), &old, "its extension has not seen the newest version");
    }

    #[test]
    fn an_annotation_that_is_still_there_was_not_taken_up() {
        let mut meta = meta();
        let annotations = meta.annotations.as_mut().unwrap();
        annotations.insert(GARDENER_OPERATION.to_owned(), "reconcile".to_owned());
        let done = status(LastOperationState::Succeeded, "2026-01-01T00:00:30Z", None);
        check(&meta, &done, "its extension has not begun; is it running?");
    }

    #[test]
    fn complaints_of_making_are_none_of_removing() {
        let mut status = status(LastOperationState::Error, "2026-01-01T00:00:30Z", Some("no quota"));
        let not_begun = "its extension has not begun to remove it; is it running?";
        assert_eq!(deletion(&status), State::Working(not_begun.to_owned()));
        status.last_operation.as_mut().unwrap().type_ = LastOperationType::Delete;
        assert!(matches!(deletion(&status), State::Complaining(_)));
        status.last_operation.as_mut().unwrap().state = LastOperationState::Processing;
        assert!(matches!(deletion(&status), State::Working(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn one_complaint_is_no_reason_if_it_goes_on() {
        let complaint = State::Complaining(Complaint {
            description: "no quota".to_owned(),
            codes: Vec::new(),
        });
        let working = State::Working(String::new());
        for (said, loses) in [
            (vec![&working], false),
            (vec![&complaint], true),
            (vec![&complaint, &working], false),
            (vec![&complaint, &complaint, &working], false),
            (vec![&complaint, &working, &complaint, &working], true),
        ] {
            let (tell, heard) = watch::channel(Heard::default());
            said.iter()
                .for_each(|state| tell.send_modify(|heard| heard.hear(state)));
            let losing = lose_patience(heard, Duration::from_secs(30));
            let lost = tokio::time::timeout(Duration::from_secs(60), losing).await.is_ok();
            assert_eq!(lost, loses, "{said:?}");
        }
    }
}
