//! The schemas of the description: those of types, and those that no type has.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use sqal_intake::presence::{Agreement, Heard};
use sqal_protocol as protocol;
use sqal_protocol::Violation;
use sqal_protocol::answer::Answer;

use crate::door::caller::Role;
use crate::route::{Gives, Route, Schemas, Shape, Takes};

/// The schemas of all types that the routes take and give.
pub(super) fn schemas(routes: &[Route]) -> BTreeMap<String, Value> {
    let mut typed = Schemas::default();
    typed.add::<protocol::Problem>();
    typed.add::<Violation>();
    typed.add::<Answer>();
    typed.add::<Agreement>();
    typed.add::<Heard>();
    typed.add::<Role>();
    for described in routes.iter().filter_map(|route| route.described) {
        let body = described.body.and_then(|(takes, _)| match takes {
            Takes::Json(shape) => Some(shape),
            #[cfg(feature = "bugs")]
            Takes::MergePatch(shape) => Some(shape),
            _ => None,
        });
        let answer = match described.answer {
            Gives::Json(shape)
            | Gives::ChangedOrMade(shape)
            | Gives::Made(shape)
            | Gives::Begun(shape)
            | Gives::JsonOrText(shape, _) => Some(shape),
            #[cfg(feature = "bugs")]
            Gives::File => None,
            Gives::Text(_) | Gives::Texts(_) | Gives::Empty => None,
        };
        for shape in body.into_iter().chain(answer) {
            if let Shape::Typed { add, .. } = shape {
                add(&mut typed);
            }
        }
    }
    let Schemas(mut all) = typed;
    all.insert("Sample".to_owned(), sample());
    all.insert(
        "Defect".to_owned(),
        json!({
            "type": "object",
            "required": ["kind", "severity", "zones", "probability"],
            "properties": {
                "kind": { "type": "string" },
                "severity": { "enum": ["Minor", "Major", "Critical"] },
                "zones": { "type": "array", "items": { "type": "integer", "minimum": 0, "maximum": 63 } },
                "probability": { "type": "number", "minimum": 0, "maximum": 1 },
                "area_mm2": { "type": ["number", "null"] },
                "depth_mm": { "type": ["number", "null"] },
                "volume_mm3": { "type": ["number", "null"] },
            },
        }),
    );
    all.insert("Samples".to_owned(), json!({
        "type": "object",
        "required": ["items", "next"],
        "properties": {
            "items": { "type": "array", "items": { "$ref": "#/components/schemas/Sample" } },
            "next": { "type": ["string", "null"], "pattern": "^[0-9a-f]{48}$", "description": "What to pass as `after` for the next page; null on the last" },
        },
    }));
    all.insert("Health".to_owned(), health());
    all.insert("Description".to_owned(), json!({ "type": "object", "required": ["openapi"] }));
    all
}

/// Those of the schemas that a description refers to, also through other schemas.
pub(super) fn used(paths: &Value, mut all: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let (mut used, mut open) = (BTreeMap::new(), Vec::new());
    refer(paths, &mut open);
    while let Some(name) = open.pop() {
        if let Some(schema) = all.remove(&name) {
            refer(&schema, &mut open);
            used.insert(name, schema);
        }
    }
    used
}

/// Adds the names of the schemas that a part of a description refers to.
fn refer(part: &Value, names: &mut Vec<String>) {
    match part {
        Value::String(text) => names.extend(text.strip_prefix("#/components/schemas/").map(str::to_owned)),
        Value::Array(parts) => parts.iter().for_each(|part| refer(part, names)),
        Value::Object(parts) => parts.values().for_each(|part| refer(part, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The schema of the answers of all probes, each with members of its own.
fn health() -> Value {
    json!({
        "type": "object",
        "required": ["status"],
        "properties": {
            "status": { "type": "string" },
            "dependencies": {
                "type": "object",
                "description": "Of /health: each part that is checked",
                "additionalProperties": {
                    "type": "object",
                    "required": ["status", "latency_ms"],
                    "properties": {
                        "status": { "enum": ["ok", "degraded", "unknown", "down"] },
                        "latency_ms": {
                            "type": ["number", "null"],
                            "minimum": 0,
                            "description": "The time of the last check",
                        },
                    },
                },
            },
        },
        "additionalProperties": true,
    })
}

/// The schema of a sample as clients read it: what every sample has. `docs/measurement.md` defines
/// each number.
#[expect(clippy::too_many_lines, reason = "one schema, and it branches nowhere")]
fn sample() -> Value {
    let number = json!({ "type": ["number", "null"] });
    let matrix = |kind: Value| {
        let row = json!({ "type": "array", "minItems": 8, "maxItems": 8, "items": { "type": ["number", "null"] } });
        json!({ "type": kind, "minItems": 8, "maxItems": 8, "items": row })
    };
    let grades = || json!({ "enum": ["A+", "A", "B", "C", "REJECT", null] });
    let block = |own: Value| {
        let mut properties = json!({
            "quality_score": number, "grade": grades(),
            "defects": { "type": "array", "items": { "$ref": "#/components/schemas/Defect" } },
            "flags": { "type": "array", "items": { "type": "string" } },
            "uncertainty": { "type": "object", "description": "The standard uncertainty of each quantity", "additionalProperties": number },
        });
        if let (Some(properties), Value::Object(own)) = (properties.as_object_mut(), own) {
            properties.extend(own);
        }
        let required: Vec<_> = properties.as_object().into_iter().flat_map(Map::keys).cloned().collect();
        json!({ "type": ["object", "null"], "required": required, "properties": properties })
    };
    let quantities =
        |names: &[&str]| names.iter().map(|name| ((*name).to_owned(), number.clone())).collect::<Map<_, _>>();
    let mut tof = quantities(&["volume_mm3", "avg_height_mm", "surface_uniformity", "height_variation_mm", "tilt_deg"]);
    tof.insert("distance_matrix".to_owned(), matrix(json!("array")));
    for name in ["reflectance_matrix", "amplitude_matrix"] {
        tof.insert(name.to_owned(), matrix(json!(["array", "null"])));
    }
    let mut spectral =
        quantities(&["freshness_index", "fat_quality_index", "oxidation_index", "color_uniformity", "color_score"]);
    spectral.insert("channels".to_owned(), json!({ "type": "object", "additionalProperties": { "type": "integer" }, "minProperties": 10, "maxProperties": 10 }));
    spectral.insert("integration_time".to_owned(), json!({ "type": "number", "description": "Milliseconds" }));
    spectral.insert("gain".to_owned(), json!({ "type": "number", "description": "The multiplier" }));
    let text = json!({ "type": "string" });
    let time = json!({ "type": "string", "format": "date-time" });
    json!({
        "type": "object",
        "description": "A sample: the documented frame with our analysis in it",
        "required": ["id", "type", "timestamp", "received_at", "device_id", "sample_id", "vl53l8ch", "as7341", "fusion", "meta", "processing_time_ms"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "type": { "const": "sensor_data" },
            "timestamp": time, "received_at": time,
            "device_id": text, "sample_id": text,
            "vl53l8ch": block(tof.into()),
            "as7341": block(spectral.into()),
            "fusion": {
                "type": "object",
                "required": ["final_score", "final_score_u", "final_grade", "confidence", "defects", "explanation"],
                "properties": {
                    "final_score": number, "final_score_u": number,
                    "final_grade": { "enum": ["A+", "A", "B", "C", "REJECT"] },
                    "confidence": number, "conformity_probability": number,
                    "vl53l8ch_score": number, "as7341_score": number,
                    "defects": { "type": "array", "items": { "$ref": "#/components/schemas/Defect" } },
                    "explanation": { "type": "object", "required": ["en", "fr"], "properties": { "en": text, "fr": text } },
                },
            },
            "meta": {
                "type": "object",
                "required": ["config_profile", "profile_version", "profile_hash"],
                "properties": {
                    "config_profile": text, "profile_version": { "type": "integer" }, "profile_hash": text,
                    "purpose": { "const": "calibration", "description": "Present if the reading is not of a product: such a sample counts in no statistic" },
                    "unknown": {
                        "type": "array",
                        "description": "Invalid side values of the device, each with the reason why it is null",
                        "items": { "$ref": "#/components/schemas/Violation" },
                    },
                },
            },
            "processing_time_ms": { "type": "number", "minimum": 0 },
            "reported": { "type": "object", "description": "The device's own conclusions, by block", "additionalProperties": true },
        },
    })
}
