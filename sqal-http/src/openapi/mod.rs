//! [`openapi`]: the description of every route as OpenAPI 3.1 (API-01, API-11).
//!
//! It is made from the table of routes and from the types that answer.

mod page;
mod said;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};

pub(crate) use page::{description, docs, file};
use said::{Kind, SAID, Said};

use crate::access::{Role, Who};
use crate::answer::Answer;
use crate::browser_session::COOKIE;
use crate::presence::{Agreement, Heard};
use crate::problem::{KINDS, Problem, Violation};
use crate::quota::Class;
use crate::routes::{Route, routes, schemas_of_answers};

/// The schema of a grade, for types of other crates, which have no schema of their own.
pub(crate) fn grade() -> Schema {
    let grades = ["A+", "A", "B", "C", "REJECT"];
    Schema::Object(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some(grades)).build())
}

/// Whether a route is not described: WebSocket, which OpenAPI cannot describe, and the files of
/// pages.
fn is_no_call(route: &Route) -> bool {
    route.path.starts_with("/ws/") || matches!(route.path, "/" | "/dashboard.css" | "/dashboard.js" | "/docs/{*file}")
}

/// The description of every route as OpenAPI 3.1, in JSON with its members in order.
///
/// # Panics
///
/// Never: a test builds the description of every route.
#[must_use]
pub fn openapi() -> String {
    let mut paths = BTreeMap::<&str, Map<String, Value>>::new();
    for route in routes().into_iter().filter(|route| !is_no_call(route)) {
        let call = format!("{} {}", route.method, route.path);
        let said = SAID.iter().find(|said| said.call == call);
        let said = said.unwrap_or_else(|| unreachable!("{call} is described"));
        paths.entry(route.path).or_default().insert(route.method.to_lowercase(), operation(&route, said));
    }
    let whole = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "SQAL",
            "version": "1",
            "summary": "Food is graded on the line, and every verdict can be defended.",
            "description": "What each number means is in docs/measurement.md; what devices send over WebSocket (`/ws/sensors`) is in docs/protocol.md.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": ".." }],
        "paths": paths,
        "components": {
            "schemas": schemas(),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "`sqal token` makes one" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": COOKIE, "description": "what a browser has after POST /api/v1/session; over TLS with __Host- before its name" },
            },
        },
    });
    format!("{whole:#}\n")
}

fn operation(route: &Route, said: &Said) -> Value {
    let limits = match route.class.usual() {
        Some(quota) => format!(" Quota `{}`: {} in 60 s.", route.class.as_str(), quota.burst),
        None => String::new(),
    };
    let mut operation = json!({
        "operationId": said.id,
        "tags": [said.tag],
        "summary": said.summary,
        "description": format!("For: {}.{limits}", route.who.as_str()),
        "responses": responses(route, said),
    });
    let keyed = route.repeatable.then_some("Idempotency-Key");
    let parameters: Vec<_> = said.parameters.iter().copied().chain(keyed).map(parameter).collect();
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some(body) = request_body(route) {
        operation["requestBody"] = body;
    }
    if route.who != Who::Everyone || said.problems.contains(&401) {
        operation["security"] = json!([{ "token": [] }, { "cookie": [] }]);
    }
    if route.successor.is_some() {
        operation["deprecated"] = true.into();
    }
    operation
}

/// The description of a route's request body, if it has one.
fn request_body(route: &Route) -> Option<Value> {
    let json = |schema: Value, what: &str| json!({ "required": true, "description": what, "content": { "application/json": { "schema": schema } } });
    let of = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let profile = json!({ "type": "object" });
    Some(match (route.method, route.path) {
        ("POST", "/api/v1/samples:batch") => json!({
            "required": false,
            "description": "Documented frames as NDJSON: at most 1000, and 8 MiB; none is an empty batch",
            "content": { "application/x-ndjson": { "schema": {} } },
        }),
        ("POST", "/api/v1/profiles/{name}/dry-run") | ("PUT", "/api/v1/profiles/{name}") => {
            json(profile, "A profile, as GET shows it under `profile`; what is wrong with one is said with its place")
        }
        ("POST", "/api/v1/devices/{device_id}/commands") => json(of("Asked"), "What the device is asked"),
        ("POST", "/api/v1/devices/{device_id}/calibrations") => json(of("Wanted"), "From which readings"),
        ("POST", "/api/v1/jobs") => json(of("NewJob"), "What is to be done"),
        _ => return None,
    })
}

fn responses(route: &Route, said: &Said) -> Value {
    let json_of = |schema: &str| {
        let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
        json!({ "description": said.summary, "content": { "application/json": { "schema": schema } } })
    };
    let (status, answer) = match said.answer {
        Kind::Json(schema) | Kind::ChangedOrMade(schema) => ("200", json_of(schema)),
        Kind::Begun(schema) => ("202", json_of(schema)),
        Kind::Text(media) => {
            ("200", json!({ "description": said.summary, "content": { media: { "schema": { "type": "string" } } } }))
        }
        Kind::Empty => ("204", json!({ "description": said.summary })),
    };
    let mut answer = answer;
    let mut fields = Map::new();
    if route.class != Class::Unlimited {
        for (name, what) in
            [("RateLimit-Policy", "How often this may be called"), ("RateLimit", "How much of it is left")]
        {
            fields.insert(name.to_owned(), json!({ "description": what, "schema": { "type": "string" } }));
        }
    }
    if let Some(successor) = route.successor {
        let link = format!("<{successor}>; rel=\"successor-version\"");
        fields.insert(
            "Deprecation".to_owned(),
            json!({ "description": "Since when (RFC 9745)", "schema": { "type": "string" } }),
        );
        fields.insert("Link".to_owned(), json!({ "description": "What takes its place", "schema": { "const": link } }));
    }
    if said.problems.contains(&304) {
        fields.insert(
            "ETag".to_owned(),
            json!({ "description": "Its hash, to be named by If-Match", "schema": { "type": "string" } }),
        );
    }
    if matches!(said.answer, Kind::Begun(_)) {
        fields.insert(
            "Location".to_owned(),
            json!({ "description": "Where to ask how far it is", "schema": { "type": "string" } }),
        );
    }
    if !fields.is_empty() {
        answer["headers"] = fields.into();
    }
    let mut all = Map::from_iter([(status.to_owned(), answer.clone())]);
    if matches!(said.answer, Kind::ChangedOrMade(_)) {
        all.insert("201".to_owned(), answer);
    }
    let asks: &[u16] = if route.who == Who::Everyone { &[] } else { &[401, 403] };
    let counts: &[u16] = if route.class == Class::Unlimited { &[] } else { &[429] };
    let older: &[u16] = if route.successor.is_some() { &[410] } else { &[] };
    let keyed: &[u16] = if route.repeatable { &[400, 408, 409, 422] } else { &[] };
    let coded: &[u16] = if matches!(route.method, "POST" | "PUT") { &[415] } else { &[] };
    let problems = said.problems.iter().chain(asks).chain(counts).chain(older).chain(keyed).chain(coded).chain(&[503]);
    for status in problems {
        all.insert(status.to_string(), problem(*status));
    }
    if said.tag == "Health" {
        // A probe has the same body with 503 as with 200.
        all.insert(
            "503".to_owned(),
            json!({
                "description": "It is not",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Health" } } },
            }),
        );
    }
    all.into()
}

fn problem(status: u16) -> Value {
    if status == 304 {
        return json!({ "description": "The same as the one that is known (If-None-Match)" });
    }
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    let mut answer = json!({
        "description": match status {
            400 => "Something has a value that cannot be; each violation names the place, the value and the limit",
            401 => "A token is missing, wrong, or over",
            403 => "The token is for something else",
            404 => "There is no such thing",
            408 => "The body did not come in time",
            409 => "Not as things are: the device is away, a request with this key is under way, or a newer program has decided",
            410 => "The older path is switched off",
            412 => "It is not any more what If-Match or If-None-Match says",
            413 => "The body is too large",
            415 => "The Content-Encoding is not gzip",
            422 => "The Idempotency-Key came with another request before",
            428 => "If-Match or If-None-Match is missing",
            429 => "More often than the quota",
            504 => "The device did not answer in time",
            _ => "Not now: try again",
        },
        "content": { "application/problem+json": { "schema": schema } },
    });
    if matches!(status, 409 | 429 | 503) {
        let field = json!({ "description": "After how many seconds to try again", "schema": { "type": "integer", "minimum": 1 } });
        answer["headers"] = json!({ "Retry-After": field });
    }
    if status == 401 {
        answer["headers"] = json!({ "WWW-Authenticate": { "schema": { "const": "Bearer" } } });
    }
    answer
}

fn parameter(name: &str) -> Value {
    // The characters that `sqal_core::Name` accepts. A schema cannot express its limit in bytes.
    let printable = r"^[^\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]+$";
    let device = json!({ "type": "string", "minLength": 1, "maxLength": 100, "pattern": printable });
    match name {
        "device_id" => {
            json!({ "name": "device_id", "in": "query", "description": "Only of this device: 1 to 100 bytes of printable text", "schema": device })
        }
        "path device_id" => {
            json!({ "name": "device_id", "in": "path", "required": true, "description": "The device", "schema": device })
        }
        "limit" => {
            json!({ "name": "limit", "in": "query", "description": "At most so many", "schema": { "type": "integer", "minimum": 1, "maximum": 500, "default": 50 } })
        }
        "profile" => json!({
            "name": "name",
            "in": "path",
            "required": true,
            "description": "The profile's name",
            "schema": { "type": "string", "minLength": 1, "maxLength": 64, "pattern": printable },
        }),
        "most" => json!({
            "name": "limit",
            "in": "query",
            "description": "At most so many",
            "schema": { "type": "integer", "minimum": 1, "maximum": 1000, "default": 50 },
        }),
        "before" => {
            json!({ "name": "before", "in": "query", "description": "Only what came before this number", "schema": { "type": "integer", "minimum": 1, "maximum": u32::MAX } })
        }
        "job" => json!({
            "name": "id", "in": "path", "required": true, "description": "The job's id", "schema": { "type": "string", "pattern": "^[0-9a-f]{16}-[0-9]+$" },
        }),
        "If-Match" => json!({
            "name": name, "in": "header", "description": "The ETag of the profile that was read, and that this one takes the place of",
            "schema": { "type": "string", "pattern": "^(\\*|\"[0-9a-f]{32}\")$" },
        }),
        "If-None-Match" => json!({
            "name": name, "in": "header", "description": "For a new name", "schema": { "const": "*" },
        }),
        "known" => json!({
            "name": "If-None-Match", "in": "header", "description": "The ETag of what is known: 304 while it is the same",
            "schema": { "type": "string" },
        }),
        "Idempotency-Key" => json!({
            "name": name, "in": "header", "description": "Of one request and its repetitions: it is done once, and answered the same for a day",
            "schema": { "type": "string", "pattern": "^(\"[!#-+.-\\[\\]-~-]{1,255}\"|[!#-+.-\\[\\]-~-]{1,255})$" },
        }),
        "Last-Event-ID" => json!({
            "name": name, "in": "header", "description": "The id of the last event that was seen: what was stored since comes first",
            "schema": { "type": "string" },
        }),
        "after" => {
            json!({ "name": "after", "in": "query", "description": "The `next` of an earlier page", "schema": { "type": "string", "pattern": "^[0-9a-f]{48}$" } })
        }
        "from" => {
            json!({ "name": "from", "in": "query", "description": "The first hour: the one that this time lies in; without it 24 hours before `until`", "schema": { "type": "string", "format": "date-time" } })
        }
        "until" => {
            json!({ "name": "until", "in": "query", "description": "The hour after the last, at most 10 000 after the first; without it the end of the present hour", "schema": { "type": "string", "format": "date-time" } })
        }
        "name" => {
            json!({ "name": "name", "in": "path", "required": true, "description": "The last part of a problem's type", "schema": { "enum": KINDS.map(|(name, ..)| name) } })
        }
        _ => {
            json!({ "name": name, "in": "path", "required": true, "description": "The sample's id", "schema": { "type": "string", "format": "uuid" } })
        }
    }
}

/// Adds a type, and all types that it contains, by name.
fn of<T: ToSchema>(into: &mut BTreeMap<String, Value>) {
    let mut parts: Vec<(String, RefOr<Schema>)> = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut parts);
    for (name, schema) in parts {
        into.insert(name, json!(schema));
    }
}

fn schemas() -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    of::<Problem>(&mut all);
    of::<Violation>(&mut all);
    of::<Answer>(&mut all);
    of::<Agreement>(&mut all);
    of::<Heard>(&mut all);
    of::<Role>(&mut all);
    schemas_of_answers(&mut Schemas(&mut all));
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
    all.insert(
        "Health".to_owned(),
        json!({
            "type": "object",
            "required": ["status"],
            "properties": { "status": { "type": "string" } },
            "additionalProperties": true,
        }),
    );
    all.insert("Description".to_owned(), json!({ "type": "object", "required": ["openapi"] }));
    all
}

/// The collection of the types that routes answer with.
pub(crate) struct Schemas<'a>(&'a mut BTreeMap<String, Value>);

impl Schemas<'_> {
    /// Adds a type that a route answers with.
    pub(crate) fn add<T: ToSchema>(&mut self) {
        of::<T>(self.0);
    }
}

/// The schema of a sample as clients read it: what every sample has. `docs/measurement.md` defines
/// each number.
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
                    "purpose": { "const": "calibration", "description": "There if the reading is of no product: it counts in no figure" },
                    "unknown": {
                        "type": "array",
                        "description": "Side values of the device that cannot be, each with the reason why it is null",
                        "items": { "$ref": "#/components/schemas/Violation" },
                    },
                },
            },
            "processing_time_ms": { "type": "number", "minimum": 0 },
            "reported": { "type": "object", "description": "What the device concluded itself, by block", "additionalProperties": true },
        },
    })
}
