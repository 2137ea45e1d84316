//! `OpenApi` of a message.

use proc_macro2::TokenStream;
use quote::quote;

use crate::message::{Field, Message};

/// The schema.
pub(crate) fn impls(message: &Message) -> TokenStream {
    let ident = &message.item.ident;
    let attributes = &message.attributes;
    let name = component_name(
        attributes.package.as_deref(),
        &attributes
            .name
            .clone()
            .or_else(|| message.kind())
            .unwrap_or_else(|| ident.to_string()),
    );
    let description = &attributes.description;
    let is_kind = message.kind().is_some();
    let properties = message.fields.iter().map(|field| property(field, is_kind));
    let atomic = attributes.atomic.then(|| quote! { .atomic() });
    let kind = message.kind().map(|kind| {
        let group = attributes.group.clone().unwrap_or_default();
        let version = attributes.version.clone().unwrap_or_default();
        quote! { .kind(#group, #version, #kind) }
    });
    quote! {
        impl ::apimachinery::openapi::OpenApi for #ident {
            fn name() -> ::core::option::Option<::std::string::String> { #name }
            fn schema() -> ::apimachinery::openapi::Schema {
                #[allow(unused_imports)]
                use ::apimachinery::openapi::{SchemaOfAny as _, SchemaOfKnown as _};
                ::apimachinery::openapi::Schema::object() #(#properties)* #kind #atomic .describe(#description)
            }
        }
    }
}

/// The name of the component, from the module that declares the type.
pub(crate) fn component_name(package: Option<&str>, name: &str) -> TokenStream {
    let package = match package {
        Some(package) => quote! { ::core::option::Option::Some(#package) },
        None => quote! { ::core::option::Option::None },
    };
    quote! {
        ::core::option::Option::Some(
            ::apimachinery::openapi::component_name(#package, ::core::module_path!(), #name)
        )
    }
}

fn property(field: &Field, is_kind: bool) -> TokenStream {
    let ty = &field.ty;
    let schema = quote! { (&::apimachinery::openapi::Probe::<#ty>::NEW).schema_of() };
    if field.attributes.inline {
        let required = !field.is_option && !field.attributes.optional;
        return quote! { .inline((&::apimachinery::openapi::Probe::<#ty>::NEW).own_schema(), #required) };
    }
    let (name, decorations) = (&field.name, decorations(field));
    // Metadata is there in any case: the server fills it in.
    let is_metadata = is_kind && field.name == "metadata";
    if is_metadata || field.is_option || field.attributes.omitempty || field.attributes.optional {
        quote! { .optional(#name, #schema #decorations) }
    } else {
        quote! { .required(#name, #schema #decorations) }
    }
}

fn decorations(field: &Field) -> TokenStream {
    let attributes = &field.attributes;
    let mut out = TokenStream::new();
    if !attributes.description.is_empty() {
        let description = &attributes.description;
        out.extend(quote! { .describe(#description) });
    }
    if let Some(list) = &attributes.list {
        let keys = &attributes.keys;
        out.extend(quote! { .list_type(#list, &[#(#keys),*]) });
    }
    if let Some(patch) = &attributes.patch {
        let key = attributes
            .patch_key
            .clone()
            .or_else(|| attributes.keys.first().cloned())
            .unwrap_or_default();
        out.extend(quote! { .patch(#patch, #key) });
    }
    for (present, call) in [
        (attributes.atomic, quote! { .atomic() }),
        (attributes.preserve_unknown, quote! { .preserve_unknown() }),
        (attributes.embedded, quote! { .embedded() }),
        (attributes.immutable, quote! { .immutable() }),
    ] {
        if present {
            out.extend(call);
        }
    }
    for (setter, value) in [
        ("format", &attributes.format),
        ("pattern", &attributes.pattern),
        ("default_json", &attributes.default),
    ] {
        if let Some(value) = value {
            let setter = quote::format_ident!("{setter}");
            out.extend(quote! { .#setter(#value) });
        }
    }
    if !attributes.values.is_empty() {
        let values = &attributes.values;
        out.extend(quote! { .values(&[#(#values),*]) });
    }
    for (bound, value) in &attributes.bounds {
        let setter = quote::format_ident!("{bound}");
        // Bounds of numbers are floats in the model; `as` also takes integer literals.
        let cast = if matches!(bound.as_str(), "minimum" | "maximum") {
            quote! { (#value) as f64 }
        } else {
            value.clone()
        };
        out.extend(quote! { .#setter(#cast) });
    }
    out
}
