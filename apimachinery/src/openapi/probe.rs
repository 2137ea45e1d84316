//! The schema of any type, known or not.
//!
//! Code of `#[api_type]` calls `(&Probe::<T>::NEW).schema_of()`. For a type with [`OpenApi`] the method of
//! [`SchemaOfKnown`] is found first; else, one reference later, that of [`SchemaOfAny`]: an object of any shape.

use std::marker::PhantomData;

use super::{OpenApi, Schema};

/// Stands for a type.
#[derive(Debug)]
pub struct Probe<T>(PhantomData<fn() -> T>);

impl<T> Probe<T> {
    /// The only value.
    pub const NEW: Self = Self(PhantomData);
}

/// See the module's documentation.
pub trait SchemaOfKnown {
    /// How others mention the type.
    fn schema_of(&self) -> Schema;
    /// Its own schema.
    fn own_schema(&self) -> Schema;
}

impl<T: OpenApi> SchemaOfKnown for Probe<T> {
    fn schema_of(&self) -> Schema {
        T::reference()
    }

    fn own_schema(&self) -> Schema {
        T::schema()
    }
}

/// See the module's documentation.
pub trait SchemaOfAny {
    /// How others mention the type.
    fn schema_of(&self) -> Schema;
    /// Its own schema.
    fn own_schema(&self) -> Schema;
}

impl<T> SchemaOfAny for &Probe<T> {
    fn schema_of(&self) -> Schema {
        Schema::any_type()
    }

    fn own_schema(&self) -> Schema {
        Schema::any_type()
    }
}
