//! [`openapi`]: the description of every route as OpenAPI 3.1 (API-01, API-11).
//!
//! It is made from the table of routes and from the types that answer.

mod page;
mod schemas;

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

pub(crate) use page::routes;

use crate::door::browser_session::COOKIE;
use crate::door::caller::Who;
use crate::door::quota::Class;
use crate::route::{Described, Gives, IDEMPOTENCY_KEY, Parameter, Route, Shape, Takes};

/// The description of every route as OpenAPI 3.1, in JSON with its members in order.
#[must_use]
pub(crate) fn openapi(routes: &[Route]) -> String {
    let mut paths = BTreeMap::<&str, Map<String, Value>>::new();
    for route in routes {
        if let Some(described) = &route.described {
            paths.entry(route.path).or_default().insert(route.method.to_lowercase(), operation(route, described));
        }
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
            "schemas": schemas::schemas(routes),
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "`sqal token` makes one" },
                "cookie": { "type": "apiKey", "in": "cookie", "name": COOKIE, "description": "the cookie of POST /api/v1/session; over TLS its name begins with __Host-" },
            },
        },
    });
    format!("{whole:#}\n")
}

fn operation(route: &Route, described: &Described) -> Value {
    let limits = match route.class.usual() {
        Some(quota) => format!(" Quota `{}`: {} in 60 s.", route.class.as_str(), quota.burst),
        None => String::new(),
    };
    let mut operation = json!({
        "operationId": described.id,
        "tags": [described.tag],
        "summary": described.summary,
        "description": format!("For: {}.{limits}", route.who.as_str()),
        "responses": responses(route, described),
    });
    let keyed = route.repeatable.then_some(&IDEMPOTENCY_KEY);
    let parameters: Vec<_> = described.parameters.iter().chain(keyed).map(parameter).collect();
    if !parameters.is_empty() {
        operation["parameters"] = parameters.into();
    }
    if let Some((takes, what)) = described.body {
        operation["requestBody"] = request_body(takes, what);
    }
    if route.who != Who::Everyone || described.fails.contains(&401) {
        operation["security"] = json!([{ "token": [] }, { "cookie": [] }]);
    }
    if route.successor.is_some() {
        operation["deprecated"] = true.into();
    }
    operation
}

/// A reference to a schema.
fn reference(shape: Shape) -> Value {
    json!({ "$ref": format!("#/components/schemas/{}", shape.name()) })
}

fn request_body(takes: Takes, what: &str) -> Value {
    let (required, media, schema) = match takes {
        Takes::Json(shape) => (true, "application/json", reference(shape)),
        Takes::Object => (true, "application/json", json!({ "type": "object" })),
        Takes::Lines => (false, "application/x-ndjson", json!({})),
    };
    json!({ "required": required, "description": what, "content": { media: { "schema": schema } } })
}

fn responses(route: &Route, described: &Described) -> Value {
    let json_of = |shape: Shape| {
        let schema = reference(shape);
        json!({ "description": described.summary, "content": { "application/json": { "schema": schema } } })
    };
    let (status, answer) = match described.answer {
        Gives::Json(schema) | Gives::ChangedOrMade(schema) => ("200", json_of(schema)),
        Gives::Begun(schema) => ("202", json_of(schema)),
        Gives::Text(media) => (
            "200",
            json!({ "description": described.summary, "content": { media: { "schema": { "type": "string" } } } }),
        ),
        Gives::Empty => ("204", json!({ "description": described.summary })),
    };
    let mut answer = answer;
    let fields = header_fields(route, described);
    if !fields.is_empty() {
        answer["headers"] = fields.into();
    }
    let mut all = Map::from_iter([(status.to_owned(), answer.clone())]);
    if matches!(described.answer, Gives::ChangedOrMade(_)) {
        all.insert("201".to_owned(), answer);
    }
    let asks: &[u16] = if route.who == Who::Everyone { &[] } else { &[401, 403] };
    let counts: &[u16] = if route.class == Class::Unlimited { &[] } else { &[429] };
    let older: &[u16] = if route.successor.is_some() { &[410] } else { &[] };
    let keyed: &[u16] = if route.repeatable { &[400, 408, 409, 422] } else { &[] };
    let coded: &[u16] = if matches!(route.method, "POST" | "PUT") { &[415] } else { &[] };
    let problems =
        described.fails.iter().chain(asks).chain(counts).chain(older).chain(keyed).chain(coded).chain(&[503]);
    for status in problems {
        all.insert(status.to_string(), problem(*status));
    }
    if described.tag == "Health" {
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

/// The header fields of a good answer.
fn header_fields(route: &Route, described: &Described) -> Map<String, Value> {
    let mut fields = Map::new();
    if route.class != Class::Unlimited {
        for (name, what) in [("RateLimit-Policy", "The quota of the path"), ("RateLimit", "The rest of the quota")] {
            fields.insert(name.to_owned(), json!({ "description": what, "schema": { "type": "string" } }));
        }
    }
    if let Some(successor) = route.successor {
        let link = format!("<{successor}>; rel=\"successor-version\"");
        fields.insert(
            "Deprecation".to_owned(),
            json!({ "description": "Since when the path is deprecated (RFC 9745)", "schema": { "type": "string" } }),
        );
        fields.insert(
            "Link".to_owned(),
            json!({ "description": "The path that takes its place", "schema": { "const": link } }),
        );
    }
    if described.fails.contains(&304) {
        fields.insert(
            "ETag".to_owned(),
            json!({ "description": "The hash of the content, for If-Match", "schema": { "type": "string" } }),
        );
    }
    if matches!(described.answer, Gives::Begun(_)) {
        fields.insert(
            "Location".to_owned(),
            json!({ "description": "Where the progress of the work is read, relative to the path of the request", "schema": { "type": "string" } }),
        );
    }
    fields
}

fn problem(status: u16) -> Value {
    if status == 304 {
        return json!({ "description": "The content has not changed (If-None-Match)" });
    }
    let schema = json!({ "$ref": "#/components/schemas/Problem" });
    let mut answer = json!({
        "description": match status {
            400 => "A value is not valid; each violation names the place, the value and the limit",
            401 => "The token is missing, wrong or expired",
            403 => "The token does not allow this",
            404 => "Not found",
            408 => "The body did not arrive in time",
            409 => "The device is not connected, a request with this key is under way, or a newer program made the last decision",
            410 => "The older path is switched off",
            412 => "The resource does not match If-Match or If-None-Match",
            413 => "The body is too large",
            415 => "The Content-Encoding is not gzip",
            422 => "The Idempotency-Key belongs to another request",
            428 => "If-Match or If-None-Match is missing",
            429 => "The quota of the path is used up",
            504 => "The device did not answer in time",
            _ => "The request cannot be executed now; try again",
        },
        "content": { "application/problem+json": { "schema": schema } },
    });
    if matches!(status, 409 | 429 | 503) {
        let field = json!({ "description": "The number of seconds until the next try", "schema": { "type": "integer", "minimum": 1 } });
        answer["headers"] = json!({ "Retry-After": field });
    }
    if status == 401 {
        answer["headers"] = json!({ "WWW-Authenticate": { "schema": { "const": "Bearer" } } });
    }
    answer
}

fn parameter(parameter: &Parameter) -> Value {
    let Parameter { name, place, meaning, schema } = parameter;
    let mut value = json!({ "name": name, "in": place, "description": meaning, "schema": schema() });
    if *place == "path" {
        value["required"] = true.into();
    }
    value
}
