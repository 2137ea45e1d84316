//! What drivers of machines must pass.

use std::collections::BTreeMap;

use super::{Violation, expect};
use crate::machine::{CloudMachine, DriverError, ListRequest, MachineDriver, MachineRequest};

/// What drivers of machines must pass; `request` is of a machine that does not exist.
pub async fn machines(driver: &dyn MachineDriver, request: &MachineRequest) -> Result<(), Violation> {
    let suite = Suite { driver, request };
    let name = request.name.clone();
    suite.delete("deletion of what never was").await?;
    expect(
        "deletion of what never was",
        &suite.ids("listing at first").await?,
        &Vec::new(),
    )?;

    let made = suite.create("creation").await?;
    expect("creation", &made.name, &name)?;
    expect("creation", &made.provider_id.is_empty(), &false)?;
    let again = suite.create("repeated creation").await?;
    expect("repeated creation", &again.provider_id, &made.provider_id)?;
    let ids = vec![made.provider_id.clone()];
    expect("repeated creation", &suite.ids("listing of one machine").await?, &ids)?;
    expect(
        "creation",
        &suite.get("looking for a machine").await?,
        &Some(made.provider_id.clone()),
    )?;
    let strangers = suite.listed("listing of strangers", stranger_tags()).await?;
    expect(
        "listing of strangers",
        &strangers.iter().any(|machine| machine.name == name),
        &false,
    )?;
    let console = driver.console(request, 1000).await;
    console.map_err(failed("reading the console"))?;

    suite.delete("deletion").await?;
    expect("deletion", &suite.get("looking for what is gone").await?, &None)?;
    expect("deletion", &suite.ids("listing in the end").await?, &Vec::new())?;
    suite.delete("repeated deletion").await
}

fn stranger_tags() -> BTreeMap<String, String> {
    crate::machine::cluster_tags("shoot--nobodys--conformance")
}

fn failed(step: &'static str) -> impl FnOnce(DriverError) -> Violation {
    move |source| Violation::Driver { step, source }
}

struct Suite<'a> {
    driver: &'a dyn MachineDriver,
    request: &'a MachineRequest,
}

impl Suite<'_> {
    async fn create(&self, step: &'static str) -> Result<CloudMachine, Violation> {
        self.driver.create(self.request).await.map_err(failed(step))
    }

    async fn delete(&self, step: &'static str) -> Result<(), Violation> {
        self.driver.delete(self.request).await.map_err(failed(step))
    }

    async fn get(&self, step: &'static str) -> Result<Option<String>, Violation> {
        let found = self.driver.get(self.request).await.map_err(failed(step))?;
        Ok(found.map(|machine| machine.provider_id))
    }

    async fn listed(&self, step: &'static str, tags: BTreeMap<String, String>) -> Result<Vec<CloudMachine>, Violation> {
        let request = ListRequest {
            namespace: self.request.namespace.clone(),
            provider_spec: self.request.provider_spec.clone(),
            secret: self.request.secret.clone(),
            tags,
        };
        self.driver.list(&request).await.map_err(failed(step))
    }

    /// Ids of the machines with this one's tags.
    async fn ids(&self, step: &'static str) -> Result<Vec<String>, Violation> {
        let found = self.listed(step, self.request.tags.clone()).await?;
        Ok(found.into_iter().map(|machine| machine.provider_id).collect())
    }
}
