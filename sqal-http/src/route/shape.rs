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

    /// The schema with the names of its fields in camelCase.
    #[cfg(feature = "bugs")]
    fn camel_shape() -> Shape;
}

#[cfg(feature = "openapi")]
impl<T: ToSchema> Shaped for T {
    fn shape() -> Shape {
        Shape::Typed { name: T::name, add: Schemas::add::<T> }
    }

    #[cfg(feature = "bugs")]
    fn camel_shape() -> Shape {
        Shape::Typed { name: || camel_schema_name(&T::name()).into(), add: Schemas::add_camel::<T> }
    }
}

#[cfg(not(feature = "openapi"))]
impl<T> Shaped for T {
    fn shape() -> Shape {
        Shape::Named("")
    }

    #[cfg(feature = "bugs")]
    fn camel_shape() -> Shape {
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

    /// Adds a type, and all types that it contains, with the names of their fields in camelCase.
    #[cfg(feature = "bugs")]
    pub(crate) fn add_camel<T: ToSchema>(&mut self) {
        let mut parts: Vec<(String, RefOr<Schema>)> = vec![(T::name().into_owned(), T::schema())];
        T::schemas(&mut parts);
        for (name, schema) in parts {
            self.0.insert(camel_schema_name(&name), in_camel(json!(schema)));
        }
    }
}

/// The name of a schema whose fields are in camelCase.
#[cfg(all(feature = "bugs", feature = "openapi"))]
fn camel_schema_name(name: &str) -> String {
    format!("Camel{name}")
}

/// A schema with the names of its fields in camelCase, which refers to such schemas only.
#[cfg(all(feature = "bugs", feature = "openapi"))]
fn in_camel(schema: Value) -> Value {
    use super::spelling::camel;
    const SCHEMAS: &str = "#/components/schemas/";
    let named = |name: Value| name.as_str().map_or_else(|| name.clone(), |name| camel(name).into());
    match schema {
        Value::Array(parts) => parts.into_iter().map(in_camel).collect(),
        Value::Object(members) => {
            let member = |(key, value): (String, Value)| {
                let value = match value {
                    Value::Object(fields) if key == "properties" => {
                        let fields = fields.into_iter().map(|(name, field)| (camel(&name), in_camel(field)));
                        Value::Object(fields.collect())
                    }
                    Value::Array(names) if key == "required" => names.into_iter().map(named).collect(),
                    Value::String(text) if key == "$ref" => {
                        let named =
                            text.strip_prefix(SCHEMAS).map(|name| SCHEMAS.to_owned() + &camel_schema_name(name));
                        named.unwrap_or(text).into()
                    }
                    value => in_camel(value),
                };
                (key, value)
            };
            Value::Object(members.into_iter().map(member).collect())
        }
        other => other,
    }
}
