//! Enums: strings on the wire. A variant with `#[api(other)]` keeps what the type does not know.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Fields, Ident, ItemEnum, Visibility};

use crate::{attributes::VariantAttributes, message::missing_derives};

struct Variant {
    ident: Ident,
    name: String,
    default: bool,
}

/// All code of an enum.
pub(crate) fn expand(mut item: ItemEnum) -> syn::Result<TokenStream> {
    item.attrs.retain(|attribute| !attribute.path().is_ident("api"));
    let mut other = None;
    let mut variants = Vec::new();
    for variant in &mut item.variants {
        let attributes = VariantAttributes::take(&mut variant.attrs)?;
        match (&variant.fields, attributes.other) {
            (Fields::Unit, false) => {
                let name = attributes.name.unwrap_or_else(|| variant.ident.to_string());
                variants.push(Variant {
                    ident: variant.ident.clone(),
                    name,
                    default: attributes.default,
                });
            }
            (Fields::Unnamed(fields), true) if fields.unnamed.len() == 1 => other = Some(variant.ident.clone()),
            _ => {
                return Err(syn::Error::new_spanned(
                    variant,
                    "a variant is a plain name; one with `#[api(other)]` holds one String",
                ));
            }
        }
    }
    let derives = missing_derives(
        &item.attrs,
        &["Clone", "Debug", "PartialEq", "Eq", "PartialOrd", "Ord", "Hash"],
    );
    let strings = strings(&item.ident, &item.vis, &variants, other.as_ref());
    let default = default(&item.ident, &variants, other.as_ref())?;
    let conventions = conventions(&item.ident, &variants, other.is_some());
    Ok(quote! { #derives #item #strings #default #conventions })
}

/// `as_str`, `Display`, `parse`, `From`.
fn strings(ident: &Ident, vis: &Visibility, variants: &[Variant], other: Option<&Ident>) -> TokenStream {
    let to_text = variants
        .iter()
        .map(|Variant { ident, name, .. }| quote! { Self::#ident => #name, });
    let from_text = variants.iter().map(|Variant { ident, name, .. }| {
        quote! { #name => ::core::option::Option::Some(Self::#ident), }
    });
    let other_text = other.map(|other| quote! { Self::#other(text) => text, });
    let rest = match other {
        Some(other) => quote! { text => ::core::option::Option::Some(Self::#other(text.to_owned())), },
        None => quote! { _ => ::core::option::Option::None, },
    };
    let from = other.map(|_| {
        quote! {
            impl ::core::convert::From<&str> for #ident {
                fn from(text: &str) -> Self { Self::parse(text).unwrap_or_default() }
            }
            impl ::core::convert::From<::std::string::String> for #ident {
                fn from(text: ::std::string::String) -> Self { Self::from(text.as_str()) }
            }
        }
    });
    quote! {
        impl #ident {
            /// The value as it is written.
            #[allow(dead_code)]
            #vis fn as_str(&self) -> &str { match self { #(#to_text)* #other_text } }
            /// The value of a text; `None` if the type does not know it.
            #vis fn parse(text: &str) -> ::core::option::Option<Self> { match text { #(#from_text)* #rest } }
        }
        impl ::core::fmt::Display for #ident {
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                formatter.pad(self.as_str())
            }
        }
        #from
    }
}

/// Go's zero value is the empty string: `Other("")`, unless a variant is marked; else the first variant.
fn default(ident: &Ident, variants: &[Variant], other: Option<&Ident>) -> syn::Result<TokenStream> {
    let marked = variants
        .iter()
        .find(|variant| variant.default)
        .map(|variant| &variant.ident);
    let value = match (marked, other, variants.first()) {
        (Some(marked), _, _) => quote! { Self::#marked },
        (None, Some(other), _) => quote! { Self::#other(::std::string::String::new()) },
        (None, None, Some(Variant { ident, .. })) => quote! { Self::#ident },
        (None, None, None) => return Err(syn::Error::new_spanned(ident, "an enum needs a variant")),
    };
    Ok(quote! {
        #[allow(clippy::derivable_impls)]
        impl ::core::default::Default for #ident { fn default() -> Self { #value } }
    })
}

/// serde, protobuf, OpenAPI.
fn conventions(ident: &Ident, variants: &[Variant], open: bool) -> TokenStream {
    let names: Vec<&String> = variants.iter().map(|variant| &variant.name).collect();
    let values = (!open).then(|| quote! { .values(&[#(#names),*]) });
    quote! {
        impl ::apimachinery::json::Empty for #ident {
            fn is_empty_value(&self) -> bool { self.as_str().is_empty() }
        }
        impl ::apimachinery::__private::serde::Serialize for #ident {
            fn serialize<S: ::apimachinery::__private::serde::Serializer>(&self, serializer: S)
                -> ::core::result::Result<S::Ok, S::Error>
            {
                serializer.serialize_str(self.as_str())
            }
        }
        impl<'de> ::apimachinery::__private::serde::Deserialize<'de> for #ident {
            fn deserialize<D: ::apimachinery::__private::serde::Deserializer<'de>>(deserializer: D)
                -> ::core::result::Result<Self, D::Error>
            {
                ::apimachinery::json::deserialize_enum(deserializer, Self::parse, &[#(#names),*])
            }
        }
        impl ::apimachinery::protobuf::ProtobufValue for #ident {
            const WIRE: ::apimachinery::protobuf::WireType = ::apimachinery::protobuf::WireType::LengthDelimited;
            fn write(&self, tag: u32, writer: &mut ::apimachinery::protobuf::Writer) {
                writer.bytes(tag, self.as_str().as_bytes());
            }
            fn merge(
                &mut self,
                wire: ::apimachinery::protobuf::WireType,
                reader: &mut ::apimachinery::protobuf::Reader<'_>,
            ) -> ::core::result::Result<(), ::apimachinery::protobuf::DecodeError> {
                let text = reader.string(wire)?;
                *self = Self::parse(text)
                    .ok_or_else(|| ::apimachinery::protobuf::DecodeError::unknown_value(text))?;
                ::core::result::Result::Ok(())
            }
            fn zero() -> Self { ::core::default::Default::default() }
        }
        impl ::apimachinery::openapi::OpenApi for #ident {
            fn name() -> ::core::option::Option<::std::string::String> { ::core::option::Option::None }
            fn schema() -> ::apimachinery::openapi::Schema {
                ::apimachinery::openapi::Schema::string() #values
            }
        }
    }
}
