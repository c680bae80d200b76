//! A call of each route that finds something: the call that the route declares, or a fuller one.

use serde_json::{Value, json};
use sqal_http::{Profile, Route};

use crate::plant::{DEVICE, FOIE, Plant, at, tile};
use crate::tracker::PUBLIC_KEY;

/// A call, without its method.
pub(crate) struct Call {
    pub(crate) path: String,
    pub(crate) fields: Vec<(&'static str, &'static str)>,
    pub(crate) body: String,
}

impl Call {
    /// A call of a path, without fields and without a body.
    pub(crate) fn to(path: impl Into<String>) -> Self {
        Self { path: path.into(), fields: Vec::new(), body: String::new() }
    }

    /// The call of a route: the good call that it declares, unless the route needs a body, or the
    /// name of a thing that is there.
    pub(crate) fn of(route: &Route, plant: &Plant) -> Self {
        let with = |body: Value| Self { body: body.to_string(), ..Self::to(route.path) };
        let profile = |version: u32| {
            let mut profile = Profile::example();
            profile.version = version;
            serde_json::to_value(profile).unwrap()
        };
        let named = |name: &str| route.path.replace("{name}", name);
        match (route.method, route.path) {
            ("GET", "/api/v1/samples/{id}") => Self::to(route.path.replace("{id}", &plant.sample_id)),
            ("POST", "/api/v1/samples:batch") => Self { body: plant.frames(), ..Self::to(route.path) },
            ("POST", "/api/v1/devices/{device_id}/calibrations") => {
                Self { path: route.path.replace("{device_id}", DEVICE), ..with(tile(0.99)) }
            }
            ("PUT", "/api/v1/profiles/{name}") => {
                let fields = vec![("if-match", "*")];
                Self { path: named(FOIE), fields, ..with(profile(plant.profile_version + 1)) }
            }
            ("POST", "/api/v1/profiles/{name}/dry-run") => {
                Self { path: named(FOIE), ..with(profile(plant.profile_version + 1)) }
            }
            ("POST", "/api/v1/jobs") => {
                let (profile, span) = (profile(plant.profile_version + 1), json!({ "from": at(-60), "until": at(0) }));
                with(json!({ "kind": "dry_run", "name": FOIE, "profile": profile, "span": span }))
            }
            ("GET" | "DELETE", "/api/v1/jobs/{id}") => Self::to(route.path.replace("{id}", &plant.open_job)),
            ("POST", "/api/v1/schedules/{name}/resume") => Self::to(named("report_1")),
            (_, path) if path.starts_with("/api/v1/schedules/{name}") => Self::to(named("report_0")),
            ("GET", "/api/v1/alerts") => Self::to("/api/v1/alerts?state=all&limit=500"),
            ("GET", "/api/v1/alerts/{key}") => Self::to(route.path.replace("{key}", &plant.alarms.ended_alert)),
            ("POST", "/api/v1/alerts/{key}/acknowledge") => Self {
                path: route.path.replace("{key}", &plant.alarms.open_alert),
                ..with(json!({ "note": "I go and look" }))
            },
            ("POST", "/api/v1/alerts/{key}/cause") => Self {
                path: route.path.replace("{key}", &plant.alarms.ended_alert),
                ..with(json!({ "cause": "the cable", "action": "replaced" }))
            },
            ("POST", "/api/v1/alerts/{key}/shelve") => Self {
                path: route.path.replace("{key}", &plant.alarms.ended_alert),
                ..with(json!({ "minutes": 60, "reason": "a spare part is on its way" }))
            },
            ("POST", "/api/v1/silences") => {
                with(json!({ "matchers": { "device": "POSTE1" }, "reason": "it is cleaned", "until": at(3600) }))
            }
            ("GET", "/api/v1/silences/{id}") => Self::to(route.path.replace("{id}", &plant.alarms.silence)),
            ("POST", "/api/v1/silences/{id}/end") => Self {
                path: route.path.replace("{id}", &plant.alarms.silence),
                ..with(json!({ "reason": "it is clean" }))
            },
            (_, path) if path.starts_with("/api/v1/stations/{device_id}") => {
                Self::to(path.replace("{device_id}", DEVICE))
            }
            (_, path) if path.contains("/bugs") || path.contains("{project}") => Self::of_bugs(route, plant),
            ("PUT", "/api/v1/system/log") => with(json!({ "filter": "debug", "for_seconds": 60 })),
            _ => Self::to(route.calls.good.0),
        }
    }

    /// The call of a route of bugs or faults.
    fn of_bugs(route: &Route, plant: &Plant) -> Self {
        let tracker = &plant.tracker;
        let is_newer = route.path.contains("/v1/");
        let attachment =
            if route.method == "DELETE" { &tracker.removable[usize::from(is_newer)] } else { &tracker.attachment };
        let path = route.path.replace("{bug_id}", &tracker.bug).replace("{attachment}", attachment);
        let with = |body: Value| Self { body: body.to_string(), ..Self::to(path.clone()) };
        let key = format!("?sentry_key={PUBLIC_KEY}");
        match (route.method, route.path) {
            ("POST", "/api/{project}/envelope/") => Self {
                body: "{}\n{\"type\":\"event\"}\n{\"message\":\"valve stuck\"}".to_owned(),
                ..Self::to(format!("/api/1/envelope/{key}"))
            },
            ("POST", "/api/{project}/store/") => Self {
                body: json!({ "message": "valve stuck" }).to_string(),
                ..Self::to(format!("/api/1/store/{key}"))
            },
            ("POST", at) if at.ends_with("/comments") => with(json!({ "comment": "It is the cable." })),
            ("POST", at) if at.ends_with("/attachments") => {
                Self { body: "a line".to_owned(), ..Self::to(format!("{path}?name=a.log")) }
            }
            ("POST", _) => with(json!({
                "title": "The lamp flickers", "description": "Since the restart.",
                "severity": "high", "priority": "urgent",
            })),
            ("PATCH", _) => with(json!({ "title": format!("changed by {}", route.path) })),
            _ => Self::to(path),
        }
    }
}
