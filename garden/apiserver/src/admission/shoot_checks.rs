//! Checks of a Shoot against the objects around it.
//!
//! In: the Shoot, as it was and as it will be, and the [`Facts`]. Out: every problem found, by field.
//! Absent: checks that need the Shoot alone (`api::validation`); rules about two objects are pure functions of
//! `api::validation::cross`, and are only put together here.

use api::core::v1beta1::{Project, Seed, SeedTaint, Shoot};
use api::validation::cross;
use apimachinery::field::{FieldError, FieldErrors, Path};
use apimachinery::meta::Time;
use jiff::Timestamp;

use super::facts::Facts;

/// Checks a Shoot that is being created (`old` is `None`), changed or bound.
pub(crate) fn check(new: &Shoot, old: Option<&Shoot>, facts: &Facts, now: Timestamp) -> FieldErrors {
    let mut errors = FieldErrors::new();
    if let (None, Some(project)) = (old, &facts.project) {
        errors.extend(check_project(new, project));
    }
    errors.extend(check_cloud_profile(new, facts));
    if let Some(profile) = &facts.cloud_profile {
        if old.is_none() && profile.metadata.deletion_timestamp.is_some() {
            errors.push(FieldError::forbidden(
                &cloud_profile_path(),
                "the CloudProfile is being deleted",
            ));
        }
        errors.extend(cross::shoot_against_cloud_profile(new, old, profile, &Time(now)));
    }
    errors.extend(check_domain(new, facts));
    errors.extend(check_binding(new, old, facts));
    errors.extend(check_seed(new, old, facts));
    errors
}

/// The profile that a Shoot names must be there; whether it names one, validation has checked.
pub(crate) fn check_cloud_profile(new: &Shoot, facts: &Facts) -> FieldErrors {
    match (&facts.cloud_profile, Facts::cloud_profile_name(new)) {
        (None, Some(name)) => FieldErrors::from(FieldError::not_found(&cloud_profile_path(), name)),
        _ => FieldErrors::new(),
    }
}

/// What a Shoot needs, extensions must offer; nobody would ever do it otherwise. What it had already is not asked again.
pub(crate) fn check_extensions(new: &Shoot, old: Option<&Shoot>, facts: &Facts) -> FieldErrors {
    let offered = facts
        .controller_registrations
        .iter()
        .flat_map(|registration| &registration.spec.resources);
    let offered: Vec<cross::Offer<'_>> = offered
        .map(|resource| (resource.kind.as_str(), resource.type_.as_str()))
        .collect();
    let before = old
        .map(|old| cross::missing_extensions(old, &offered))
        .unwrap_or_default();
    if before.is_empty() {
        return cross::missing_extensions(new, &offered);
    }
    FieldErrors::new()
}

fn spec() -> Path {
    Path::new("spec")
}

fn cloud_profile_path() -> Path {
    spec().child("cloudProfile").child("name")
}

fn check_project(new: &Shoot, project: &Project) -> FieldErrors {
    let project_name = project.metadata.name.as_deref().unwrap_or_default();
    let shoot_name = new.metadata.name.as_deref().unwrap_or_default();
    let mut errors = cross::shoot_name_with_project(shoot_name, project_name);
    if project.metadata.deletion_timestamp.is_some() {
        let detail = format!("project {project_name:?} is being deleted, no shoot can be created in it");
        errors.push(FieldError::forbidden(&Path::new("metadata").child("namespace"), detail));
    }
    errors
}

/// Below a default domain a shoot has exactly one name, so that no shoot can take another's.
fn check_domain(new: &Shoot, facts: &Facts) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let Some(domain) = new.spec.dns.as_ref().and_then(|dns| dns.domain.as_deref()) else {
        return errors;
    };
    let shoot = new.metadata.name.as_deref().unwrap_or_default();
    let is_below = |parent: &&str| domain.strip_suffix(*parent).is_some_and(|rest| rest.ends_with('.'));
    let Some(parent) = facts.domains().into_iter().find(is_below) else {
        return errors;
    };
    let only = facts.domain_below(shoot, parent);
    if domain != only {
        let detail = format!("shoots using the default domain {parent:?} must have the domain {only:?}");
        errors.push(FieldError::invalid(
            &spec().child("dns").child("domain"),
            domain,
            detail,
        ));
    }
    errors
}

fn check_binding(new: &Shoot, old: Option<&Shoot>, facts: &Facts) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let Some(name) = new.spec.credentials_binding_name.as_deref() else {
        return errors;
    };
    let path = spec().child("credentialsBindingName");
    match &facts.credentials_binding {
        None => errors.push(FieldError::not_found(&path, name)),
        Some(binding) if binding.provider.type_ != new.spec.provider.type_ => {
            let detail = format!(
                "the binding is for provider type {:?}, the shoot's is {:?}",
                binding.provider.type_, new.spec.provider.type_
            );
            errors.push(FieldError::invalid(&path, name, detail));
        }
        Some(_) => {}
    }
    let is_new = old.is_none_or(|old| old.spec.credentials_binding_name != new.spec.credentials_binding_name);
    if let Some(secret) = facts.missing_credentials.as_ref().filter(|_| is_new) {
        let detail = format!("the binding refers to Secret {secret}, which does not exist");
        errors.push(FieldError::invalid(&path, name, detail));
    }
    errors
}

/// A seed that is new to the shoot must be able to take it.
fn check_seed(new: &Shoot, old: Option<&Shoot>, facts: &Facts) -> FieldErrors {
    let mut errors = FieldErrors::new();
    let Some(name) = new.spec.seed_name.as_deref() else {
        return errors;
    };
    if old.is_some_and(|old| old.spec.seed_name.as_deref() == Some(name)) {
        return errors;
    }
    let path = spec().child("seedName");
    let Some(seed) = &facts.seed else {
        errors.push(FieldError::not_found(&path, name));
        return errors;
    };
    if seed.metadata.deletion_timestamp.is_some() {
        errors.push(FieldError::forbidden(&path, format!("seed {name:?} is being deleted")));
    }
    if let Some(taint) = untolerated_taint(new, seed) {
        errors.push(FieldError::forbidden(
            &path,
            format!("the shoot does not tolerate the taint {taint:?} of seed {name:?}"),
        ));
    }
    let allocatable = seed
        .status
        .allocatable
        .get("shoots")
        .and_then(|quantity| quantity.0.parse::<usize>().ok());
    if let Some(allocatable) = allocatable.filter(|allocatable| facts.shoots_on_seed >= *allocatable) {
        errors.push(FieldError::forbidden(
            &path,
            format!("seed {name:?} already carries its {allocatable} shoots"),
        ));
    }
    errors.extend(cross::shoot_against_seed(new, seed));
    errors
}

/// A toleration without a value tolerates every value of its key.
fn untolerated_taint<'a>(shoot: &Shoot, seed: &'a Seed) -> Option<&'a str> {
    let tolerated = |taint: &&SeedTaint| {
        shoot.spec.tolerations.iter().any(|toleration| {
            toleration.key == taint.key && (toleration.value.is_none() || toleration.value == taint.value)
        })
    };
    seed.spec
        .taints
        .iter()
        .find(|taint| !tolerated(taint))
        .map(|taint| taint.key.as_str())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn now() -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn facts() -> Value {
        json!({
            "project": { "metadata": { "name": "dev" }, "spec": { "namespace": "garden-dev" } },
            "profile": {
                "metadata": { "name": "local" },
                "spec": {
                    "type": "local",
                    "regions": [{ "name": "local" }],
                    "kubernetes": { "versions": [{ "version": "1.35.4" }] },
                },
            },
            "seed": {
                "metadata": { "name": "one" },
                "spec": {
                    "networks": { "nodes": "10.1.0.0/24", "pods": "10.2.0.0/16", "services": "10.3.0.0/16" },
                    "dns": { "defaults": [{ "type": "local", "domain": "shoots.example.org", "credentialsRef": {} }] },
                },
                "status": { "allocatable": { "shoots": "1" } },
            },
            "binding": { "provider": { "type": "local" }, "credentialsRef": {} },
        })
    }

    fn shoot() -> Value {
        json!({
            "metadata": { "name": "first", "namespace": "garden-dev" },
            "spec": {
                "cloudProfile": { "kind": "CloudProfile", "name": "local" },
                "provider": { "type": "local" },
                "region": "local",
                "kubernetes": { "version": "1.35.4" },
                "seedName": "one",
                "dns": { "domain": "first.dev.shoots.example.org" },
                "networking": { "services": "100.64.0.0/13" },
            },
        })
    }

    fn parse<T: serde::de::DeserializeOwned>(value: &Value) -> T {
        serde_json::from_value(value.clone()).unwrap()
    }

    /// Breaks one thing, in the facts (`/facts/…`) or in the shoot, and says what is found.
    fn problems(pointer: &str, value: Value) -> Vec<String> {
        let mut world = json!({ "facts": facts(), "shoot": shoot() });
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        world.pointer_mut(parent).unwrap()[key] = value;
        let there = |key: &str| world["facts"].get(key).filter(|value| !value.is_null()).cloned();
        let facts = Facts {
            project: there("project").map(|value| parse(&value)),
            cloud_profile: there("profile").map(|value| parse(&value)),
            seed: there("seed").map(|value| parse(&value)),
            credentials_binding: there("binding").map(|value| parse(&value)),
            shoots_on_seed: there("shoots").and_then(|value| value.as_u64()).unwrap_or(0) as usize,
            ..Facts::default()
        };
        let shoot: Shoot = parse(&world["shoot"]);
        let mut errors = check(&shoot, None, &facts, now());
        errors.extend(check_extensions(&shoot, None, &facts));
        errors.to_strings()
    }

    #[track_caller]
    fn check_problem(pointer: &str, value: Value, expected: &str) {
        let found = problems(pointer, value);
        assert!(found.len() == 1 && found[0].contains(expected), "{found:#?}");
    }

    #[test]
    fn a_good_shoot_passes() {
        assert_eq!(
            problems("/shoot/spec/purpose", json!("evaluation")),
            Vec::<String>::new()
        );
    }

    #[test]
    fn what_is_named_must_exist_and_fit() {
        check_problem(
            "/facts/profile",
            Value::Null,
            "spec.cloudProfile.name: Not found: \"local\"",
        );
        check_problem("/facts/seed", Value::Null, "spec.seedName: Not found: \"one\"");
        check_problem(
            "/shoot/spec/region",
            json!("moon"),
            "spec.region: Unsupported value: \"moon\"",
        );
        check_problem(
            "/shoot/spec/kubernetes",
            json!({ "version": "1.99.0" }),
            "spec.kubernetes.version: Unsupported value: \"1.99.0\"",
        );
        let found = problems("/shoot/metadata/name", json!("a-name-that-is-too-long"));
        // The second problem: its domain is another's.
        assert!(
            found.len() == 2 && found[0].starts_with("metadata.name: Invalid value"),
            "{found:#?}"
        );
    }

    #[test]
    fn the_seed_must_be_able_to_take_it() {
        check_problem(
            "/shoot/spec/networking",
            json!({ "services": "10.2.0.0/20" }),
            "must not overlap with the pods network",
        );
        check_problem(
            "/facts/shoots",
            json!(1),
            "spec.seedName: Forbidden: seed \"one\" already carries its 1 shoots",
        );
        let taint = json!([{ "key": "seed.gardener.cloud/protected" }]);
        check_problem(
            "/facts/seed/spec/taints",
            taint,
            "does not tolerate the taint \"seed.gardener.cloud/protected\"",
        );
        check_problem(
            "/facts/seed/metadata/deletionTimestamp",
            json!("2026-01-01T00:00:00Z"),
            "is being deleted",
        );
    }

    #[test]
    fn a_default_domain_gives_one_name_to_each() {
        check_problem(
            "/shoot/spec/dns",
            json!({ "domain": "second.dev.shoots.example.org" }),
            "must have the domain \"first.dev.shoots.example.org\"",
        );
        assert_eq!(
            problems("/shoot/spec/dns", json!({ "domain": "mine.example.com" })),
            Vec::<String>::new()
        );
    }

    /// A world with a pool: what is missing in it, registrations and an image apart.
    fn with_workers(change: impl FnOnce(&mut Value)) -> Vec<String> {
        let mut provider = json!({ "type": "local", "workers": [{
            "name": "a", "minimum": 1, "maximum": 1,
            "machine": { "type": "small", "image": { "name": "local", "version": "1.0.0" } },
        }] });
        change(&mut provider);
        problems("/shoot/spec/provider", provider)
    }

    #[test]
    fn workers_need_extensions() {
        let found = with_workers(|_| {});
        for kind in ["ControlPlane", "Infrastructure", "Worker", "OperatingSystemConfig"] {
            let expected = format!("no ControllerRegistration offers kind {kind}");
            assert!(found.iter().any(|problem| problem.contains(&expected)), "{found:#?}");
        }
    }

    #[test]
    fn what_was_missing_before_does_not_stop_a_change() {
        let mut shoot = shoot();
        shoot["spec"]["provider"]["workers"] = json!([{ "name": "a" }]);
        let (old, mut new) = (parse::<Shoot>(&shoot), parse::<Shoot>(&shoot));
        new.spec.provider.workers[0].maximum = 2;
        let facts = Facts::default();
        assert_eq!(
            check_extensions(&new, Some(&old), &facts).to_strings(),
            Vec::<String>::new()
        );
        assert!(!check_extensions(&new, None, &facts).is_empty());
    }

    #[test]
    fn credentials_must_exist() {
        let mut facts = Facts {
            credentials_binding: Some(parse(&facts()["binding"])),
            missing_credentials: Some("garden-dev/local".to_owned()),
            ..Facts::default()
        };
        let mut shoot: Shoot = parse(&shoot());
        shoot.spec.credentials_binding_name = Some("local".to_owned());
        let expected = "spec.credentialsBindingName: Invalid value: \"local\": the binding refers to Secret garden-dev/local, which does not exist";
        assert_eq!(check_binding(&shoot, None, &facts).to_strings(), [expected]);
        // A Shoot that has them already stays changeable.
        assert!(check_binding(&shoot, Some(&shoot), &facts).is_empty());
        facts.missing_credentials = None;
        assert!(check_binding(&shoot, None, &facts).is_empty());
    }
}
