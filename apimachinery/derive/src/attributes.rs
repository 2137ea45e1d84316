//! Reads `#[api(…)]` and doc comments.
//!
//! In: the attributes of an item, a field or a variant. Out: plain structs, and the attributes that are not ours.
//! Spelling mistakes are compile errors that name the attribute.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute, Expr, Lit, LitBool, LitInt, LitStr, meta::ParseNestedMeta};

/// What `#[api(…)]` says about a struct or enum.
#[derive(Default)]
pub(crate) struct ItemAttributes {
    pub(crate) group: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) kind: Option<String>,
    pub(crate) plural: Option<String>,
    pub(crate) singular: Option<String>,
    pub(crate) list: Option<String>,
    pub(crate) namespaced: bool,
    /// A kind with metadata that is never stored: no `Resource`, no `ApiObject`.
    pub(crate) no_resource: bool,
    pub(crate) short: Vec<String>,
    pub(crate) categories: Vec<String>,
    /// Name of the type in OpenAPI where it differs from the Rust name (`KubeAPIServerConfig`).
    pub(crate) name: Option<String>,
    /// Package of the type in OpenAPI, instead of the one derived from the module path.
    pub(crate) package: Option<String>,
    /// `x-kubernetes-map-type: atomic`.
    pub(crate) atomic: bool,
    pub(crate) description: String,
}

/// What `#[api(…)]` says about a field.
#[derive(Default)]
pub(crate) struct FieldAttributes {
    pub(crate) tag: Option<u32>,
    pub(crate) name: Option<String>,
    pub(crate) omitempty: bool,
    pub(crate) optional: bool,
    pub(crate) inline: bool,
    pub(crate) list: Option<String>,
    pub(crate) keys: Vec<String>,
    pub(crate) patch: Option<String>,
    pub(crate) patch_key: Option<String>,
    pub(crate) atomic: bool,
    pub(crate) preserve_unknown: bool,
    pub(crate) embedded: bool,
    pub(crate) immutable: bool,
    pub(crate) format: Option<String>,
    pub(crate) pattern: Option<String>,
    pub(crate) values: Vec<String>,
    /// A JSON text, for instance `"true"` or `"\"5m0s\""`.
    pub(crate) default: Option<String>,
    /// `minimum = 1` and the like: the setter of `apimachinery::openapi::Schema` and its argument.
    pub(crate) bounds: Vec<(String, TokenStream)>,
    pub(crate) description: String,
}

/// What `#[api(…)]` says about an enum's variant.
#[derive(Default)]
pub(crate) struct VariantAttributes {
    pub(crate) name: Option<String>,
    pub(crate) other: bool,
    pub(crate) default: bool,
}

/// Bounds with an integer argument.
const INTEGER_BOUNDS: &[&str] = &[
    "min_length",
    "max_length",
    "min_items",
    "max_items",
    "min_properties",
    "max_properties",
];

/// Bounds with a number as argument.
const NUMBER_BOUNDS: &[&str] = &["minimum", "maximum"];

impl ItemAttributes {
    /// Reads the attributes of an item; those of others stay in `attributes`.
    pub(crate) fn take(attributes: &mut Vec<Attribute>) -> syn::Result<Self> {
        let mut found = Self {
            description: description(attributes),
            ..Self::default()
        };
        take_api(attributes, |meta| {
            match ident(&meta)?.as_str() {
                "group" => found.group = Some(string(&meta)?),
                "version" => found.version = Some(string(&meta)?),
                "kind" => found.kind = Some(string(&meta)?),
                "plural" => found.plural = Some(string(&meta)?),
                "singular" => found.singular = Some(string(&meta)?),
                "list" => found.list = Some(string(&meta)?),
                "namespaced" => found.namespaced = flag(&meta)?,
                "no_resource" => found.no_resource = flag(&meta)?,
                "short" => found.short = strings(&meta)?,
                "categories" => found.categories = strings(&meta)?,
                "name" => found.name = Some(string(&meta)?),
                "package" => found.package = Some(string(&meta)?),
                "atomic" => found.atomic = flag(&meta)?,
                other => return Err(meta.error(format!("unknown attribute `{other}` of a type"))),
            }
            Ok(())
        })?;
        Ok(found)
    }
}

impl FieldAttributes {
    /// Reads the attributes of a field; those of others stay in `attributes`.
    pub(crate) fn take(attributes: &mut Vec<Attribute>) -> syn::Result<Self> {
        let mut found = Self {
            description: description(attributes),
            ..Self::default()
        };
        take_api(attributes, |meta| {
            let name = ident(&meta)?;
            match name.as_str() {
                "tag" => found.tag = Some(tag(&meta)?),
                "name" => found.name = Some(string(&meta)?),
                "omitempty" => found.omitempty = flag(&meta)?,
                "optional" => found.optional = flag(&meta)?,
                "inline" => found.inline = flag(&meta)?,
                "list" => found.list = Some(one_of(&meta, &["map", "set", "atomic"])?),
                "key" => found.keys = strings(&meta)?,
                "patch" => found.patch = Some(one_of(&meta, &["merge", "replace", "retainKeys", "merge,retainKeys"])?),
                "patch_key" => found.patch_key = Some(string(&meta)?),
                "atomic" => found.atomic = flag(&meta)?,
                "preserve_unknown" => found.preserve_unknown = flag(&meta)?,
                "embedded" => found.embedded = flag(&meta)?,
                "immutable" => found.immutable = flag(&meta)?,
                "format" => found.format = Some(string(&meta)?),
                "pattern" => found.pattern = Some(string(&meta)?),
                "values" => found.values = strings(&meta)?,
                "default" => found.default = Some(string(&meta)?),
                bound if INTEGER_BOUNDS.contains(&bound) => {
                    let value: LitInt = meta.value()?.parse()?;
                    found
                        .bounds
                        .push((name, value.base10_parse::<u64>()?.to_token_stream()));
                }
                bound if NUMBER_BOUNDS.contains(&bound) => {
                    let value: Expr = meta.value()?.parse()?;
                    found.bounds.push((name, value.into_token_stream()));
                }
                other => return Err(meta.error(format!("unknown attribute `{other}` of a field"))),
            }
            Ok(())
        })?;
        Ok(found)
    }
}

impl VariantAttributes {
    /// Reads the attributes of a variant, `#[default]` included; those of others stay in `attributes`.
    pub(crate) fn take(attributes: &mut Vec<Attribute>) -> syn::Result<Self> {
        let mut found = Self {
            default: attributes.iter().any(|a| a.path().is_ident("default")),
            ..Self::default()
        };
        attributes.retain(|attribute| !attribute.path().is_ident("default"));
        take_api(attributes, |meta| {
            match ident(&meta)?.as_str() {
                "name" => found.name = Some(string(&meta)?),
                "other" => found.other = flag(&meta)?,
                "default" => found.default = flag(&meta)?,
                other => return Err(meta.error(format!("unknown attribute `{other}` of a variant"))),
            }
            Ok(())
        })?;
        Ok(found)
    }
}

/// Hands every entry of `#[api(…)]` to `read` and removes these attributes.
fn take_api(
    attributes: &mut Vec<Attribute>,
    mut read: impl FnMut(ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("api")) {
        attribute.parse_nested_meta(&mut read)?;
    }
    attributes.retain(|attribute| !attribute.path().is_ident("api"));
    Ok(())
}

/// The doc comment as one text: lines of a paragraph joined by a space, paragraphs by an empty line.
pub(crate) fn description(attributes: &[Attribute]) -> String {
    let mut text = String::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        let syn::Meta::NameValue(pair) = &attribute.meta else {
            continue;
        };
        let Expr::Lit(literal) = &pair.value else { continue };
        let Lit::Str(line) = &literal.lit else { continue };
        let line = line.value();
        let line = line.trim();
        if line.is_empty() && !text.is_empty() && !text.ends_with('\n') {
            text.push_str("\n\n");
        } else if !line.is_empty() {
            if !text.is_empty() && !text.ends_with('\n') {
                text.push(' ');
            }
            text.push_str(line);
        }
    }
    text.trim_end().to_owned()
}

fn ident(meta: &ParseNestedMeta<'_>) -> syn::Result<String> {
    Ok(meta.path.require_ident()?.to_string())
}

/// `flag` or `flag = true`.
fn flag(meta: &ParseNestedMeta<'_>) -> syn::Result<bool> {
    if meta.input.peek(syn::Token![=]) {
        Ok(meta.value()?.parse::<LitBool>()?.value)
    } else {
        Ok(true)
    }
}

fn string(meta: &ParseNestedMeta<'_>) -> syn::Result<String> {
    Ok(meta.value()?.parse::<LitStr>()?.value())
}

/// `name = "a, b"`.
fn strings(meta: &ParseNestedMeta<'_>) -> syn::Result<Vec<String>> {
    Ok(string(meta)?
        .split(',')
        .map(|part| part.trim().to_owned())
        .filter(|part| !part.is_empty())
        .collect())
}

fn one_of(meta: &ParseNestedMeta<'_>, allowed: &[&str]) -> syn::Result<String> {
    let value = string(meta)?;
    if allowed.contains(&value.as_str()) {
        Ok(value)
    } else {
        Err(meta.error(format!("`{value}` must be one of: {}", allowed.join(", "))))
    }
}

/// A protobuf field number: 1 to 2^29-1.
fn tag(meta: &ParseNestedMeta<'_>) -> syn::Result<u32> {
    let literal: LitInt = meta.value()?.parse()?;
    match literal.base10_parse::<u32>()? {
        tag @ 1..=0x1fff_ffff => Ok(tag),
        tag => Err(meta.error(format!("{tag} is no protobuf field number"))),
    }
}
