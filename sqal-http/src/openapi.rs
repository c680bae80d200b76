//! [`openapi`]: the description of every route as OpenAPI 3.1, made from the table of routes and the types that answer (API-01, API-11), and `/docs`.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use axum::extract::Path;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, SchemaType, Type};
use utoipa_swagger_ui::{Config, serve};

use crate::access::{COOKIE, Role, Who};
use crate::answer::Answer;
use crate::presence::Heard;
use crate::problem::{KINDS, Problem, Violation};
use crate::quota::Class;
use crate::routes::{Route, routes, schemas_of_answers};

/// A grade, for types of other crates that the description does not reach into.
pub(crate) fn grade() -> Schema {
    let grades = ["A+", "A", "B", "C", "REJECT"];
    Schema::Object(ObjectBuilder::new().schema_type(SchemaType::Type(Type::String)).enum_values(Some(grades)).build())
}

/// What is said of a call that its types do not say.
struct Said {
    call: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    parameters: &'static [&'static str],
    answer: Kind,
    problems: &'static [u16],
}

/// What a call answers with.
#[derive(Clone, Copy)]
enum Kind {
    /// JSON of this schema.
    Json(&'static str),
    /// A text of this media type.
    Text(&'static str),
    /// Nothing.
    Empty,
}

const fn said(
    call: &'static str,
    id: &'static str,
    tag: &'static str,
    summary: &'static str,
    parameters: &'static [&'static str],
    answer: Kind,
    problems: &'static [u16],
) -> Said {
    Said { call, id, tag, summary, parameters, answer, problems }
}

const SAID: [Said; 32] = [
    said(
        "GET /api/v1/samples/latest",
        "latestSample",
        "Samples",
        "The newest sample of the line, or of a device",
        &["device_id"],
        Kind::Json("Sample"),
        &[400, 404],
    ),
    said(
        "GET /api/sqal/latest",
        "latestSampleLegacy",
        "Samples",
        "The newest sample of the line, or of a device",
        &["device_id"],
        Kind::Json("Sample"),
        &[400, 404],
    ),
    said(
        "GET /api/v1/samples",
        "listSamples",
        "Samples",
        "Samples, newest first, page by page",
        &["device_id", "limit", "after"],
        Kind::Json("Samples"),
        &[400],
    ),
    said("GET /api/v1/samples/{id}", "getSample", "Samples", "One sample", &["id"], Kind::Json("Sample"), &[404]),
    said(
        "POST /api/v1/samples:batch",
        "putSamples",
        "Samples",
        "Frames, one a line, each judged, stored and answered by itself",
        &[],
        Kind::Json("Results"),
        &[400, 408, 413],
    ),
    said(
        "GET /api/v1/dead-letters",
        "listDeadLetters",
        "Dead letters",
        "Frames that were refused for good, the newest first",
        &["most"],
        Kind::Json("Letters"),
        &[400],
    ),
    said(
        "DELETE /api/v1/dead-letters",
        "eraseDeadLetters",
        "Dead letters",
        "Dead letters of a device are gone, or all",
        &["device_id"],
        Kind::Json("Erased"),
        &[400],
    ),
    said(
        "POST /api/v1/dead-letters:replay",
        "replayDeadLetters",
        "Dead letters",
        "Every dead letter is judged anew; what is taken after all is none any more",
        &[],
        Kind::Json("Replayed"),
        &[],
    ),
    said(
        "GET /api/v1/events",
        "watchSamples",
        "Samples",
        "Samples as they are stored (server-sent events)",
        &[],
        Kind::Text("text/event-stream"),
        &[],
    ),
    said(
        "GET /api/v1/devices",
        "listDevices",
        "Devices",
        "Every device, whether it is heard from, and what its samples come to",
        &[],
        Kind::Json("Devices"),
        &[],
    ),
    said(
        "GET /api/v1/devices/{device_id}",
        "getDevice",
        "Devices",
        "One device",
        &["path device_id"],
        Kind::Json("Device"),
        &[404],
    ),
    said(
        "POST /api/v1/devices/{device_id}/commands",
        "askDevice",
        "Devices",
        "A connected device is asked to do something, and its answer is the answer",
        &["path device_id"],
        Kind::Json("Answered"),
        &[400, 404, 408, 409, 504],
    ),
    said(
        "GET /api/v1/aggregates/hourly",
        "listHours",
        "Aggregates",
        "What the samples of each hour come to",
        &["device_id", "from", "until"],
        Kind::Json("Hours"),
        &[400],
    ),
    said(
        "GET /api/v1/dashboard/metrics",
        "getDashboard",
        "Aggregates",
        "The line at a glance",
        &[],
        Kind::Json("Dashboard"),
        &[],
    ),
    said(
        "GET /api/dashboard/metrics/",
        "getDashboardLegacy",
        "Aggregates",
        "The line at a glance",
        &[],
        Kind::Json("Dashboard"),
        &[],
    ),
    said(
        "GET /api/v1/profiles",
        "listProfiles",
        "Profiles",
        "By what products are judged",
        &[],
        Kind::Json("Listed"),
        &[],
    ),
    said(
        "GET /api/v1/profiles/{name}",
        "getProfile",
        "Profiles",
        "One profile as a whole",
        &["profile"],
        Kind::Json("Whole"),
        &[304, 404],
    ),
    said(
        "POST /api/v1/profiles/{name}/dry-run",
        "tryProfile",
        "Profiles",
        "What a profile would have said of the newest samples; nothing is changed",
        &["profile"],
        Kind::Json("DryRun"),
        &[400, 404, 408],
    ),
    said("GET /api/v1/session", "getSession", "Session", "Who one is", &[], Kind::Json("Session"), &[401]),
    said(
        "POST /api/v1/session",
        "beginSession",
        "Session",
        "A browser keeps the token of the Authorization field in a cookie",
        &[],
        Kind::Json("Session"),
        &[401, 403],
    ),
    said("DELETE /api/v1/session", "endSession", "Session", "A browser forgets the token", &[], Kind::Empty, &[403]),
    said(
        "GET /problems/{name}",
        "explainProblem",
        "Problems",
        "What a problem's type means and what to do",
        &["name"],
        Kind::Text("text/plain; charset=utf-8"),
        &[404],
    ),
    said("GET /health", "health", "Health", "For people and containers", &[], Kind::Json("Health"), &[]),
    said("GET /health/startup", "startup", "Health", "Whether the server has started", &[], Kind::Json("Health"), &[]),
    said(
        "GET /health/live",
        "live",
        "Health",
        "Whether the process goes on; no dependency is asked",
        &[],
        Kind::Json("Health"),
        &[],
    ),
    said("GET /health/ready", "ready", "Health", "Whether traffic should come here", &[], Kind::Json("Health"), &[]),
    said("GET /api/health", "answers", "Health", "That it answers", &[], Kind::Json("Health"), &[]),
    said(
        "GET /ready",
        "readyChecks",
        "Health",
        "Whether traffic should come here, in other words",
        &[],
        Kind::Json("Health"),
        &[],
    ),
    said(
        "GET /api/ready",
        "readyChecksOfTheApi",
        "Health",
        "Whether traffic should come here, in other words",
        &[],
        Kind::Json("Health"),
        &[],
    ),
    said(
        "GET /metrics",
        "metrics",
        "Health",
        "Prometheus' text format",
        &[],
        Kind::Text("text/plain; version=0.0.4; charset=utf-8"),
        &[404],
    ),
    said("GET /openapi/v1.json", "describe", "Description", "This description", &[], Kind::Json("Description"), &[]),
    said(
        "GET /docs",
        "docs",
        "Description",
        "This description as a page to try it on",
        &[],
        Kind::Text("text/html"),
        &[],
    ),
];

/// Whether a route is none of the interface: WebSocket, which OpenAPI cannot describe, and the files of pages.
fn is_no_call(route: &Route) -> bool {
    route.path.starts_with("/ws/") || matches!(route.path, "/" | "/dashboard.css" | "/dashboard.js" | "/docs/{*file}")
}

/// The description of every route as OpenAPI 3.1, in JSON with its members in order.
///
/// # Panics
///
/// Never: a test makes it.
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
                "cookie": { "type": "apiKey", "in": "cookie", "name": COOKIE, "description": "what a browser has after POST /api/v1/session" },
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
    if !said.parameters.is_empty() {
        operation["parameters"] = said.parameters.iter().map(|name| parameter(name)).collect();
    }
    if route.path == "/api/v1/samples:batch" {
        operation["requestBody"] = json!({
            "required": false,
            "description": "Documented frames as NDJSON: at most 1000, and 8 MiB; none is an empty batch",
            "content": { "application/x-ndjson": { "schema": {} } },
        });
    }
    if route.path.ends_with("/dry-run") {
        operation["requestBody"] = json!({
            "required": true,
            "description": "A profile as GET shows it; what is wrong with one is said with its place",
            "content": { "application/json": { "schema": { "type": "object" } } },
        });
    }
    if route.path.ends_with("/commands") {
        let schema = json!({ "$ref": "#/components/schemas/Asked" });
        operation["requestBody"] = json!({ "required": true, "content": { "application/json": { "schema": schema } } });
    }
    if route.who != Who::Anybody || said.problems.contains(&401) {
        operation["security"] = json!([{ "token": [] }, { "cookie": [] }]);
    }
    if route.successor.is_some() {
        operation["deprecated"] = true.into();
    }
    operation
}

fn responses(route: &Route, said: &Said) -> Value {
    let (status, answer) = match said.answer {
        Kind::Json(schema) => {
            let schema = json!({ "$ref": format!("#/components/schemas/{schema}") });
            ("200", json!({ "description": said.summary, "content": { "application/json": { "schema": schema } } }))
        }
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
    if !fields.is_empty() {
        answer["headers"] = fields.into();
    }
    let mut all = Map::from_iter([(status.to_owned(), answer)]);
    let asks: &[u16] = if route.who == Who::Anybody { &[] } else { &[401, 403] };
    let counts: &[u16] = if route.class == Class::Unlimited { &[] } else { &[429] };
    let older: &[u16] = if route.successor.is_some() { &[410] } else { &[] };
    let problems = said.problems.iter().chain(asks).chain(counts).chain(older).chain(&[503]);
    for status in problems {
        all.insert(status.to_string(), problem(*status));
    }
    if said.tag == "Health" {
        // A probe says with 503 the same as with 200.
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
            409 => "The device is not connected to this server",
            410 => "The older path is switched off",
            413 => "The body is too large",
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
    // What `sqal_core::Name` refuses, but for the length in bytes, which no schema can say.
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

/// A type and all that it is made of, by name.
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

/// Where routes put the types that they answer with.
pub(crate) struct Schemas<'a>(&'a mut BTreeMap<String, Value>);

impl Schemas<'_> {
    /// A type that a route answers with.
    pub(crate) fn add<T: ToSchema>(&mut self) {
        of::<T>(self.0);
    }
}

/// A sample as clients read it: what every sample has; docs/measurement.md says what each number is.
fn sample() -> Value {
    let number = json!({ "type": ["number", "null"] });
    let matrix = |kind: &str| {
        let row = json!({ "type": "array", "minItems": 8, "maxItems": 8, "items": { "type": [kind, "null"] } });
        json!({ "type": "array", "minItems": 8, "maxItems": 8, "items": row })
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
    for name in ["distance_matrix", "reflectance_matrix", "amplitude_matrix"] {
        tof.insert(name.to_owned(), matrix("number"));
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
                "properties": { "config_profile": text, "profile_version": { "type": "integer" }, "profile_hash": text },
            },
            "processing_time_ms": { "type": "number", "minimum": 0 },
        },
    })
}

/// `GET /openapi/v1.json`.
pub(crate) async fn description() -> Response {
    static WRITTEN: LazyLock<String> = LazyLock::new(openapi);
    ([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], WRITTEN.as_str()).into_response()
}

/// `GET /docs`: its files are below it.
pub(crate) async fn docs() -> Redirect {
    Redirect::permanent("docs/index.html")
}

/// `GET /docs/{file}`: Swagger UI, from the binary.
pub(crate) async fn file(Path(file): Path<String>) -> Response {
    // It makes styles while it runs, and needs more than the live page; scripts are only its own.
    const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let config = Arc::new(Config::from("../openapi/v1.json"));
    match serve(&file, config) {
        Ok(Some(found)) => {
            let policy = HeaderValue::from_static(POLICY);
            let kind = HeaderValue::try_from(&found.content_type)
                .unwrap_or(HeaderValue::from_static("application/octet-stream"));
            let fields = [(header::CONTENT_TYPE, kind), (header::CONTENT_SECURITY_POLICY, policy)];
            (fields, found.bytes.into_owned()).into_response()
        }
        _ => Problem::not_found("no such file").into_response(),
    }
}
