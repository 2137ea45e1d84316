//! Makes the Seed object say what the configuration says.

use api::core::v1beta1::Seed;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::reconcile::{SeedError, apply_priority_classes, failed};
use crate::context::Gardenlet;

/// Makes the Seed of the configuration, or changes it to be so. What shoots' pods need is there before.
pub(crate) async fn register(gardenlet: &Gardenlet) -> Result<Seed, SeedError> {
    apply_priority_classes(gardenlet).await?;
    let seeds: Api<Seed> = Api::all(gardenlet.garden_client.clone());
    let wished = &gardenlet.settings.seed;
    let name = gardenlet.settings.seed_name();
    let Some(present) = seeds.get_opt(name).await.map_err(failed("read the Seed"))? else {
        return seeds
            .create(&PostParams::default(), wished)
            .await
            .map_err(failed("register the Seed"));
    };
    // What the API server added by itself is no difference: only what is wished is compared.
    let same = is_within(&json!(wished.spec), &json!(present.spec))
        && is_within(&json!(wished.labels()), &json!(present.labels()))
        && is_within(&json!(wished.annotations()), &json!(present.annotations()));
    if same {
        return Ok(present);
    }
    let body = json!({
        "metadata": { "labels": wished.labels(), "annotations": wished.annotations() },
        "spec": wished.spec,
    });
    seeds
        .patch(name, &PatchParams::default(), &Patch::Merge(body))
        .await
        .map_err(failed("update the Seed"))
}

/// Whether everything that `wished` says is so in `present`; an empty list or text says nothing.
fn is_within(wished: &Value, present: &Value) -> bool {
    match (wished, present) {
        (Value::Object(wished), present) => wished
            .iter()
            .all(|(key, value)| is_within(value, present.get(key).unwrap_or(&Value::Null))),
        (Value::Array(wished), Value::Array(present)) => {
            let mut pairs = wished.iter().zip(present);
            wished.len() == present.len() && pairs.all(|(wished, present)| is_within(wished, present))
        }
        (Value::Array(wished), Value::Null) => wished.is_empty(),
        (Value::String(wished), Value::Null) => wished.is_empty(),
        (wished, present) => wished == present,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_no_difference() {
        let present = json!({"region": "local", "settings": {"scheduling": {"visible": true}}, "zones": ["a"]});
        assert!(is_within(&json!({"region": "local", "zones": ["a"]}), &present));
        assert!(is_within(&json!({"taints": [], "type": ""}), &present));
        assert!(!is_within(&json!({"region": "other"}), &present));
        assert!(!is_within(&json!({"zones": ["a", "b"]}), &present));
    }
}
