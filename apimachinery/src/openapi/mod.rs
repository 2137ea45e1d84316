//! Schemas of API types, and their rendering to OpenAPI v3 and to CRDs.
//!
//! In: types declared with [`macro@crate::api_type`]. Out: [`Schema`], a plain tree; [`Components`], the `components` of an
//! OpenAPI document; [`Schema::structural`], the `openAPIV3Schema` of a CRD.

mod probe; // the schema of any type, known or not
mod render; // Schema → JSON
mod schema; // the model
mod types; // schemas of Rust's own types

pub use self::{
    probe::{Probe, SchemaOfAny, SchemaOfKnown},
    render::Components,
    schema::{Bounds, ListType, Property, Reference, Schema, Shape},
};

/// A type with a schema.
pub trait OpenApi {
    /// Name of its component; `None` for types that are written in place.
    fn name() -> Option<String>;

    /// Its own schema.
    fn schema() -> Schema;

    /// How others mention it: by reference if it has a name.
    fn reference() -> Schema {
        match Self::name() {
            Some(name) => Schema::reference(Reference {
                name,
                schema: Self::schema,
            }),
            None => Self::schema(),
        }
    }
}

/// The name of a type's component: its package and its own name.
///
/// Without a package given it follows from the module that declares the type: `api::core::v1beta1::shoot` is Gardener's
/// package `core.v1beta1`; modules below the version are the author's own order and do not count.
pub fn component_name(package: Option<&str>, module: &str, name: &str) -> String {
    if let Some(package) = package {
        return format!("{package}.{name}");
    }
    let mut segments = module.split("::");
    let base = match segments.next().unwrap_or_default() {
        "api" => "com.github.gardener.gardener.pkg.apis".to_owned(),
        other => format!("cloud.kubeception.{}", other.replace('_', "-")),
    };
    let mut package = base;
    for segment in segments {
        package.push('.');
        package.push_str(segment);
        let mut chars = segment.chars();
        if chars.next() == Some('v') && chars.next().is_some_and(|c| c.is_ascii_digit()) {
            break;
        }
    }
    format!("{package}.{name}")
}

#[cfg(test)]
mod tests {
    use super::component_name;

    #[test]
    fn components_are_named_after_gardeners_packages() {
        for (module, expected) in [
            (
                "api::core::v1beta1",
                "com.github.gardener.gardener.pkg.apis.core.v1beta1.Shoot",
            ),
            (
                "api::core::v1beta1::shoot::spec",
                "com.github.gardener.gardener.pkg.apis.core.v1beta1.Shoot",
            ),
            (
                "apiserver_sample::wardle",
                "cloud.kubeception.apiserver-sample.wardle.Shoot",
            ),
        ] {
            assert_eq!(component_name(None, module, "Shoot"), expected);
        }
        assert_eq!(component_name(Some("io.k8s.a"), "x", "B"), "io.k8s.a.B");
    }
}
