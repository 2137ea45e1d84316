//! What a top-level kind gets beyond a message: `Typed`, and with a `metadata` field `Resource` and `ApiObject`.

use proc_macro2::TokenStream;
use quote::quote;

use crate::message::{Message, last_segment};

/// The impls of a kind; nothing for a plain message.
pub(crate) fn impls(message: &Message) -> syn::Result<TokenStream> {
    let Some(kind) = message.kind() else {
        if message.attributes.group.is_some() || message.attributes.plural.is_some() {
            return Err(syn::Error::new_spanned(
                &message.item.ident,
                "a kind needs `version = \"…\"`",
            ));
        }
        return Ok(TokenStream::new());
    };
    let ident = &message.item.ident;
    let api_version = message.api_version();
    let typed = quote! {
        impl ::apimachinery::Typed for #ident {
            const TYPE: ::apimachinery::versioning::TypeMeta =
                ::apimachinery::versioning::TypeMeta { api_version: #api_version, kind: #kind };
        }
    };
    let is_object_meta = |ty| last_segment(ty).is_some_and(|segment| segment == "ObjectMeta");
    let has_metadata = message
        .fields
        .iter()
        .any(|field| field.ident == "metadata" && is_object_meta(&field.ty));
    if !has_metadata || message.attributes.no_resource {
        return Ok(typed);
    }
    let resource = resource(message, &kind);
    let api_object = api_object(message, &kind);
    Ok(quote! { #typed #resource #api_object })
}

fn plural(message: &Message, kind: &str) -> String {
    message
        .attributes
        .plural
        .clone()
        .unwrap_or_else(|| format!("{}s", kind.to_lowercase()))
}

fn resource(message: &Message, kind: &str) -> TokenStream {
    let ident = &message.item.ident;
    let group = message.attributes.group.clone().unwrap_or_default();
    let version = message.attributes.version.clone().unwrap_or_default();
    let plural = plural(message, kind);
    let scope = if message.attributes.namespaced {
        quote! { NamespaceResourceScope }
    } else {
        quote! { ClusterResourceScope }
    };
    let method = |name: &str, value: &str| {
        let name = quote::format_ident!("{name}");
        quote! { fn #name(_: &()) -> ::std::borrow::Cow<'_, str> { ::std::borrow::Cow::Borrowed(#value) } }
    };
    let methods = [
        method("kind", kind),
        method("group", &group),
        method("version", &version),
        method("api_version", &message.api_version()),
        method("plural", &plural),
    ];
    quote! {
        impl ::apimachinery::__private::kube_core::Resource for #ident {
            type DynamicType = ();
            type Scope = ::apimachinery::__private::kube_core::#scope;
            #(#methods)*
            fn meta(&self) -> &::apimachinery::meta::ObjectMeta { &self.metadata }
            fn meta_mut(&mut self) -> &mut ::apimachinery::meta::ObjectMeta { &mut self.metadata }
        }
    }
}

fn api_object(message: &Message, kind: &str) -> TokenStream {
    let ident = &message.item.ident;
    let attributes = &message.attributes;
    let group = attributes.group.clone().unwrap_or_default();
    let version = attributes.version.clone().unwrap_or_default();
    let api_version = message.api_version();
    let plural = plural(message, kind);
    let singular = attributes.singular.clone().unwrap_or_else(|| kind.to_lowercase());
    let list = attributes.list.clone().unwrap_or_else(|| format!("{kind}List"));
    let (namespaced, short, categories) = (attributes.namespaced, &attributes.short, &attributes.categories);
    quote! {
        impl ::apimachinery::ApiObject for #ident {
            const GROUP: &'static str = #group;
            const VERSION: &'static str = #version;
            const API_VERSION: &'static str = #api_version;
            const KIND: &'static str = #kind;
            const LIST_KIND: &'static str = #list;
            const PLURAL: &'static str = #plural;
            const SINGULAR: &'static str = #singular;
            const NAMESPACED: bool = #namespaced;
            const SHORT_NAMES: &'static [&'static str] = &[#(#short),*];
            const CATEGORIES: &'static [&'static str] = &[#(#categories),*];
            fn metadata(&self) -> &::apimachinery::meta::ObjectMeta { &self.metadata }
            fn metadata_mut(&mut self) -> &mut ::apimachinery::meta::ObjectMeta { &mut self.metadata }
        }
    }
}
