//! Schemas of Rust's own types.

use std::collections::BTreeMap;

use k8s_openapi::ByteString;
use serde_json::Value;

use super::{OpenApi, Schema, Shape};
use crate::versioning::GroupKind;

macro_rules! scalar {
    ($($ty:ty => $schema:expr;)+) => {
        $(impl OpenApi for $ty {
            fn name() -> Option<String> {
                None
            }

            fn schema() -> Schema {
                $schema
            }
        })+
    };
}

scalar! {
    bool => Schema::of(Shape::Boolean);
    i32 => Schema::of(Shape::Integer).format("int32");
    i64 => Schema::of(Shape::Integer).format("int64");
    u32 => Schema::of(Shape::Integer).format("int64");
    u64 => Schema::of(Shape::Integer).format("int64");
    f32 => Schema::of(Shape::Number).format("float");
    f64 => Schema::of(Shape::Number).format("double");
    String => Schema::string();
    ByteString => Schema::string().format("byte");
    Value => Schema::any_type();
    GroupKind => Schema::object().required("group", Schema::string()).required("kind", Schema::string());
}

impl<T: OpenApi> OpenApi for Option<T> {
    fn name() -> Option<String> {
        T::name()
    }

    fn schema() -> Schema {
        T::schema()
    }
}

impl<T: OpenApi> OpenApi for Vec<T> {
    fn name() -> Option<String> {
        None
    }

    fn schema() -> Schema {
        Schema::array(T::reference())
    }
}

impl<K, V: OpenApi> OpenApi for BTreeMap<K, V> {
    fn name() -> Option<String> {
        None
    }

    fn schema() -> Schema {
        Schema::map(V::reference())
    }
}
