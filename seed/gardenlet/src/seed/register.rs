//! Makes the Seed object say what the configuration says.

use api::core::v1beta1::Seed;
use kube::{
    Api,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::json;

use super::{Error, SeedAgent, failed};

/// Creates the Seed, or changes it where it differs from the template; returns it as it is then.
pub(crate) async fn register(agent: &SeedAgent) -> Result<Seed, Error> {
    let api: Api<Seed> = Api::all(agent.garden_client.clone());
    let name = agent.name()?;
    let wished = wished(agent);
    let Some(actual) = api.get_opt(name).await.map_err(failed("read the Seed"))? else {
        let created = api.create(&PostParams::default(), &wished).await;
        return created.map_err(failed("create the Seed"));
    };
    // Defaults that the API server set are no difference: only what the template says is compared.
    let (actual_spec, wished_spec) = (json!(actual.spec), json!(wished.spec));
    let labels = json!(wished.metadata.labels.clone().unwrap_or_default());
    let actual_labels = json!(actual.metadata.labels.clone().unwrap_or_default());
    if is_within(&wished_spec, &actual_spec) && is_within(&labels, &actual_labels) {
        return Ok(actual);
    }
    let patch = json!({"metadata": {"labels": labels}, "spec": wished_spec});
    let patched = api.patch(name, &PatchParams::default(), &Patch::Merge(&patch)).await;
    patched.map_err(failed("update the Seed"))
}

fn wished(agent: &SeedAgent) -> Seed {
    let template = &agent.template;
    Seed {
        metadata: template.metadata.clone(),
        spec: template.spec.clone(),
        ..Seed::default()
    }
}

/// Whether everything that `wished` says is so in `actual`; an empty list or text says nothing.
fn is_within(wished: &serde_json::Value, actual: &serde_json::Value) -> bool {
    use serde_json::Value;
    match (wished, actual) {
        (Value::Object(wished), actual) => wished
            .iter()
            .all(|(key, value)| is_within(value, actual.get(key).unwrap_or(&Value::Null))),
        (Value::Array(wished), Value::Array(actual)) => {
            wished.len() == actual.len()
                && wished
                    .iter()
                    .zip(actual)
                    .all(|(wished, actual)| is_within(wished, actual))
        }
        (Value::Array(wished), Value::Null) => wished.is_empty(),
        (Value::String(wished), Value::Null) => wished.is_empty(),
        (wished, actual) => wished == actual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_no_difference() {
        let actual = json!({"region": "local", "settings": {"scheduling": {"visible": true}}, "zones": ["a"]});
        assert!(is_within(&json!({"region": "local", "zones": ["a"]}), &actual));
        assert!(is_within(&json!({"taints": [], "type": ""}), &actual));
        assert!(!is_within(&json!({"region": "other"}), &actual));
        assert!(!is_within(&json!({"zones": ["a", "b"]}), &actual));
    }
}
