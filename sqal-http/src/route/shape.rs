//! [`Shape`]: the schema of a type that a route takes or gives.

#[cfg(feature = "openapi")]
use std::borrow::Cow;
#[cfg(feature = "openapi")]
use std::collections::BTreeMap;

#[cfg(feature = "openapi")]
use serde_json::{Value, json};
#[cfg(feature = "openapi")]
use utoipa::ToSchema;
#[cfg(feature = "openapi")]
use utoipa::openapi::RefOr;
#[cfg(feature = "openapi")]
use utoipa::openapi::schema::Schema;

/// The schema of a type.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(not(feature = "openapi"), allow(dead_code, reason = "only the description reads it"))]
pub(crate) enum Shape {
    /// A schema that no type has, by its name.
    Named(&'static str),
    /// The schema of a type: its name, and how it is added with all types that it contains.
    #[cfg(feature = "openapi")]
    Typed { name: fn() -> Cow<'static, str>, add: fn(&mut Schemas) },
}

#[cfg(feature = "openapi")]
impl Shape {
    /// The name of the schema.
    pub(crate) fn name(self) -> Cow<'static, str> {
        match self {
            Self::Named(name) => name.into(),
            Self::Typed { name, .. } => name(),
        }
    }
}

/// A type with a schema. Without the feature `openapi`, that is every type.
pub(crate) trait Shaped {
    /// The schema.
    fn shape() -> Shape;
}

#[cfg(feature = "openapi")]
impl<T: ToSchema> Shaped for T {
    fn shape() -> Shape {
        Shape::Typed { name: T::name, add: Schemas::add::<T> }
    }
}

#[cfg(not(feature = "openapi"))]
impl<T> Shaped for T {
    fn shape() -> Shape {
        Shape::Named("")
    }
}

/// Schemas by name.
#[cfg(feature = "openapi")]
#[derive(Debug, Default)]
pub(crate) struct Schemas(pub(crate) BTreeMap<String, Value>);

#[cfg(feature = "openapi")]
impl Schemas {
    /// Adds a type, and all types that it contains.
    pub(crate) fn add<T: ToSchema>(&mut self) {
        let mut parts: Vec<(String, RefOr<Schema>)> = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut parts);
        for (name, schema) in parts {
            self.0.insert(name, json!(schema));
        }
    }
}
