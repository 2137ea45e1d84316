//! `Protobuf` and `ProtobufValue` of a message.

use proc_macro2::TokenStream;
use quote::quote;
use syn::Ident;

use crate::message::Message;

/// The codec, for a message whose fields carry tags.
pub(crate) fn impls(message: &Message) -> TokenStream {
    if !message.has_protobuf() {
        return TokenStream::new();
    }
    let ident = &message.item.ident;
    let tagged: Vec<_> = message
        .fields
        .iter()
        .filter_map(|field| Some((field.attributes.tag?, &field.ident)))
        .collect();
    let mut in_order = tagged.clone();
    in_order.sort_by_key(|(tag, _)| *tag);
    let writes = in_order.iter().map(|(tag, field)| {
        quote! { ::apimachinery::protobuf::ProtobufValue::write(&self.#field, #tag, writer); }
    });
    let reads = in_order.iter().map(|(tag, field)| {
        quote! { #tag => ::apimachinery::protobuf::ProtobufValue::merge(&mut self.#field, wire, reader), }
    });
    let value = message_value(ident);
    quote! {
        impl ::apimachinery::protobuf::Protobuf for #ident {
            #[allow(unused_variables)]
            fn write_message(&self, writer: &mut ::apimachinery::protobuf::Writer) { #(#writes)* }
            fn merge_field(
                &mut self,
                tag: u32,
                wire: ::apimachinery::protobuf::WireType,
                reader: &mut ::apimachinery::protobuf::Reader<'_>,
            ) -> ::core::result::Result<(), ::apimachinery::protobuf::DecodeError> {
                match tag {
                    #(#reads)*
                    _ => reader.skip(wire),
                }
            }
        }
        #value
    }
}

/// How a message stands in a field.
pub(crate) fn message_value(ident: &Ident) -> TokenStream {
    quote! {
        impl ::apimachinery::protobuf::ProtobufValue for #ident {
            const WIRE: ::apimachinery::protobuf::WireType = ::apimachinery::protobuf::WireType::LengthDelimited;
            fn write(&self, tag: u32, writer: &mut ::apimachinery::protobuf::Writer) {
                writer.message(tag, self);
            }
            fn merge(
                &mut self,
                wire: ::apimachinery::protobuf::WireType,
                reader: &mut ::apimachinery::protobuf::Reader<'_>,
            ) -> ::core::result::Result<(), ::apimachinery::protobuf::DecodeError> {
                reader.message(wire, self)
            }
            fn zero() -> Self { ::core::default::Default::default() }
        }
    }
}
