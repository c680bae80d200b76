//! [`openapi`]: the description of the routes of a version as OpenAPI 3.1 (API-01, API-02, API-11).
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
use crate::route::{ApiVersion, Described, Gives, IDEMPOTENCY_KEY, Parameter, Route, Shape, Takes};

/// What a description says about itself.
const ABOUT: &str = "What each number means is in docs/measurement.md; what devices send over WebSocket \
                     (`/ws/sensors`) is in docs/protocol.md.";

/// What the description of a version says that has no operation.
const EMPTY: &str = "This version has no operation yet: use version 1 (`/docs`). How a client moves to a newer version \
                     is in `/docs/versions`.";

/// The description of those of some routes that a version has, as OpenAPI 3.1, in JSON with its
/// members in order.
#[must_use]
pub(crate) fn openapi(version: ApiVersion, routes: &[Route]) -> String {
    let routes: Vec<Route> = routes.iter().copied().filter(|route| version.describes(route.path)).collect();
    let mut paths = BTreeMap::<&str, Map<String, Value>>::new();
    for route in &routes {
        if let Some(described) = &route.described {
            paths.entry(route.path).or_default().insert(route.method.to_lowercase(), operation(route, described));
        }
    }
    let about = if paths.is_empty() { EMPTY } else { ABOUT };
    let paths = json!(paths);
    let whole = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "SQAL",
            "version": version.as_str().trim_start_matches('v'),
            "summary": "Food is graded on the line, and every verdict can be defended.",
            "description": about,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": ".." }],
        "paths": paths,
        "components": {
            "schemas": schemas::used(&paths, schemas::schemas(&routes)),
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
    // A fault is reported with the public key of a DSN, which is none of these schemes.
    if route.who != Who::Everyone || (described.fails.contains(&401) && described.tag != "Faults") {
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
    #[cfg(feature = "bugs")]
    let content = |content: Value| json!({ "required": true, "description": what, "content": content });
    let (required, media, schema) = match takes {
        #[cfg(feature = "bugs")]
        Takes::MergePatch(shape) => {
            let schema = json!({ "schema": reference(shape) });
            return content(json!({ "application/merge-patch+json": schema, "application/json": schema }));
        }
        #[cfg(feature = "bugs")]
        Takes::File => {
            let file = json!({ "type": "string", "contentMediaType": "application/octet-stream" });
            let form = json!({ "type": "object", "required": ["file"], "properties": { "file": file } });
            return content(json!({
                "multipart/form-data": { "schema": form },
                "application/octet-stream": { "schema": {} },
            }));
        }
        #[cfg(feature = "bugs")]
        Takes::Bytes(media) => {
            // Programs that know no such type send bytes.
            let bytes = json!({ "schema": { "type": "string", "format": "binary" } });
            return content(json!({ media: { "schema": {} }, "application/octet-stream": bytes }));
        }
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
        Gives::Made(schema) => ("201", json_of(schema)),
        Gives::Begun(schema) => ("202", json_of(schema)),
        Gives::Text(media) => ("200", text_of(described.summary, &[media])),
        Gives::Texts(media) => ("200", text_of(described.summary, media)),
        Gives::JsonOrText(schema, media) => {
            let mut either = json_of(schema);
            either["content"][media] = json!({ "schema": { "type": "string" } });
            ("200", either)
        }
        #[cfg(feature = "bugs")]
        Gives::File => {
            let content = json!({ "*/*": { "schema": { "type": "string", "contentMediaType": "*/*" } } });
            ("200", json!({ "description": described.summary, "content": content }))
        }
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
    // Of the deprecated paths, only the un-versioned ones can be switched off.
    let can_be_gone = route.successor.is_some() && ApiVersion::of(route.path).is_none();
    let older: &[u16] = if can_be_gone { &[410] } else { &[] };
    let keyed: &[u16] = if route.repeatable { &[400, 408, 409, 422] } else { &[] };
    let coded: &[u16] = if matches!(route.method, "POST" | "PUT" | "PATCH") { &[415] } else { &[] };
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

/// An answer that is a text of one of these media types.
fn text_of(summary: &str, media: &[&str]) -> Value {
    let content: Map<_, _> =
        media.iter().map(|media| ((*media).to_owned(), json!({ "schema": { "type": "string" } }))).collect();
    json!({ "description": summary, "content": content })
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
        fields.insert(
            "Deprecation".to_owned(),
            json!({ "description": "Since when the path is deprecated (RFC 9745)", "schema": { "type": "string" } }),
        );
        fields.insert(
            "Link".to_owned(),
            json!({
                "description": "The path that takes its place, and the page about moving there, relative to the path of the request",
                "schema": { "const": successor.link(route.path) },
            }),
        );
    }
    if described.fails.contains(&304) || route.method == "PATCH" {
        fields.insert(
            "ETag".to_owned(),
            json!({ "description": "The hash or the revision of the content, for If-Match", "schema": { "type": "string" } }),
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
            409 => "The device is not connected, a request with this key is under way, a newer program made the last decision, the alert or silence has ended, or the state of the resource does not allow the change",
            410 => "The older path is switched off",
            412 => "The resource does not match If-Match or If-None-Match",
            413 => "The body is too large",
            415 => "The Content-Encoding is not gzip, or the Content-Type is not one that the path reads",
            422 => "The Idempotency-Key belongs to another request, or the server has no key to seal personal data",
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::door::version::UNVERSIONED_SINCE;
    use crate::route::{Endpoint, VIEWER, get};

    fn endpoint(path: &'static str, id: &'static str) -> Endpoint {
        let endpoint = get(path, VIEWER, Class::Read, || async { "a text" });
        endpoint.described(id, "Tests", "A route for a test").gives_named("Sample")
    }

    fn described(version: ApiVersion, routes: &[Route]) -> Value {
        serde_json::from_str(&openapi(version, routes)).unwrap()
    }

    fn names(members: &Value) -> Vec<&str> {
        members.as_object().unwrap().keys().map(String::as_str).collect()
    }

    /// A route is added to the second version by its declaration: its description has the route,
    /// with the schemas that it needs, and no other description has it.
    #[test]
    fn api_02_the_description_of_a_version_holds_its_own_routes() {
        let older = endpoint("/api/v1/older", "older").route;
        let routes = [older, endpoint("/api/v2/newer", "newer").route, endpoint("/plain", "plain").route];
        let [first, second] = [ApiVersion::V1, ApiVersion::V2].map(|version| described(version, &routes));
        assert_eq!(
            (names(&first["paths"]), first["info"]["version"].as_str()),
            (vec!["/api/v1/older", "/plain"], Some("1"))
        );
        assert_eq!((names(&second["paths"]), second["info"]["version"].as_str()), (vec!["/api/v2/newer"], Some("2")));
        assert_eq!(second["info"]["description"], ABOUT);
        assert_eq!(names(&second["components"]["schemas"]), ["Defect", "Problem", "Sample", "Violation"]);
        let empty = described(ApiVersion::V2, &[older]);
        assert_eq!((names(&empty["paths"]), names(&empty["components"]["schemas"])), (vec![], vec![]));
        assert_eq!(empty["info"]["description"], EMPTY);
    }

    /// A description leaves out the schemas that its routes do not need. No schema is left out of
    /// both.
    #[test]
    fn every_schema_is_of_some_route() {
        let routes = crate::routes();
        let wholes = [ApiVersion::V1, ApiVersion::V2].map(|version| described(version, &routes));
        let used: BTreeSet<_> = wholes.iter().flat_map(|whole| names(&whole["components"]["schemas"])).collect();
        let all = schemas::schemas(&routes);
        let all: BTreeSet<_> = all.keys().map(String::as_str).collect();
        assert_eq!(used, all);
    }

    /// Only an un-versioned path can be switched off.
    #[test]
    fn a_deprecated_route_is_described_with_its_link() {
        let older = endpoint("/api/older", "older").replaced_by("/api/v1/newer", UNVERSIONED_SINCE).route;
        let newer = endpoint("/api/v1/newer", "newer").replaced_by("/api/v2/newest", UNVERSIONED_SINCE).route;
        let whole = described(ApiVersion::V1, &[older, newer, endpoint("/api/v1/plain", "plain").route]);
        let operation = |path: &str| whole["paths"][path]["get"].clone();
        let marked = |path: &str| {
            let operation = operation(path);
            (operation["deprecated"] == true, operation["responses"].get("410").is_some())
        };
        assert_eq!(marked("/api/older"), (true, true));
        assert_eq!(marked("/api/v1/newer"), (true, false));
        assert_eq!(marked("/api/v1/plain"), (false, false));
        let answer = |path: &str| operation(path)["responses"]["200"]["headers"]["Link"].clone();
        let link =
            "<../api/v1/newer>; rel=\"successor-version\", <../docs/versions>; rel=\"deprecation\"; type=\"text/html\"";
        assert_eq!(answer("/api/older")["schema"]["const"], link);
        assert_eq!(answer("/api/v1/plain"), Value::Null);
    }
}
