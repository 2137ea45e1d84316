//! The model of a struct with named fields, and the code that every message gets: JSON, defaults, emptiness.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Attribute, Fields, Ident, ItemStruct, Type};

use crate::attributes::{FieldAttributes, ItemAttributes};

/// A struct as declared.
pub(crate) struct Message {
    pub(crate) item: ItemStruct,
    pub(crate) attributes: ItemAttributes,
    pub(crate) fields: Vec<Field>,
}

/// One of its fields.
pub(crate) struct Field {
    pub(crate) ident: Ident,
    pub(crate) ty: Type,
    /// The name in JSON.
    pub(crate) name: String,
    pub(crate) is_option: bool,
    pub(crate) attributes: FieldAttributes,
}

impl Message {
    /// Reads a struct and strips our attributes from it.
    pub(crate) fn parse(mut item: ItemStruct) -> syn::Result<Self> {
        if !item.generics.params.is_empty() {
            return Err(syn::Error::new_spanned(&item.generics, "an API type has no parameters"));
        }
        let attributes = ItemAttributes::take(&mut item.attrs)?;
        let mut fields = Vec::new();
        if let Fields::Named(named) = &mut item.fields {
            for field in &mut named.named {
                let Some(ident) = field.ident.clone() else { continue };
                let attributes = FieldAttributes::take(&mut field.attrs)?;
                let name = attributes
                    .name
                    .clone()
                    .unwrap_or_else(|| camel_case(&ident.to_string()));
                let is_option = last_segment(&field.ty).is_some_and(|segment| segment == "Option");
                fields.push(Field {
                    ident,
                    ty: field.ty.clone(),
                    name,
                    is_option,
                    attributes,
                });
            }
        }
        let message = Self {
            item,
            attributes,
            fields,
        };
        message.check()?;
        Ok(message)
    }

    /// Two fields with one name or one tag would lose data silently.
    fn check(&self) -> syn::Result<()> {
        for (index, field) in self.fields.iter().enumerate() {
            for earlier in &self.fields[..index] {
                if !field.attributes.inline && !earlier.attributes.inline && field.name == earlier.name {
                    return Err(syn::Error::new_spanned(
                        &field.ident,
                        format!("JSON name `{}` twice", field.name),
                    ));
                }
                if field.attributes.tag.is_some() && field.attributes.tag == earlier.attributes.tag {
                    return Err(syn::Error::new_spanned(&field.ident, "protobuf tag used twice"));
                }
            }
        }
        Ok(())
    }

    /// Whether it is written with `apiVersion` and `kind`.
    pub(crate) fn kind(&self) -> Option<String> {
        self.attributes.version.as_ref()?;
        Some(
            self.attributes
                .kind
                .clone()
                .unwrap_or_else(|| self.item.ident.to_string()),
        )
    }

    /// The `apiVersion` of a kind.
    pub(crate) fn api_version(&self) -> String {
        let version = self.attributes.version.clone().unwrap_or_default();
        match self.attributes.group.as_deref() {
            None | Some("") => version,
            Some(group) => format!("{group}/{version}"),
        }
    }

    /// Whether it can stand on the wire as protobuf.
    pub(crate) fn has_protobuf(&self) -> bool {
        self.fields.is_empty() || self.fields.iter().any(|field| field.attributes.tag.is_some())
    }

    /// The struct itself with the derives it still lacks.
    pub(crate) fn declaration(&self) -> TokenStream {
        let item = &self.item;
        let derives = missing_derives(&item.attrs, &["Clone", "Debug", "Default", "PartialEq"]);
        quote! { #derives #item }
    }

    /// `json::Fields`, `Serialize`, `Deserialize`.
    pub(crate) fn json(&self) -> TokenStream {
        let ident = &self.item.ident;
        let name = ident.to_string();
        let fields = self.json_fields();
        quote! {
            #fields
            impl ::apimachinery::__private::serde::Serialize for #ident {
                fn serialize<S: ::apimachinery::__private::serde::Serializer>(&self, serializer: S)
                    -> ::core::result::Result<S::Ok, S::Error>
                {
                    ::apimachinery::json::serialize(self, serializer)
                }
            }
            impl<'de> ::apimachinery::__private::serde::Deserialize<'de> for #ident {
                fn deserialize<D: ::apimachinery::__private::serde::Deserializer<'de>>(deserializer: D)
                    -> ::core::result::Result<Self, D::Error>
                {
                    ::apimachinery::json::deserialize(deserializer, #name)
                }
            }
        }
    }

    fn json_fields(&self) -> TokenStream {
        let ident = &self.item.ident;
        let type_meta = self.kind().map(|kind| {
            let api_version = self.api_version();
            quote! { map.serialize_entry("apiVersion", #api_version)?; map.serialize_entry("kind", #kind)?; }
        });
        let ignored = self
            .kind()
            .map(|_| quote! { "apiVersion" | "kind" => ::apimachinery::json::skip(map)?, });
        let writes = self.fields.iter().map(Field::write);
        let reads = self
            .fields
            .iter()
            .filter(|field| !field.attributes.inline)
            .map(|field| {
                let (ident, name) = (&field.ident, &field.name);
                if field.holds_quantities() {
                    quote! { #name => ::apimachinery::json::read_quantities(&mut self.#ident, #name, map)?, }
                } else {
                    quote! { #name => ::apimachinery::json::read(&mut self.#ident, #name, map)?, }
                }
            });
        let inlines = self.fields.iter().filter(|field| field.attributes.inline).map(|field| {
            let ident = &field.ident;
            quote! {
                if ::apimachinery::json::Fields::deserialize_field(&mut self.#ident, key, map)? {
                    return ::core::result::Result::Ok(true);
                }
            }
        });
        quote! {
            impl ::apimachinery::json::Fields for #ident {
                #[allow(unused_imports, unused_variables)]
                fn serialize_fields<M: ::apimachinery::__private::serde::ser::SerializeMap>(&self, map: &mut M)
                    -> ::core::result::Result<(), M::Error>
                {
                    use ::apimachinery::json::{OmitAlwaysWritten as _, OmitWhenEmpty as _};
                    #type_meta
                    #(#writes)*
                    ::core::result::Result::Ok(())
                }
                #[allow(unused_variables)]
                fn deserialize_field<'de, A: ::apimachinery::__private::serde::de::MapAccess<'de>>(
                    &mut self, key: &str, map: &mut A,
                ) -> ::core::result::Result<bool, A::Error> {
                    match key {
                        #ignored
                        #(#reads)*
                        _ => {
                            #(#inlines)*
                            return ::core::result::Result::Ok(false);
                        }
                    }
                    #[allow(unreachable_code)]
                    ::core::result::Result::Ok(true)
                }
            }
        }
    }
}

impl Field {
    /// Quantities are read by a function of their own: clients may write them as numbers, and not canonically.
    fn holds_quantities(&self) -> bool {
        let ty = self.ty.to_token_stream().to_string();
        ty.split(|c: char| !c.is_alphanumeric())
            .any(|word| matches!(word, "Quantity" | "ResourceRequirements"))
    }

    fn write(&self) -> TokenStream {
        let (ident, name) = (&self.ident, &self.name);
        let is_quantity = last_segment(&self.ty).is_some_and(|segment| segment == "Quantity");
        let write = if is_quantity {
            quote! { map.serialize_entry(#name, ::apimachinery::json::quantity_text(&self.#ident))?; }
        } else {
            quote! { map.serialize_entry(#name, &self.#ident)?; }
        };
        if self.attributes.inline {
            quote! { ::apimachinery::json::Fields::serialize_fields(&self.#ident, map)?; }
        } else if self.is_option {
            quote! { if self.#ident.is_some() { #write } }
        } else if self.attributes.omitempty {
            quote! { if !(&::apimachinery::json::Omit(&self.#ident)).omit() { #write } }
        } else {
            write
        }
    }
}

/// `#[derive(…)]` of those that the item does not derive already.
pub(crate) fn missing_derives(attributes: &[Attribute], wanted: &[&str]) -> TokenStream {
    let present: String = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"))
        .map(|attribute| attribute.meta.to_token_stream().to_string())
        .collect();
    let words: Vec<&str> = present.split(|c: char| !c.is_alphanumeric()).collect();
    let missing = wanted
        .iter()
        .filter(|name| !words.contains(name))
        .map(|name| quote::format_ident!("{name}"));
    quote! { #[derive(#(#missing),*)] }
}

/// The last part of a type's path: `Option` of `std::option::Option<String>`.
pub(crate) fn last_segment(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

/// `node_selector` → `nodeSelector`; `r#type` and `type_` → `type`.
fn camel_case(name: &str) -> String {
    let mut camel = String::new();
    for (index, word) in name.trim_start_matches("r#").trim_matches('_').split('_').enumerate() {
        let mut chars = word.chars();
        match chars.next() {
            Some(first) if index > 0 => camel.extend(first.to_uppercase()),
            Some(first) => camel.push(first),
            None => {}
        }
        camel.push_str(chars.as_str());
    }
    camel
}

#[cfg(test)]
mod tests {
    use super::camel_case;

    #[test]
    fn json_names_are_camel_case() {
        for (field, json) in [
            ("name", "name"),
            ("node_selector", "nodeSelector"),
            ("r#type", "type"),
            ("type_", "type"),
            ("max_pods_per_node", "maxPodsPerNode"),
        ] {
            assert_eq!(camel_case(field), json);
        }
    }
}
