//! The one attribute on API types: JSON, protobuf, OpenAPI and merge schema from one definition.
//!
//! In: a struct or enum as an engineer writes it. Out: the same type with its conventions implemented. Absent: any
//! knowledge of a particular kind; what the generated code calls lives in `apimachinery`.
//!
//! # How to declare a type
//!
//! ```text
//! use std::collections::BTreeMap;
//! use apimachinery::{Duration, RawExtension, api_type, meta::{ByteString, ObjectMeta, Quantity, Time}};
//!
//! /// Shoot is the wish for a cluster.                     // doc comment = description in OpenAPI
//! #[api_type]                                              // comes first, `#[api(…)]` after it
//! #[api(group = "core.gardener.cloud", version = "v1beta1", kind = "Shoot", plural = "shoots", namespaced)]
//! pub struct Shoot {
//!     /// Standard object metadata.
//!     #[api(tag = 1)]
//!     pub metadata: ObjectMeta,                            // this field makes it an `ApiObject`
//!     /// The wish.
//!     #[api(tag = 2)]
//!     pub spec: ShootSpec,
//!     /// What came of it.
//!     #[api(tag = 3)]
//!     pub status: ShootStatus,
//! }
//!
//! /// The wish.
//! #[api_type]                                              // a message
//! pub struct ShootSpec {
//!     /// Where it runs.
//!     #[api(tag = 1, omitempty)]
//!     pub region: String,                                  // JSON `region`; left out when empty
//!     /// Whether pods may be privileged.
//!     #[api(tag = 2, optional)]
//!     pub allow_privileged: bool,                          // always written; not required in OpenAPI
//!     /// DNS.
//!     #[api(tag = 3, name = "dns")]
//!     pub dns: Option<Dns>,                                // an Option is left out when None
//!     /// Workers.
//!     #[api(tag = 4, list = "map", key = "name", patch = "merge", patch_key = "name")]
//!     pub workers: Vec<Worker>,                            // without omitempty an empty list is written as []
//!     /// Configuration of the provider.
//!     #[api(tag = 5)]
//!     pub provider_config: Option<RawExtension>,           // any JSON
//!     /// Resources.
//!     #[api(tag = 6, omitempty)]
//!     pub capacity: BTreeMap<String, Quantity>,
//!     /// Certificates.
//!     #[api(tag = 7, omitempty)]
//!     pub data: BTreeMap<String, ByteString>,              // `[]byte` of Go: base64 in JSON; never Vec<u8>
//!     /// How long to wait.
//!     #[api(tag = 8, pattern = "^([0-9]+(ms|s|m|h))+$", default = "\"5m0s\"")]
//!     pub timeout: Option<Duration>,                       // `metav1.Duration`: "5m0s" in JSON
//!     /// Since when.
//!     #[api(tag = 9)]
//!     pub since: Option<Time>,                             // `metav1.Time` has no zero value: always an Option
//!     /// What all configurations share.
//!     #[api(tag = 10, inline)]
//!     pub common: Common,                                  // its fields lie beside the others (in protobuf it is field 10)
//!     /// Purpose.
//!     #[api(tag = 11)]
//!     pub purpose: Option<Purpose>,
//!     /// What it can do.
//!     #[api(tag = 12, omitempty)]
//!     pub values: CapabilityValues,
//! }
//!
//! /// What a cluster is for.
//! #[api_type]                                              // an enum is a string
//! pub enum Purpose {
//!     /// To try things.                                   // name as written: default is the variant's own name
//!     #[api(name = "evaluation")]
//!     Evaluation,
//!     /// For users.
//!     #[api(name = "production")]
//!     Production,
//!     /// Anything else.
//!     #[api(other)]                                        // unknown texts survive a round trip
//!     Other(String),                                       // Default is Other("") as in Go; mark another with #[api(default)]
//! }
//!
//! /// A named slice: an array in JSON, a message with `items` in protobuf.
//! #[api_type]
//! pub struct CapabilityValues(pub Vec<String>);
//!
//! /// A configuration file: a kind without `metadata`. It is `Typed`, not an `ApiObject`.
//! #[api_type]
//! #[api(group = "gardenlet.config.gardener.cloud", version = "v1alpha1", kind = "GardenletConfiguration")]
//! pub struct GardenletConfiguration {
//!     /// Log level.
//!     pub log_level: String,
//! }
//! ```
//!
//! ## What it yields
//!
//! - all: `Clone`, `Debug`, `Default`, `PartialEq` (enums also `Eq`, `Ord`, `Hash`), `Serialize`, `Deserialize`,
//!   `apimachinery::openapi::OpenApi`, and by it `apimachinery::merge::MergeSchema`. More derives may be written below
//!   `#[api_type]`. Every field has a default; JSON `null` means the default; unknown fields are skipped;
//! - messages with at least one `tag` (or without fields): `apimachinery::protobuf::Protobuf`. Fields without a tag stay
//!   out of protobuf. Every type of a tagged field must know protobuf itself;
//! - with `version`: `apimachinery::Typed`; `apiVersion` and `kind` are written first and ignored when read;
//! - with `version` and a field `metadata: ObjectMeta`: `kube_core::Resource<DynamicType = ()>` and
//!   `apimachinery::ApiObject`. Lists are `apimachinery::List<Shoot>`: no type of their own;
//! - enums: `as_str()`, `parse()`, `Display`, and with `other` `From<&str>` and `From<String>`.
//!
//! ## `#[api(…)]` on a type
//!
//! `group`, `version`, `kind` (default: the Rust name), `plural` (default: kind in lower case + "s"), `singular`, `list`
//! (default: kind + "List"), `namespaced`, `short = "a, b"`, `categories = "a, b"`, `name` (in OpenAPI, where it differs
//! from the Rust name, such as `KubeAPIServerConfig`), `package` (in OpenAPI; default: from the module path),
//! `atomic` (the object is replaced as a whole by server-side apply), `no_resource` (a kind with metadata that is no
//! resource: `Typed` only).
//!
//! ## `#[api(…)]` on a field
//!
//! `tag`, `name`, `omitempty` (left out when empty: text, list, map, zero, false; never for a struct, as in Go),
//! `optional` (not required in OpenAPI), `inline` (also of an `Option`: `None` until one of its fields is present),
//! `list = "map" | "set" | "atomic"`, `key = "a, b"`, `patch = "merge" | "replace" | "retainKeys"`, `patch_key` (default:
//! first of `key`), `atomic`, `preserve_unknown`, `embedded`, `immutable`; for OpenAPI and CRDs `format`, `pattern`,
//! `values = "a, b"`, `default = "<JSON>"`, `minimum`, `maximum`, `min_length`, `max_length`, `min_items`, `max_items`,
//! `min_properties`, `max_properties`.
//!
//! A type of `k8s-openapi` that `apimachinery` has no schema for stands in OpenAPI as an object of any shape.

mod attributes; // what the engineer wrote
mod kind; // top-level kinds
mod message; // structs: the model, and JSON
mod newtype; // named slices, maps, strings
mod openapi; // schema
mod protobuf; // codec
mod string_enum; // enums

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Fields, Item};

/// Declares an API type. See the crate's documentation for the attributes.
#[proc_macro_attribute]
pub fn api_type(arguments: proc_macro::TokenStream, item: proc_macro::TokenStream) -> proc_macro::TokenStream {
    expand(&arguments.into(), item.into())
        .unwrap_or_else(|error| error.into_compile_error())
        .into()
}

fn expand(arguments: &TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    if !arguments.is_empty() {
        return Err(syn::Error::new_spanned(
            arguments,
            "write arguments as `#[api(…)]` below `#[api_type]`",
        ));
    }
    match syn::parse2::<Item>(item)? {
        Item::Enum(item) => string_enum::expand(item),
        Item::Struct(item) if matches!(item.fields, Fields::Unnamed(_)) => newtype::expand(item),
        Item::Struct(item) => {
            let message = message::Message::parse(item)?;
            let (declaration, json) = (message.declaration(), message.json());
            let (kind, protobuf, openapi) = (
                kind::impls(&message)?,
                protobuf::impls(&message),
                openapi::impls(&message),
            );
            Ok(quote! { #declaration #json #kind #protobuf #openapi })
        }
        other => Err(syn::Error::new_spanned(other, "an API type is a struct or an enum")),
    }
}

#[cfg(test)]
mod tests {
    use proc_macro2::TokenStream;

    use super::expand;

    #[test]
    fn mistakes_are_named() {
        for (item, message) in [
            ("#[api(tga = 1)] struct A { }", "unknown attribute `tga` of a type"),
            (
                "struct A { #[api(tga = 1)] a: String }",
                "unknown attribute `tga` of a field",
            ),
            ("enum A { #[api(tag = 1)] B }", "unknown attribute `tag` of a variant"),
            (
                "struct A { #[api(tag = 0)] a: String }",
                "0 is no protobuf field number",
            ),
            (
                "struct A { #[api(tag = 1)] a: String, #[api(tag = 1)] b: String }",
                "protobuf tag used twice",
            ),
            (
                "struct A { a: String, #[api(name = \"a\")] b: String }",
                "JSON name `a` twice",
            ),
            (
                "struct A { #[api(list = \"bag\")] a: Vec<String> }",
                "`bag` must be one of: map, set, atomic",
            ),
            ("struct A<T> { a: T }", "an API type has no parameters"),
            (
                "struct A(String, String);",
                "a tuple struct of the API has exactly one field",
            ),
            (
                "enum A { B(String) }",
                "a variant is a plain name; one with `#[api(other)]` holds one String",
            ),
            ("enum A { }", "an enum needs a variant"),
            ("#[api(group = \"a\")] struct A { }", "a kind needs `version = \"…\"`"),
            ("fn a() {}", "an API type is a struct or an enum"),
        ] {
            let tokens: TokenStream = item.parse().expect(item);
            let error = expand(&TokenStream::new(), tokens).expect_err(item);
            assert_eq!(error.to_string(), message, "{item}");
        }
    }
}
