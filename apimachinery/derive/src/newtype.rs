//! Tuple structs with one field: named slices, maps and strings. Transparent in JSON.
//!
//! On the wire a named slice is a message with `items` as field 1, as Go's generator makes it; all else is transparent.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Fields, Ident, ItemStruct, Type};

use crate::{
    attributes::ItemAttributes,
    message::{last_segment, missing_derives},
    protobuf,
};

/// All code of a newtype.
pub(crate) fn expand(mut item: ItemStruct) -> syn::Result<TokenStream> {
    let attributes = ItemAttributes::take(&mut item.attrs)?;
    let inner = match &item.fields {
        Fields::Unnamed(fields) if fields.unnamed.len() == 1 => fields.unnamed[0].ty.clone(),
        _ => {
            return Err(syn::Error::new_spanned(
                &item,
                "a tuple struct of the API has exactly one field",
            ));
        }
    };
    let derives = missing_derives(&item.attrs, &["Clone", "Debug", "Default", "PartialEq"]);
    let (json, wire) = (json(&item.ident, &inner), wire(&item.ident, &inner));
    let (ident, description) = (&item.ident, &attributes.description);
    Ok(quote! {
        #derives #item
        #json
        #wire
        impl ::core::convert::From<#inner> for #ident {
            fn from(inner: #inner) -> Self { Self(inner) }
        }
        impl ::apimachinery::openapi::OpenApi for #ident {
            fn name() -> ::core::option::Option<::std::string::String> { ::core::option::Option::None }
            fn schema() -> ::apimachinery::openapi::Schema {
                #[allow(unused_imports)]
                use ::apimachinery::openapi::{SchemaOfAny as _, SchemaOfKnown as _};
                (&::apimachinery::openapi::Probe::<#inner>::NEW).schema_of().describe(#description)
            }
        }
    })
}

fn json(ident: &Ident, inner: &Type) -> TokenStream {
    quote! {
        impl ::apimachinery::json::Empty for #ident {
            fn is_empty_value(&self) -> bool {
                #[allow(unused_imports)]
                use ::apimachinery::json::{OmitAlwaysWritten as _, OmitWhenEmpty as _};
                (&::apimachinery::json::Omit(&self.0)).omit()
            }
        }
        impl ::apimachinery::__private::serde::Serialize for #ident {
            fn serialize<S: ::apimachinery::__private::serde::Serializer>(&self, serializer: S)
                -> ::core::result::Result<S::Ok, S::Error>
            {
                ::apimachinery::__private::serde::Serialize::serialize(&self.0, serializer)
            }
        }
        impl<'de> ::apimachinery::__private::serde::Deserialize<'de> for #ident {
            fn deserialize<D: ::apimachinery::__private::serde::Deserializer<'de>>(deserializer: D)
                -> ::core::result::Result<Self, D::Error>
            {
                let inner: ::core::option::Option<#inner> =
                    ::apimachinery::__private::serde::Deserialize::deserialize(deserializer)?;
                ::core::result::Result::Ok(Self(inner.unwrap_or_default()))
            }
        }
    }
}

fn wire(ident: &Ident, inner: &Type) -> TokenStream {
    if last_segment(inner).is_some_and(|segment| segment == "Vec") {
        let value = protobuf::message_value(ident);
        return quote! {
            impl ::apimachinery::protobuf::Protobuf for #ident {
                fn write_message(&self, writer: &mut ::apimachinery::protobuf::Writer) {
                    ::apimachinery::protobuf::ProtobufValue::write(&self.0, 1, writer);
                }
                fn merge_field(
                    &mut self,
                    tag: u32,
                    wire: ::apimachinery::protobuf::WireType,
                    reader: &mut ::apimachinery::protobuf::Reader<'_>,
                ) -> ::core::result::Result<(), ::apimachinery::protobuf::DecodeError> {
                    match tag {
                        1 => ::apimachinery::protobuf::ProtobufValue::merge(&mut self.0, wire, reader),
                        _ => reader.skip(wire),
                    }
                }
            }
            #value
        };
    }
    quote! {
        impl ::apimachinery::protobuf::ProtobufValue for #ident {
            const WIRE: ::apimachinery::protobuf::WireType =
                <#inner as ::apimachinery::protobuf::ProtobufValue>::WIRE;
            fn write(&self, tag: u32, writer: &mut ::apimachinery::protobuf::Writer) {
                ::apimachinery::protobuf::ProtobufValue::write(&self.0, tag, writer);
            }
            fn merge(
                &mut self,
                wire: ::apimachinery::protobuf::WireType,
                reader: &mut ::apimachinery::protobuf::Reader<'_>,
            ) -> ::core::result::Result<(), ::apimachinery::protobuf::DecodeError> {
                ::apimachinery::protobuf::ProtobufValue::merge(&mut self.0, wire, reader)
            }
            fn zero() -> Self { Self(::apimachinery::protobuf::ProtobufValue::zero()) }
        }
    }
}
