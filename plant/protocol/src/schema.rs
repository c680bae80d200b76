//! The schema of a grade, for types of other crates, which have no schema of their own.

use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

/// The schema of a grade.
#[must_use]
pub fn grade() -> Schema {
    let grades = ["A+", "A", "B", "C", "REJECT"];
    Schema::Object(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some(grades)).build())
}
